#include "redis/connection.h"

#include <random>

#include "base/bounds.h"
#include "base/log.h"
#include "redis/protocol.h"

namespace i2m::redis {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds backoff_min{50};
constexpr milliseconds backoff_max{2000};
constexpr std::size_t read_bytes = 16_KiB;
constexpr std::size_t kept_bytes_max = 1_MiB;  // a buffer that one large value has grown beyond this is given back

constexpr asio::as_tuple_t<asio::use_awaitable_t<Executor>> as_tuple;

class Backoff {
 public:
  void reset() { next_ = backoff_min; }
  /// Between half the step and the whole, so that many loops do not come back in one moment.
  milliseconds step() {
    const milliseconds step = std::exchange(next_, std::min(next_ * 2, backoff_max));
    return milliseconds{std::uniform_int_distribution<milliseconds::rep>{step.count() / 2, step.count()}(random_)};
  }

 private:
  milliseconds next_ = backoff_min;
  std::minstd_rand random_{std::random_device{}()};
};

std::string run_id_in(std::string_view info) {
  constexpr std::string_view name = "run_id:";
  const auto at = info.find(name);
  if (at == info.npos) return {};
  info.remove_prefix(at + name.size());
  return std::string{info.substr(0, info.find('\r'))};
}

void trim(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kept_bytes_max) buffer.shrink_to_fit();
}

}  // namespace

struct Connection::Link {
  explicit Link(asio::io_context& io) : socket{io.get_executor()} {}

  asio::basic_stream_socket<tcp, Executor> socket;
  Parser parser;
  std::array<char, read_bytes> in;
  std::string writing;  // empty: no write under way

  void close() {
    error_code ignored;
    socket.close(ignored);
  }
};

/// Held by keep's frame, so that it acts when the io_context is destroyed: a coroutine that waits and owns the client
/// it waits on is held by that client, and would hold it for ever.
struct Connection::Release {
  std::shared_ptr<Connection> connection;

  explicit Release(std::shared_ptr<Connection> c) : connection{std::move(c)} {}
  Release(const Release&) = delete;
  ~Release() {
    connection->state_ = State::Stopped;
    if (Listener* listener = std::exchange(connection->listener_, nullptr)) listener->on_down();
  }
};

Connection::Connection(asio::io_context& io, Settings settings, Listener& listener)
    : io_{io}, settings_{std::move(settings)}, listener_{&listener}, pause_{io.get_executor()} {}

void Connection::start() {
  // Only memory running out throws there; a client that silently never comes back would be worse than a restart.
  auto ended = [](std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);
  };
  asio::co_spawn(io_.get_executor(), keep(shared_from_this()), ended);
}

void Connection::stop() {
  state_ = State::Stopped;
  listener_ = nullptr;
  out_.clear();
  if (link_) link_->close();
  pause_.cancel();
}

void Connection::send(const Command& command) {
  append(out_, command);
  if (flush_posted_ || state_ != State::Up) return;
  flush_posted_ = true;
  auto at_end_of_turn = [self = shared_from_this()] {
    self->flush_posted_ = false;
    self->flush();
  };
  asio::post(io_.get_executor(), std::move(at_end_of_turn));
}

void Connection::drop(std::string_view why) {
  // While First nothing has been sent yet: whoever waits hears no, but the attempt may go on.
  if (state_ == State::Up) link_->close();
  fall(why);
}

Co<> Connection::keep(std::shared_ptr<Connection> self) {
  const Release release{self};
  Backoff backoff;
  while (self->state_ != State::Stopped) {
    Result<> lost = co_await self->open();
    if (lost && self->state_ != State::Stopped) {
      const auto up_at = std::chrono::steady_clock::now();
      self->rise();
      lost = co_await self->listen();
      if (std::chrono::steady_clock::now() - up_at > backoff_max) backoff.reset();
    } else if (!lost && self->state_ != State::Stopped) {
      self->report(lost.error().detail);
    }
    self->link_->close();
    if (self->state_ == State::Stopped) break;
    self->fall(lost.error().detail);
    self->pause_.expires_after(backoff.step());
    co_await self->pause_.async_wait(as_tuple);
  }
}

Task<> Connection::open() {
  link_ = std::make_shared<Link>(io_);
  Timer limit{io_.get_executor(), settings_.connect_timeout};
  using namespace asio::experimental::awaitable_operators;
  asio::use_awaitable_t<Executor> token;
  auto outcome = co_await (establish() || limit.async_wait(token));
  if (outcome.index() == 1) co_return fail(Code::Unavailable, "connect timed out");
  co_return std::get<0>(std::move(outcome));
}

