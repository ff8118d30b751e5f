#pragma once

#include <string>

#include "sandbox/http.h"

namespace i2m::sandbox {

struct Fetched {
  int status = 0;
  std::string content_type;
  std::string body;
};

/// One request on a connection of its own, plain http, no redirect followed. For pictures that a caller names and for
/// webhooks. Errors: Code::Unavailable: not an http URL, no connection, no answer within `timeout`, or more than
/// `body_bytes_max`.
Task<Fetched> exchange(boost::asio::io_context& io, std::string method, std::string url, Headers headers,
                       std::string body, Milliseconds timeout, std::uint64_t body_bytes_max);

}  // namespace i2m::sandbox
