#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "db/notes_fixture.h"

namespace i2m::db {
namespace {

using namespace boost::asio::experimental::awaitable_operators;

constexpr auto token = boost::asio::use_awaitable_t<Executor>{};

Co<> after(std::chrono::milliseconds time) {
  boost::asio::basic_waitable_timer<std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>,
                                    Executor>
      timer{co_await boost::asio::this_coro::executor};
  timer.expires_after(time);
  co_await timer.async_wait(token);
}

Task<> hold_and_sleep(Pool& pool, CompanyId company, double seconds) {
  CO_TRY(Tx tx, co_await pool.begin(company));
  Params note;
  note.add(company).add("never committed");
  CO_CHECK(co_await tx.run(add_note, std::move(note)));
  Params params;
  params.add(seconds);
  CO_CHECK(co_await tx.run(sleep_seconds, std::move(params)));
  CO_CHECK(co_await tx.commit());
  co_return Result<>{};
}

// What a request's deadline does to its work. True when the work ended first.
Co<bool> within(Task<> work, std::chrono::milliseconds time) {
  auto ended = co_await (std::move(work) || after(time));
  co_return ended.index() == 0;
}

Task<std::string> sleep_in_reader(Pool& pool, CompanyId company, double seconds) {
  Params params;
  params.add(seconds);
  co_return co_await read_value(pool, company, sleep_seconds, std::move(params));
}

Task<> discard_value(Task<std::string> task) {
  CO_CHECK(co_await std::move(task));
  co_return Result<>{};
}

TEST_F(Notes, CancelledTransactionLeavesThePoolUsable) {
  Settings one = settings();
  one.connections = 1;
  Pool pool{io, one};
  const auto started = std::chrono::steady_clock::now();
  EXPECT_FALSE(run(within(hold_and_sleep(pool, ours, 0.5), std::chrono::milliseconds{100})));
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::milliseconds{400});
  // Waits for the rollback behind the statement that nobody waits for any more.
  EXPECT_TRUE(run(write_note(pool, ours, "b")));
  EXPECT_EQ(database.value("select title from t.notes"), "b");
  EXPECT_EQ(pool.stats().open, 1);
}

TEST_F(Notes, CancelledReaderLeavesTheOthersInStep) {
  Pool pool{io, settings()};
  Task<> slow = discard_value(sleep_in_reader(pool, ours, 0.3));
  EXPECT_FALSE(run(within(std::move(slow), std::chrono::milliseconds{50})));
  EXPECT_EQ(count(pool, ours), "0");
  EXPECT_EQ(pool.stats().open, 1);
}

TEST_F(Notes, CancelledWaitForAConnectionLosesNone) {
  Settings one = settings();
  one.connections = 1;
  Pool pool{io, one};
  auto held = run(pool.begin(ours));
  EXPECT_FALSE(run(within(write_note(pool, ours, "a"), std::chrono::milliseconds{20})));
  EXPECT_EQ(pool.stats().waiting, 0);
  held = fail(Code::Internal);
  EXPECT_TRUE(run(write_note(pool, ours, "b")));
}

TEST_F(Notes, HundredsOfDeadlinesLoseNoConnection) {
  Pool pool{io, settings()};
  std::vector<Co<bool>> work;
  for (int i = 0; i < 300; ++i) {
    Task<> slow = i % 3 == 0 ? discard_value(sleep_in_reader(pool, ours, 0.002)) : hold_and_sleep(pool, ours, 0.002);
    work.push_back(within(std::move(slow), std::chrono::milliseconds{i % 50}));
  }
  run_all(std::move(work));
  turn(std::chrono::milliseconds{50});
  EXPECT_EQ(pool.stats().busy, 0);
  EXPECT_EQ(pool.stats().waiting, 0);
  EXPECT_LE(pool.stats().open, 5);
  EXPECT_TRUE(run(write_note(pool, ours, "after all")));
}

Task<std::string> killed_between_statements(Pool& pool, test::TestDatabase& database, CompanyId company) {
  CO_TRY(Tx tx, co_await pool.begin(company));
  CO_TRY(const std::string pid, co_await first_value(tx, backend_pid));
  database.exec("select pg_terminate_backend(" + pid + ")");
  co_return co_await first_value(tx, count_notes);
}

TEST_F(Notes, KilledBackendIsUnavailableAndThePoolRecovers) {
  Pool pool{io, settings()};
  EXPECT_EQ(run(killed_between_statements(pool, database, ours)).error().code, Code::Unavailable);
  EXPECT_TRUE(run(write_note(pool, ours, "a")));
  EXPECT_EQ(count(pool, ours), "1");
}

Co<> kill_all_soon(test::TestDatabase& database, std::chrono::milliseconds time) {
  co_await after(time);
  database.exec("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'i2m_app' and datname = '" +
                database.name() + "'");
}

Task<> hold_while_killed(Pool& pool, test::TestDatabase& database, CompanyId company) {
  co_return co_await (hold_and_sleep(pool, company, 2) && kill_all_soon(database, std::chrono::milliseconds{50}));
}

TEST_F(Notes, BackendKilledInTheMiddleOfAStatementIsUnavailableAndThePoolRecovers) {
  Pool pool{io, settings()};
  const auto killed = run(hold_while_killed(pool, database, ours));
  EXPECT_EQ(killed.error().code, Code::Unavailable);
  EXPECT_EQ(count(pool, ours), "0");
  EXPECT_TRUE(run(write_note(pool, ours, "a")));
  turn(std::chrono::milliseconds{20});
  EXPECT_EQ(pool.stats().busy, 0);
}

TEST_F(Notes, ConnectionsThatDiedIdleAreNotHandedOut) {
  Pool pool{io, settings()};
  ASSERT_TRUE(run(write_note(pool, ours, "a")));
  EXPECT_EQ(count(pool, ours), "1");
  database.exec("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'i2m_app' and datname = '" +
                database.name() + "'");
  turn(std::chrono::milliseconds{50});
  EXPECT_EQ(pool.stats().open, 0);
  EXPECT_TRUE(run(write_note(pool, ours, "b")));
  EXPECT_EQ(count(pool, ours), "2");
}

constexpr Query everything{"notes.everything", "select * from t.notes"};
constexpr Query from_nowhere{"notes.nowhere", "select * from t.nowhere"};

TEST_F(Notes, PlanMadeStaleByAMigrationIsUnavailableOnce) {
  Pool pool{io, settings()};
  ASSERT_TRUE(run(write_note(pool, ours, "a")));
  ASSERT_TRUE(run(read_value(pool, ours, everything)));
  database.exec("alter table t.notes add column more text");
  EXPECT_EQ(run(read_value(pool, ours, everything)).error().code, Code::Unavailable);
  EXPECT_TRUE(run(read_value(pool, ours, everything)));
}

TEST_F(Notes, StatementThatCannotBePreparedIsTriedAfreshNextTime) {
  Pool pool{io, settings()};
  EXPECT_EQ(run(read_value(pool, ours, from_nowhere)).error().code, Code::Internal);
  database.exec("create table t.nowhere (n int); grant select on t.nowhere to i2m_app");
  EXPECT_TRUE(run(read_value(pool, ours, from_nowhere)));
  EXPECT_EQ(pool.stats().open, 1);
}

TEST_F(Notes, PoolThatGoesAwayAnswersEverybody) {
  Settings one = settings();
  one.connections = 1;
  auto pool = std::make_unique<Pool>(io, one);
  std::vector<Code> codes;
  const auto note_code = [&](std::exception_ptr, const Result<>& answer) { codes.push_back(answer.error().code); };
  boost::asio::co_spawn(io, hold_and_sleep(*pool, ours, 2), note_code);
  boost::asio::co_spawn(io, write_note(*pool, ours, "a"), note_code);
  boost::asio::co_spawn(io, discard_value(sleep_in_reader(*pool, ours, 2)), note_code);
  turn(std::chrono::milliseconds{100});
  pool.reset();
  turn(std::chrono::milliseconds{20});
  EXPECT_EQ(codes, (std::vector{Code::Unavailable, Code::Unavailable, Code::Unavailable}));
}

TEST_F(Notes, LoopThatGoesAwayTakesItsCoroutinesWithIt) {
  auto own = std::make_unique<boost::asio::io_context>();
  auto pool = std::make_unique<Pool>(*own, settings());
  boost::asio::co_spawn(*own, hold_and_sleep(*pool, ours, 2), boost::asio::detached);
  boost::asio::co_spawn(*own, discard_value(sleep_in_reader(*pool, ours, 2)), boost::asio::detached);
  own->run_for(std::chrono::milliseconds{100});
  pool.reset();
  own.reset();
  EXPECT_EQ(database.value("select count(*) from t.notes"), "0");
}

TEST_F(Notes, HostThatIsAwayIsPassedOver) {
  Settings two = settings();
  const std::string host = database.value(  // quoted where the folder's name needs it
      "select trim(both '\"' from split_part(current_setting('unix_socket_directories'), ',', 1))");
  two.conninfo = fmt::format("host=/nowhere,{} user=i2m_app dbname={} port=", host, database.name()) +
                 database.value("select current_setting('port')");
  Pool pool{io, two};
  EXPECT_TRUE(run(pool.ping()));
}

TEST_F(Notes, NoServerIsUnavailableWithinTheTimeToAcquire) {
  Settings nowhere{.conninfo = "host=/nowhere user=i2m_app"};
  nowhere.acquire_timeout = std::chrono::milliseconds{200};
  Pool pool{io, nowhere};
  const auto refused = run(pool.ping());
  EXPECT_EQ(refused.error().code, Code::Unavailable);
  EXPECT_NE(refused.error().detail.find("/nowhere"), std::string::npos) << refused.error().detail;
  EXPECT_EQ(run(read_value(pool, ours, count_notes)).error().code, Code::Unavailable);
}

// A server of its own, so that it can be stopped without disturbing other tests.
class PrivateServer {
 public:
  PrivateServer() {
    command(fmt::format("mkdir -p {0} && {1}chown postgres {0} && chmod 755 {0}", dir_, root() ? "" : "true || "));
    as_postgres(fmt::format("initdb -D {}/data -A trust -U postgres --no-sync >/dev/null", dir_));
  }
  ~PrivateServer() {
    if (running_) stop();
    std::filesystem::remove_all(dir_);
  }
  void start() {
    as_postgres(
        fmt::format("pg_ctl -D {0}/data -w -l {0}/log -o \"-c listen_addresses= -c "
                    "unix_socket_directories={0} -c fsync=off\" start >/dev/null",
                    dir_));
    running_ = true;
  }
  void stop() {
    as_postgres(fmt::format("pg_ctl -D {}/data -w -m fast stop >/dev/null", dir_));
    running_ = false;
  }
  std::string conninfo() const { return fmt::format("host={} user=postgres dbname=postgres", dir_); }

