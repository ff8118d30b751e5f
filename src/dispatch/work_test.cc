#include "dispatch/work.h"

#include "dispatch/schedule.h"
#include "dispatch/stream.h"
#include "support/given.h"

namespace i2m::dispatch {
using namespace jobs;
namespace {

using namespace std::chrono_literals;
using providers::Made;
using providers::Order;
using providers::Progress;

using Fake = test::FakeProvider;
using test::model_of;
using test::nap;

class Work : public test::Stage {
 protected:
  Work() { given_credits(company, 1000); }
  ~Work() override { stop(); }

  void start() {
    worker.emplace(loop, test::shared_redis().settings(), provider, store, settings, metrics);
    ended = false;
    boost::asio::co_spawn(loop.io, worker->run(), [this](std::exception_ptr thrown) {
      EXPECT_FALSE(thrown);
      ended = true;
    });
  }
  void stop(std::chrono::milliseconds patience = 5s) {
    if (!worker) return;
    worker->stop(patience);
    // Wakes the worker from its wait for messages; no worker takes it for one.
    redis::Command nudge{"XADD", stream_of(loop, "fake"), "*", "nothing", "to do"};
    const auto ignored = run(loop.redis.run(std::move(nudge)));
    static_cast<void>(ignored);
    EXPECT_TRUE(until([this] { return ended; }));
    // What it spawned beside itself ends a look later.
    turn(200ms);
    worker.reset();
  }
  void dispatch() {
    database.exec("update job_items set not_before = now()");
    ASSERT_TRUE(run(scheduler.dispatch()));
  }
  bool reaches(ItemId item, std::string_view status, std::chrono::milliseconds within = 10s) {
    return until([&] { return status_of(item) == status; }, within);
  }
  std::string error_of(ItemId item) {
    return value("select coalesce(error_code, '') from job_items where id = '" + item.text() + "'");
  }
  void send(ItemId item) {
    redis::Command message{"XADD", stream_of(loop, "fake"), "*", "company", company.text(), "item", item.text()};
    ASSERT_TRUE(run(loop.redis.run(std::move(message))));
  }
  std::int64_t stream_length() {
    redis::Command command{"XLEN", stream_of(loop, "fake")};
    return run(loop.redis.run(std::move(command)))->integer;
  }
  /// The models on the disk.
  std::vector<std::string> models() {
    std::vector<std::string> out;
    for (const std::string& each : folder.files()) {
      if (each.ends_with(".glb")) out.push_back(each);
    }
    return out;
  }
  void expect_paid_back() {
    EXPECT_EQ(balance_of(company).available, 1000_cr);
    EXPECT_EQ(balance_of(company).held, 0_cr);
    EXPECT_TRUE(models().empty());
    EXPECT_EQ(disagreements(), 0u);
  }

