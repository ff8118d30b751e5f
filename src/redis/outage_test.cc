#include <gmock/gmock.h>

#include "redis/redis_test_loop.h"

namespace i2m::redis {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::Not;
using Clock = std::chrono::steady_clock;

class Outage : public RedisTest {
 protected:
  void SetUp() override { must(client.run({"SET", "key", "value"})); }

  void expect_recovery() {
    ASSERT_TRUE(until([this] { return client.connected(); }));
    EXPECT_EQ(must(client.run({"GET", "key"})).text, "value");
  }

  Client client{io, server.settings()};
};

std::ptrdiff_t lines_in(std::string_view text) { return std::ranges::count(text, '\n'); }

TEST_F(Outage, APausedServerTimesOutAndIsUsedAgain) {
  must(client.run({"CLIENT", "PAUSE", "1500", "ALL"}));
  const auto asked_at = Clock::now();
  EXPECT_EQ(refused(client.run({"GET", "key"})), Code::Unavailable);
  EXPECT_GE(Clock::now() - asked_at, 250ms);
  EXPECT_LT(Clock::now() - asked_at, 1000ms);
  EXPECT_FALSE(client.connected());
  expect_recovery();
}

TEST_F(Outage, AFrozenServerTimesOutOnceAndThenRefusesAtOnce) {
  server.freeze();
  EXPECT_EQ(refused(client.run({"GET", "key"})), Code::Unavailable);
  for (int i = 0; i < 100; ++i) {
    const auto asked_at = Clock::now();
    EXPECT_EQ(refused(client.run({"GET", "key"})), Code::Unavailable);
    EXPECT_LT(Clock::now() - asked_at, 100ms);
  }
  server.thaw();
  expect_recovery();
}

TEST_F(Outage, AnOverdueReplyIsNeverTakenForAnother) {
  server.freeze();
  EXPECT_EQ(refused(client.run({"ECHO", "late"})), Code::Unavailable);
  server.thaw();
  ASSERT_TRUE(until([this] { return client.connected(); }));
  EXPECT_EQ(must(client.run({"ECHO", "fresh"})).text, "fresh");
}

TEST_F(Outage, AStalledLoopDoesNotBlameTheServer) {
  const auto answer = spawn(client.run({"GET", "key"}));
  until([] { return false; }, 1ms);
  std::this_thread::sleep_for(600ms);
  ASSERT_TRUE(until([&] { return answer->has_value(); }));
  EXPECT_TRUE(**answer);
}

TEST_F(Outage, AKilledServerIsAwayAtOnceAndBackWithAnotherRunId) {
  const std::string before = client.run_id();
  const auto waiting = spawn(client.run_blocking({"BLPOP", "nothing", "0"}, 60s));
  idle(1200ms);  // the file is synced each second
  server.kill9();
  ASSERT_TRUE(until([&] { return waiting->has_value(); }, 1s));
  EXPECT_EQ((*waiting)->error().code, Code::Unavailable);
  EXPECT_FALSE(client.connected());

  const auto asked_at = Clock::now();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(refused(client.run({"GET", "key"})), Code::Unavailable);
  EXPECT_LT(Clock::now() - asked_at, 500ms);
  EXPECT_EQ(client.run_id(), before);

  server.restart();
  expect_recovery();
  EXPECT_NE(client.run_id(), before);
}

TEST_F(Outage, IsLoggedOnce) {
  idle(50ms);
  ::testing::internal::CaptureStderr();
  server.kill9();
  idle(1500ms);
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("redis_away"));
  EXPECT_LE(lines_in(log), 2) << log;  // "end of file", then "connection refused"
}

TEST_F(Outage, AWrongPasswordIsUnavailableLoggedAndTriedWithBackoff) {
  Settings settings = server.settings();
  settings.password = "wrong";
  must(client.run({"CONFIG", "RESETSTAT"}));
  ::testing::internal::CaptureStderr();
  Client stranger{io, settings};
  EXPECT_EQ(refused(stranger.run({"GET", "key"})), Code::Unavailable);
  idle(1500ms);
  EXPECT_EQ(refused(stranger.run({"GET", "key"})), Code::Unavailable);
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("WRONGPASS"));
  EXPECT_THAT(log, Not(HasSubstr("\"wrong\"")));
  EXPECT_EQ(lines_in(log), 1) << log;

  const std::string stats = must(client.run({"INFO", "stats"})).text;
  const std::string name = "total_connections_received:";
  const int attempts = std::stoi(stats.substr(stats.find(name) + name.size()));
  EXPECT_GE(attempts, 3);
  EXPECT_LE(attempts, 9);  // steps of 50, 100, 200, 400, 800 ms, each at least half
}

TEST_F(Outage, NoServerAtAllIsUnavailableAtOnce) {
  Settings settings = server.settings();
  server.kill9();
  Client lonely{io, settings};
  const auto asked_at = Clock::now();
  EXPECT_EQ(refused(lonely.run({"PING"})), Code::Unavailable);
  EXPECT_LT(Clock::now() - asked_at, 250ms);
  EXPECT_TRUE(lonely.run_id().empty());
}

TEST_F(Outage, AServerThatDoesNotGreetTimesOut) {
  server.freeze();
  Settings settings = server.settings();
  settings.connect_timeout = 100ms;
  settings.timeout = 5s;
  Client early{io, settings};
  const auto asked_at = Clock::now();
  EXPECT_EQ(refused(early.run({"PING"})), Code::Unavailable);
  EXPECT_LT(Clock::now() - asked_at, 1s);
  server.thaw();
  EXPECT_TRUE(until([&] { return early.connected(); }));
}

TEST_F(Outage, NamesAreResolvedAndUnknownOnesUnavailable) {
  Settings settings = server.settings();
  settings.host = "localhost";
  settings.timeout = 5s;
  Client by_name{io, settings};
  EXPECT_EQ(must(by_name.run({"PING"})).text, "PONG");
  settings.host = "no-such-host.invalid";
  Client nowhere{io, settings};
  EXPECT_EQ(refused(nowhere.run({"PING"})), Code::Unavailable);
}

}  // namespace
}  // namespace i2m::redis
