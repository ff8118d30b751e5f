#pragma once

#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <string>

#include "base/task.h"

namespace i2m::identity {

/// Argon2id on a pool of its own, so that logins never hold up an event loop, with a bounded queue, so that a flood of
/// them holds up nobody but itself.
///
/// Cost: memory_bytes and tens of milliseconds for each hash or check; PHC strings carry their own parameters.
class Passwords {
 public:
  struct Settings {
    unsigned long long operations = 2;
    std::size_t memory_bytes = 19u << 20;  // OWASP's minimum with two passes
    std::size_t threads = 2;
    int waiting_max = 64;
  };
  explicit Passwords(Settings settings);
  ~Passwords();

  /// Errors: Code::Invalid for less than 10 or more than 128 bytes.
  Result<std::string> hash_now(std::string password) const;
  /// True when it is the right one. An empty `hash` (no such user) takes the same time and is never right.
  /// Errors: Code::RateLimited when too many are waiting.
  Task<bool> matches(std::string password, std::string hash);

 private:
  Settings settings_;
  std::string dummy_;
  boost::asio::thread_pool pool_;
  std::atomic<int> waiting_{0};
};

}  // namespace i2m::identity
