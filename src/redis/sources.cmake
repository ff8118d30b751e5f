# Redis: one pipelined connection a loop, pub/sub, the rate limiter.
i2m_library(i2m_redis src/redis/protocol.cc src/redis/connection.cc src/redis/client.cc src/redis/subscriber.cc
  src/redis/limiter.cc)
target_link_libraries(i2m_redis PUBLIC i2m_base)
include(test/support/redis.cmake)
