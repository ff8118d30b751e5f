add_library(i2m_test_support STATIC test/support/database.cc)
target_link_libraries(i2m_test_support PUBLIC i2m_base GTest::gtest)
target_precompile_headers(i2m_test_support REUSE_FROM i2m_asio)
target_include_directories(i2m_test_support PUBLIC ${CMAKE_SOURCE_DIR}/test)
