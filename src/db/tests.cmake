i2m_test(db_test src/db/db_test.cc src/db/values_test.cc src/db/outage_test.cc src/db/leader_test.cc
  src/db/migrate_test.cc)
target_link_libraries(db_test PRIVATE i2m_db i2m_test_support)
