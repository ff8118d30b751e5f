i2m_test(redis_test src/redis/redis_test.cc src/redis/outage_test.cc src/redis/subscriber_test.cc
  src/redis/limiter_test.cc)
target_link_libraries(redis_test PRIVATE i2m_redis i2m_test_redis)
