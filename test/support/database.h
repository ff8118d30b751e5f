#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace i2m::test {

/// A database of this test's own: a copy of the migrated template, dropped in the end.
///
/// Environment: I2M_TEST_PG is a superuser's conninfo without a database ("host=/tmp/x user=postgres"),
/// I2M_TEST_TEMPLATE the template's name (i2m_template). Without a server it throws, which fails the test: a suite that
/// skips its database proves nothing.
class TestDatabase {
 public:
  TestDatabase();
  ~TestDatabase();
  TestDatabase(const TestDatabase&) = delete;

  const std::string& name() const { return name_; }
  std::string app_conninfo() const { return conninfo_as("i2m_app"); }
  std::string system_conninfo() const { return conninfo_as("i2m_system"); }
  std::string owner_conninfo() const { return conninfo_as("i2m_owner"); }
  /// Past every policy: for arranging and for asserting only.
  std::string superuser_conninfo() const { return conninfo_as({}); }

  /// Runs `sql`, of any number of statements, as the superuser, and answers the last one's rows. Throws on an error.
  std::vector<std::vector<std::string>> exec(const std::string& sql) const;
  /// The only value of the only row; empty for null.
  std::string value(const std::string& sql) const;

 private:
  std::string conninfo_as(std::string_view role) const;

  std::string server_;
  std::string name_;
};

}  // namespace i2m::test
