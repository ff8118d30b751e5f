# Every test program, by name; a folder with tests lists them in its tests.cmake.
include(test/support/sources.cmake)
# i2m_test(name sources...): one program, one process, one database of its own (test/support/database.h).
function(i2m_test name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE i2m_base GTest::gtest GTest::gmock GTest::gtest_main)
  target_precompile_headers(${name} REUSE_FROM i2m_asio)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/test)
  add_test(NAME ${name} COMMAND ${name})
endfunction()
i2m_test(base_test src/base/base_test.cc)
include(src/db/tests.cmake)
include(src/redis/tests.cmake)
include(src/engine/tests.cmake OPTIONAL)
