#include "sqlgen/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace i2m::sqlgen {

namespace {

using Names = std::pair<std::string_view, std::string_view>;

// PostgreSQL's own names of types. Enumerations and numeric are missing on purpose: cast them to text or to a bigint.
constexpr std::array types = std::to_array<Names>({{"int8", "std::int64_t"},
                                                   {"int4", "std::int32_t"},
                                                   {"int2", "std::int32_t"},
                                                   {"bool", "bool"},
                                                   {"float8", "double"},
                                                   {"text", "std::string"},
                                                   {"varchar", "std::string"},
                                                   {"citext", "std::string"},
                                                   {"jsonb", "std::string"},
                                                   {"timestamptz", "Time"},
                                                   {"bytea", "std::vector<std::uint8_t>"},
                                                   {"uuid", "Uuid"},
                                                   {"_text", "std::vector<std::string>"},
                                                   {"_uuid", "std::vector<Uuid>"},
                                                   {"_int8", "std::vector<std::int64_t>"}});

// The uuids whose name says what they identify.
constexpr std::array ids = std::to_array<Names>({{"company_id", "CompanyId"},
                                                 {"user_id", "UserId"},
                                                 {"job_id", "JobId"},
                                                 {"item_id", "ItemId"},
                                                 {"file_id", "FileId"},
                                                 {"hold_id", "HoldId"},
                                                 {"call_id", "CallId"}});

const Names* find(std::span<const Names> names, std::string_view name) {
  const auto at = std::ranges::find(names, name, &Names::first);
  return at == names.end() ? nullptr : &*at;
}

std::unexpected<Error> mistake(std::string_view file, std::ptrdiff_t line, const Statement& statement,
                               std::string_view what) {
  return fail(Code::Invalid, fmt::format("{}:{}: {}: {}", file, line, statement.name, what));
}

// Parameters replace names within a line, so the server's lines are the author's.
std::ptrdiff_t line_of(const Statement& statement, const PGresult* answer) {
  const char* position = PQresultErrorField(answer, PG_DIAG_STATEMENT_POSITION);
  if (position == nullptr) return statement.sql_line;
  auto characters = std::atoll(position);
  std::ptrdiff_t line = statement.sql_line;
  for (const char c : statement.sql) {
    if ((static_cast<unsigned char>(c) & 0xc0) == 0x80) continue;
    if (--characters == 0) break;
    if (c == '\n') ++line;
  }
  return line;
}

std::string message_of(const PGresult* answer) {
  const char* primary = PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY);
  const char* hint = PQresultErrorField(answer, PG_DIAG_MESSAGE_HINT);
  std::string out = primary == nullptr ? "no answer from PostgreSQL" : primary;
  if (hint != nullptr) out += fmt::format(" ({})", hint);
  return out;
}

bool has_columns(Shape shape) { return shape != Shape::Exec && shape != Shape::Affected; }

}  // namespace

Result<Database> Database::connect(const std::string& conninfo) {
  Connection connection{PQconnectdb(conninfo.c_str()), &PQfinish};
  if (PQstatus(connection.get()) != CONNECTION_OK) return fail(Code::Unavailable, PQerrorMessage(connection.get()));
  PQsetNoticeProcessor(connection.get(), [](void*, const char*) {}, nullptr);
  return Database{std::move(connection)};
}

Result<Described> Database::describe(std::string_view file, const Statement& statement) {
  PGconn* pg = connection_.get();
  const Answer prepared{PQprepare(pg, "", statement.sql.c_str(), 0, nullptr), &PQclear};
  if (PQresultStatus(prepared.get()) != PGRES_COMMAND_OK) {
    return mistake(file, line_of(statement, prepared.get()), statement, message_of(prepared.get()));
  }
  const Answer answer{PQdescribePrepared(pg, ""), &PQclear};
  if (PQresultStatus(answer.get()) != PGRES_COMMAND_OK) {
    return mistake(file, statement.sql_line, statement, message_of(answer.get()));
  }
  Described out;
  out.statement = statement;
  for (int i = 0; i < PQnparams(answer.get()); ++i) {
    auto field = parameter(statement.parameters[static_cast<std::size_t>(i)], PQparamtype(answer.get(), i));
    if (!field) return mistake(file, statement.line, statement, field.error().detail);
    out.parameters.push_back(std::move(*field));
  }
  if (!has_columns(statement.shape)) return out;
  if (PQnfields(answer.get()) == 0) return mistake(file, statement.line, statement, "answers no columns: say :exec");
  for (int i = 0; i < PQnfields(answer.get()); ++i) {
    auto field = column(answer.get(), i);
    if (!field) return mistake(file, statement.line, statement, field.error().detail);
    if (std::ranges::find(out.columns, field->name, &Field::name) != out.columns.end()) {
      return mistake(file, statement.line, statement, fmt::format("two columns are named {}", field->name));
    }
    out.columns.push_back(std::move(*field));
  }
  return out;
}

Result<Field> Database::parameter(const Parameter& parameter, Oid type) {
  auto cpp = cpp_type(type, parameter.name);
  if (!cpp) return fail(Code::Invalid, fmt::format("parameter @{} {}", parameter.name, cpp.error().detail));
  return Field{parameter.name, std::move(*cpp), parameter.nullable};
}

// A column of a table is as nullable as the table says; anything else may be null unless the author knows better.
Result<Field> Database::column(const PGresult* answer, int index) {
  std::string_view name = PQfname(answer, index);
  bool nullable = !is_not_null(PQftable(answer, index), PQftablecol(answer, index));
  if (name.ends_with('!') || name.ends_with('?')) {
    nullable = name.ends_with('?') && name != "?column?";
    name.remove_suffix(1);
  }
  if (!is_name(name)) {
    return fail(Code::Invalid,
                fmt::format("column {} is named '{}': give it a name with as", index + 1, PQfname(answer, index)));
  }
  auto cpp = cpp_type(PQftype(answer, index), name);
  if (!cpp) return fail(Code::Invalid, fmt::format("column {} {}", name, cpp.error().detail));
  return Field{std::string{name}, std::move(*cpp), nullable};
}

Result<std::string> Database::cpp_type(Oid type, std::string_view name) {
  std::string& type_name = type_names_[type];
  if (type_name.empty()) {
    type_name = query_value("select typname from pg_type where oid = $1::oid", fmt::format("{}", type), {});
  }
  const Names* known = find(types, type_name);
  if (known == nullptr)
    return fail(Code::Invalid, fmt::format("is of type {}, which has no C++ type: cast it", type_name));
  if (known->second == "Uuid") {
    if (const Names* id = find(ids, name)) return std::string{id->second};
  }
  return std::string{known->second};
}

bool Database::is_not_null(Oid table, int column) {
  if (table == InvalidOid || column == 0) return false;
  const auto [at, unknown] = not_null_.try_emplace(std::pair{table, column}, false);
  if (unknown) {
    at->second = query_value("select attnotnull from pg_attribute where attrelid = $1::oid and attnum = $2::int2",
                             fmt::format("{}", table), fmt::format("{}", column)) == "t";
  }
  return at->second;
}

std::string Database::query_value(const char* sql, const std::string& first, const std::string& second) {
  const std::array values{first.c_str(), second.c_str()};
  const int count = second.empty() ? 1 : 2;
  const Answer answer{PQexecParams(connection_.get(), sql, count, nullptr, values.data(), nullptr, nullptr, 0),
                      &PQclear};
  return PQntuples(answer.get()) == 1 ? PQgetvalue(answer.get(), 0, 0) : std::string{};
}

}  // namespace i2m::sqlgen
