#include "db/migrate.h"

#include <libpq-fe.h>
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>

#include "db/error.h"

namespace i2m::db {

namespace {

using Session = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using Answer = std::unique_ptr<PGresult, decltype(&PQclear)>;

// Two processes that start together: the second waits this long for the first.
constexpr const char* take_lock_sql =
    "set lock_timeout = '10min'; select pg_advisory_lock(x'6932'::int, x'6d'::int); reset lock_timeout";
constexpr const char* table_sql =
    "create table if not exists schema_migrations ("
    " number int primary key, name text not null, sha256 text not null, applied_at timestamptz not null default now())";

Result<Answer> answer_of(PGconn* pg, PGresult* result, std::string_view what) {
  Answer answer{result, &PQclear};
  if (result == nullptr) return std::unexpected{lost(pg)};
  const ExecStatusType status = PQresultStatus(result);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) return std::unexpected{error_of(result, what)};
  return answer;
}

Result<Answer> execute(PGconn* pg, const char* sql, std::string_view what) {
  return answer_of(pg, PQexec(pg, sql), what);
}

std::string sha256_hex(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::string out;
  for (unsigned i = 0; i < size; ++i) out += fmt::format("{:02x}", digest[i]);
  return out;
}

// "0007_name.sql" is 7; 0 when the name is of another form.
int number_of(std::string_view name) {
  const bool form = name.size() > 9 && name[4] == '_' && name.ends_with(".sql") &&
                    std::ranges::all_of(name.substr(0, 4), [](char c) { return c >= '0' && c <= '9'; });
  int number = 0;
  const std::string_view digits = name.substr(0, std::min<std::size_t>(4, name.size()));
  if (form) std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

Result<> check_numbers(const std::vector<Migration>& migrations) {
  int expected = 1;
  for (const Migration& m : migrations) {
    if (m.number < expected) return fail(Code::Invalid, fmt::format("{}: number {} is given twice", m.name, m.number));
    if (m.number > expected) return fail(Code::Invalid, fmt::format("{}: number {} is missing", m.name, expected));
    ++expected;
  }
  return {};
}

struct Applied {
  std::string name;
  std::string sha256;
};

Result<std::map<int, Applied>> read_applied(PGconn* pg) {
  TRY(const Answer answer, execute(pg, "select number, name, sha256 from schema_migrations", "schema_migrations"));
  std::map<int, Applied> applied;
  for (int row = 0; row < PQntuples(answer.get()); ++row) {
    applied[std::atoi(PQgetvalue(answer.get(), row, 0))] = {PQgetvalue(answer.get(), row, 1),
                                                            PQgetvalue(answer.get(), row, 2)};
  }
  return applied;
}

Result<> check_history(const std::map<int, Applied>& applied, const std::vector<Migration>& migrations) {
  int expected = 1;
  for (const auto& [number, was] : applied) {
    if (number != expected) return fail(Code::Invalid, fmt::format("the database lacks migration {}", expected));
    ++expected;
    if (static_cast<std::size_t>(number) > migrations.size()) {
      return fail(Code::Invalid, fmt::format("the database has {}, which is unknown here: it is newer", was.name));
    }
    const Migration& now = migrations[static_cast<std::size_t>(number) - 1];
    if (sha256_hex(now.sql) != was.sha256) {
      return fail(Code::Invalid, fmt::format("{} was changed after it had been applied as {}", now.name, was.name));
    }
  }
  return {};
}

// Where in its file a statement failed; 0 when the server does not say.
std::size_t line_of(const Migration& migration, const PGresult* result) {
  const char* position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
  if (position == nullptr) return 0;
  // The server counts characters, not bytes.
  auto characters = static_cast<std::size_t>(std::atoll(position));
  std::size_t line = 1;
  for (const char c : migration.sql) {
    if ((static_cast<unsigned char>(c) & 0xc0) == 0x80) continue;
    if (--characters == 0) break;
    if (c == '\n') ++line;
  }
  return line;
}

Result<> run_file(PGconn* pg, const Migration& migration) {
  const Answer answer{PQexec(pg, migration.sql.c_str()), &PQclear};
  if (!answer) return std::unexpected{lost(pg)};
  const ExecStatusType status = PQresultStatus(answer.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY) return {};
  const std::size_t line = line_of(migration, answer.get());
  const std::string place = line == 0 ? migration.name : fmt::format("{}:{}", migration.name, line);
  return std::unexpected{error_of(answer.get(), place)};
}

Result<> record(PGconn* pg, const Migration& migration) {
  const std::string number = fmt::format("{}", migration.number);
  const std::string sha256 = sha256_hex(migration.sql);
  const std::array values{number.c_str(), migration.name.c_str(), sha256.c_str()};
  PGresult* result = PQexecParams(pg, "insert into schema_migrations (number, name, sha256) values ($1, $2, $3)", 3,
                                  nullptr, values.data(), nullptr, nullptr, 0);
  CHECK_OK(answer_of(pg, result, migration.name));
  return {};
}

Result<> apply(PGconn* pg, const Migration& migration) {
  CHECK_OK(execute(pg, "begin", migration.name));
  CHECK_OK(run_file(pg, migration));
  // What a file sets for its session must not reach the next one, nor the row of this one.
  CHECK_OK(execute(pg, "reset role; reset all", migration.name));
  if (PQtransactionStatus(pg) != PQTRANS_INTRANS) {
    return fail(Code::Invalid, fmt::format("{} ends its transaction: leave begin and commit out", migration.name));
  }
  CHECK_OK(record(pg, migration));
  CHECK_OK(execute(pg, "commit", migration.name));
  return {};
}

}  // namespace

Result<std::vector<Migration>> read_migrations(const std::filesystem::path& dir) {
  std::error_code error;
  std::vector<Migration> migrations;
  for (const auto& entry : std::filesystem::directory_iterator{dir, error}) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != ".sql") continue;
    const int number = number_of(name);
    if (number == 0) return fail(Code::Invalid, fmt::format("{}: not of the form NNNN_name.sql", name));
    std::ifstream file{entry.path(), std::ios::binary};
    std::string sql{std::istreambuf_iterator<char>{file}, {}};
    if (!file) return fail(Code::Invalid, fmt::format("{}: cannot be read", name));
    migrations.push_back({number, name, std::move(sql)});
  }
  if (error) return fail(Code::Invalid, fmt::format("{}: {}", dir.string(), error.message()));
  std::ranges::sort(migrations, {}, [](const Migration& m) { return std::pair{m.number, m.name}; });
  CHECK_OK(check_numbers(migrations));
  return migrations;
}

