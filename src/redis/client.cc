#include <openssl/evp.h>

#include <deque>

#include "base/ensure.h"
#include "redis/connection.h"

namespace i2m::redis {
namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds tick{50};

using Answer = Result<std::vector<Reply>>;
using Handler = asio::any_completion_handler<void(error_code, Answer)>;

/// Commands that leave together and are answered together.
struct Batch {
  Handler handler;  // empty: cancelled, the replies are dropped
  std::vector<Reply> replies;
  std::size_t missing;
  std::uint64_t overdue_at;  // in ticks
};

/// Posts rather than calls: what resumes may destroy the client, or throw, and must not do so amid its bookkeeping.
void finish(const Executor& executor, Batch& batch, error_code error, Answer answer) {
  if (!batch.handler) return;
  auto call = [handler = std::exchange(batch.handler, nullptr), error, answer = std::move(answer)]() mutable {
    std::move(handler)(error, std::move(answer));
  };
  asio::post(executor, std::move(call));
}

std::uint64_t ticks_in(milliseconds timeout) {
  return static_cast<std::uint64_t>((timeout + tick - milliseconds{1}) / tick);
}

}  // namespace

/// Who waits for which reply. Batches are answered in the order in which they were sent, as Redis does.
///
/// Time is counted in ticks of this loop rather than read from a clock: a loop that was held up for a second has not
/// given the server a chance to be late.
struct Client::Impl final : Connection::Listener, std::enable_shared_from_this<Client::Impl> {
  Impl(asio::io_context& io, Settings s)
      : settings{std::move(s)},
        executor{io.get_executor()},
        connection{std::make_shared<Connection>(io, settings, *this)},
        timer{executor} {}

  static Co<Answer> exchange(std::shared_ptr<Impl> impl, std::span<const Command> commands, milliseconds timeout);
  static Task<Reply> run(std::shared_ptr<Impl> impl, Command command, milliseconds timeout);
  static Task<std::vector<Reply>> run_all(std::shared_ptr<Impl> impl, std::vector<Command> commands);
  static Task<Reply> eval(std::shared_ptr<Impl> impl, Command evalsha, std::string source);

  void stop();
  Result<> admit(std::size_t count) const;
  void submit(std::span<const Command> commands, milliseconds timeout, Handler handler);
  void wait_a_tick();
  void on_tick();
  void fail_all(std::string_view why);

  void on_up() override {}
  void on_down() override { fail_all("connection lost"); }
  void on_reply(Reply reply) override;

  const Settings settings;
  const Executor executor;
  const std::shared_ptr<Connection> connection;
  Timer timer;
  bool ticking = false;  // only while someone waits: an idle client does not wake the process
  std::uint64_t ticks = 0;
  std::deque<std::shared_ptr<Batch>> waiting;
  std::size_t pending = 0;  // commands in `waiting` without a reply
};

/// `commands` belong to the awaiting frame.
Co<Answer> Client::Impl::exchange(std::shared_ptr<Impl> impl, std::span<const Command> commands, milliseconds timeout) {
  if (commands.empty()) co_return Answer{};
  CO_CHECK(impl->admit(commands.size()));
  auto start = [](auto handler, Impl* to, std::span<const Command> batch, milliseconds limit) {
    to->submit(batch, limit, Handler{std::move(handler)});
  };
  asio::use_awaitable_t<Executor> token;
  co_return co_await asio::async_initiate<asio::use_awaitable_t<Executor>, void(error_code, Answer)>(
      start, token, impl.get(), commands, timeout);
}

Task<Reply> Client::Impl::run(std::shared_ptr<Impl> impl, Command command, milliseconds timeout) {
  const std::span<const Command> one{&command, 1};
  CO_TRY(std::vector<Reply> replies, co_await exchange(std::move(impl), one, timeout));
  CO_CHECK(accepted(replies.front()));
  co_return std::move(replies.front());
}

Task<std::vector<Reply>> Client::Impl::run_all(std::shared_ptr<Impl> impl, std::vector<Command> commands) {
  const milliseconds timeout = impl->settings.timeout;
  co_return co_await exchange(std::move(impl), commands, timeout);
}

Task<Reply> Client::Impl::eval(std::shared_ptr<Impl> impl, Command evalsha, std::string source) {
  const std::span<const Command> one{&evalsha, 1};
  CO_TRY(std::vector<Reply> replies, co_await exchange(impl, one, impl->settings.timeout));
  if (script_missing(replies.front())) {
    evalsha[0] = "EVAL";
    evalsha[1] = std::move(source);
    CO_TRY(replies, co_await exchange(impl, one, impl->settings.timeout));
  }
  CO_CHECK(accepted(replies.front()));
  co_return std::move(replies.front());
}

