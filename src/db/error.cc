#include "db/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "db/query.h"

namespace i2m::db {

namespace {

constexpr std::string_view constraint_mark = "constraint \"";

struct Meaning {
  std::string_view state;  // a SQLSTATE, or the two letters of its class
  Code code;
};

// The first that fits; a state that is not here is a bug of ours.
constexpr std::array meanings{
    Meaning{"23502", Code::Internal},  // not null: a value our code forgot, never a race
    Meaning{"23", Code::Conflict},
    Meaning{"22021", Code::Invalid},  // text that is not UTF-8
    Meaning{"22P05", Code::Invalid},
    Meaning{"40", Code::Unavailable},     // serialization failure, deadlock
    Meaning{"55P03", Code::Unavailable},  // lock not available in time
    Meaning{"57", Code::Unavailable},     // statement timeout, shutdown, still starting
    Meaning{"25P03", Code::Unavailable},  // idle in transaction for too long
    Meaning{"25P04", Code::Unavailable},
    Meaning{"25P02", Code::Unavailable},  // behind another error in the same transaction
    Meaning{"53100", Code::StorageFull},
    Meaning{"53", Code::Unavailable},  // out of memory or of connections
    Meaning{"58030", Code::Unavailable},
    Meaning{"08", Code::Unavailable},
    Meaning{"26000", Code::Unavailable},  // see spoils_session
    Meaning{"42P05", Code::Unavailable},
    Meaning{"25006", Code::Unavailable},
};

std::string_view field(const PGresult* result, int which) {
  const char* text = PQresultErrorField(result, which);
  return text == nullptr ? std::string_view{} : text;
}

bool is_stale_plan(const PGresult* result) {
  return field(result, PG_DIAG_SQLSTATE) == "0A000" &&
         field(result, PG_DIAG_SOURCE_FUNCTION) == "RevalidateCachedQuery";
}

Code code_of(const PGresult* result) {
  const std::string_view state = field(result, PG_DIAG_SQLSTATE);
  if (state.empty() || is_stale_plan(result)) return Code::Unavailable;
  const auto found = std::ranges::find_if(meanings, [&](const Meaning& m) { return state.starts_with(m.state); });
  return found == meanings.end() ? Code::Internal : found->code;
}

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

}  // namespace

Error error_of(const PGresult* result, std::string_view what) {
  const std::string_view state = field(result, PG_DIAG_SQLSTATE);
  const std::string_view constraint = field(result, PG_DIAG_CONSTRAINT_NAME);
  std::string_view message = field(result, PG_DIAG_MESSAGE_PRIMARY);
  if (message.empty()) message = first_line(PQresultErrorMessage(result));
  std::string detail = constraint.empty() ? std::string{} : fmt::format("{}{}\" ", constraint_mark, constraint);
  detail += fmt::format("{} {}: {}", state.empty() ? "-----" : state, what, message);
  return fail(code_of(result), std::move(detail)).error();
}

Error lost(const PGconn* connection) {
  return fail(Code::Unavailable, fmt::format("PostgreSQL: {}", first_line(PQerrorMessage(connection)))).error();
}

bool spoils_session(const PGresult* result) {
  const std::string_view state = field(result, PG_DIAG_SQLSTATE);
  return state == "26000" || state == "42P05" || is_write_refused(result) || is_stale_plan(result);
}

bool is_write_refused(const PGresult* result) { return field(result, PG_DIAG_SQLSTATE) == "25006"; }

std::string_view violated_constraint(const Error& error) {
  const std::string_view detail = error.detail;
  if (!detail.starts_with(constraint_mark)) return {};
  const std::string_view name = detail.substr(constraint_mark.size());
  return name.substr(0, name.find('"'));
}

}  // namespace i2m::db
