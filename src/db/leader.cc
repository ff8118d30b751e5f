#include "db/leader.h"

#include "base/log.h"
#include "base/wait.h"
#include "db/connection.h"

namespace i2m::db {

namespace {

constexpr std::chrono::seconds attempt_every{1};

constexpr Query try_lock_query{"db.try_advisory_lock", "select pg_try_advisory_lock($1::bigint)"};
constexpr Query alive_query{"db.advisory_lock_alive", "select 1"};

Co<> sleep(boost::asio::io_context& io, std::chrono::milliseconds time) {
  Timer timer{io.get_executor()};
  timer.expires_after(time);
  co_await timer.async_wait(boost::asio::use_awaitable_t<Executor>{});
}

}  // namespace

struct AdvisoryLock::Impl : std::enable_shared_from_this<AdvisoryLock::Impl> {
  Impl(boost::asio::io_context& loop, Settings given, std::int64_t lock_key)
      : io{loop}, settings{std::move(given)}, key{lock_key}, changed{loop.get_executor()} {
    settings.prepared = true;  // a session of our own, by definition
    changed.expires_at(std::chrono::steady_clock::time_point::max());
  }

  Task<bool> attempt();
  Co<> watch(std::shared_ptr<Impl> self, ConnectionPtr watched);
  void on_closed();
  void release();

  boost::asio::io_context& io;
  Settings settings;
  std::int64_t key;
  ConnectionPtr connection;
  bool held = false;
  bool gone = false;  // its AdvisoryLock is destroyed
  Timer changed;      // never expires: cancelled when the lock is lost
};

// One try, on a connection opened if need be. False: another session holds the lock.
Task<bool> AdvisoryLock::Impl::attempt() {
  if (!connection) {
    CO_TRY(ConnectionPtr opened, co_await Connection::open(io, settings, Use::Transactions));
    opened->on_close([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->on_closed();
    });
    connection = std::move(opened);
  }
  auto call = std::make_shared<Call>();
  call->query = try_lock_query;
  call->params.add(key);
  CO_TRY(const Rows rows, co_await ask(connection, std::move(call)));
  co_return rows.get<bool>(0, 0);
}

void AdvisoryLock::Impl::on_closed() {
  connection = nullptr;
  if (std::exchange(held, false)) log::warn("advisory_lock_lost", {{"key", key}});
  changed.cancel();
}

// A connection whose other end fell silent looks healthy until somebody speaks.
Co<> AdvisoryLock::Impl::watch(std::shared_ptr<Impl> self, ConnectionPtr watched) {
  while (self->held && self->connection == watched) {
    co_await sleep(io, attempt_every);
    if (!watched->is_open()) co_return;
    auto call = std::make_shared<Call>();
    call->query = alive_query;
    auto answer = co_await ask(watched, std::move(call));
    if (!answer) watched->close(answer.error());
  }
}

AdvisoryLock::AdvisoryLock(boost::asio::io_context& io, Settings settings, std::int64_t key)
    : impl_{std::make_shared<Impl>(io, std::move(settings), key)} {}

AdvisoryLock::~AdvisoryLock() {
  impl_->gone = true;
  release();
}

Task<> AdvisoryLock::acquire() {
  // Cancelled on the way, the server may have given the lock to a connection that nobody will ask for it.
  struct Attempts {
    std::shared_ptr<Impl> impl;
    ~Attempts() {
      if (!impl->held) impl->release();
    }
  };
  const Attempts attempts{impl_};
  const std::shared_ptr<Impl>& impl = attempts.impl;
  while (!impl->held) {
    auto got = co_await impl->attempt();
    if (impl->gone) co_return fail(Code::Unavailable, "the lock is gone");
    if (!got) log::warn("advisory_lock_attempt_failed", {{"key", impl->key}, {"error", log::describe(got.error())}});
    // Asked again, since the connection may have died while this coroutine waited for its turn.
    if (got && *got && impl->connection) {
      impl->held = true;
      boost::asio::co_spawn(impl->io, impl->watch(impl, impl->connection), boost::asio::detached);
      break;
    }
    co_await sleep(impl->io, attempt_every);
  }
  co_return Result<>{};
}

bool AdvisoryLock::held() const { return impl_->held; }

Co<> AdvisoryLock::lost() {
  const std::shared_ptr<Impl> impl = impl_;
  while (impl->held) co_await impl->changed.async_wait(awaiting);
}

void AdvisoryLock::release() { impl_->release(); }

void AdvisoryLock::Impl::release() {
  held = false;
  const ConnectionPtr closing = connection;
  if (closing) closing->close(fail(Code::Unavailable, "advisory lock released").error());
}

}  // namespace i2m::db
