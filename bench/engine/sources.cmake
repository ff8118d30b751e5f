# Looking at the engine's models, and timing it.
add_executable(engine_render bench/engine/render.cc)
target_link_libraries(engine_render PRIVATE i2m_cli)
target_compile_options(engine_render PRIVATE -O2)
add_executable(engine_bench bench/engine/bench.cc)
target_link_libraries(engine_bench PRIVATE i2m_engine_measure ${I2M_OPENCV_IMGPROC} ${I2M_OPENCV_CORE})
target_compile_options(engine_bench PRIVATE -O2)
