#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace i2m::sqlgen {

/// How many rows the author expects, and so what the generated coroutine answers.
enum class Shape {
  One,       // the row; none is Code::NotFound
  Optional,  // the row or nothing
  Many,      // all rows
  Exec,      // nothing
  Affected,  // how many rows were written
};

struct Parameter {
  std::string name;
  bool nullable = false;
};

/// One block of a queries.sql file.
struct Statement {
  std::string name;
  Shape shape = Shape::Exec;
  int line = 0;      // of its header
  int sql_line = 0;  // of the first line of `sql`
  std::vector<std::string> doc;
  std::string sql;                    // with $1, $2, ...; line breaks where the author has them
  std::vector<Parameter> parameters;  // $1 is the first
};

/// Reads a queries.sql file. Errors: Code::Invalid, `detail` naming file and line.
///
///     -- name: reserve_hold :one
///     -- Why it is there.
///     select ... where id = @id and note is not distinct from @note?::text
Result<std::vector<Statement>> parse(std::string_view file, std::string_view text);

/// Whether `name` can be a C++ name as we write them: lower case, and no keyword.
bool is_name(std::string_view name);

}  // namespace i2m::sqlgen
