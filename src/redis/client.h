#pragma once

#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/task.h"

namespace i2m::redis {

/// One reply of RESP, copied out of the reader.
struct Reply {
  enum class Kind { Nil, Integer, Text, Array, Error };
  Kind kind = Kind::Nil;
  std::int64_t integer = 0;
  std::string text;  // also status replies and error texts
  std::vector<Reply> elements;
};

struct Settings {
  std::string host = "127.0.0.1";
  std::uint16_t port = 6379;
  std::string password;                    // empty: none
  std::chrono::milliseconds timeout{250};  // a command, then Code::Unavailable
  std::chrono::milliseconds connect_timeout{1000};
  std::size_t pending_max = 10'000;  // commands waiting for replies, then Code::Unavailable at once
};

using Command = std::vector<std::string>;  // {"SET", "key", "value"}: any bytes

/// One pipelined connection on one event loop: every command of a turn leaves in one write, replies come in order.
/// While the server is away commands answer Code::Unavailable at once, and a reconnect is tried with backoff
/// (50 ms doubling to 2 s, jittered). A command whose reply was lost with the connection answers Code::Unavailable.
/// A reply of kind Error becomes Code::Internal, its text in detail; "-LOADING", "-READONLY" and "-OOM" are
/// Unavailable.
class Client {
 public:
  Client(boost::asio::io_context& io, Settings settings);
  ~Client();
  Client(const Client&) = delete;

  Task<Reply> run(Command command);
  /// All in one write; the answer holds one reply a command; fails as a whole only when the connection does.
  Task<std::vector<Reply>> run_all(std::vector<Command> commands);
  /// Like run, for a command that waits on the server (XREADGROUP BLOCK): needs a Client of its own. `timeout` replaces
  /// Settings::timeout and must be longer than the block.
  Task<Reply> run_blocking(Command command, std::chrono::milliseconds timeout);
  /// EVALSHA, falling back to EVAL once when the server does not know the script.
  struct Script {
    std::string sha1;
    std::string source;
  };
  static Script script(std::string source);
  Task<Reply> eval(const Script& script, std::vector<std::string> keys, std::vector<std::string> args);

  bool connected() const;
  /// The server's run_id as of the last connect, empty before: cached values are keyed by it, so that nothing cached
  /// before a restart of Redis is believed after it.
  const std::string& run_id() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// Pub/sub on a connection of its own, re-subscribed after each reconnect.
///
/// `on_message` runs on the loop, must not block, and may not destroy the subscriber. `on_gap` (may be empty) runs
/// after each reconnect: messages may have been missed, so whoever caches must forget.
class Subscriber {
 public:
  using OnMessage = std::function<void(std::string_view channel, std::string_view payload)>;
  Subscriber(boost::asio::io_context& io, Settings settings, OnMessage on_message, std::function<void()> on_gap);
  ~Subscriber();
  Subscriber(const Subscriber&) = delete;
  void subscribe(std::string channel);
  void unsubscribe(std::string channel);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace i2m::redis
