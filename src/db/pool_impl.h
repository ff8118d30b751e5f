#pragma once

// The inside of Pool, shared by pool.cc and tx.cc. Private to src/db.

#include <random>

#include "db/connection.h"
#include "db/waiters.h"

namespace i2m::db {

/// A connection on loan. Whatever becomes of the borrower, it goes back.
class Lease {
 public:
  Lease() = default;
  Lease(std::shared_ptr<Pool::Impl> pool, ConnectionPtr connection)
      : pool_{std::move(pool)}, connection_{std::move(connection)} {}
  Lease(Lease&& other) noexcept = default;
  Lease& operator=(Lease&& other) noexcept;
  ~Lease() { give_back(); }

  const ConnectionPtr& connection() const { return connection_; }
  /// From BEGIN until COMMIT answered well: given back meanwhile, the connection is rolled back first.
  void in_transaction(bool yes) { in_transaction_ = yes; }
  void give_back();

 private:
  std::shared_ptr<Pool::Impl> pool_;
  ConnectionPtr connection_;  // none: given back
  bool in_transaction_ = false;
};

struct Pool::Impl : std::enable_shared_from_this<Pool::Impl> {
  Impl(boost::asio::io_context& loop, Settings given) : io{loop}, settings{std::move(given)} {}

  Task<Lease> acquire();
  Task<Tx> begin(std::optional<CompanyId> company);
  Task<ConnectionPtr> read_connection();
  void take_back(ConnectionPtr connection, bool in_transaction);
  void close();

  // The connections of one use, and how many are being opened.
  struct Lane {
    int open = 0;
    int opening = 0;
    std::chrono::milliseconds backoff{0};  // none after a success
    std::chrono::steady_clock::time_point next_attempt_at;
    std::string last_error;
  };
  void ensure_opening(Use use);
  Co<> keep_opening(std::shared_ptr<Impl> self, Use use);
  Co<> pause(Lane& lane);
  void adopt(ConnectionPtr connection, Use use);
  void forget(const Connection* connection, Use use);
  void roll_back(ConnectionPtr connection);
  void offer(ConnectionPtr connection);
  Error too_late(Use use) const;
  bool wanted(Use use) const { return use == Use::Reads ? !readers.empty() : !borrowers.empty(); }
  Lane& lane(Use use) { return use == Use::Reads ? reads : transactions; }
  const Lane& lane(Use use) const { return use == Use::Reads ? reads : transactions; }

  boost::asio::io_context& io;
  Settings settings;
  Lane transactions;
  Lane reads;
  std::vector<ConnectionPtr> all;   // also the shared one, so that close() finds them
  std::vector<ConnectionPtr> idle;  // the warmest last
  ConnectionPtr shared;             // what Readers use
  Waiters<Lease> borrowers{io};
  Waiters<ConnectionPtr> readers{io};
  std::minstd_rand jitter{std::random_device{}()};
  bool closed = false;
};

}  // namespace i2m::db
