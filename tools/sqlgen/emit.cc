#include "sqlgen/emit.h"

#include <fmt/format.h>

namespace i2m::sqlgen {

namespace {

std::string pascal(std::string_view snake) {
  std::string out;
  bool upper = true;
  for (const char c : snake) {
    if (c == '_') {
      upper = true;
      continue;
    }
    out += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = false;
  }
  return out;
}

std::string type_of(const Field& field) {
  return field.nullable ? fmt::format("std::optional<{}>", field.type) : field.type;
}

std::string structure(std::string_view name, const std::vector<Field>& fields) {
  std::string out = fmt::format("struct {} {{\n", name);
  for (const Field& field : fields) out += fmt::format("  {} {};\n", type_of(field), field.name);
  return out + "};\n";
}

std::string row_reader(const Described& query, std::string_view row) {
  std::string out =
      fmt::format("inline {} {}_row(const db::Rows& rows, int row) {{\n  return {{\n", row, query.statement.name);
  int index = 0;
  for (const Field& field : query.columns) {
    out += fmt::format("      .{} = rows.get<{}>(row, {}),\n", field.name, type_of(field), index++);
  }
  return out + "  };\n}\n";
}

std::string answer_type(Shape shape, std::string_view row) {
  switch (shape) {
    case Shape::One:
      return std::string{row};
    case Shape::Optional:
      return fmt::format("std::optional<{}>", row);
    case Shape::Many:
      return fmt::format("std::vector<{}>", row);
    case Shape::Affected:
      return "std::int64_t";
    case Shape::Exec:
      return {};
  }
  return {};
}

// From `rows` to what the coroutine answers.
std::string ending(Shape shape, std::string_view name, std::string_view row) {
  switch (shape) {
    case Shape::One:
      return fmt::format("  CO_CHECK(db::exactly_one(rows, {0}_query));\n  co_return {0}_row(rows, 0);\n", name);
    case Shape::Optional:
      return fmt::format(
          "  CO_TRY(const bool found, db::at_most_one(rows, {0}_query));\n"
          "  if (!found) co_return std::nullopt;\n  co_return {0}_row(rows, 0);\n",
          name);
    case Shape::Many:
      return fmt::format(
          "  std::vector<{1}> out;\n  out.reserve(static_cast<std::size_t>(rows.size()));\n"
          "  for (int row = 0; row < rows.size(); ++row) out.push_back({0}_row(rows, row));\n"
          "  co_return out;\n",
          name, row);
    case Shape::Affected:
      return "  co_return rows.affected();\n";
    case Shape::Exec:
      return "  co_return Result<>{};\n";
  }
  return {};
}

std::string doc(const Statement& statement) {
  std::string out;
  for (const std::string& line : statement.doc) out += line.empty() ? "///\n" : fmt::format("/// {}\n", line);
  return out;
}

std::string coroutine(const Described& query, std::string_view params, std::string_view row) {
  const Statement& s = query.statement;
  const std::string takes = query.parameters.empty() ? std::string{} : fmt::format(", {} params", params);
  std::string out = doc(s);
  out += fmt::format("template <db::Runner R>\nTask<{}> {}(R& run{}) {{\n  db::Params values;\n",
                     answer_type(s.shape, row), s.name, takes);
  for (const Field& field : query.parameters) out += fmt::format("  values.add(params.{});\n", field.name);
  const std::string call = fmt::format("co_await run.run({}_query, std::move(values))", s.name);
  out += s.shape == Shape::Exec ? fmt::format("  CO_CHECK({});\n", call)
                                : fmt::format("  CO_TRY(const db::Rows rows, {});\n", call);
  return out + ending(s.shape, s.name, row) + "}\n";
}

std::string one_query(std::string_view slice, const Described& query) {
  const Statement& s = query.statement;
  const std::string params = pascal(s.name) + "Params";
  const std::string row = pascal(s.name) + "Row";
  std::string out =
      fmt::format("inline constexpr db::Query {0}_query{{\"{1}.{0}\", R\"sql({2})sql\"}};\n", s.name, slice, s.sql);
  if (!query.parameters.empty()) out += structure(params, query.parameters);
  if (!query.columns.empty()) out += structure(row, query.columns) + row_reader(query, row);
  return out + coroutine(query, params, row);
}

}  // namespace

std::string emit(std::string_view slice, std::string_view source, const std::vector<Described>& queries) {
  std::string out = fmt::format("// Made by tools/sqlgen from {}; `./dev gen` makes it anew. Do not edit.\n", source);
  out += "// clang-format off\n#pragma once\n\n";
  out += "#include <cstdint>\n#include <optional>\n#include <string>\n#include <utility>\n#include <vector>\n\n";
  out += "#include \"base/clock.h\"\n#include \"base/ids.h\"\n#include \"base/task.h\"\n#include \"db/query.h\"\n\n";
  out += fmt::format("namespace i2m::{}::sql {{\n", slice);
  for (const Described& query : queries) out += "\n" + one_query(slice, query);
  return out + fmt::format("\n}}  // namespace i2m::{}::sql\n", slice);
}

}  // namespace i2m::sqlgen
