#pragma once

#include <libpq-fe.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sqlgen/parse.h"

namespace i2m::sqlgen {

/// A parameter or a column, as C++ has it.
struct Field {
  std::string name;
  std::string type;  // "std::int64_t", "CompanyId"
  bool nullable = false;
};

/// A statement and what the database says about it.
struct Described {
  Statement statement;
  std::vector<Field> parameters;
  std::vector<Field> columns;  // empty for :exec and :affected
};

/// A migrated database, asked what statements take and answer. Nothing is executed.
class Database {
 public:
  /// Errors: Code::Unavailable.
  static Result<Database> connect(const std::string& conninfo);

  /// Errors: Code::Invalid, `detail` naming file, line and query: for SQL that does not prepare, for a type that the
  /// server has no C++ type for, for a column that needs a name.
  Result<Described> describe(std::string_view file, const Statement& statement);

 private:
  using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
  using Answer = std::unique_ptr<PGresult, decltype(&PQclear)>;

  explicit Database(Connection connection) : connection_{std::move(connection)} {}

  Result<Field> parameter(const Parameter& parameter, Oid type);
  Result<Field> column(const PGresult* answer, int index);
  Result<std::string> cpp_type(Oid type, std::string_view name);
  bool is_not_null(Oid table, int column);
  std::string query_value(const char* sql, const std::string& first, const std::string& second);

  Connection connection_;
  std::map<Oid, std::string> type_names_;
  std::map<std::pair<Oid, int>, bool> not_null_;
};

}  // namespace i2m::sqlgen