  const CompanyId company = given_company();
  Fake provider;
  Settings settings{.provider = "fake", .lease = 600ms, .make_timeout = 1s};
  Scheduler scheduler{loop, system, store, {.provider = "fake"}, metrics};
  std::optional<Worker> worker;
  bool ended = true;
};

TEST_F(Work, MakesStoresAndBooksAModel) {
  start();
  const Job job = given_job(company, 1);
  dispatch();
  ASSERT_TRUE(reaches(job.items[0], "succeeded"));
  EXPECT_EQ(provider.pictures, std::vector{"picture of " + job.items[0].text()});
  ASSERT_EQ(models().size(), 1u);
  EXPECT_EQ("store/" + value("select object_key from files where kind = 'model'"), models()[0]);
  EXPECT_EQ(value("select bytes || ' ' || encode(sha256, 'hex') || ' ' || triangles from files where kind = 'model'"),
            fmt::format("{} {} 900", model_of(900).size(), hex(sha256(as_text(model_of(900))))));
  EXPECT_EQ(balance_of(company).total(), 965_cr);
  EXPECT_EQ(value("select string_agg(kind || ' ' || (data->>'status'), ', ' order by seq) from job_events"),
            "item running, job running, item succeeded, job succeeded");
  EXPECT_TRUE(until([&] { return stream_length() == 0; })) << "the message is done with";
  EXPECT_EQ(disagreements(), 0u);
}

TEST_F(Work, TakesNoMoreAtOnceThanTheProviderHasPlaces) {
  provider.act = [](const Order&, Progress&) -> Task<Made> {
    co_await nap(50ms);
    co_return Made{model_of(10)};
  };
  start();
  const Job job = given_job(company, 6);
  dispatch();
  EXPECT_TRUE(until([&] { return value("select status from job_history") == "succeeded"; }));
  EXPECT_EQ(provider.busiest, 2);
  EXPECT_EQ(provider.calls, 6);
}

TEST_F(Work, WhatIsWrongWithThePictureEndsItAtOnceUnderItsOwnCode) {
  start();
  for (const Code code : {Code::NoObjectFound, Code::ObjectUnclear, Code::PictureUnreadable, Code::FileTruncated,
                          Code::PictureTooLarge, Code::ContractMissed}) {
    provider.calls = 0;
    provider.act = Fake::refusing(code);
    const Job job = given_job(company, 1);
    dispatch();
    ASSERT_TRUE(reaches(job.items[0], "failed")) << net::meaning(code).name;
    EXPECT_EQ(error_of(job.items[0]), net::meaning(code).name);
    EXPECT_EQ(provider.calls, 1) << net::meaning(code).name;
  }
  EXPECT_EQ(value("select string_agg(distinct error_message, '|') from job_items where error_message like '%as told%'"),
            "")
      << "the log's words";
  expect_paid_back();
}

TEST_F(Work, AnOutageOfTheProviderIsTriedAgain) {
  provider.act = Fake::refusing(Code::Unavailable);
  start();
  const Job job = given_job(company, 1);
  dispatch();
  ASSERT_TRUE(reaches(job.items[0], "queued"));
  EXPECT_EQ(value("select attempt || ' ' || (not_before > now()) from job_items"), "1 true");
  EXPECT_EQ(balance_of(company).held, 35_cr);
  provider.act = Fake::good;
  dispatch();
  ASSERT_TRUE(reaches(job.items[0], "succeeded"));
  EXPECT_EQ(value("select attempt from job_items"), "2");
  EXPECT_EQ(balance_of(company).total(), 965_cr);
  EXPECT_EQ(disagreements(), 0u);
}

TEST_F(Work, AfterItsLastAttemptAnItemIsGivenUpAndPaidBack) {
  provider.act = Fake::refusing(Code::Unavailable);
  start();
  const Job job = given_job(company, 1);
  for (int attempt = 1; attempt <= 3; ++attempt) {
    dispatch();
    ASSERT_TRUE(reaches(job.items[0], attempt < 3 ? "queued" : "failed")) << attempt;
  }
  EXPECT_EQ(error_of(job.items[0]), "attempts_exhausted");
  EXPECT_EQ(provider.calls, 3);
  expect_paid_back();
}

TEST_F(Work, AModelThatBreaksThePromiseIsRefusedAndPaidBack) {
  auto cut = model_of(900);
  cut.resize(cut.size() - 4);
  struct Row {
    const char* name;
    std::vector<std::uint8_t> glb;
  };
  start();
  for (const Row& row : {Row{"nothing", {}}, Row{"not a GLB", {'P', 'N', 'G'}}, Row{"a GLB cut short", cut},
                         Row{"a triangle too many", model_of(1001)}}) {
    provider.act = Fake::making(row.glb);
    const Job job = given_job(company, 1);
    dispatch();
    ASSERT_TRUE(reaches(job.items[0], "failed")) << row.name;
    EXPECT_EQ(error_of(job.items[0]), "contract_missed") << row.name;
  }
  expect_paid_back();
  provider.act = Fake::making(model_of(1000));
  const Job job = given_job(company, 1);
  dispatch();
  EXPECT_TRUE(reaches(job.items[0], "succeeded")) << "as many as promised are fine";
}

TEST_F(Work, WhatTakesTooLongIsStoppedAndPaidBack) {
  provider.act = Fake::hang;
  start();
  const Job job = given_job(company, 1);
  const auto began = std::chrono::steady_clock::now();
  dispatch();
  ASSERT_TRUE(reaches(job.items[0], "failed"));
  EXPECT_EQ(error_of(job.items[0]), "deadline_exceeded");
  EXPECT_GE(std::chrono::steady_clock::now() - began, 1s);
  EXPECT_EQ(value("select count(*) from job_items where lease_until is not null"), "0");
  expect_paid_back();
}

TEST_F(Work, ALongAttemptKeepsItsLease) {
  settings.make_timeout = 30s;
  provider.act = Fake::hang;
  start();
  const Job job = given_job(company, 1);
  dispatch();
  ASSERT_TRUE(reaches(job.items[0], "running"));
  turn(1500ms);  // two leases and a half
  EXPECT_EQ(value("select lease_until > now() from job_items"), "t");
  EXPECT_EQ(run(scheduler.reap()), 0);
  stop(0ms);
}

TEST_F(Work, AnItemThatWasTakenBackIsLeftAloneAndItsFileRemoved) {
  settings.make_timeout = 30s;
  settings.lease = 60s;  // so that it does not notice before it is done
  bool go = false;
  provider.act = [&go](const Order&, Progress&) -> Task<Made> {
    while (!go) co_await nap(10ms);
    co_return Made{model_of(10)};
  };
  start();
  const Job job = given_job(company, 1);
  dispatch();
  ASSERT_TRUE(reaches(job.items[0], "running"));
  database.exec("update job_items set lease_until = now() - interval '1 s'");
  ASSERT_EQ(run(scheduler.reap()), 1);
  const std::string before = all_of(company);
  go = true;
  EXPECT_TRUE(until([&] { return provider.busy == 0; }));
  turn(200ms);
  EXPECT_EQ(all_of(company), before);
  EXPECT_TRUE(models().empty()) << models()[0];
}

TEST_F(Work, AnItemWhoseLeaseIsLostIsStopped) {
  settings.make_timeout = 30s;
  provider.act = Fake::hang;
  start();
  const Job job = given_job(company, 1);
  dispatch();
  ASSERT_TRUE(reaches(job.items[0], "running"));
  database.exec("update job_items set status = 'queued', lease_until = null, not_before = now() + interval '1 hour'");
  EXPECT_TRUE(until([&] { return provider.busy == 0; }));
  turn(100ms);
  EXPECT_EQ(value("select status || ' ' || attempt from job_items"), "queued 1");
}

TEST_F(Work, StoppedWithoutPatienceItHandsBackWhatRuns) {
  settings.make_timeout = 30s;
  provider.act = Fake::hang;
  start();
  const Job job = given_job(company, 1);
  dispatch();
  ASSERT_TRUE(reaches(job.items[0], "running"));
  stop(0ms);
  EXPECT_EQ(value("select status || ' ' || (not_before <= now()) from job_items"), "queued true");
  EXPECT_EQ(balance_of(company).held, 35_cr);
}

TEST_F(Work, WhatIsHandedBackOnItsLastAttemptHasLostNothing) {
  settings.attempts_max = 1;
  provider.act = Fake::hang;
  start();
  const Job job = given_job(company, 1);
  database.exec("update job_items set attempts_max = 1");
  dispatch();
  ASSERT_TRUE(reaches(job.items[0], "running"));
  stop(0ms);
  EXPECT_EQ(status_of(job.items[0]), "queued");
  EXPECT_EQ(balance_of(company).held, 35_cr);
  provider.act = Fake::good;
  start();
  dispatch();
  EXPECT_TRUE(reaches(job.items[0], "succeeded"));
  EXPECT_EQ(disagreements(), 0u);
}

TEST_F(Work, StoppedWithPatienceItEndsWhatRuns) {
  provider.act = [](const Order&, Progress&) -> Task<Made> {
    co_await nap(300ms);
    co_return Made{model_of(10)};
  };
  start();
  const Job job = given_job(company, 1);
  dispatch();
  ASSERT_TRUE(reaches(job.items[0], "running"));
  stop(5s);
  EXPECT_EQ(status_of(job.items[0]), "succeeded");
}

TEST_F(Work, AMessageThatComesTwiceIsDoneOnce) {
  const Job job = given_job(company, 1);
  dispatch();
  send(job.items[0]);
  send(job.items[0]);
  start();
  ASSERT_TRUE(reaches(job.items[0], "succeeded"));
  EXPECT_TRUE(until([&] { return stream_length() == 0; }));
  EXPECT_EQ(provider.calls, 1);
  EXPECT_EQ(balance_of(company).total(), 965_cr);
}

TEST_F(Work, MessagesThatMeanNothingHoldNobodyUp) {
  start();
  send(ItemId::make());
  redis::Command rubbish{"XADD", stream_of(loop, "fake"), "*", "company", "x", "item", "'; drop table users"};
  ASSERT_TRUE(run(loop.redis.run(std::move(rubbish))));
  const Job job = given_job(company, 1);
  dispatch();
  EXPECT_TRUE(reaches(job.items[0], "succeeded"));
}

TEST_F(Work, APictureThatChangedOnTheDiskIsNotMade) {
  const Job job = given_job(company, 1);
  const std::vector<std::uint8_t> other{1, 2, 3};
  ASSERT_TRUE(run(store.put(value("select object_key from files"), other)));
  start();
  dispatch();
  ASSERT_TRUE(reaches(job.items[0], "queued"));
  EXPECT_EQ(provider.calls, 0);
}

TEST_F(Work, AProviderThatThrowsCostsTheAttemptAndNotTheWorker) {
  provider.act = [](const Order&, Progress&) -> Task<Made> {
    co_await nap(1ms);
    throw std::bad_alloc{};
  };
  start();
  const Job job = given_job(company, 1);
  dispatch();
  ASSERT_TRUE(until([&] { return provider.calls == 1; }));
  // Its lease is renewed by nobody, so the reaper takes it back.
  ASSERT_TRUE(until([&] { return run(scheduler.reap()).value_or(0) == 1; }, 3s))
      << "an item that nobody makes is kept alive";
  provider.act = Fake::good;
  dispatch();
  ASSERT_TRUE(reaches(job.items[0], "succeeded"));
  EXPECT_EQ(disagreements(), 0u);
}

// --- With Redis or PostgreSQL away

TEST_F(Work, AfterFlushallItMakesItsGroupAnewAndWorksOn) {
  start();
  const Job first = given_job(company, 1);
  dispatch();
  ASSERT_TRUE(reaches(first.items[0], "succeeded"));
  redis::Command flush{"FLUSHALL"};
  ASSERT_TRUE(run(loop.redis.run(std::move(flush))));
  const Job second = given_job(company, 1);
  dispatch();
  EXPECT_TRUE(reaches(second.items[0], "succeeded"));
}

TEST_F(Work, RedisKilledWhileAnItemRunsLosesNothing) {
  provider.act = [](const Order&, Progress&) -> Task<Made> {
    co_await nap(300ms);
    co_return Made{model_of(10)};
  };
  start();
  const Job first = given_job(company, 1);
  dispatch();
  ASSERT_TRUE(reaches(first.items[0], "running"));
  test::shared_redis().kill9();
  EXPECT_TRUE(reaches(first.items[0], "succeeded")) << "what was claimed needs no Redis";
  test::shared_redis();
  ASSERT_TRUE(until([this] { return loop.redis.connected(); }));
  const Job second = given_job(company, 1);
  dispatch();
  EXPECT_TRUE(reaches(second.items[0], "succeeded"));
  EXPECT_EQ(balance_of(company).total(), 930_cr);
  EXPECT_EQ(disagreements(), 0u);
}

TEST_F(Work, PostgresConnectionsCutWhileAnItemRunsLoseNothing) {
  settings.make_timeout = 30s;
  settings.lease = 2s;
  bool go = false;
  provider.act = [&go](const Order&, Progress&) -> Task<Made> {
    while (!go) co_await nap(10ms);
    co_return Made{model_of(10)};
  };
  start();
  const Job job = given_job(company, 1);
  dispatch();
  ASSERT_TRUE(reaches(job.items[0], "running"));
  database.exec(
      "select pg_terminate_backend(pid) from pg_stat_activity where usename in ('i2m_app', 'i2m_system') and datname = "
      "current_database()");
  go = true;
  // Either the end was booked over a new connection, or the lease ends and the next attempt is.
  const auto give_up = std::chrono::steady_clock::now() + 10s;
  while (status_of(job.items[0]) != "succeeded" && std::chrono::steady_clock::now() < give_up) {
    turn(100ms);
    const auto reaped = run(scheduler.reap());
    const auto sent = run(scheduler.dispatch());
    static_cast<void>(reaped), static_cast<void>(sent);
  }
  EXPECT_EQ(status_of(job.items[0]), "succeeded");
  EXPECT_EQ(balance_of(company).total(), 965_cr);
  EXPECT_EQ(models().size(), 1u);
  EXPECT_EQ(disagreements(), 0u);
}

}  // namespace
}  // namespace i2m::dispatch
