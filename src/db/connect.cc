// Opening a connection: libpq's own state machine, so that lists of hosts, services and TLS work as its manual says.
// One thing blocks: libpq resolves host names synchronously.

#include <algorithm>

#include "base/wait.h"
#include "db/connection.h"
#include "db/error.h"

namespace i2m::db {

namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;
using Waiting = boost::asio::posix::basic_stream_descriptor<Executor>;

constexpr auto idle_in_transaction_max = std::chrono::seconds{10};

// A session's settings by name. Texts of times must not depend on what the database or the role is set to.
std::vector<std::pair<std::string, std::string>> session(const Settings& settings, Use use) {
  std::vector<std::pair<std::string, std::string>> out{
      {"TimeZone", "UTC"},
      {"DateStyle", "ISO"},
      {"statement_timeout", fmt::format("{}", settings.statement_timeout.count())},
      {"idle_in_transaction_session_timeout",
       fmt::format("{}", std::chrono::milliseconds{idle_in_transaction_max}.count())},
  };
  // A failed read takes the others of its turn with it and they are sent again: a write among them would run twice.
  if (use == Use::Reads) out.emplace_back("transaction_read_only", "on");
  return out;
}

std::string startup_options(const Settings& settings, Use use) {
  std::string out;
  for (const auto& [name, value] : session(settings, use)) {
    out += fmt::format("{}-c {}{}={}", out.empty() ? "" : " ", name == "transaction_read_only" ? "default_" : "", name,
                       value);
  }
  return out;
}

std::string* find(Parameters& parameters, std::string_view keyword) {
  const auto at = std::ranges::find(parameters, keyword, &Parameters::value_type::first);
  return at == parameters.end() ? nullptr : &at->second;
}

// Owns a connection while it is being made. libpq owns the descriptor, which may be another one after every step.
struct Attempt {
  explicit Attempt(boost::asio::io_context& io) : socket{io.get_executor()} {}
  Attempt(const Attempt&) = delete;
  ~Attempt() {
    forget_socket();
    if (pg != nullptr) PQfinish(pg);
  }
  void forget_socket() {
    if (socket.is_open()) socket.release();
  }

  PGconn* pg = nullptr;
  Waiting socket;
};

// The next wait of PQconnectPoll, true when it ended before the deadline.
Co<bool> wait_step(Attempt& attempt, PostgresPollingStatusType step, Timer& deadline) {
  using namespace boost::asio::experimental::awaitable_operators;
  const auto direction = step == PGRES_POLLING_READING ? Waiting::wait_read : Waiting::wait_write;
  attempt.socket.assign(PQsocket(attempt.pg));
  auto ended = co_await (attempt.socket.async_wait(direction, awaiting) || deadline.async_wait(awaiting));
  attempt.forget_socket();
  co_return ended.index() == 0;
}

PGconn* start_connecting(const Parameters& parameters) {
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const auto& [keyword, value] : parameters) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  return PQconnectStartParams(keywords.data(), values.data(), 0);
}

int hosts(Parameters& parameters) {
  const std::string* list = find(parameters, "hostaddr");
  if (list == nullptr) list = find(parameters, "host");
  return list == nullptr ? 1 : 1 + static_cast<int>(std::ranges::count(*list, ','));
}

}  // namespace

std::string company_sql(const Settings& settings, Use use) {
  std::string sql = "select set_config('app.company_id', $1, true)";
  if (settings.prepared) return sql;
  for (const auto& [name, value] : session(settings, use)) {
    sql += fmt::format(", set_config('{}', '{}', true)", name, value);
  }
  return sql;
}

Result<Parameters> connect_parameters(const Settings& settings, Use use) {
  char* reason = nullptr;
  PQconninfoOption* options = PQconninfoParse(settings.conninfo.c_str(), &reason);
  if (options == nullptr) {
    const std::unique_ptr<char, decltype(&PQfreemem)> owned{reason, &PQfreemem};
    return fail(Code::Internal, fmt::format("conninfo: {}", reason == nullptr ? "out of memory" : reason));
  }
  Parameters out;
  for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    if (option->val != nullptr) out.emplace_back(option->keyword, option->val);
  }
  PQconninfoFree(options);
  const auto prefer = [&](const char* keyword, std::string value) {
    if (find(out, keyword) == nullptr) out.emplace_back(keyword, std::move(value));
  };
  prefer("application_name", "image2model");
  prefer("client_encoding", "UTF8");
  // A host that swallows packets must not keep libpq from trying the next, nor hold a query for the kernel's quarter
  // of an hour.
  prefer("tcp_user_timeout", fmt::format("{}", settings.connect_timeout.count()));
  prefer("keepalives_idle", "30");
  prefer("keepalives_interval", "10");
  prefer("keepalives_count", "3");
  if (settings.prepared) {
    prefer("options", "");
    std::string& said = *find(out, "options");
    said = fmt::format("{} {}", startup_options(settings, use), said);
  }
  return out;
}

Task<ConnectionPtr> Connection::open(boost::asio::io_context& io, Settings settings, Use use) {
  CO_TRY(auto parameters, connect_parameters(settings, use));
  Timer deadline{io.get_executor()};
  deadline.expires_after(settings.connect_timeout * hosts(parameters));
  Attempt attempt{io};
  attempt.pg = start_connecting(parameters);
  if (attempt.pg == nullptr) co_return fail(Code::Unavailable, "out of memory");
  if (PQstatus(attempt.pg) == CONNECTION_BAD) co_return std::unexpected{lost(attempt.pg)};
  PostgresPollingStatusType step = PGRES_POLLING_WRITING;  // as the manual says to begin
  while (step != PGRES_POLLING_OK) {
    const bool in_time = co_await wait_step(attempt, step, deadline);
    if (!in_time) co_return fail(Code::Unavailable, "PostgreSQL: connecting took too long");
    step = PQconnectPoll(attempt.pg);
    if (step == PGRES_POLLING_FAILED) co_return std::unexpected{lost(attempt.pg)};
  }
  if (PQsetnonblocking(attempt.pg, 1) != 0 || PQenterPipelineMode(attempt.pg) != 1) {
    co_return std::unexpected{lost(attempt.pg)};
  }
  auto connection = std::make_shared<Connection>(io, std::exchange(attempt.pg, nullptr), std::move(settings), use);
  connection->start();
  co_return connection;
}

}  // namespace i2m::db
