# Only the build machine runs it, and only when a queries.sql changes: what it writes is committed.
i2m_library(i2m_sqlgen tools/sqlgen/parse.cc tools/sqlgen/describe.cc tools/sqlgen/emit.cc)
target_include_directories(i2m_sqlgen PUBLIC ${CMAKE_SOURCE_DIR}/tools)
add_executable(sqlgen tools/sqlgen/main.cc)
target_link_libraries(sqlgen PRIVATE i2m_sqlgen)
target_precompile_headers(sqlgen REUSE_FROM i2m_asio)
