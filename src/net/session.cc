#include "net/session.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>

#include "base/log.h"
#include "base/offload.h"
#include "base/wait.h"
#include "net/file_reader.h"
#include "net/head_parser.h"
#include "net/socket_body.h"

namespace i2m::net {
namespace asio = boost::asio;
namespace {

constexpr std::size_t buffer_bytes_first = 4096;
constexpr std::size_t send_buffer_bytes = 64_KiB;
constexpr std::size_t drain_bytes_max = 256_KiB;  // of an unread body, for the sake of keeping the connection
constexpr std::size_t linger_bytes_max = 32_MiB;

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 503:
      return "Service Unavailable";
    default:
      return status < 400 ? "OK" : status < 500 ? "Client Error" : "Server Error";
  }
}

}  // namespace

void SessionList::sweep(SteadyTime now) {
  for (auto it = all.begin(); it != all.end();) {
    Session& session = **it++;  // closing may remove it
    if (session.deadline_ > now) continue;
    if (session.phase_ == Session::Phase::Handling && !session.past_deadline_) {
      session.past_deadline_ = true;
      session.deadline_ = now + std::chrono::seconds{5};
      session.cancel_.emit(asio::cancellation_type::terminal);
    } else {
      session.close();
    }
  }
}

void SessionList::shorten_idle(SteadyTime until) {
  for (Session* session : all) {
    if (session->phase_ == Session::Phase::Idle) session->deadline_ = std::min(session->deadline_, until);
  }
}

/// Where a stream's handler writes; the connection closes when it returns.
class SocketSink final : public EventSink {
 public:
  explicit SocketSink(Session& session) : session_{session} {}
  Task<> write(std::string block) override {
    session_.enter(Session::Phase::Streaming, session_.shared_.settings.stall_timeout);
    const bool sent = co_await session_.send(block);
    // Between two events nothing is overdue; a client that is gone is noticed at the next heartbeat.
    session_.enter(Session::Phase::Streaming, std::chrono::hours{24});
    if (!sent) co_return fail(Code::Unavailable, "client went away");
    co_return Result<>{};
  }
  bool draining() const override { return session_.shared_.draining; }

 private:
  Session& session_;
};

Session::Session(Socket socket, Loop& loop, Shared& shared, SessionList& list)
    : socket_{std::move(socket)}, loop_{loop}, shared_{shared}, list_{list}, buffer_(buffer_bytes_first) {
  place_ = list_.all.insert(list_.all.end(), this);
  shared_.connections.fetch_add(1, std::memory_order_relaxed);
  boost::system::error_code ec;
  socket_.set_option(asio::ip::tcp::no_delay{true}, ec);
  const auto remote = socket_.remote_endpoint(ec);
  peer_ = ec ? "unknown" : remote.address().to_string();
  enter(Phase::Idle, shared_.settings.head_timeout);
}

Session::~Session() {
  list_.all.erase(place_);
  shared_.connections.fetch_sub(1, std::memory_order_relaxed);
}

void Session::start() {
  auto self = shared_from_this();
  const auto main = [](std::shared_ptr<Session> session) -> Co<void> { co_await session->run(); };
  asio::co_spawn(loop_.io, main(std::move(self)), asio::bind_cancellation_slot(cancel_.slot(), asio::detached));
}

void Session::close() {
  phase_ = Phase::Closing;
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void Session::enter(Phase phase, std::chrono::milliseconds within) {
  phase_ = phase;
  deadline_ = std::chrono::steady_clock::now() + within;
}

Co<bool> Session::fill() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ == buffer_.size()) {
    if (begin_ > 0) {
      std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
                buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
      end_ -= begin_;
      begin_ = 0;
    } else {
      buffer_.resize(buffer_.size() * 2);
    }
  }
  const auto [ec, n] =
      co_await socket_.async_read_some(asio::buffer(buffer_.data() + end_, buffer_.size() - end_), awaiting);
  end_ += n;
  co_return !ec && n > 0;
}

Co<bool> Session::send(std::string_view bytes) {
  const auto [ec, n] = co_await asio::async_write(socket_, asio::buffer(bytes.data(), bytes.size()), awaiting);
  co_return !ec && n == bytes.size();
}

Co<void> Session::run() {
  try {
    while (socket_.is_open() && co_await serve_one()) {
    }
  } catch (const std::exception& e) {
    // Cancellation or exhausted memory: nothing is half done outside the database, which rolls back by itself.
    log::warn("session_unwound", {{"why", e.what()}, {"peer", peer_}});
  }
  close();
}

Co<bool> Session::read_head(HeadParser& parser) {
  while (true) {
    if (end_ > begin_) {
      if (phase_ == Phase::Idle) enter(Phase::Head, shared_.settings.head_timeout);
      const auto step = parser.parse(std::span<const char>{buffer_}.subspan(begin_, end_ - begin_));
      if (step.consumed > 0) begin_ += step.consumed;
      if (step.state != HeadParser::State::NeedMore) co_return true;
    }
    if (!co_await fill()) co_return false;
  }
}

