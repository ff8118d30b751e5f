#include "redis/limiter.h"

#include "redis/redis_test_loop.h"

namespace i2m::redis {
namespace {

using namespace testing;

constexpr Quota uploads{"uploads", 10, 60s};

class Limiter : public RedisTest {
 protected:
  Verdict use(const Quota& quota, const std::string& subject, int cost = 1) {
    const Result<Verdict> verdict = wait(take(client, quota, subject, "rate:", cost));
    EXPECT_TRUE(verdict) << verdict.error().detail;
    return verdict ? *verdict : Verdict{};
  }

  Client client{io, server.settings()};
};

TEST_F(Limiter, AllowsExactlyTheQuotaInABurst) {
  for (std::int64_t left = 9; left >= 0; --left) {
    const Verdict verdict = use(uploads, "ann");
    EXPECT_TRUE(verdict.allowed);
    EXPECT_EQ(verdict.limit, 10);
    EXPECT_EQ(verdict.remaining, left);
    EXPECT_EQ(verdict.retry_after, 0ms);
    EXPECT_LE(verdict.reset_after, (10 - left) * 6000ms);
    EXPECT_GT(verdict.reset_after, (10 - left) * 6000ms - 5s);
  }
  for (int i = 0; i < 20; ++i) {
    const Verdict verdict = use(uploads, "ann");
    EXPECT_FALSE(verdict.allowed);
    EXPECT_EQ(verdict.remaining, 0);
    EXPECT_GT(verdict.retry_after, 0ms);
    EXPECT_LE(verdict.retry_after, 6s);
    EXPECT_GT(verdict.reset_after, 54s);
    EXPECT_LE(verdict.reset_after, 60s);
  }
}

TEST_F(Limiter, CountsToTheLastOneWhereTheWindowDoesNotDivide) {
  constexpr Quota odd{"odd", 7, 3600s};
  int allowed = 0;
  for (int i = 0; i < 20; ++i) allowed += use(odd, "ann").allowed ? 1 : 0;
  EXPECT_EQ(allowed, 7);
}

TEST_F(Limiter, RefillsWithTime) {
  constexpr Quota quick{"quick", 4, 2s};  // one each 500 ms
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(use(quick, "ann").allowed);
  const Verdict refused = use(quick, "ann");
  EXPECT_FALSE(refused.allowed);
  idle(refused.retry_after + 1ms);
  EXPECT_TRUE(use(quick, "ann").allowed);
  EXPECT_FALSE(use(quick, "ann").allowed);
  idle(2100ms);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(use(quick, "ann").allowed);
  EXPECT_FALSE(use(quick, "ann").allowed);
}

TEST_F(Limiter, KeepsSubjectsAndQuotasApart) {
  constexpr Quota logins{"logins", 1, 60s};
  EXPECT_TRUE(use(logins, "ann").allowed);
  EXPECT_FALSE(use(logins, "ann").allowed);
  EXPECT_TRUE(use(logins, "bob").allowed);
  EXPECT_TRUE(use(uploads, "ann").allowed);
}

TEST_F(Limiter, TakesSeveralAtOnceOrNone) {
  EXPECT_EQ(use(uploads, "ann", 7).remaining, 3);
  const Verdict refused = use(uploads, "ann", 4);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.remaining, 3);
  EXPECT_GT(refused.retry_after, 0ms);
  EXPECT_LE(refused.retry_after, 6s);
  EXPECT_EQ(use(uploads, "ann", 3).remaining, 0);
  EXPECT_FALSE(use(uploads, "bob", 11).allowed);
  EXPECT_EQ(use(uploads, "bob", 10).remaining, 0);
}

TEST_F(Limiter, ItsKeyExpiresWhenTheQuotaIsWhole) {
  constexpr Quota quick{"quick", 10, 5s};
  use(quick, "ann", 2);
  const std::int64_t left_ms = must(client.run({"PTTL", "rate:quick:ann"})).integer;
  EXPECT_GT(left_ms, 0);
  EXPECT_LE(left_ms, 1000);
  idle(1100ms);
  EXPECT_EQ(must(client.run({"EXISTS", "rate:quick:ann"})).integer, 0);
}

TEST_F(Limiter, ASmallerQuotaTakesHoldAtOnce) {
  constexpr Quota large{"same", 100, 3600s};
  constexpr Quota small{"same", 2, 10s};
  use(large, "ann", 100);
  const Verdict refused = use(small, "ann");
  EXPECT_FALSE(refused.allowed);
  EXPECT_LE(refused.retry_after, 5s);  // not the hour of the old one
}

TEST_F(Limiter, GoesWithOtherCommandsInOneBatch) {
  std::vector<Command> batch;
  batch.push_back(limiter_command(uploads, "ann", "rate:"));
  batch.push_back({"ECHO", "other"});
  const auto first = wait(client.run_all(batch));
  ASSERT_TRUE(first);
  EXPECT_TRUE(script_missing((*first)[0]));
  EXPECT_EQ((*first)[1].text, "other");
  must(client.run(limiter_load_command()));
  const auto second = wait(client.run_all(batch));
  ASSERT_TRUE(second);
  const Result<Verdict> verdict = parse_verdict((*second)[0]);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->remaining, 9);
}

TEST_F(Limiter, LoadsItsScriptAgainAfterARestart) {
  use(uploads, "ann");
  must(client.run({"SCRIPT", "FLUSH"}));
  EXPECT_EQ(use(uploads, "ann").remaining, 8);
}

TEST_F(Limiter, RefusesAReplyThatIsNoVerdict) {
  EXPECT_EQ(parse_verdict(Reply{}).error().code, Code::Internal);
  Reply loading;
  loading.kind = Reply::Kind::Error;
  loading.text = "LOADING Redis is loading the dataset in memory";
  EXPECT_EQ(parse_verdict(loading).error().code, Code::Unavailable);
}

TEST_F(Limiter, SaysUnavailableWhenRedisIsAway) {
  server.kill9();
  const Result<Verdict> verdict = wait(take(client, uploads, "ann", "rate:"));
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().code, Code::Unavailable);
}

}  // namespace
}  // namespace i2m::redis
