# The embedded engine: pictures in, textured models out. No sockets, no database, no Boost.
find_library(I2M_OPENCV_DNN opencv_dnn REQUIRED)

add_library(i2m_engine STATIC
  src/engine/back.cc
  src/engine/box_unwrap.cc
  src/engine/boxed.cc
  src/engine/cavity.cc
  src/engine/colours.cc
  src/engine/cuboid.cc
  src/engine/background.cc
  src/engine/delight.cc
  src/engine/depth.cc
  src/engine/emboss.cc
  src/engine/engine.cc
  src/engine/graphic.cc
  src/engine/grid.cc
  src/engine/hints.cc
  src/engine/inflate.cc
  src/engine/lathe.cc
  src/engine/look.cc
  src/engine/mask.cc
  src/engine/matting.cc
  src/engine/network.cc
  src/engine/onnx.cc
  src/engine/provenance.cc
  src/engine/relief.cc
  src/engine/remainder.cc
  src/engine/salient.cc
  src/engine/segment.cc
  src/engine/solid.cc
  src/engine/subject.cc
  src/engine/texture.cc
  src/engine/weights.cc
  src/engine/writing.cc)
# The program carries the networks' weights.
set(I2M_WEIGHTS ${CMAKE_SOURCE_DIR}/src/engine/weights)
set_source_files_properties(src/engine/weights.cc PROPERTIES COMPILE_DEFINITIONS I2M_WEIGHTS="${I2M_WEIGHTS}"
  OBJECT_DEPENDS "${I2M_WEIGHTS}/depth.onnx")
target_link_libraries(i2m_engine PUBLIC i2m_mesh i2m_image
  PRIVATE ${I2M_OPENCV_DNN} ${I2M_OPENCV_IMGPROC} ${I2M_OPENCV_CORE})
target_compile_options(i2m_engine PRIVATE -O2)
target_precompile_headers(i2m_engine REUSE_FROM i2m_image)
