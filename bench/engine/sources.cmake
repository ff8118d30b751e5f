# Looking at the engine's models, and timing it.
add_executable(engine_render bench/engine/render.cc)
target_link_libraries(engine_render PRIVATE i2m_cli)
target_compile_options(engine_render PRIVATE -O2)

# The furniture of Sweet Home 3D as ground truth.
add_library(i2m_engine_truth STATIC
  bench/engine/backdrops.cc
  bench/engine/cases.cc
  bench/engine/catalogue.cc
  bench/engine/files.cc
  bench/engine/object.cc
  bench/engine/raster.cc
  bench/engine/truth.cc)
target_link_libraries(i2m_engine_truth PUBLIC i2m_engine_measure PkgConfig::PNG ${I2M_OPENCV_IMGPROC} ${I2M_OPENCV_CORE})
target_compile_options(i2m_engine_truth PRIVATE -O2)
add_executable(engine_check bench/engine/check.cc)
target_link_libraries(engine_check PRIVATE i2m_engine_truth)
add_executable(engine_bench
  bench/engine/main.cc
  bench/engine/make.cc
  bench/engine/masks.cc
  bench/engine/report.cc
  bench/engine/shape.cc
  bench/engine/sheet.cc
  bench/engine/speed.cc
  bench/engine/table.cc
  bench/engine/workers.cc)
target_link_libraries(engine_bench PRIVATE i2m_engine_truth CLI11::CLI11 Threads::Threads)
