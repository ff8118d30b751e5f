#include "credits/cache.h"

#include "support/given.h"

namespace i2m::credits {
namespace {

Task<> commit_grant(net::Loop& loop, db::Pool& system, CompanyId company, Credits amount) {
  CO_TRY(db::Tx tx, co_await system.begin_system("grant"));
  CO_TRY(const Balance after, co_await grant(tx, company, amount, Uuid::make().text(), "admin:test", "a test"));
  co_return co_await commit(loop, tx, company, after);
}

class BalanceCache : public test::Stage {
 protected:
  BalanceCache() {
    given_credits(company, 100);
    // The first command waits for the connection, whose run_id is part of every key.
    until([this] { return loop.redis.connected(); });
  }
  std::optional<Balance> cached() { return run(cache::get(loop, company)); }
  void put(std::int64_t version, std::int64_t available, std::string mark = "") {
    const Balance balance{*Credits::of(available), 0_cr, version};
    run_void(cache::put(loop, company, balance, std::move(mark)));
  }
  void run_void(Co<void> task) {
    const auto wrapped = [](Co<void> inner) -> Co<bool> {
      co_await std::move(inner);
      co_return true;
    };
    run(wrapped(std::move(task)));
  }
  std::int64_t asked() { return run(balance(loop, company))->available.count(); }
  std::vector<std::string> keys() {
    redis::Command command{"KEYS", loop.prefix + "*"};
    std::vector<std::string> out;
    for (const redis::Reply& each : run(loop.redis.run(std::move(command)))->elements) out.push_back(each.text);
    return out;
  }