 private:
  static bool root() { return geteuid() == 0; }
  static void command(const std::string& line) {
    if (std::system(line.c_str()) != 0) throw std::runtime_error{line};
  }
  // PostgreSQL refuses to run as root.
  static void as_postgres(const std::string& line) {
    const std::string path = "PATH=$(pg_config --bindir):$PATH ";
    command(root() ? "cd / && " + path + "runuser -u postgres -- sh -c '" + line + "'" : path + "sh -c '" + line + "'");
  }

  std::string dir_ = fmt::format("/tmp/i2m_private_pg_{}", getpid());
  bool running_ = false;
};

TEST(Outage, ServerThatStopsAndComesBackIsUnavailableAndThenUsable) {
  PrivateServer server;
  server.start();
  boost::asio::io_context io;
  Pool pool{io, Settings{.conninfo = server.conninfo()}};
  const CompanyId company = CompanyId::make();
  ASSERT_TRUE(test::run_on(io, read_value(pool, company, backend_pid)));
  ASSERT_TRUE(test::run_on(io, pool.ping()));
  auto tx = test::run_on(io, pool.begin(company));
  ASSERT_TRUE(test::run_on(io, first_value(*tx, backend_pid)));
  server.stop();
  EXPECT_EQ(test::run_on(io, first_value(*tx, backend_pid)).error().code, Code::Unavailable);
  EXPECT_EQ(test::run_on(io, tx->commit()).error().code, Code::Unavailable);
  tx = fail(Code::Internal);
  EXPECT_EQ(test::run_on(io, pool.ping()).error().code, Code::Unavailable);
  EXPECT_EQ(test::run_on(io, read_value(pool, company, backend_pid)).error().code, Code::Unavailable);
  EXPECT_EQ(pool.stats().open, 0);
  server.start();
  EXPECT_TRUE(test::run_on(io, pool.ping()));
  EXPECT_TRUE(test::run_on(io, read_value(pool, company, backend_pid)));
}

}  // namespace
}  // namespace i2m::db
