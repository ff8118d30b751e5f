#pragma once

#include <boost/asio/thread_pool.hpp>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/task.h"
#include "net/problem.h"

namespace i2m::net {

enum class Method { Get, Head, Post, Put, Patch, Delete, Other };  // Other: no address takes it
std::string_view name_of(Method method);

/// The bytes of a request's body as they arrive. Bounded by the endpoint's contract: reading past it answers
/// Code::BodyTooLarge. Errors: also Code::Malformed (bad chunk), Code::Unavailable (the client went away).
class Body {
 public:
  virtual ~Body() = default;
  /// At most `into.size()` bytes; 0 at the end.
  virtual Task<std::size_t> read(std::span<char> into) = 0;
};

using Headers = std::vector<std::pair<std::string, std::string>>;

/// One request. Views live until its answer is written.
struct Request {
  Method method = Method::Get;
  std::string path;    // decoded once, no query
  std::string query;   // as sent
  std::string client;  // address of the peer, or what the trusted proxy says
  bool keep_alive = true;
  std::uint64_t body_bytes = 0;                              // as the head says; 0 also when it does not
  std::vector<std::string> path_values;                      // in the order of the pattern's {names}
  std::function<std::string_view(std::string_view)> header;  // empty when absent; names are case-insensitive
  Body* body = nullptr;
};

/// Where an event stream writes. Errors: Code::Unavailable when the client went away.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual Task<> write(std::string block) = 0;
  /// The server is stopping: say goodbye and return.
  virtual bool draining() const = 0;
};

/// A file to send, or `bytes` of it from `offset`. Opened by the session on its pool.
struct FileBody {
  std::string path;
  std::uint64_t bytes = 0;
  std::uint64_t offset = 0;
};

struct Answer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  Headers headers;
  std::optional<FileBody> file;
  std::function<Co<void>(EventSink&)> stream;  // text/event-stream until it returns
};

/// Percent-decoding of a path segment or query value. Errors: Code::Malformed.
Result<std::string> percent_decoded(std::string_view text);

}  // namespace i2m::net
