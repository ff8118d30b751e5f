#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/task.h"

namespace i2m::sandbox {

using Milliseconds = std::chrono::milliseconds;
using Headers = std::vector<std::pair<std::string, std::string>>;
/// Content that several answers may send at once without a copy.
using Bytes = std::shared_ptr<const std::string>;

inline Bytes bytes_of(std::string text) { return std::make_shared<const std::string>(std::move(text)); }

/// One request, read to its end.
struct Request {
  std::string method;  // upper case
  std::string path;    // as sent, without the query
  std::string query;   // as sent, without the question mark
  Headers headers;     // names in lower case
  std::string body;

  /// Empty when absent; `name` in lower case.
  std::string_view header(std::string_view name) const;
  bool has_header(std::string_view name) const;
  /// The first query parameter of that name, percent-decoded.
  std::optional<std::string> parameter(std::string_view name) const;
};

/// Where an event stream writes. False: the client went away.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual Co<bool> write(std::string block) = 0;
};

/// One answer, and what may go wrong with it on its way.
struct Reply {
  int status = 200;
  std::string content_type = "application/json";
  Headers headers;
  Bytes body;
  std::function<Co<void>(EventSink&)> stream;  // text/event-stream until it returns

  bool dropped = false;               // the connection ends without a byte
  Milliseconds head_stalls{0};        // after the first line
  std::optional<std::size_t> cut_at;  // so many bytes of the promised body, then the connection ends
};

std::string percent_decoded(std::string_view text);

}  // namespace i2m::sandbox