Co<bool> Session::serve_one() {
  HeadParser parser;
  if (!co_await read_head(parser)) co_return false;
  const std::string request_id = Uuid::make().text();
  Request request;
  request.header = [&parser](std::string_view name) { return parser.header(name); };
  request.client = shared_.settings.trust_forwarded_for ? parser.forwarded_for().value_or(peer_) : peer_;
  Ctx ctx{loop_, *shared_.clock, request, request_id};
  if (const Result<> good = parser.describe(request); !good) {
    const Answer bad = refusal(ctx, request, good.error());
    if (co_await write(bad, request, request_id, false)) co_await linger();
    co_return false;
  }
  const Endpoint* endpoint = shared_.router->find(request);
  SocketBody body{*this, parser, endpoint != nullptr ? endpoint->contract.body_bytes_max : 0};
  request.body = &body;
  request.body_bytes = parser.content_length().value_or(0);
  const auto deadline = endpoint != nullptr ? endpoint->contract.deadline : std::chrono::milliseconds{5000};
  enter(Phase::Handling, deadline);
  Answer answer;
  bool cut = false;
  try {
    answer = co_await shared_.router->handle(ctx, request);
  } catch (const boost::system::system_error&) {
    if (!past_deadline_) throw;
    cut = true;
  }
  if (past_deadline_) {
    // A handler that got to its answer all the same has done its work, and the client should hear so.
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation{});
    // One whose wait for PostgreSQL or a provider was cut short answers that it was cancelled: that is the deadline,
    // too.
    cut = cut || (ctx.refused && ctx.refused->code == Code::Cancelled);
    if (cut) answer = refusal(ctx, request, Error{Code::DeadlineExceeded, "", "", "", {}});
    past_deadline_ = false;
  }
  // What is left of a body the handler did not want is read away while it is small; otherwise the connection ends.
  enter(Phase::Body, shared_.settings.stall_timeout);
  bool keep = request.keep_alive && !shared_.draining && !answer.stream;
  if (!body.ended()) {
    std::array<char, 4096> away;
    std::size_t total = 0;
    while (keep && !body.waits_for_continue() && !body.ended() && total < drain_bytes_max) {
      const Result<std::size_t> n = co_await body.read(away);
      if (!n || *n == 0) break;
      total += *n;
    }
    keep = keep && body.ended();
  }
  const bool sent = co_await write(answer, request, request_id, keep);
  if (sent && !keep && !body.ended()) co_await linger();
  if (buffer_.size() > bounds::header_bytes_max && begin_ == end_) {
    buffer_.resize(buffer_bytes_first);
    buffer_.shrink_to_fit();
  }
  enter(Phase::Idle, shared_.draining ? shared_.settings.drain_linger : shared_.settings.idle_timeout);
  co_return sent&& keep;
}

std::string Session::head_of(const Answer& answer, const std::string& request_id, bool keep,
                             std::uint64_t length) const {
  std::string out;
  out.reserve(512 + answer.body.size());  // write() puts the body behind it
  out += "HTTP/1.1 ";
  out += fmt::format_int{answer.status}.c_str();
  out.append(1, ' ').append(reason_of(answer.status)).append("\r\nX-Request-Id: ").append(request_id).append("\r\n");
  if (answer.stream) {
    out += "Content-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n";
  } else if (answer.status != 204 && answer.status != 304) {
    out.append("Content-Type: ").append(answer.content_type).append("\r\nContent-Length: ");
    out.append(fmt::format_int{length}.c_str()).append("\r\n");
  }
  bool cached = answer.stream != nullptr;
  for (const auto& [name, value] : answer.headers) {
    out.append(name).append(": ").append(value).append("\r\n");
    cached = cached || name == "Cache-Control";
  }
  if (!cached) out += "Cache-Control: no-store\r\n";
  out += "X-Content-Type-Options: nosniff\r\n";
  out += keep ? "\r\n" : "Connection: close\r\n\r\n";
  return out;
}

Co<bool> Session::write(const Answer& answer, const Request& request, const std::string& request_id, bool keep) {
  enter(Phase::Writing, shared_.settings.stall_timeout);
  const std::uint64_t length = answer.file ? answer.file->bytes : answer.body.size();
  out_ = head_of(answer, request_id, keep, length);
  if (request.method == Method::Head) co_return co_await send(out_);
  if (answer.stream) {
    if (!co_await send(out_)) co_return false;
    SocketSink sink{*this};
    co_await answer.stream(sink);
    co_return true;
  }
  if (answer.file) {
    if (!co_await send(out_)) co_return false;
    co_return co_await write_file(answer);
  }
  out_ += answer.body;
  co_return co_await send(out_);
}

Co<bool> Session::write_file(const Answer& answer) {
  Result<FileReader> file = co_await FileReader::open(*shared_.files, answer.file->path, answer.file->offset);
  if (!file) {
    log::error("file_unreadable", {{"path", answer.file->path}, {"error", log::describe(file.error())}});
    co_return false;  // the promised length cannot be kept: the client must see a broken transfer, not a short file
  }
  // Small, for whoever reads slowly holds it for long.
  std::vector<char> piece(static_cast<std::size_t>(std::min<std::uint64_t>(send_buffer_bytes, answer.file->bytes)));
  std::uint64_t left = answer.file->bytes;
  while (left > 0) {
    const Result<std::size_t> n = co_await file->read(piece);
    if (!n || *n == 0) co_return false;
    const std::size_t take = static_cast<std::size_t>(std::min<std::uint64_t>(*n, left));
    enter(Phase::Writing, shared_.settings.stall_timeout);
    if (!co_await send(std::string_view{piece.data(), take})) co_return false;
    left -= take;
  }
  co_return true;
}

Co<void> Session::linger() {
  enter(Phase::Body, std::chrono::milliseconds{2000});
  boost::system::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  std::array<char, 16'384> away;
  for (std::size_t total = 0; total < linger_bytes_max;) {
    const auto [ec, n] = co_await socket_.async_read_some(asio::buffer(away), awaiting);
    if (ec || n == 0) break;
    total += n;
  }
}

}  // namespace i2m::net
