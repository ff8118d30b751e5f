#include "dispatch/schedule.h"
#include "dispatch/stream.h"

#include <fstream>

#include "dispatch/queries.gen.h"
#include "support/given.h"

namespace i2m::dispatch {
using namespace jobs;
namespace {

namespace fs = std::filesystem;

class Schedule : public test::Stage {
 protected:
  Schedule() { given_credits(company, 100'000); }

  Scheduler scheduler_with(Settings settings) { return Scheduler{loop, system, store, std::move(settings), metrics}; }
  int dispatched() { return run(scheduler.dispatch()).value_or(-1); }
  int reaped() { return run(scheduler.reap()).value_or(-1); }
  /// The items in the stream, in order.
  std::vector<std::string> messages() {
    redis::Command command{"XRANGE", stream_of(loop, "fake"), "-", "+"};
    std::vector<std::string> out;
    for (const auto& entry : run(loop.redis.run(std::move(command)))->elements)
      out.push_back(entry.elements.at(1).elements.at(3).text);
    return out;
  }
  std::string count(std::string_view status) {
    return value(fmt::format("select count(*) from job_items where status = '{}'", status));
  }
  void let_leases_end() {
    database.exec("update job_items set lease_until = now() - interval '1 s' where lease_until is not null");
  }
  void let_deadlines_pass() { database.exec("update job_items set deadline_at = now() - interval '1 s'"); }
  void put_into(std::string_view status, int attempt) {
    database.exec(
        fmt::format("update job_items set status = '{}', attempt = {}, lease_until = now() + interval '1 minute'",
                    status, attempt));
  }

  const CompanyId company = given_company();
  Scheduler scheduler = scheduler_with({.dispatch_window = 8});
};

TEST_F(Schedule, SendsWhatIsQueuedToItsProvidersStream) {
  const Job job = given_job(company, 2);
  EXPECT_EQ(dispatched(), 2);
  EXPECT_EQ(count("dispatched"), "2");
  EXPECT_EQ(messages(), (std::vector{job.items[0].text(), job.items[1].text()}));
  EXPECT_EQ(dispatched(), 0) << "nothing is sent twice";
  EXPECT_EQ(messages().size(), 2u);
}

TEST_F(Schedule, KeepsToItsWindow) {
  given_job(company, 20);
  EXPECT_EQ(dispatched(), 8);
  EXPECT_EQ(dispatched(), 0);
  database.exec(
      "update job_items set status = 'queued', lease_until = null where id = (select id from job_items where status = "
      "'dispatched' limit 1)");
  EXPECT_EQ(dispatched(), 1);
  EXPECT_EQ(count("dispatched"), "8");
}

TEST_F(Schedule, ACompanyWithAThousandQueuedDoesNotDelayAnothersFirst) {
  const Job flood = given_job(company, 1);
  database.exec(
      fmt::format("update job_history set item_count = 1000 where id = '{}'; "
                  "insert into job_items (id, company_id, job_id, position, file_name, width_px, height_px, credits, "
                  "provider, attempts_max, deadline_at, created_at) "
                  "select gen_random_uuid(), company_id, job_id, n, 'x', 1, 1, 35, 'fake', 3, deadline_at, now() - "
                  "interval '1 hour' "
                  "from job_items, generate_series(2, 1000) n",
                  flood.id.text()));
  ASSERT_EQ(dispatched(), 8);  // the flood fills the window
  const CompanyId small = given_company();
  given_credits(small, 100);
  const Job one = given_job(small, 1);
  EXPECT_EQ(dispatched(), 0);
  // One of the flood's ends: the next place is the other's, although nine hundred wait longer.
  database.exec(
      "update job_items set status = 'queued', lease_until = null, not_before = now() + interval '1 hour' "
      "where id = (select id from job_items where status = 'dispatched' limit 1)");
  EXPECT_EQ(dispatched(), 1);
  EXPECT_EQ(status_of(one.items[0]), "dispatched");
}

TEST_F(Schedule, TakesTurnsBetweenCompanies) {
  given_job(company, 10);
  const CompanyId other = given_company();
  given_credits(other, 1000);
  given_job(other, 10);
  EXPECT_EQ(dispatched(), 8);
  EXPECT_EQ(value("select string_agg(n::text, ' ') from (select count(*) as n from job_items where status = "
                  "'dispatched' group by company_id) c"),
            "4 4");
}

TEST_F(Schedule, ARetryIsNotSentBeforeItsTime) {
  given_job(company, 1);
  database.exec("update job_items set not_before = now() + interval '1 hour'");
  EXPECT_EQ(dispatched(), 0);
  database.exec("update job_items set not_before = now()");
  EXPECT_EQ(dispatched(), 1);
}

TEST_F(Schedule, TwoSchedulersSendAnItemOnce) {
  given_job(company, 8);
  Scheduler second = scheduler_with({.dispatch_window = 8});
  std::vector<Co<Result<int>>> both;
  both.push_back(scheduler.dispatch());
  both.push_back(second.dispatch());
  const auto answers = run_all(std::move(both));
  EXPECT_EQ(answers[0].value_or(0) + answers[1].value_or(0), 8);
  EXPECT_EQ(messages().size(), 8u);
}

TEST_F(Schedule, AMessageThatIsLostIsSentAgainWhenItsLeaseEnds) {
  const Job job = given_job(company, 1);
  ASSERT_EQ(dispatched(), 1);
  redis::Command lose{"DEL", stream_of(loop, "fake")};
  ASSERT_TRUE(run(loop.redis.run(std::move(lose))));
  EXPECT_EQ(reaped(), 0) << "its lease has not ended";
  let_leases_end();
  EXPECT_EQ(reaped(), 1);
  EXPECT_EQ(value("select status || ' ' || attempt from job_items"), "queued 0") << "nobody tried: it was no attempt";
  EXPECT_EQ(dispatched(), 1);
  EXPECT_EQ(messages(), std::vector{job.items[0].text()});
}

TEST_F(Schedule, WithoutRedisItemsAreMarkedAndSentAgainLater) {
  given_job(company, 1);
  test::shared_redis().kill9();
  until([this] { return !loop.redis.connected(); });
  EXPECT_EQ(dispatched(), 1);
  test::shared_redis();
  ASSERT_TRUE(until([this] { return loop.redis.connected(); }));
  EXPECT_TRUE(messages().empty());
  let_leases_end();
  EXPECT_EQ(reaped(), 1);
  EXPECT_EQ(dispatched(), 1);
  EXPECT_EQ(messages().size(), 1u);
}

TEST_F(Schedule, ARunningItemWhoseWorkerIsGoneIsTakenBack) {
  given_job(company, 1);
  put_into("running", 1);
  EXPECT_EQ(reaped(), 0);
  let_leases_end();
  EXPECT_EQ(reaped(), 1);
  EXPECT_EQ(value("select status || ' ' || attempt from job_items"), "queued 1");
  EXPECT_EQ(balance_of(company).held, 35_cr);
  EXPECT_EQ(reaped(), 0);
}

TEST_F(Schedule, ItsLastAttemptGoneItFailsAndIsPaidBack) {
  given_job(company, 1);
  put_into("running", 3);
  let_leases_end();
  EXPECT_EQ(reaped(), 1);
  EXPECT_EQ(value("select status || ' ' || error_code from job_items"), "failed attempts_exhausted");
  EXPECT_EQ(balance_of(company).available, 100'000_cr);
  EXPECT_EQ(value("select status from job_history"), "failed");
  EXPECT_EQ(disagreements(), 0u);
}

TEST_F(Schedule, PastItsDeadlineAnItemFailsInWhateverStateItIs) {
  for (const char* state : {"queued", "dispatched", "running"}) {
    const Job job = given_job(company, 1);
    if (std::string_view{state} != "queued") put_into(state, 1);
    let_deadlines_pass();
    EXPECT_EQ(reaped(), 1) << state;
    EXPECT_EQ(value("select status || ' ' || error_code from job_items where id = '" + job.items[0].text() + "'"),
              "failed deadline_exceeded")
        << state;
    EXPECT_EQ(balance_of(company).available, 100'000_cr) << state;
    EXPECT_EQ(reaped(), 0) << state;
    database.exec(
        "delete from api_usage; delete from job_events; delete from files; delete from credit_holds; delete from "
        "job_items; delete from job_history");
  }
  EXPECT_EQ(disagreements(), 0u);
}

TEST_F(Schedule, AnItemThatNobodyCanEndDoesNotKeepTheOthersWaiting) {
  given_job(company, 1);
  given_job(company, 1);
  let_deadlines_pass();
  database.exec(
      "update credit_holds set state = 'released', closed_at = now() where hold_id = (select hold_id from credit_holds "
      "limit 1); "
      "update credit_accounts set available = available + 35, held = held - 35 where held > 0");
  EXPECT_EQ(reaped(), 1);
  EXPECT_EQ(count("failed"), "1");
  EXPECT_EQ(count("queued"), "1");
}

// --- What is left behind

TEST_F(Schedule, SweepsFoldersThatNoJobOwnsAndKeepsThoseOfJobs) {
  const Job job = given_job(company, 1);
  const std::string orphan = storage::key_of(storage::Area::Results, company, JobId::make(), ItemId::make(), "glb");
  const std::vector<std::uint8_t> bytes{1, 2, 3};
  ASSERT_TRUE(run(store.put(orphan, bytes)));
  ASSERT_TRUE(run(store.put("tmp/left.part", bytes)));
  const auto before = folder.files().size();
  EXPECT_EQ(run(scheduler.sweep()), 0) << "all of it is young";
  EXPECT_EQ(folder.files().size(), before);
  for (const auto& entry : fs::recursive_directory_iterator{folder.path()}) {
    fs::last_write_time(entry.path(), fs::file_time_type::clock::now() - std::chrono::hours{2});
  }
  EXPECT_EQ(run(scheduler.sweep()), 2);
  const auto left = folder.files();
  ASSERT_EQ(left.size(), 1u);
  EXPECT_NE(left[0].find(job.id.text()), std::string::npos);
}

TEST_F(Schedule, SweepsAnOrphanBehindAThousandFoldersOfJobs) {
  const Job job = given_job(company, 1);
  database.exec(fmt::format(
      "insert into job_history (id, company_id, user_id, quality, triangles_max, item_count) "
      "select gen_random_uuid(), company_id, user_id, 'low', 1000, 1 from job_history, generate_series(1, 1500)"));
  const fs::path root = folder.path() / "store" / "uploads" / company.text();
  for (const auto& row : database.exec("select id from job_history")) fs::create_directories(root / row[0]);
  std::vector<fs::path> orphans;
  for (int i = 0; i < 30; ++i) fs::create_directories(orphans.emplace_back(root / JobId::make().text()));
  for (const auto& entry : fs::directory_iterator{root})
    fs::last_write_time(entry.path(), fs::file_time_type::clock::now() - std::chrono::hours{2});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(run(scheduler.sweep()));
  EXPECT_EQ(std::ranges::count_if(orphans, [](const fs::path& each) { return fs::exists(each); }), 0);
}

TEST_F(Schedule, ForgetsIdempotencyKeysAfterTwoDays) {
  const Job job = given_job(company, 1);
  const auto add = [&](const char* key, const char* age) {
    database.exec(
        fmt::format("insert into idempotency_keys values ('{}', '{}', '{}', 'x', '{{}}', '{}', now() - interval '{}')",
                    company.text(), job.user.text(), key, job.id.text(), age));
  };
  add("old", "49 h");
  add("young", "47 h");
  ASSERT_TRUE(run(scheduler.sweep()));
  EXPECT_EQ(value("select string_agg(key, ' ') from idempotency_keys"), "young");
}

}  // namespace
}  // namespace i2m::dispatch
