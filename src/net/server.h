#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "net/loop.h"
#include "net/router.h"

namespace i2m::net {

struct ServerSettings {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: any free one
  std::chrono::milliseconds head_timeout{10'000};
  std::chrono::milliseconds idle_timeout{75'000};
  std::chrono::milliseconds stall_timeout{20'000};  // no byte of a body, or no byte taken of an answer
  std::chrono::milliseconds drain_linger{
      3'500};  // idle connections are kept this long after SIGTERM: longer than a proxy's
  std::chrono::milliseconds drain_timeout{30'000};  // then what is still running is cut
  std::size_t connections_max = 10'000;
  bool trust_forwarded_for = false;  // the address of the client comes from a proxy's X-Forwarded-For
};

/// What every session of the server shares. Read-only while it runs, but for the atomics.
struct Shared {
  const Router* router = nullptr;
  const Clock* clock = nullptr;
  boost::asio::thread_pool* files = nullptr;  // opens and reads what is sent from disk
  ServerSettings settings;
  std::atomic<bool> draining{false};
  std::atomic<std::size_t> connections{0};
};

/// Accepts on one socket and deals the connections out in turn, one loop after the other.
///
/// drain(): stop accepting, answer what is in flight with `Connection: close`, keep idle connections for a moment so
/// that a proxy's next request on one of them is still answered, then close. `finished` is called on the first loop
/// when nothing is left or the time is up.
class Server {
 public:
  /// Errors: Code::Unavailable when the address cannot be bound.
  static Result<std::unique_ptr<Server>> listen(std::vector<Loop*> loops, Shared& shared);
  ~Server();

  std::uint16_t port() const;
  void drain(std::function<void()> finished);

 private:
  struct Impl;
  explicit Server(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace i2m::net