Task<> Connection::establish() {
  std::vector<tcp::endpoint> endpoints;
  error_code not_numeric;
  const auto address = asio::ip::make_address(settings_.host, not_numeric);
  if (!not_numeric) {  // the resolver would start a thread for it
    endpoints.emplace_back(address, settings_.port);
  } else {
    asio::ip::basic_resolver<tcp, Executor> resolver{io_.get_executor()};
    const std::string port = fmt::format("{}", settings_.port);
    const auto [error, found] = co_await resolver.async_resolve(settings_.host, port, as_tuple);
    if (error) co_return fail(Code::Unavailable, "resolve: " + error.message());
    for (const auto& entry : found) endpoints.push_back(entry.endpoint());
  }
  // stop() may have come while the name was looked up; connecting would open the closed socket again.
  if (state_ == State::Stopped) co_return fail(Code::Unavailable, "stopped");

  const auto [error, endpoint] = co_await asio::async_connect(link_->socket, endpoints, as_tuple);
  if (error) co_return fail(Code::Unavailable, "connect: " + error.message());
  error_code ignored;
  link_->socket.set_option(tcp::no_delay{true}, ignored);
  link_->socket.set_option(asio::socket_base::keep_alive{true}, ignored);
  co_return co_await greet();
}

/// AUTH and INFO in one write.
Task<> Connection::greet() {
  std::string hello;
  if (!settings_.password.empty()) append(hello, Command{"AUTH", settings_.password});
  append(hello, Command{"INFO", "server"});
  const auto [error, size] = co_await asio::async_write(link_->socket, asio::buffer(hello), as_tuple);
  if (error) co_return fail(Code::Unavailable, "greet: " + error.message());

  if (!settings_.password.empty()) {
    CO_TRY(const Reply auth, co_await answer());
    if (auth.kind == Reply::Kind::Error) co_return fail(Code::Unavailable, "auth: " + auth.text);
  }
  CO_TRY(const Reply info, co_await answer());
  if (info.kind == Reply::Kind::Error) co_return fail(Code::Unavailable, "info: " + info.text);
  run_id_ = run_id_in(info.text);
  if (run_id_.empty()) co_return fail(Code::Unavailable, "info: no run_id");
  co_return Result<>{};
}

Task<Reply> Connection::answer() {
  for (;;) {
    CO_TRY(std::optional<Reply> reply, link_->parser.next());
    if (reply) co_return std::move(*reply);
    CO_CHECK(co_await fill());
  }
}

Task<> Connection::fill() {
  const auto [error, size] = co_await link_->socket.async_read_some(asio::buffer(link_->in), as_tuple);
  if (error) co_return fail(Code::Unavailable, "read: " + error.message());
  co_return link_->parser.feed(std::string_view{link_->in.data(), size});
}

Task<> Connection::listen() {
  for (;;) {
    while (link_->socket.is_open()) {  // the listener may drop or stop it
      CO_TRY(std::optional<Reply> reply, link_->parser.next());
      if (!reply) break;
      listener_->on_reply(std::move(*reply));
    }
    CO_CHECK(co_await fill());
  }
}

void Connection::rise() {
  state_ = State::Up;
  reported_.clear();
  log::info("redis_connected", {{"host", settings_.host}, {"port", settings_.port}, {"run_id", run_id_}});
  listener_->on_up();
  flush();
}

void Connection::fall(std::string_view why) {
  if (state_ == State::Stopped || state_ == State::Away) return;
  state_ = State::Away;
  report(why);
  trim(out_);
  listener_->on_down();
}

void Connection::report(std::string_view why) {
  if (reported_ == why) return;
  reported_ = why;
  log::warn("redis_away", {{"host", settings_.host}, {"port", settings_.port}, {"error", why}});
}

void Connection::flush() {
  if (state_ != State::Up || out_.empty() || !link_->writing.empty()) return;
  std::swap(out_, link_->writing);
  auto done = [self = shared_from_this(), link = link_](const error_code& error, std::size_t) {
    self->written(link, error);
  };
  asio::async_write(link_->socket, asio::buffer(link_->writing), std::move(done));
}

void Connection::written(const std::shared_ptr<Link>& link, const error_code& error) {
  trim(link->writing);
  if (error) {
    link->close();  // listen() notices
  } else if (link == link_) {
    flush();
  }
}

}  // namespace i2m::redis
