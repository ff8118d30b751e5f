#pragma once

// What PostgreSQL's errors mean to the product. Private to src/db.

#include <libpq-fe.h>

#include <string_view>

#include "base/result.h"

namespace i2m::db {

/// Why `result` is not what was asked for. `what` names the statement, for the log.
///
/// The detail holds the server's primary message only: its DETAIL line would carry a person's data into the log.
Error error_of(const PGresult* result, std::string_view what);
/// Code::Unavailable, with libpq's reason.
Error lost(const PGconn* connection);

/// After such an error the connection's session is not what we believe it to be: a prepared statement is gone or stale,
/// or the server has become a standby. It finishes what is in flight and is then replaced.
bool spoils_session(const PGresult* result);
/// It was a write, and the transaction is read-only.
bool is_write_refused(const PGresult* result);

}  // namespace i2m::db
