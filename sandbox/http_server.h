#pragma once

#include <functional>
#include <memory>
#include <string>

#include "sandbox/http.h"

namespace i2m::sandbox {

/// A small HTTP/1.1 server for tests: keep-alive, whole bodies in memory, event streams, and answers that break on
/// purpose. The product's own server (src/net) can do none of the latter, and must not.
class HttpServer {
 public:
  using Handler = std::function<Co<Reply>(Request)>;
  static constexpr std::size_t body_bytes_max = std::size_t{512} << 20;

  /// Serves on `io`'s thread from now on; port 0 takes a free one. Errors: Code::Unavailable when it cannot be bound.
  static Result<std::unique_ptr<HttpServer>> listen(boost::asio::io_context& io, const std::string& address,
                                                    std::uint16_t port, Handler handler);
  ~HttpServer();
  std::uint16_t port() const;

 private:
  struct Impl;
  explicit HttpServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace i2m::sandbox
