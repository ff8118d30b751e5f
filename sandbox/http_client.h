#pragma once

#include <memory>
#include <string>

#include "sandbox/http.h"

namespace i2m::sandbox {

struct Fetched {
  int status = 0;
  std::string content_type;
  std::string body;
};

struct Outgoing {
  std::string method = "GET";
  std::string url;
  Headers headers = {};
  std::string body = {};
  Milliseconds timeout{0};  // for each of connecting, sending and receiving
  std::uint64_t answer_bytes_max = 0;
};

/// Asks other servers, for pictures that a caller names and for webhooks: plain http, no redirect followed. Connections
/// are kept, for ten thousand requests on one each would use up the machine's ports.
class HttpClient {
 public:
  explicit HttpClient(boost::asio::io_context& io);
  ~HttpClient();
  /// Errors: Code::Unavailable: not an http URL, no connection, no answer in time, or one that is too long.
  Task<Fetched> exchange(Outgoing message);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace i2m::sandbox
