# What a process of its own costs a picture.
add_executable(decode_bench bench/image/decode_bench.cc)
target_link_libraries(decode_bench PRIVATE i2m_image ${I2M_OPENCV_CORE})
target_compile_options(decode_bench PRIVATE -O2)
