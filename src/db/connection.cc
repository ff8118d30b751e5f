#include "db/connection.h"

#include <openssl/ssl.h>

#include "base/ensure.h"
#include "base/log.h"
#include "db/error.h"

namespace i2m::db {

namespace {

constexpr int reads_a_sync_max = 64;  // one failing read makes this many go out again at most
// The server ends a statement at its timeout; if nothing at all comes for this much longer, the connection is dead.
constexpr auto silence_beyond_timeout_max = std::chrono::seconds{2};

constexpr Query begin_query{"db.begin", "begin"};

void log_notice(void*, const PGresult* result) {
  const char* text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  log::debug("postgres_notice", {{"notice", text == nullptr ? "" : text}});
}

bool holds_nul(const Params& params) {
  return std::ranges::any_of(params.values(), [](const auto& v) { return v && v->find('\0') != std::string::npos; });
}

// Whether bytes wait inside OpenSSL, of which the socket will never tell: libpq reads less than a record may hold.
bool holds_decrypted_bytes(PGconn* pg) {
  auto* ssl = static_cast<SSL*>(PQsslStruct(pg, "OpenSSL"));
  return ssl != nullptr && SSL_pending(ssl) > 0;
}

}  // namespace

Connection::Connection(boost::asio::io_context& io, PGconn* connected, Settings settings, Use use)
    : io_{io},
      settings_{std::move(settings)},
      use_{use},
      company_sql_{company_sql(settings_, use)},
      pg_{connected},
      socket_{io.get_executor()},
      watchdog_{io.get_executor()} {}

// With calls outstanding this happens only when the loop itself is being destroyed, and their handlers with it.
Connection::~Connection() {
  if (pg_ == nullptr) return;
  if (socket_.is_open()) socket_.release();
  PQfinish(pg_);
}

void Connection::start() {
  PQsetNoticeReceiver(pg_, &log_notice, nullptr);
  socket_.assign(PQsocket(pg_));
  wait_readable();
}

void Connection::send(std::shared_ptr<Call> call) {
  if (pg_ == nullptr) return answer(*call, fail(Code::Unavailable, "PostgreSQL: connection lost"));
  if (holds_nul(call->params)) {
    return answer(*call, fail(Code::Invalid, fmt::format("{}: a text holds a NUL byte", call->query.name)));
  }
  heed_cancellation(call);
  if (pending_.empty()) progress_at_ = std::chrono::steady_clock::now();
  if (call->alone && calls_without_sync_ > 0) sync();
  put_prelude(call);
  put(call, Part::Statement, call->query, call->params);
  if (pg_ == nullptr) return;
  ++calls_without_sync_;
  const bool batched = use_ == Use::Reads && !call->alone && calls_without_sync_ < reads_a_sync_max;
  batched ? sync_after_turn() : sync();
}

// The deadline of a request emits here. The slot may outlive the call and then finds nothing.
void Connection::heed_cancellation(const std::shared_ptr<Call>& call) {
  auto slot = boost::asio::get_associated_cancellation_slot(*call->handler);
  if (!slot.is_connected()) return;
  slot.assign([self = weak_from_this(), weak = std::weak_ptr{call}](boost::asio::cancellation_type) {
    const auto connection = self.lock();
    const auto waiting = weak.lock();
    if (connection && waiting) connection->answer(*waiting, fail(Code::Cancelled, "while waiting for PostgreSQL"));
  });
}

void Connection::put_prelude(const std::shared_ptr<Call>& call) {
  if (call->prelude == Prelude::None) return;
  if (call->prelude == Prelude::Begin) put(call, Part::Prelude, begin_query, {});
  if (!call->company && settings_.prepared) return;
  Params company;
  company.add(call->company ? call->company->text() : std::string{});
  put(call, Part::Prelude, Query{"db.company", company_sql_}, company);
}

// Prepared the first time it is met. While that preparation may still fail, others of the same name go unprepared.
void Connection::put(const std::shared_ptr<Call>& call, Part part, const Query& query, const Params& params) {
  if (pg_ == nullptr) return;
  bool prepared = settings_.prepared;
  if (prepared) {
    const auto [at, unknown] = prepared_.try_emplace(query.name, Prepared{query.sql});
    ENSURE(at->second.sql == query.sql);
    if (unknown) {
      const std::string name{query.name};
      const std::string sql{query.sql};
      if (PQsendPrepare(pg_, name.c_str(), sql.c_str(), 0, nullptr) != 1) return close(lost(pg_));
      pending_.push_back({call, Part::Preparation, query.name});
    } else {
      prepared = at->second.ready;
    }
  }
  if (!send_statement(query, params, prepared)) return close(lost(pg_));
  pending_.push_back({call, part, {}});
  watch();
}

bool Connection::send_statement(const Query& query, const Params& params, bool prepared) {
  std::vector<const char*> values;
  values.reserve(params.values().size());
  for (const auto& value : params.values()) values.push_back(value ? value->c_str() : nullptr);
  const int count = static_cast<int>(values.size());
  const std::string text{prepared ? query.name : query.sql};
  if (prepared) return PQsendQueryPrepared(pg_, text.c_str(), count, values.data(), nullptr, nullptr, 0) == 1;
  return PQsendQueryParams(pg_, text.c_str(), count, nullptr, values.data(), nullptr, nullptr, 0) == 1;
}

// Ends the implicit transaction of a read, and inside BEGIN makes the server idle in the eyes of its time-out: a Flush
// would not.
void Connection::sync() {
  calls_without_sync_ = 0;
  if (PQpipelineSync(pg_) != 1) return close(lost(pg_));
  pending_.push_back({nullptr, Part::Sync, {}});
  flush();
}

void Connection::sync_after_turn() {
  if (std::exchange(sync_posted_, true)) return;
  boost::asio::post(io_, [self = shared_from_this()] {
    self->sync_posted_ = false;
    if (self->pg_ != nullptr && self->calls_without_sync_ > 0) self->sync();
  });
}

void Connection::flush() {
  const int rest = PQflush(pg_);
  if (rest < 0) return close(lost(pg_));
  if (rest > 0 && !writing_) wait_writable();
}

void Connection::wait_readable() {
  socket_.async_wait(socket_.wait_read, [self = shared_from_this()](boost::system::error_code error) {
    if (!error && self->pg_ != nullptr) self->on_readable();
  });
}

void Connection::wait_writable() {
  writing_ = true;
  socket_.async_wait(socket_.wait_write, [self = shared_from_this()](boost::system::error_code error) {
    self->writing_ = false;
    if (!error && self->pg_ != nullptr) self->flush();
  });
}

void Connection::on_readable() {
  progress_at_ = std::chrono::steady_clock::now();
  do {
    if (PQconsumeInput(pg_) != 1) return close(lost(pg_));
    take_results();
    if (pg_ == nullptr) return;
  } while (holds_decrypted_bytes(pg_));
  if (PQstatus(pg_) == CONNECTION_BAD) return close(lost(pg_));
  if (spoiled_ && pending_.empty()) return close(fail(Code::Unavailable, "PostgreSQL: session is stale").error());
  wait_readable();
}

void Connection::take_results() {
  // Asked even with nothing pending: it is what makes libpq read notices.
  while (pg_ != nullptr && PQisBusy(pg_) == 0 && !pending_.empty()) take(PQgetResult(pg_));
}

// A command answers one result and then null; a Sync answers one result alone.
void Connection::take(PGresult* result) {
  Pending& front = pending_.front();
  if (result == nullptr) {
    // Null before any result: libpq has no more to give although we wait for more. Out of step, so nothing is safe.
    return front.ended ? finish_front() : close(lost(pg_));
  }
  Rows rows{result};
  const ExecStatusType status = PQresultStatus(result);
  if ((status == PGRES_PIPELINE_SYNC) != (front.part == Part::Sync)) return close(lost(pg_));
  if (status == PGRES_PIPELINE_SYNC) return pending_.pop_front();
  front.ended = true;
  switch (status) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
      if (front.part == Part::Statement) front.call->rows = std::move(rows);
      return;
    case PGRES_PIPELINE_ABORTED:
      front.failed = true;
      front.call->skipped = true;
      return;
    default:
      return take_error(front, result);
  }
}

