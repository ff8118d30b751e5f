#include "db/pool.h"

#include <algorithm>

#include "base/log.h"
#include "db/pool_impl.h"

namespace i2m::db {

namespace {

constexpr std::size_t waiters_max = 10'000;
constexpr std::chrono::milliseconds backoff_first{50};
constexpr std::chrono::milliseconds backoff_max{1000};

constexpr Query rollback_query{"db.rollback", "rollback"};
constexpr Query ping_query{"db.ping", "select 1"};

}  // namespace

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  pool_ = std::move(other.pool_);
  connection_ = std::move(other.connection_);
  in_transaction_ = other.in_transaction_;
  return *this;
}

void Lease::give_back() {
  if (connection_) pool_->take_back(std::move(connection_), in_transaction_);
  connection_ = nullptr;
}

Task<Lease> Pool::Impl::acquire() {
  if (closed) co_return fail(Code::Unavailable, "PostgreSQL: pool is closed");
  if (!idle.empty() && borrowers.empty()) {
    ConnectionPtr connection = std::move(idle.back());
    idle.pop_back();
    co_return Lease{shared_from_this(), std::move(connection)};
  }
  if (borrowers.size() >= waiters_max) co_return fail(Code::Unavailable, "PostgreSQL: too many wait for a connection");
  auto wait = [this](auto handler) {
    borrowers.add(std::move(handler), settings.acquire_timeout, [this] { return too_late(Use::Transactions); });
    ensure_opening(Use::Transactions);
  };
  co_return co_await async_wait_for<Lease>(std::move(wait));
}

Task<ConnectionPtr> Pool::Impl::read_connection() {
  if (closed) co_return fail(Code::Unavailable, "PostgreSQL: pool is closed");
  if (shared && shared->usable()) {
    if (shared->outstanding() >= waiters_max) co_return fail(Code::Unavailable, "PostgreSQL: too many reads wait");
    co_return shared;
  }
  if (readers.size() >= waiters_max) co_return fail(Code::Unavailable, "PostgreSQL: too many reads wait");
  auto wait = [this](auto handler) {
    readers.add(std::move(handler), settings.acquire_timeout, [this] { return too_late(Use::Reads); });
    ensure_opening(Use::Reads);
  };
  co_return co_await async_wait_for<ConnectionPtr>(std::move(wait));
}

Error Pool::Impl::too_late(Use use) const {
  const std::string& reason = lane(use).last_error;
  return fail(Code::Unavailable, fmt::format("no connection within {} ms{}{}", settings.acquire_timeout.count(),
                                             reason.empty() ? ": all are busy" : "; last attempt: ", reason))
      .error();
}

// As many attempts as there are waiters and places for them; after a failure one at a time.
void Pool::Impl::ensure_opening(Use use) {
  Lane& l = lane(use);
  const int places = use == Use::Reads ? 1 : settings.connections;
  const int waiting = use == Use::Reads ? 1 : static_cast<int>(borrowers.size());
  const int attempts_max = l.backoff.count() > 0 ? 1 : waiting;
  while (wanted(use) && !closed && l.opening < attempts_max && l.open + l.opening < places) {
    ++l.opening;
    boost::asio::co_spawn(io, keep_opening(shared_from_this(), use), boost::asio::detached);
  }
}

Co<> Pool::Impl::keep_opening(std::shared_ptr<Impl> self, Use use) {
  Lane& l = lane(use);
  while (!closed && wanted(use)) {
    co_await pause(l);
    auto opened = co_await Connection::open(io, settings, use);
    if (closed) break;
    if (opened) {
      --l.opening;
      l.backoff = {};
      l.last_error.clear();
      adopt(std::move(*opened), use);
      ensure_opening(use);
      co_return;
    }
    l.backoff = std::clamp(l.backoff * 2, backoff_first, backoff_max);
    // Jittered, so that all the processes of an outage do not come back in step.
    std::uniform_int_distribution<std::int64_t> spread{l.backoff.count() / 2, l.backoff.count()};
    l.next_attempt_at = std::chrono::steady_clock::now() + std::chrono::milliseconds{spread(jitter)};
    l.last_error = opened.error().detail;
    log::warn("db_connect_failed", {{"error", opened.error().detail}, {"retry_ms", l.backoff.count()}});
  }
  --l.opening;
}

