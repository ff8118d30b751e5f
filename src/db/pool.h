#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "db/query.h"

namespace i2m::db {

struct Settings {
  std::string conninfo;  // libpq's key=value form or URI
  int connections = 4;   // a loop
  std::chrono::milliseconds connect_timeout{2000};
  std::chrono::milliseconds statement_timeout{3000};
  std::chrono::milliseconds acquire_timeout{2000};  // waiting for a free connection, then Code::Unavailable
  bool prepared = true;                             // false behind PgBouncer in transaction mode: unnamed statements
};

class Pool;
class Lease;

/// A transaction on one connection, bound to one company (row-level security sees no other) or to the system role.
/// Dropped without commit() it is rolled back by the pool. After an error every further run() answers that error's
/// kind: the transaction is dead, drop it.
class Tx {
 public:
  Tx(Tx&&) noexcept;
  Tx& operator=(Tx&&) noexcept;
  ~Tx();

  /// Errors: Code::Conflict for a violated constraint (violated_constraint() names it), Code::Unavailable when the
  /// server is away, the statement timed out, or a deadlock was broken; Code::StorageFull; Code::Internal for what is a
  /// bug.
  Task<Rows> run(const Query& query, Params params);
  /// Errors: as run. Code::Unavailable here means that nobody knows whether it committed.
  Task<> commit();
  /// Nil for the system role.
  CompanyId company() const;

 private:
  friend class Pool;
  struct State;
  explicit Tx(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Runs single reads for one company: one round trip, no BEGIN, no COMMIT; many readers share a pipelined connection.
/// With a nil company it is bound to none and sees only what is nobody's, or what the system role may see.
class Reader {
 public:
  Reader(Pool& pool, CompanyId company) : pool_{&pool}, company_{company} {}
  /// Errors: as Tx::run. A write answers Code::Internal: the connection is read-only, since a read may be sent again.
  Task<Rows> run(const Query& query, Params params);

 private:
  Pool* pool_;
  CompanyId company_;
};

/// The connections of one event loop. Not thread-safe: one Pool a loop.
///
/// Connections open on demand, are re-opened with backoff after an outage, and run their statements in pipeline mode.
/// One extra connection serves Readers: their statements go out once a turn of the loop, behind one Sync. When one of
/// them fails, those behind it are sent again, each behind a Sync of its own, so that it disturbs nobody.
/// Outlives every Tx and Reader that is still used, and dies before its io_context: what waits then answers
/// Code::Unavailable.
class Pool {
 public:
  Pool(boost::asio::io_context& io, Settings settings);
  ~Pool();
  Pool(const Pool&) = delete;

  Task<Tx> begin(CompanyId company);
  /// For work that is not one company's: dispatch, reaping, platform administration. The pool's role must be the system
  /// role. `why` goes into the log at debug level.
  Task<Tx> begin_system(std::string_view why);
  Reader reader(CompanyId company) { return Reader{*this, company}; }
  /// `select 1` on a connection: for readiness.
  Task<> ping();
  struct Stats {
    int open, busy, waiting;  // connections, those lent to a Tx, coroutines in line
  };
  Stats stats() const;

 private:
  friend class Tx;
  friend class Reader;
  friend class Lease;
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace i2m::db
