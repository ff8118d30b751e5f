# Tests of the slices and of net. i2m_given: a stage with a database, a Redis, a folder and a loop, and what stands on it.
add_library(i2m_given STATIC test/support/given.cc)
target_link_libraries(i2m_given PUBLIC i2m_slices i2m_test_support i2m_test_redis)
target_precompile_headers(i2m_given REUSE_FROM i2m_asio)
target_include_directories(i2m_given PUBLIC ${CMAKE_SOURCE_DIR}/test)

i2m_test(net_test src/net/fields_test.cc src/net/head_parser_test.cc src/net/multipart_test.cc src/net/problem_test.cc
  src/net/router_test.cc src/net/server_test.cc)
target_link_libraries(net_test PRIVATE i2m_given)

i2m_test(contract_test src/net/contract_test.cc src/settings_test.cc)
target_link_libraries(contract_test PRIVATE i2m_app i2m_given)

i2m_test(credits_test src/credits/credits_test.cc src/credits/ledger_test.cc src/credits/isolation_test.cc
  src/credits/cache_test.cc)
target_link_libraries(credits_test PRIVATE i2m_given)

i2m_test(identity_test src/identity/api_test.cc src/identity/identity_test.cc src/identity/token_test.cc)
target_link_libraries(identity_test PRIVATE i2m_given)

i2m_test(storage_test src/storage/storage_test.cc src/storage/links_test.cc)
target_link_libraries(storage_test PRIVATE i2m_given)

i2m_test(jobs_test src/jobs/jobs_test.cc src/dispatch/schedule_test.cc src/dispatch/work_test.cc)
target_link_libraries(jobs_test PRIVATE i2m_given)

i2m_test(embedded_test src/providers/embedded_test.cc)
target_link_libraries(embedded_test PRIVATE i2m_slices)
target_compile_definitions(embedded_test PRIVATE I2M_PICTURES="${CMAKE_SOURCE_DIR}/test/data/pictures")
