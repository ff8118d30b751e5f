#pragma once

// One connection to PostgreSQL on an event loop, in pipeline mode. Private to src/db.

#include <libpq-fe.h>

#include <boost/asio.hpp>
#include <boost/asio/any_completion_handler.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/ids.h"
#include "base/wait.h"
#include "db/pool.h"
#include "db/query.h"

namespace i2m::db {

template <class T>
using AnyHandler = boost::asio::any_completion_handler<void(Result<T>)>;
/// A coroutine that waits for a T; none once it was answered. Set by emplace(), never assigned: Boost 1.81's
/// any_completion_handler, move-assigned, wraps itself into itself.
template <class T>
using Handler = std::optional<AnyHandler<T>>;

template <class T, class Initiation>
Task<T> async_wait_for(Initiation initiation) {
  using Token = boost::asio::use_awaitable_t<Executor>;
  co_return co_await boost::asio::async_initiate<const Token, void(Result<T>)>(std::move(initiation), Token{});
}

/// Calls `handler` from the loop, never from within the caller, with `result`, and empties it.
template <class T>
void complete(boost::asio::io_context& io, Handler<T>& handler, Result<T> result) {
  AnyHandler<T> taken{std::move(*handler)};
  handler.reset();
  boost::asio::post(
      io, [taken = std::move(taken), result = std::move(result)]() mutable { std::move(taken)(std::move(result)); });
}

/// What a connection is for.
enum class Use {
  Transactions,  // lent to one Tx at a time; every statement is followed by its own Sync
  Reads,         // shared, read-only; the statements of one turn of the loop share a Sync
};

/// What goes out before a statement, in the same round trip.
enum class Prelude { None, Company, Begin };

/// One statement on its way, shared by whoever waits for it and by the connection.
struct Call {
  Query query;
  Params params;
  Prelude prelude = Prelude::None;
  std::optional<CompanyId> company;  // none: the system role
  Handler<Rows> handler;             // empty once called: its coroutine may be gone before the answer comes

  Rows rows;
  std::optional<Error> error;
  bool skipped = false;  // a statement before it in the same implicit transaction failed
  bool alone = false;    // so this is its second try, behind a Sync of its own
};

/// States: open, then closed for good. `spoiled` in between: serves what it has and closes when that is done.
///
///   send:      prelude and statement into libpq's buffer, Sync now or at the end of this turn
///   readable:  take every result that is complete, in order; call the handlers of the finished calls
///   close:     everything outstanding answers Code::Unavailable
///
/// A coroutine that is cancelled while its statement runs goes on at once with Code::Cancelled. The statement finishes
/// here, with nobody waiting, so the answers of the others stay in step.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// Errors: Code::Unavailable, also when it took longer than the settings allow; Code::Internal for a conninfo that
  /// libpq does not understand.
  static Task<std::shared_ptr<Connection>> open(boost::asio::io_context& io, Settings settings, Use use);

  Connection(boost::asio::io_context& io, PGconn* connected, Settings settings, Use use);
  ~Connection();
  Connection(const Connection&) = delete;

  void send(std::shared_ptr<Call> call);
  void close(Error why);
  /// Called once, when the connection closes, whoever closed it.
  void on_close(std::function<void()> callback) { on_close_ = std::move(callback); }

  bool usable() const { return pg_ != nullptr && !spoiled_; }
  bool is_open() const { return pg_ != nullptr; }
  std::size_t outstanding() const { return pending_.size(); }

 private:
  enum class Part { Statement, Preparation, Prelude, Sync };
  struct Pending {
    std::shared_ptr<Call> call;  // none for a Sync
    Part part;
    std::string_view statement;  // the name being prepared
    bool failed = false;
    bool ended = false;  // its result came; a null result closes it
  };
  struct Prepared {
    std::string_view sql;
    bool ready = false;  // false: the preparation is on its way and may yet fail
  };

  void start();
  void heed_cancellation(const std::shared_ptr<Call>& call);
  void put_prelude(const std::shared_ptr<Call>& call);
  void put(const std::shared_ptr<Call>& call, Part part, const Query& query, const Params& params);
  bool send_statement(const Query& query, const Params& params, bool prepared);
  void sync();
  void sync_after_turn();
  void flush();
  void wait_readable();
  void wait_writable();
  void on_readable();
  void take_results();
  void take(PGresult* result);
  void take_error(Pending& front, const PGresult* result);
  void finish_front();
  void finish(const std::shared_ptr<Call>& call);
  void answer(Call& call, Result<Rows> result);
  void watch();

  boost::asio::io_context& io_;
  Settings settings_;
  Use use_;
  std::string company_sql_;
  PGconn* pg_;
  boost::asio::posix::basic_stream_descriptor<Executor> socket_;
  Timer watchdog_;
  std::chrono::steady_clock::time_point progress_at_;
  std::deque<Pending> pending_;
  std::unordered_map<std::string_view, Prepared> prepared_;
  std::function<void()> on_close_;
  int calls_without_sync_ = 0;
  bool sync_posted_ = false;
  bool writing_ = false;
  bool watching_ = false;
  bool spoiled_ = false;
};
using ConnectionPtr = std::shared_ptr<Connection>;

/// Sends a statement and waits for what it answers. Errors: as Tx::run.
Task<Rows> ask(ConnectionPtr connection, std::shared_ptr<Call> call);

/// libpq's keywords for `settings`: what the product needs, then what the conninfo says. Errors: Code::Internal.
Result<std::vector<std::pair<std::string, std::string>>> connect_parameters(const Settings& settings, Use use);
/// What a transaction sets first, $1 being its company: nothing but that on a connection of our own, everything behind
/// a PgBouncer, where the session belongs to others as well.
std::string company_sql(const Settings& settings, Use use);

}  // namespace i2m::db