void Connection::take_error(Pending& front, const PGresult* result) {
  front.failed = true;
  Call& call = *front.call;
  if (call.error) return;
  call.error = error_of(result, call.query.name);
  if (use_ == Use::Reads && is_write_refused(result)) {
    call.error->code = Code::Internal;  // a write went to a Reader
  } else if (spoils_session(result)) {
    spoiled_ = true;
  }
}

void Connection::finish_front() {
  const Pending front = std::move(pending_.front());
  pending_.pop_front();
  if (front.part == Part::Preparation) {
    if (front.failed) {
      prepared_.erase(front.statement);
    } else if (const auto at = prepared_.find(front.statement); at != prepared_.end()) {
      at->second.ready = true;
    }
  }
  if (front.part == Part::Statement) finish(front.call);
}

void Connection::finish(const std::shared_ptr<Call>& call) {
  if (call->error) return answer(*call, std::unexpected{std::move(*call->error)});
  if (!call->skipped) return answer(*call, std::move(call->rows));
  if (use_ != Use::Reads || call->alone) {
    return answer(*call, fail(Code::Unavailable, fmt::format("{}: skipped by PostgreSQL", call->query.name)));
  }
  if (!call->handler) return;
  call->skipped = false;
  call->alone = true;
  send(call);
}

void Connection::answer(Call& call, Result<Rows> result) {
  if (call.handler) complete<Rows>(io_, call.handler, std::move(result));
}

// One timer for all that is outstanding, re-armed at most once a period.
void Connection::watch() {
  if (std::exchange(watching_, true)) return;
  const auto silence_max = settings_.statement_timeout + silence_beyond_timeout_max;
  watchdog_.expires_at(progress_at_ + silence_max);
  watchdog_.async_wait([weak = weak_from_this(), silence_max](boost::system::error_code error) {
    const auto self = weak.lock();
    if (error || !self || self->pg_ == nullptr) return;
    self->watching_ = false;
    if (self->pending_.empty()) return;
    if (std::chrono::steady_clock::now() - self->progress_at_ < silence_max) return self->watch();
    self->close(fail(Code::Unavailable, "PostgreSQL: no answer").error());
  });
}

void Connection::close(Error why) {
  if (pg_ == nullptr) return;
  const auto self = shared_from_this();
  socket_.release();
  PQfinish(std::exchange(pg_, nullptr));
  watchdog_.cancel();
  for (Pending& left : std::exchange(pending_, {})) {
    if (left.call) answer(*left.call, std::unexpected{left.call->error ? *left.call->error : why});
  }
  if (const auto callback = std::exchange(on_close_, nullptr)) callback();
}

Task<Rows> ask(ConnectionPtr connection, std::shared_ptr<Call> call) {
  auto send = [connection, call](auto handler) {
    call->handler.emplace(std::move(handler));
    connection->send(call);
  };
  co_return co_await async_wait_for<Rows>(std::move(send));
}

}  // namespace i2m::db