Co<> Pool::Impl::pause(Lane& l) {
  if (l.next_attempt_at <= std::chrono::steady_clock::now()) co_return;
  Timer timer{io.get_executor()};
  timer.expires_at(l.next_attempt_at);
  co_await timer.async_wait(boost::asio::use_awaitable_t<Executor>{});
}

void Pool::Impl::adopt(ConnectionPtr connection, Use use) {
  ++lane(use).open;
  all.push_back(connection);
  connection->on_close([weak = weak_from_this(), gone = connection.get(), use] {
    if (const auto self = weak.lock()) self->forget(gone, use);
  });
  if (use == Use::Transactions) return offer(std::move(connection));
  shared = connection;
  while (!readers.empty()) readers.serve(connection);
}

void Pool::Impl::forget(const Connection* connection, Use use) {
  const auto is_it = [&](const ConnectionPtr& c) { return c.get() == connection; };
  --lane(use).open;
  std::erase_if(idle, is_it);
  if (shared.get() == connection) shared = nullptr;
  std::erase_if(all, is_it);
  if (!closed) ensure_opening(use);
}

void Pool::Impl::offer(ConnectionPtr connection) {
  if (borrowers.empty()) return idle.push_back(std::move(connection));
  borrowers.serve(Lease{shared_from_this(), std::move(connection)});
}

void Pool::Impl::take_back(ConnectionPtr connection, bool in_transaction) {
  if (!connection->is_open()) return;
  if (!connection->usable()) return connection->close(fail(Code::Unavailable, "PostgreSQL: session is stale").error());
  if (in_transaction || connection->outstanding() > 0) return roll_back(std::move(connection));
  offer(std::move(connection));
}

// Behind whatever the borrower left running: the server serves in order, and its time-out bounds the wait.
void Pool::Impl::roll_back(ConnectionPtr connection) {
  auto call = std::make_shared<Call>();
  call->query = rollback_query;
  call->handler.emplace([self = shared_from_this(), connection](const Result<Rows>& rolled_back) {
    if (rolled_back && connection->usable() && !self->closed) return self->offer(connection);
    connection->close(fail(Code::Unavailable, "PostgreSQL: not rolled back").error());
  });
  connection->send(std::move(call));
}

void Pool::Impl::close() {
  closed = true;
  const Error why = fail(Code::Unavailable, "PostgreSQL: pool is closed").error();
  borrowers.refuse_all(why);
  readers.refuse_all(why);
  for (const ConnectionPtr& connection : std::vector{all}) connection->close(why);
}

Pool::Pool(boost::asio::io_context& io, Settings settings) : impl_{std::make_shared<Impl>(io, std::move(settings))} {}

Pool::~Pool() { impl_->close(); }

Task<Tx> Pool::begin(CompanyId company) {
  if (company.value.is_nil()) co_return fail(Code::Internal, "a transaction without a company");
  co_return co_await impl_->begin(company);
}

Task<Tx> Pool::begin_system(std::string_view why) {
  log::debug("db_system_transaction", {{"why", why}});
  co_return co_await impl_->begin(std::nullopt);
}

Task<> Pool::ping() {
  CO_TRY(const Lease lease, co_await impl_->acquire());
  auto call = std::make_shared<Call>();
  call->query = ping_query;
  CO_CHECK(co_await ask(lease.connection(), std::move(call)));
  co_return Result<>{};
}

Pool::Stats Pool::stats() const {
  const int open = impl_->transactions.open;
  return Stats{.open = open + impl_->reads.open,
               .busy = open - static_cast<int>(impl_->idle.size()),
               .waiting = static_cast<int>(impl_->borrowers.size() + impl_->readers.size())};
}

}  // namespace i2m::db
