# A private redis-server for tests.
i2m_library(i2m_test_redis test/support/redis_server.cc)
target_link_libraries(i2m_test_redis PUBLIC i2m_redis)
target_include_directories(i2m_test_redis PUBLIC ${CMAKE_SOURCE_DIR}/test)
