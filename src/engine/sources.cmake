# The embedded engine: pictures in, textured models out. No network, no database, no Boost.
add_library(i2m_engine STATIC
  src/engine/box_unwrap.cc
  src/engine/boxed.cc
  src/engine/cavity.cc
  src/engine/cuboid.cc
  src/engine/engine.cc
  src/engine/graphic.cc
  src/engine/grid.cc
  src/engine/inflate.cc
  src/engine/lathe.cc
  src/engine/look.cc
  src/engine/mask.cc
  src/engine/remainder.cc
  src/engine/segment.cc
  src/engine/solid.cc
  src/engine/subject.cc
  src/engine/texture.cc)
target_link_libraries(i2m_engine PUBLIC i2m_mesh i2m_image
  PRIVATE ${I2M_OPENCV_IMGPROC} ${I2M_OPENCV_CORE})
target_compile_options(i2m_engine PRIVATE -O2)
target_precompile_headers(i2m_engine REUSE_FROM i2m_image)
