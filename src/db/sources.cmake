i2m_library(i2m_db src/db/query.cc src/db/error.cc src/db/connect.cc src/db/connection.cc src/db/pool.cc src/db/tx.cc
  src/db/leader.cc src/db/migrate.cc)
target_link_libraries(i2m_db PUBLIC i2m_base)
