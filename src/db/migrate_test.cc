#include "db/migrate.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "db/query.h"
#include "support/database.h"

namespace i2m::db {
namespace {

// A schema of its own: the template may hold the product's schema_migrations in public.
class Migrate : public testing::Test {
 protected:
  Migrate() { database.exec("create schema m authorization i2m_owner"); }

  std::string conninfo() const { return database.owner_conninfo() + " options='-c search_path=m'"; }
  std::string applied() const {
    return database.value("select coalesce(string_agg(name, ' ' order by number), '') from m.schema_migrations");
  }

  test::TestDatabase database;
  std::vector<Migration> list{{1, "0001_a.sql", "create table a (n int);"},
                              {2, "0002_b.sql", "create table b (n int);\ninsert into a values (1);\n"}};
};

TEST_F(Migrate, AppliesWhatIsMissingAndNothingTwice) {
  std::vector<std::string> told;
  const auto note = [&](const Migration& m, Duration) { told.push_back(m.name); };
  const auto first = migrate(conninfo(), list, note);
  ASSERT_TRUE(first) << first.error().detail;
  EXPECT_EQ(first->applied, 2);
  list.push_back({3, "0003_c.sql", "create table c (n int)"});
  const auto second = migrate(conninfo(), list, note);
  ASSERT_TRUE(second) << second.error().detail;
  EXPECT_EQ(second->applied, 1);
  EXPECT_EQ(second->already, 2);
  EXPECT_EQ(told, (std::vector<std::string>{"0001_a.sql", "0002_b.sql", "0003_c.sql"}));
  EXPECT_EQ(applied(), "0001_a.sql 0002_b.sql 0003_c.sql");
  EXPECT_EQ(database.value("select count(*) from m.a"), "1");
}

TEST_F(Migrate, RefusesAChangedFileAndAppliesNothing) {
  ASSERT_TRUE(migrate(conninfo(), list));
  list[0].sql += " ";
  list.push_back({3, "0003_c.sql", "create table c (n int)"});
  const auto refused = migrate(conninfo(), list);
  EXPECT_EQ(refused.error().code, Code::Invalid);
  EXPECT_NE(refused.error().detail.find("0001_a.sql"), std::string::npos);
  EXPECT_EQ(applied(), "0001_a.sql 0002_b.sql");
}

TEST_F(Migrate, RefusesNumbersMissingOrGivenTwice) {
  list[1].number = 3;
  EXPECT_EQ(migrate(conninfo(), list).error().detail, "0002_b.sql: number 2 is missing");
  list[1].number = 1;
  EXPECT_EQ(migrate(conninfo(), list).error().detail, "0002_b.sql: number 1 is given twice");
}

TEST_F(Migrate, RefusesADatabaseThatIsNewer) {
  ASSERT_TRUE(migrate(conninfo(), list));
  list.pop_back();
  EXPECT_EQ(migrate(conninfo(), list).error().code, Code::Invalid);
}

TEST_F(Migrate, FailingFileNamesItsLineAndLeavesThoseBeforeIt) {
  list.push_back({3, "0003_c.sql", "-- Wörter\ncreate table c (n int);\n\nselect no_such_thing;\n"});
  const auto failed = migrate(conninfo(), list);
  EXPECT_NE(failed.error().detail.find("0003_c.sql:4"), std::string::npos) << failed.error().detail;
  EXPECT_EQ(applied(), "0001_a.sql 0002_b.sql");
  EXPECT_EQ(database.value("select to_regclass('m.c') is null"), "t");
}

TEST_F(Migrate, RefusesAFileThatEndsItsTransaction) {
  list.push_back({3, "0003_c.sql", "create table c (n int); commit;"});
  EXPECT_EQ(migrate(conninfo(), list).error().code, Code::Invalid);
}

TEST_F(Migrate, SettingsOfOneFileDoNotReachTheNext) {
  list.push_back({3, "0003_c.sql", "set search_path = public; set role i2m_system;"});
  list.push_back({4, "0004_d.sql", "create table d (n int);"});
  const auto report = migrate(conninfo(), list);
  ASSERT_TRUE(report) << report.error().detail;
  EXPECT_EQ(database.value("select to_regclass('m.d') is not null"), "t");
}

TEST_F(Migrate, ProcessesAtTheSameTimeApplyEachFileOnce) {
  list.push_back({3, "0003_c.sql", "select pg_sleep(0.3); insert into a values (2);"});
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) _exit(migrate(conninfo(), list) ? 0 : 1);
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(applied(), "0001_a.sql 0002_b.sql 0003_c.sql");
  EXPECT_EQ(database.value("select count(*) from m.a"), "2");
}

TEST_F(Migrate, ReadsTheFilesOfAFolder) {
  const std::filesystem::path dir = std::filesystem::temp_directory_path() / ("i2m_migrate_" + database.name());
  std::filesystem::create_directory(dir);
  const auto write = [&](const char* name, const char* sql) { std::ofstream{dir / name} << sql; };
  write("0002_b.sql", "create table b (n int)");
  write("0001_a.sql", "create table a (n int)");
  write("README.md", "not a migration");
  const auto report = migrate(conninfo(), dir);
  ASSERT_TRUE(report) << report.error().detail;
  EXPECT_EQ(applied(), "0001_a.sql 0002_b.sql");
  write("3_c.sql", "");
  EXPECT_EQ(migrate(conninfo(), dir).error().code, Code::Invalid);
  EXPECT_EQ(read_migrations(dir / "nowhere").error().code, Code::Invalid);
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace i2m::db
