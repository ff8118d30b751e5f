#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "redis/client.h"

namespace i2m::net {

/// What other processes tell this loop over Redis pub/sub. A notice is a hint, never the truth: whoever gets one looks
/// in PostgreSQL. After a lost connection every listener is called with an empty payload: something may have been
/// missed.
class Notices {
 public:
  using Heard = std::function<void(std::string_view payload)>;

  Notices(boost::asio::io_context& io, const redis::Settings& settings, std::string prefix);

  /// Listens until it is destroyed; on the loop's thread only, and not beyond the life of the Notices.
  class Subscription {
   public:
    Subscription() = default;
    Subscription(Notices& notices, std::string channel, std::uint64_t id)
        : notices_{&notices}, channel_{std::move(channel)}, id_{id} {}
    Subscription(Subscription&& other) noexcept { *this = std::move(other); }
    Subscription& operator=(Subscription&& other) noexcept;
    ~Subscription();

   private:
    Notices* notices_ = nullptr;
    std::string channel_;
    std::uint64_t id_ = 0;
  };
  [[nodiscard]] Subscription listen(std::string channel, Heard heard);

  /// PUBLISH for `channel`, to be sent with other commands or alone.
  redis::Command notice(std::string_view channel, std::string payload) const;

 private:
  void leave(const std::string& channel, std::uint64_t id);
  void deliver(std::string_view channel, std::string_view payload);

  std::string prefix_;
  std::uint64_t next_ = 1;
  std::map<std::string, std::map<std::uint64_t, Heard>, std::less<>> listeners_;
  redis::Subscriber subscriber_;
};

}  // namespace i2m::net
