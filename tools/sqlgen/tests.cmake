i2m_test(sqlgen_test tools/sqlgen/sqlgen_test.cc)
target_link_libraries(sqlgen_test PRIVATE i2m_sqlgen i2m_db i2m_test_support)
target_compile_definitions(sqlgen_test PRIVATE SQLGEN="$<TARGET_FILE:sqlgen>"
  TESTDATA="${CMAKE_SOURCE_DIR}/tools/sqlgen/testdata")
add_dependencies(sqlgen_test sqlgen)
