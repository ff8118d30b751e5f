#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace i2m::db {

/// One numbered step of the schema, forward only.
struct Migration {
  int number = 0;    // from 1, without gaps
  std::string name;  // "0001_companies.sql"
  std::string sql;
};

struct MigrateReport {
  int applied = 0;  // now
  int already = 0;  // before
};

/// Called after each migration that was applied, with the time that it took.
using MigrateProgress = std::function<void(const Migration&, Duration)>;

/// The files NNNN_name.sql of a folder in the order of their numbers. Errors: Code::Invalid for a name that is not of
/// this form, a number given twice or left out, or a folder that cannot be read.
Result<std::vector<Migration>> read_migrations(const std::filesystem::path& dir);

/// Applies what is missing, in order, each in a transaction of its own together with its row of schema_migrations. An
/// advisory lock is held throughout, so that of many processes one works and the others then find nothing to do.
/// Blocks: for the `migrate` subcommand, never on a loop.
///
/// Errors: Code::Invalid before anything is applied, when the list is not 1, 2, 3, ..., when an applied migration's
/// text has changed, or when the database knows a number that the list does not (it is newer than this program);
/// Code::Unavailable when the server is away; else as the failing statement, `detail` naming file and line. What was
/// applied before the failing one stays.
Result<MigrateReport> migrate(const std::string& conninfo, const std::vector<Migration>& migrations,
                              const MigrateProgress& progress = {});
Result<MigrateReport> migrate(const std::string& conninfo, const std::filesystem::path& dir,
                              const MigrateProgress& progress = {});

}  // namespace i2m::db