  const CompanyId company = given_company();
};

TEST_F(BalanceCache, IsFilledByTheFirstReader) {
  EXPECT_FALSE(cached());
  EXPECT_EQ(asked(), 100);
  ASSERT_TRUE(cached());
  EXPECT_EQ(cached()->available, 100_cr);
  database.exec("update credit_accounts set granted = 7, available = 7");
  EXPECT_EQ(asked(), 100) << "the second reader was to be spared PostgreSQL";
}

TEST_F(BalanceCache, ALowerVersionNeverReplacesAHigherOne) {
  put(10, 50);
  put(9, 70);
  EXPECT_EQ(cached()->available, 50_cr);
  put(11, 30);
  EXPECT_EQ(cached()->available, 30_cr);
  put(100, 20);  // as numbers, not as texts
  put(99, 60);
  EXPECT_EQ(cached()->available, 20_cr);
}

TEST_F(BalanceCache, ABarTakesTheValueAndKeepsReadersFromCaching) {
  put(10, 50);
  const std::string mark = run(cache::bar(loop, company));
  EXPECT_FALSE(mark.empty());
  EXPECT_FALSE(cached());
  put(10, 50);
  EXPECT_FALSE(cached());
  put(11, 40, mark);
  EXPECT_EQ(cached()->available, 40_cr);
  put(12, 30);
  EXPECT_EQ(cached()->available, 30_cr) << "the bar went with its setter's value";
}

TEST_F(BalanceCache, OfTwoBarsTheLaterCounts) {
  const std::string first = run(cache::bar(loop, company));
  const std::string second = run(cache::bar(loop, company));
  put(11, 40, first);
  EXPECT_FALSE(cached());
  put(12, 30, second);
  EXPECT_EQ(cached()->available, 30_cr);
}

TEST_F(BalanceCache, AReaderThatLookedBeforeACommitCachesNothingStaleAfterIt) {
  const Balance stale = balance_of(company);
  ASSERT_TRUE(run(commit_grant(loop, system, company, 5_cr)));
  run_void(cache::put(loop, company, stale, ""));
  EXPECT_EQ(cached()->available, 105_cr);
  EXPECT_EQ(asked(), 105);
}

TEST_F(BalanceCache, AWriterKilledBetweenCommitAndPutLeavesNothingStale) {
  EXPECT_EQ(asked(), 100);
  const std::string mark = run(cache::bar(loop, company));
  given_credits(company, 5);  // committed; its put never comes
  EXPECT_EQ(asked(), 105);
  EXPECT_EQ(asked(), 105);
  EXPECT_FALSE(cached());
}

TEST_F(BalanceCache, ABarEndsByItself) {
  run(cache::bar(loop, company));
  const auto left = keys();
  ASSERT_EQ(left.size(), 1u);
  redis::Command command{"PTTL", left[0]};
  const std::int64_t ms = run(loop.redis.run(std::move(command)))->integer;
  EXPECT_GT(ms, 0);
  EXPECT_LE(ms, 10'000);
}

TEST_F(BalanceCache, EveryKeyEndsByItself) {
  EXPECT_EQ(asked(), 100);
  for (const std::string& key : keys()) {
    redis::Command command{"PTTL", key};
    EXPECT_GT(run(loop.redis.run(std::move(command)))->integer, 0) << key;
  }
}

TEST_F(BalanceCache, AFreshProcessBarsUnderTheKeyThatReadersUse) {
  put(10, 50);
  // Its first command of all: the connection, and with it the server's run_id, is not there yet.
  net::Loop fresh{1, {.conninfo = database.app_conninfo()}, test::shared_redis().settings(), loop.prefix};
  const auto bar = [](net::Loop& on, CompanyId of) -> Co<std::string> { co_return co_await cache::bar(on, of); };
  const std::string mark = test::run_on(fresh.io, bar(fresh, company));
  EXPECT_FALSE(mark.empty());
  EXPECT_FALSE(cached()) << "the value of before the commit is still there";
}

TEST_F(BalanceCache, RubbishInTheCacheIsNotBelieved) {
  EXPECT_EQ(asked(), 100);
  for (const char* rubbish : {"", "x", "5", "5 7", "5 -7 0", "5 7 x"}) {
    redis::Command command{"SET", keys().at(0), rubbish};
    ASSERT_TRUE(run(loop.redis.run(std::move(command))));
    EXPECT_EQ(asked(), 100) << rubbish;
    redis::Command forget{"DEL", keys().at(0)};
    ASSERT_TRUE(run(loop.redis.run(std::move(forget))));
    EXPECT_EQ(asked(), 100);
  }
}

// --- With a Redis that dies.

class DyingCache : public BalanceCache {
 protected:
  ~DyingCache() override { test::shared_redis(); }  // alive again for the next
};

TEST_F(DyingCache, WithoutRedisReadersAskPostgres) {
  EXPECT_EQ(asked(), 100);
  test::shared_redis().kill9();
  until([this] { return !loop.redis.connected(); });
  given_credits(company, 5);
  EXPECT_EQ(asked(), 105);
  EXPECT_FALSE(cached());
}

TEST_F(DyingCache, WithoutRedisAWriterCommitsAllTheSame) {
  test::shared_redis().kill9();
  until([this] { return !loop.redis.connected(); });
  ASSERT_TRUE(run(commit_grant(loop, system, company, 5_cr)));
  EXPECT_EQ(balance_of(company).available, 105_cr);
}

TEST_F(DyingCache, ARedisThatHangsHoldsACommitUpForAMomentAndIsNotBelievedAfterwards) {
  EXPECT_EQ(asked(), 100);
  test::shared_redis().freeze();
  const auto began = std::chrono::steady_clock::now();
  EXPECT_TRUE(run(commit_grant(loop, system, company, 5_cr)));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds{2});
  EXPECT_EQ(asked(), 105);
  test::shared_redis().thaw();
  ASSERT_TRUE(until([this] { return loop.redis.connected(); }));
  EXPECT_TRUE(until([this] { return asked() == 105; }, std::chrono::seconds{3}))
      << "the bar is to come late, but to come";
}

TEST_F(DyingCache, RedisKilledBetweenBarAndPutLeavesNothingStale) {
  EXPECT_EQ(asked(), 100);
  const std::string before = loop.redis.run_id();
  const std::string mark = run(cache::bar(loop, company));
  test::shared_redis().kill9();
  given_credits(company, 5);
  put(2, 105, mark);  // into the void
  test::shared_redis();
  ASSERT_TRUE(until([&] { return loop.redis.connected() && loop.redis.run_id() != before; }));
  EXPECT_EQ(asked(), 105);
  EXPECT_EQ(cached()->available, 105_cr);
}

TEST_F(DyingCache, NothingCachedBeforeARestartIsBelievedAfterIt) {
  EXPECT_EQ(asked(), 100);
  const std::string before = loop.redis.run_id();
  turn(std::chrono::milliseconds{1100});  // its file is synced each second
  test::shared_redis().kill9();
  given_credits(company, 5);
  test::shared_redis();
  ASSERT_TRUE(until([&] { return loop.redis.connected() && loop.redis.run_id() != before; }));
  ASSERT_FALSE(keys().empty()) << "the old value did not survive, so this proves nothing";
  EXPECT_FALSE(cached());
  EXPECT_EQ(asked(), 105);
}

}  // namespace
}  // namespace i2m::credits
