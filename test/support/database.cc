#include "support/database.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <stdexcept>

namespace i2m::test {

namespace {

using Table = std::vector<std::vector<std::string>>;
using Session = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using Answer = std::unique_ptr<PGresult, decltype(&PQclear)>;

constexpr int attempts_max = 4;  // the server itself waits 5 s each time

std::string environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  if (value != nullptr && *value != '\0') return value;
  if (otherwise == nullptr) throw std::runtime_error{fmt::format("{} is not set: run ./dev test", name)};
  return otherwise;
}

// In a conninfo the last mention of a keyword counts.
Session open(const std::string& conninfo) {
  Session session{PQconnectdb(conninfo.c_str()), &PQfinish};
  if (PQstatus(session.get()) != CONNECTION_OK) {
    throw std::runtime_error{fmt::format("{} (run ./dev test)", PQerrorMessage(session.get()))};
  }
  PQsetNoticeProcessor(session.get(), [](void*, const char*) {}, nullptr);
  return session;
}

Table execute(PGconn* pg, const std::string& sql) {
  const Answer answer{PQexec(pg, sql.c_str()), &PQclear};
  const ExecStatusType status = PQresultStatus(answer.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    throw std::runtime_error{fmt::format("{}in: {}", PQerrorMessage(pg), sql)};
  }
  Table table;
  for (int row = 0; row < PQntuples(answer.get()); ++row) {
    auto& cells = table.emplace_back();
    for (int column = 0; column < PQnfields(answer.get()); ++column) {
      cells.emplace_back(PQgetvalue(answer.get(), row, column));
    }
  }
  return table;
}

}  // namespace

TestDatabase::TestDatabase() : server_{environment("I2M_TEST_PG", nullptr)} {
  static std::atomic<int> made{0};
  name_ = fmt::format("i2m_test_{}_{}", getpid(), ++made);
  const Session session = open(server_ + " dbname=postgres");
  const std::string create = fmt::format("create database {} template {} owner i2m_owner", name_,
                                         environment("I2M_TEST_TEMPLATE", "i2m_template"));
  for (int attempt = 1;; ++attempt) {
    try {
      execute(session.get(), create);
      break;
    } catch (const std::runtime_error&) {
      // Somebody may be connected to the template for a moment, which forbids copying it.
      if (attempt == attempts_max) throw;
    }
  }
  // The rights on a database are not copied from its template.
  execute(session.get(), fmt::format("revoke all on database {0} from public; "
                                     "grant connect on database {0} to i2m_owner, i2m_app, i2m_system",
                                     name_));
}

TestDatabase::~TestDatabase() {
  try {
    execute(open(server_ + " dbname=postgres").get(), fmt::format("drop database if exists {} with (force)", name_));
  } catch (const std::runtime_error& e) {
    fmt::print(stderr, "left behind: {}: {}\n", name_, e.what());
  }
}

std::string TestDatabase::conninfo_as(std::string_view role) const {
  const std::string user = role.empty() ? std::string{} : fmt::format(" user={}", role);
  return fmt::format("{}{} dbname={}", server_, user, name_);
}

Table TestDatabase::exec(const std::string& sql) const { return execute(open(superuser_conninfo()).get(), sql); }

std::string TestDatabase::value(const std::string& sql) const {
  const Table table = exec(sql);
  if (table.size() != 1 || table[0].size() != 1) throw std::runtime_error{"not one value: " + sql};
  return table[0][0];
}

}  // namespace i2m::test
