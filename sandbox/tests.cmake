i2m_test(sandbox_test sandbox/sandbox_test.cc)
target_link_libraries(sandbox_test PRIVATE i2m_sandbox)
target_compile_definitions(sandbox_test PRIVATE I2M_PICTURES="${CMAKE_SOURCE_DIR}/test/data/pictures")
