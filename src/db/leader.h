#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "db/pool.h"

namespace i2m::db {

/// An advisory lock of PostgreSQL on a connection of its own: of all the processes that want it one holds it, and when
/// that one dies the server gives it to another. Elects the scheduler.
///
/// Not for a connection through PgBouncer in transaction mode: the lock belongs to the server's session.
/// The holder asks the server each second whether it is still there. Between the loss and the next question two
/// processes may both believe they hold it: what they do must be safe to do twice, as `for update skip locked` is.
/// Outlives its coroutines, and dies before its io_context.
class AdvisoryLock {
 public:
  AdvisoryLock(boost::asio::io_context& io, Settings settings, std::int64_t key);
  /// Gives the lock up by closing the connection.
  ~AdvisoryLock();
  AdvisoryLock(const AdvisoryLock&) = delete;

  /// Waits until the lock is held, through outages of the server as well. Answers at once when it is held already.
  Task<> acquire();
  bool held() const;
  /// Waits until the lock is no longer held.
  Co<> lost();
  void release();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace i2m::db
