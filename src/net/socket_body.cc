#include "net/socket_body.h"
#include "base/wait.h"

namespace i2m::net {
namespace asio = boost::asio;
Task<std::size_t> SocketBody::read(std::span<char> into) {
  // Behind an error nobody knows where in the body the next byte stands.
  if (broken_) co_return fail(Code::Malformed, "a body behind its error");
  broken_ = true;
  Result<std::size_t> n = co_await read_more(into);
  broken_ = !n;
  co_return n;
}

Task<std::size_t> SocketBody::read_more(std::span<char> into) {
  if (ended()) co_return std::size_t{0};
  if (!chunked_ && left_ > allowance_) co_return fail(Code::BodyTooLarge);
  if (expects_continue_) {
    expects_continue_ = false;
    if (!co_await session_.send("HTTP/1.1 100 Continue\r\n\r\n")) co_return fail(Code::Unavailable, "client went away");
  }
  const auto before = session_.phase_;
  const auto deadline = session_.deadline_;
  session_.enter(Session::Phase::Body, session_.shared_.settings.stall_timeout);
  // A byte now and then does not hold a handler beyond its deadline.
  session_.deadline_ = std::min(session_.deadline_, deadline);
  if (chunked_ && left_ == 0) CO_CHECK(co_await next_chunk());
  Result<std::size_t> n = ended() ? Result<std::size_t>{0} : co_await some(into);
  session_.phase_ = before;
  session_.deadline_ = deadline;
  if (!n) co_return n;
  if (*n > allowance_) co_return fail(Code::BodyTooLarge);
  allowance_ -= *n;
  left_ -= *n;
  co_return n;
}

Task<std::size_t> SocketBody::some(std::span<char> into) {
  const std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), left_));
  if (session_.begin_ < session_.end_) {
    const std::size_t n = std::min(want, session_.end_ - session_.begin_);
    std::copy_n(session_.buffer_.data() + session_.begin_, n, into.data());
    session_.begin_ += n;
    co_return n;
  }
  const auto [ec, n] = co_await session_.socket_.async_read_some(asio::buffer(into.data(), want), awaiting);
  if (ec || n == 0) co_return fail(Code::Unavailable, "client went away in the middle of a body");
  co_return n;
}

Task<std::string> SocketBody::line() {
  constexpr std::size_t line_bytes_max = 256;
  std::string out;
  while (out.size() < line_bytes_max) {
    if (session_.begin_ == session_.end_ && !co_await session_.fill())
      co_return fail(Code::Unavailable, "client went away");
    const char c = session_.buffer_[session_.begin_++];
    if (c == '\n') {
      if (out.empty() || out.back() != '\r') co_return fail(Code::Malformed, "bare line feed in chunked framing");
      out.pop_back();
      co_return out;
    }
    out += c;
  }
  co_return fail(Code::Malformed, "chunk line too long");
}

Task<> SocketBody::next_chunk() {
  if (!first_chunk_) {
    CO_TRY(const std::string end, co_await line());
    if (!end.empty()) co_return fail(Code::Malformed, "chunk longer than it says");
  }
  first_chunk_ = false;
  CO_TRY(const std::string head, co_await line());
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(head.data(), head.data() + head.size(), size, 16);
  // Extensions are ignored, but only behind a semicolon: anything else may be two readings of one message.
  if (error != std::errc{} || (end != head.data() + head.size() && *end != ';'))
    co_return fail(Code::Malformed, "chunk size");
  left_ = size;
  if (size > 0) co_return Result<>{};
  for (int trailers = 0; trailers < 32; ++trailers) {
    CO_TRY(const std::string trailer, co_await line());
    if (trailer.empty()) {
      chunk_ended_ = true;
      co_return Result<>{};
    }
  }
  co_return fail(Code::Malformed, "too many trailers");
}

}  // namespace i2m::net
