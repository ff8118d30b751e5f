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
  std::chrono::milliseconds timeout{250};  // a command, then Code::Unavailable; told in ticks, up to 100 ms late
  std::chrono::milliseconds connect_timeout{1000};
  std::size_t pending_max = 10'000;  // commands waiting for replies, then Code::Unavailable at once
};

using Command = std::vector<std::string>;  // {"SET", "key", "value"}: any bytes

/// What `run` answers for a reply of kind Error, for who reads replies of `run_all`. Errors: Code::Unavailable for
/// -LOADING, -READONLY, -OOM, -BUSY and -MISCONF, which pass; Code::Internal for every other; the text is in detail.
Result<> accepted(const Reply& reply);
/// The reply to an EVALSHA whose script the server has lost, or never had.
bool script_missing(const Reply& reply);

/// One pipelined connection on one event loop: every command of a turn leaves in one write, replies come in order.
/// While the server is away commands answer Code::Unavailable at once, and a reconnect is tried with backoff
/// (50 ms doubling to 2 s, jittered); only until the first attempt has ended do they wait for it. A command whose reply
/// was lost with the connection answers Code::Unavailable: it may have been executed or not. One whose reply does not
/// come in time takes the connection, and with it every command waiting, down. A reply of kind Error becomes an Error
/// as `accepted` says.
///
/// A coroutine cancelled while it waits leaves its command to be executed; only the reply is dropped. Destroying the
/// client answers Code::Unavailable to all who wait.
class Client {
 public:
  Client(boost::asio::io_context& io, Settings settings);
  ~Client();
  Client(const Client&) = delete;

  Task<Reply> run(Command command);
  /// All in one write; the answer holds one reply a command, kind Error included (see accepted); fails as a whole only
  /// when the connection does.
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
/// `on_message` runs on the loop, must not block, and may not destroy the subscriber. `on_gap` (may be empty; the same
/// holds for it) runs once a connection, the first included, when the server has confirmed the channels subscribed to
/// by then: messages may have been missed before, so whoever caches must forget. A server that falls silent is noticed
/// within 2 s by a PING each second.
class Subscriber {
 public:
  using OnMessage = std::function<void(std::string_view channel, std::string_view payload)>;
  Subscriber(boost::asio::io_context& io, Settings settings, OnMessage on_message, std::function<void()> on_gap);
  ~Subscriber();
  Subscriber(const Subscriber&) = delete;
  /// A channel is in or out: a second subscribe of the same changes nothing, one unsubscribe ends it.
  void subscribe(std::string channel);
  void unsubscribe(std::string channel);
  /// Connected and every subscription confirmed. While false messages are being missed: do not believe what is cached.
  bool current() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace i2m::redis
