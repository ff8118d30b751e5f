#pragma once

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/task.h"

namespace i2m::net {

/// One outgoing HTTP request.
struct FetchRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds timeout{60'000};      // all of it; 0: none
  std::chrono::seconds silence_timeout{60};       // no byte in either direction
  std::size_t bytes_max = std::size_t{1} << 20;   // of the answer's body
  bool once = false;                              // must not be sent twice: a connection of its own, never resent
  std::function<bool(std::string_view)> on_data;  // takes a 2xx answer's body as it comes; false ends the transfer
};

struct FetchAnswer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case, in the order sent
  std::string body;                                          // empty when on_data took it

  /// Empty when there is none; the first where there are several.
  std::string_view header(std::string_view name) const;
};

/// Outgoing HTTP of one event loop: hundreds of requests at once on its thread, connections kept and shared.
///
/// Only https, but for loopback addresses, where http is allowed too; no redirect is followed; the certificate is
/// checked.
/// Errors: Code::Unavailable when the request surely was not received (no address, no connection, no TLS);
///         Code::OutcomeUnknown when it may have been (sent, then timed out or cut off); Code::BodyTooLarge when the
///         answer exceeds bytes_max; Code::Cancelled when on_data said no; Code::Invalid for an address that is not
///         allowed.
/// Source: libcurl's multi interface, socket_action.
class Fetcher {
 public:
  explicit Fetcher(boost::asio::io_context& io, std::string user_agent);
  ~Fetcher();
  Fetcher(const Fetcher&) = delete;

  /// Any status is an answer, not an error. Cost: about 20 kB while it is under way, and its body.
  Task<FetchAnswer> fetch(FetchRequest request);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// "http" for a loopback host, "https" for any other. Errors: Code::Invalid for what is no such address, or plain http
/// elsewhere.
Result<> check_outgoing(std::string_view url);

}  // namespace i2m::net
