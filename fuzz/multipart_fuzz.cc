// A multipart body, arriving in pieces of a size that the first byte says.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "net/multipart.h"

namespace {

using namespace i2m;

class Pieces final : public net::Body {
 public:
  Pieces(std::span<const char> bytes, std::size_t piece) : bytes_{bytes}, piece_{piece} {}
  Task<std::size_t> read(std::span<char> into) override {
    const std::size_t n = std::min({into.size(), piece_, bytes_.size()});
    std::copy_n(bytes_.data(), n, into.data());
    bytes_ = bytes_.subspan(n);
    co_return n;
  }

 private:
  std::span<const char> bytes_;
  std::size_t piece_;
};

Task<std::size_t> count(net::Multipart& parts, std::size_t size) {
  std::size_t total = 0;
  while (true) {
    CO_TRY(const auto part, co_await parts.next());
    if (!part) co_return total;
    while (true) {
      CO_TRY(const auto bytes, co_await parts.read());
      if (bytes.empty()) break;
      total += bytes.size();
      if (total > size) __builtin_trap();
    }
  }
}

Co<void> run(net::Multipart& parts, std::size_t size) {
  const auto ignored = co_await count(parts, size);
  static_cast<void>(ignored);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  Pieces body{{reinterpret_cast<const char*>(data + 1), size - 1}, data[0] + std::size_t{1}};
  net::Request request;
  request.header = [](std::string_view) { return std::string_view{"multipart/form-data; boundary=b"}; };
  request.body = &body;
  auto parts = net::Multipart::open(request);
  boost::asio::io_context io{1};
  boost::asio::co_spawn(io, run(*parts, size), boost::asio::detached);
  io.run();
  return 0;
}