void Client::Impl::stop() {
  connection->stop();
  timer.cancel();
  fail_all("client destroyed");
}

Result<> Client::Impl::admit(std::size_t count) const {
  const auto state = connection->state();
  if (state != Connection::State::First && state != Connection::State::Up) {
    return fail(Code::Unavailable, "redis is away");
  }
  if (count > settings.pending_max - pending) return fail(Code::Unavailable, "too many redis commands pending");
  return {};
}

void Client::Impl::submit(std::span<const Command> commands, milliseconds timeout, Handler handler) {
  auto batch = std::make_shared<Batch>(std::move(handler), std::vector<Reply>{}, commands.size(),
                                       ticks + ticks_in(timeout) + 1);  // one more: the present tick is part over
  // Left in the slot when the batch is done, for then it does nothing.
  if (auto slot = asio::get_associated_cancellation_slot(batch->handler); slot.is_connected()) {
    auto cancel = [executor = executor, weak = std::weak_ptr{batch}](asio::cancellation_type) {
      const auto cancelled = weak.lock();
      if (cancelled) finish(executor, *cancelled, asio::error::operation_aborted, Answer{});
    };
    slot.assign(std::move(cancel));
  }
  batch->replies.reserve(commands.size());
  for (const Command& command : commands) connection->send(command);
  pending += commands.size();
  waiting.push_back(std::move(batch));
  if (!ticking) wait_a_tick();
}

void Client::Impl::wait_a_tick() {
  ticking = true;
  timer.expires_after(tick);
  auto ticked = [weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (self && !error) self->on_tick();
  };
  timer.async_wait(std::move(ticked));
}

void Client::Impl::on_tick() {
  ++ticks;
  // All of them: a command sent behind a blocking one has the nearer end.
  const auto overdue = [this](const auto& batch) { return batch->overdue_at <= ticks; };
  if (std::ranges::any_of(waiting, overdue)) connection->drop("reply overdue");
  ticking = false;
  if (!waiting.empty()) wait_a_tick();
}

void Client::Impl::fail_all(std::string_view why) {
  for (const auto& batch : std::exchange(waiting, {})) {
    finish(executor, *batch, {}, fail(Code::Unavailable, std::string{why}));
  }
  pending = 0;
}

void Client::Impl::on_reply(Reply reply) {
  if (waiting.empty()) {
    connection->drop("reply to no command");
    return;
  }
  Batch& batch = *waiting.front();
  --pending;
  --batch.missing;
  if (batch.handler) batch.replies.push_back(std::move(reply));
  if (batch.missing > 0) return;
  finish(executor, batch, {}, std::move(batch.replies));
  waiting.pop_front();
}

Client::Client(asio::io_context& io, Settings settings) : impl_{std::make_shared<Impl>(io, std::move(settings))} {
  impl_->connection->start();
}

Client::~Client() { impl_->stop(); }

Task<Reply> Client::run(Command command) { return Impl::run(impl_, std::move(command), impl_->settings.timeout); }

Task<std::vector<Reply>> Client::run_all(std::vector<Command> commands) {
  return Impl::run_all(impl_, std::move(commands));
}

Task<Reply> Client::run_blocking(Command command, milliseconds timeout) {
  return Impl::run(impl_, std::move(command), timeout);
}

Client::Script Client::script(std::string source) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  ENSURE(EVP_Digest(source.data(), source.size(), digest.data(), &size, EVP_sha1(), nullptr) == 1);
  std::string sha1;
  for (unsigned i = 0; i < size; ++i) sha1 += fmt::format("{:02x}", digest[i]);
  return Script{std::move(sha1), std::move(source)};
}

Task<Reply> Client::eval(const Script& script, std::vector<std::string> keys, std::vector<std::string> args) {
  Command evalsha{"EVALSHA", script.sha1, fmt::format("{}", keys.size())};
  std::ranges::move(keys, std::back_inserter(evalsha));
  std::ranges::move(args, std::back_inserter(evalsha));
  return Impl::eval(impl_, std::move(evalsha), script.source);
}

bool Client::connected() const { return impl_->connection->state() == Connection::State::Up; }

const std::string& Client::run_id() const { return impl_->connection->run_id(); }

Result<> accepted(const Reply& reply) {
  if (reply.kind != Reply::Kind::Error) return {};
  const std::string_view word = std::string_view{reply.text}.substr(0, reply.text.find(' '));
  constexpr std::array<std::string_view, 5> passing{"LOADING", "READONLY", "OOM", "BUSY", "MISCONF"};
  return fail(std::ranges::find(passing, word) != passing.end() ? Code::Unavailable : Code::Internal, reply.text);
}

bool script_missing(const Reply& reply) {
  return reply.kind == Reply::Kind::Error && reply.text.starts_with("NOSCRIPT");
}

}  // namespace i2m::redis