Result<MigrateReport> migrate(const std::string& conninfo, const std::vector<Migration>& migrations,
                              const MigrateProgress& progress) {
  CHECK_OK(check_numbers(migrations));
  const Session session{PQconnectdb(conninfo.c_str()), &PQfinish};
  PGconn* pg = session.get();
  if (PQstatus(pg) != CONNECTION_OK) return std::unexpected{lost(pg)};
  PQsetNoticeProcessor(pg, [](void*, const char*) {}, nullptr);
  CHECK_OK(execute(pg, take_lock_sql, "migration lock"));
  CHECK_OK(execute(pg, table_sql, "schema_migrations"));
  TRY(const auto applied, read_applied(pg));
  CHECK_OK(check_history(applied, migrations));
  MigrateReport report{.applied = 0, .already = static_cast<int>(applied.size())};
  for (const Migration& migration : std::span{migrations}.subspan(applied.size())) {
    const auto started = std::chrono::steady_clock::now();
    CHECK_OK(apply(pg, migration));
    ++report.applied;
    const auto took = std::chrono::steady_clock::now() - started;
    if (progress) progress(migration, std::chrono::duration_cast<Duration>(took));
  }
  return report;
}

Result<MigrateReport> migrate(const std::string& conninfo, const std::filesystem::path& dir,
                              const MigrateProgress& progress) {
  TRY(const auto migrations, read_migrations(dir));
  return migrate(conninfo, migrations, progress);
}

}  // namespace i2m::db
