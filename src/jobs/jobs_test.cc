// The states of an item and of its job, asked of the product's functions and seen in the database.
#include "jobs/jobs.h"

#include "jobs/queries.gen.h"
#include "jobs/status.h"
#include "support/given.h"

namespace i2m::jobs {
namespace {

constexpr std::int64_t each = 35;

class States : public test::Stage {
 protected:
  States() { given_credits(company, 10'000); }

  /// Puts the item into `status` by hand: as `attempt`, leased when in flight.
  void put_into(ItemId item, std::string_view status, int attempt) {
    const bool in_flight = status == "dispatched" || status == "running";
    database.exec(fmt::format("update job_items set status = '{}', attempt = {}, lease_until = {} where id = '{}'",
                              status, attempt, in_flight ? "now() + interval '1 minute'" : "null", item.text()));
  }
  ItemRef ref(const Job& job, int attempt, std::size_t at = 0) const { return {job.company, job.items[at], attempt}; }
  Model model_of(const Job& job, ItemRef of) const {
    return {.object_key = storage::key_of(storage::Area::Results, job.company, job.id, of.item,
                                          fmt::format("{}.glb", of.attempt)),
            .bytes = 100,
            .sha256 = i2m::sha256("model"),
            .triangles = 900};
  }
  Result<bool> end_well(const Job& job, ItemRef of) { return run(succeed(loop, of, model_of(job, of))); }
  Result<bool> end_badly(ItemRef of) {
    return run(fail_item(loop, of, Code::NoObjectFound, "There is nothing in it."));
  }
  Result<bool> again(ItemRef of, std::chrono::milliseconds delay = {}) {
    return run(requeue(loop, of, delay, Because::Failed));
  }

  /// The item is claimed the way the worker does it; answers the attempt, or 0 when there was nothing to claim.
  int claim(ItemRef of) {
    const auto play = [](net::Loop& on, ItemRef what) -> Task<int> {
      CO_TRY(db::Tx tx, co_await on.db.begin(what.company));
      sql::ClaimItemParams params{.lease_s = 20, .company_id = what.company, .item_id = what.item};
      CO_TRY(const auto row, co_await sql::claim_item(tx, std::move(params)));
      CO_CHECK(co_await tx.commit());
      co_return row ? row->attempt : 0;
    };
    return run(play(loop, of)).value_or(-1);
  }
  std::int64_t beat(ItemRef of) {
    const auto play = [](net::Loop& on, ItemRef what) -> Task<std::int64_t> {
      CO_TRY(db::Tx tx, co_await on.db.begin(what.company));
      sql::BeatItemParams params{.lease_s = 20,
                                 .stage = "mask",
                                 .progress = 0.5,
                                 .company_id = what.company,
                                 .item_id = what.item,
                                 .attempt = what.attempt};
      CO_TRY(const auto row, co_await sql::beat_item(tx, std::move(params)));
      CO_CHECK(co_await tx.commit());
      co_return row ? 1 : 0;
    };
    return run(play(loop, of)).value_or(-1);
  }
  std::string job_status(const Job& job) {
    return value("select status from job_history where id = '" + job.id.text() + "'");
  }

  const CompanyId company = given_company();
};

TEST_F(States, ARunningItemSucceedsAndIsPaidFor) {
  const Job job = given_job(company, 1);
  put_into(job.items[0], "running", 1);
  EXPECT_EQ(end_well(job, ref(job, 1)), true);
  EXPECT_EQ(status_of(job.items[0]), "succeeded");
  EXPECT_EQ(job_status(job), "succeeded");
  EXPECT_EQ(balance_of(company).total().count(), 10'000 - each);
  EXPECT_EQ(balance_of(company).held, 0_cr);
  EXPECT_EQ(value("select count(*) || ' ' || sum(credits) from api_usage"), "1 35");
  EXPECT_EQ(value("select triangles from files where kind = 'model'"), "900");
  EXPECT_EQ(disagreements(), 0u);
}

TEST_F(States, AnItemThatFailsIsPaidBackAndSaysWhy) {
  const Job job = given_job(company, 1);
  put_into(job.items[0], "running", 1);
  EXPECT_EQ(end_badly(ref(job, 1)), true);
  EXPECT_EQ(value("select status || ' ' || error_code || ' ' || error_message from job_items"),
            "failed no_object_found There is nothing in it.");
  EXPECT_EQ(job_status(job), "failed");
  EXPECT_EQ(balance_of(company).available, 10'000_cr);
  EXPECT_EQ(value("select count(*) from api_usage"), "0");
  EXPECT_EQ(disagreements(), 0u);
}

TEST_F(States, EveryEdgeOfTheDrawingAndNoOther) {
  struct Row {
    const char* from;
    bool claim, beat, succeed, fail, requeue, cancel;
  };
  // The states down, what is tried across; a claim makes an attempt more.
  const Row rows[] = {
      {"queued", false, false, false, true, false, true},      {"dispatched", true, false, false, true, true, true},
      {"running", false, true, true, true, true, true},        {"unsure", false, false, false, true, false, false},
      {"succeeded", false, false, false, false, false, false}, {"failed", false, false, false, false, false, false},
      {"cancelled", false, false, false, false, false, false},
  };
  bool asked = false;  // to be cancelled, by its owner
  const auto given = [&](const char* state) {
    const Job job = given_job(company, 1);
    put_into(job.items[0], "running", 1);
    if (std::string_view{state} == "succeeded") {
      EXPECT_EQ(end_well(job, ref(job, 1)), true);
    } else if (std::string_view{state} == "failed") {
      EXPECT_EQ(end_badly(ref(job, 1)), true);
    } else if (std::string_view{state} == "cancelled") {
      database.exec("update job_items set status = 'cancelled', lease_until = null, finished_at = now() where id = '" +
                    job.items[0].text() + "'");
    } else {
      put_into(job.items[0], state, 1);
    }
    if (asked) database.exec("update job_items set cancel_asked_at = now() where id = '" + job.items[0].text() + "'");
    return job;
  };
  const auto expect = [&](const char* verb, const Row& row, bool allowed, auto act) {
    const Job job = given(row.from);
    const std::string before = all_of(company);
    EXPECT_EQ(act(job), allowed) << row.from << ": " << verb;
    if (!allowed)
      EXPECT_EQ(all_of(company), before) << row.from << ": " << verb << " was refused and changed something";
  };
  for (const Row& row : rows) {
    expect("claim", row, row.claim, [&](const Job& job) { return claim(ref(job, 1)) > 0; });
    expect("beat", row, row.beat, [&](const Job& job) { return beat(ref(job, 1)) > 0; });
    expect("succeed", row, row.succeed, [&](const Job& job) { return end_well(job, ref(job, 1)).value(); });
    expect("fail", row, row.fail, [&](const Job& job) { return end_badly(ref(job, 1)).value(); });
    expect("requeue", row, row.requeue, [&](const Job& job) { return again(ref(job, 1)).value(); });
    const auto wanted = [&](const Job& job) { return run(cancel_item(loop, ref(job, 1))).value(); };
    expect("cancel what nobody has asked to", row, false, wanted);
    asked = true;
    expect("cancel", row, row.cancel, wanted);
    asked = false;
  }
  EXPECT_EQ(disagreements(), 0u);
}

TEST_F(States, ALateAttemptChangesNothing) {
  const Job job = given_job(company, 1);
  put_into(job.items[0], "running", 2);
  const std::string before = all_of(company);
  for (const int stale : {0, 1, 3}) {
    EXPECT_EQ(end_well(job, ref(job, stale)), false) << stale;
    EXPECT_EQ(end_badly(ref(job, stale)), false) << stale;
    EXPECT_EQ(again(ref(job, stale)), false) << stale;
    EXPECT_EQ(beat(ref(job, stale)), 0) << stale;
  }
  EXPECT_EQ(all_of(company), before);
  EXPECT_EQ(end_well(job, ref(job, 2)), true);
}

TEST_F(States, AnotherCompanyCannotEndAnItem) {
  const Job job = given_job(company, 1);
  put_into(job.items[0], "running", 1);
  const CompanyId other = given_company();
  given_credits(other, 100);
  const std::string before = all_of(company) + all_of(other);
  const ItemRef stolen{other, job.items[0], 1};
  EXPECT_EQ(end_well(job, stolen), false);
  EXPECT_EQ(end_badly(stolen), false);
  EXPECT_EQ(again(stolen), false);
  EXPECT_EQ(claim(stolen), 0);
  EXPECT_EQ(all_of(company) + all_of(other), before);
}

TEST_F(States, ADispatchedItemIsClaimedOnceAndNotBeyondItsAttempts) {
  const Job job = given_job(company, 1);
  put_into(job.items[0], "dispatched", 0);
  EXPECT_EQ(claim(ref(job, 0)), 1);
  EXPECT_EQ(claim(ref(job, 0)), 0) << "a message that came twice";
  put_into(job.items[0], "dispatched", 3);
  EXPECT_EQ(claim(ref(job, 3)), 0);
}

TEST_F(States, ARetryWaitsItsTime) {
  const Job job = given_job(company, 1);
  put_into(job.items[0], "running", 1);
  ASSERT_EQ(again(ref(job, 1), std::chrono::seconds{5}), true);
  EXPECT_EQ(value("select status || ' ' || attempt from job_items"), "queued 1");
  EXPECT_EQ(value("select not_before between now() + interval '3 s' and now() + interval '5 s' from job_items"), "t");
  EXPECT_EQ(balance_of(company).held.count(), each) << "a retry keeps its hold";
}

TEST_F(States, AnEndThatCannotBeBookedIsNoEnd) {
  const Job job = given_job(company, 1);
  put_into(job.items[0], "running", 1);
  // The hold is gone: the ledger refuses, and with it the whole transaction.
  database.exec(
      "update credit_holds set state = 'released', closed_at = now(); update credit_accounts set available = available "
      "+ held, held = 0");
  const std::string before = all_of(company);
  EXPECT_EQ(end_well(job, ref(job, 1)).error().code, Code::Conflict);
  EXPECT_EQ(end_badly(ref(job, 1)).error().code, Code::Conflict);
  EXPECT_EQ(all_of(company), before);
}

TEST_F(States, AJobIsWhatItsItemsAre) {
  struct Row {
    int good, bad, open;
    const char* status;
  };
  for (const Row& row :
       {Row{3, 0, 0, "succeeded"}, Row{2, 1, 0, "partial"}, Row{1, 2, 0, "partial"}, Row{0, 3, 0, "failed"},
        Row{1, 0, 2, "running"}, Row{0, 1, 2, "running"}, Row{2, 0, 1, "running"}, Row{0, 0, 3, "queued"},
        Row{1, 0, 0, "succeeded"}, Row{0, 1, 0, "failed"}}) {
    const Job job = given_job(company, row.good + row.bad + row.open);
    for (int i = 0; i < row.good + row.bad; ++i) {
      const ItemRef item = ref(job, 1, static_cast<std::size_t>(i));
      put_into(item.item, "running", 1);
      EXPECT_EQ(i < row.good ? end_well(job, item) : end_badly(item), true);
    }
    SCOPED_TRACE(fmt::format("{} good, {} bad, {} open", row.good, row.bad, row.open));
    EXPECT_EQ(job_status(job), row.status);
    EXPECT_EQ(value("select finished_at is not null from job_history where id = '" + job.id.text() + "'"),
              row.open == 0 ? "t" : "f");
    const auto seen = run(snapshot(loop, company, job.id));
    ASSERT_TRUE(seen);
    EXPECT_EQ(net::name_of(seen->job.status), row.status);
    EXPECT_EQ(seen->job.credits.settled.count(), row.good * each);
    EXPECT_EQ(seen->job.credits.released.count(), row.bad * each);
    EXPECT_EQ(seen->job.credits.held.count(), row.open * each);
    EXPECT_NEAR(seen->job.progress, static_cast<double>(row.good + row.bad) / (row.good + row.bad + row.open), 1e-6);
  }
  EXPECT_EQ(disagreements(), 0u);
}

TEST_F(States, AnotherCompanysJobIsNotFound) {
  const Job job = given_job(company, 1);
  EXPECT_EQ(run(snapshot(loop, given_company(), job.id)).error().code, Code::NotFound);
  EXPECT_EQ(run(snapshot(loop, company, JobId::make())).error().code, Code::NotFound);
}

Task<int> end_some(net::Loop& loop, std::vector<ItemRef> items, JobId job, bool well) {
  int ended = 0;
  for (const ItemRef& item : items) {
    Model model{.object_key = storage::key_of(storage::Area::Results, item.company, job, item.item, "1.glb"),
                .bytes = 1,
                .sha256 = {},
                .triangles = 1};
    CO_TRY(const bool done,
           well ? co_await succeed(loop, item, std::move(model)) : co_await fail_item(loop, item, Code::Internal, "x"));
    ended += done;
  }
  co_return ended;
}

TEST_F(States, EventsOfItemsThatEndAtTheSameTimeHaveNoGapAndTheLastOneEndsTheJob) {
  const Job job = given_job(company, 20);
  for (const ItemId item : job.items) put_into(item, "running", 1);
  std::vector<Co<Result<int>>> enders;
  for (std::size_t k = 0; k < 8; ++k) {
    std::vector<ItemRef> mine;
    // Each of the eight also tries what its neighbour has: of two who end one item, one does.
    for (std::size_t i = 0; i < 20; ++i) {
      if (i % 8 == k || (i + 1) % 8 == k) mine.push_back(ref(job, 1, i));
    }
    enders.push_back(end_some(loop, std::move(mine), job.id, k % 2 == 0));
  }
  int ended = 0;
  for (const auto& answer : run_all(std::move(enders))) {
    ASSERT_TRUE(answer) << answer.error().detail;
    ended += *answer;
  }
  EXPECT_EQ(ended, 20);
  EXPECT_EQ(value("select count(*) || ' ' || min(seq) || ' ' || max(seq) from job_events"), "40 1 40");
  EXPECT_EQ(value("select event_seq from job_history"), "40");
  EXPECT_EQ(value("select kind || ' ' || (data->>'status') from job_events order by seq desc limit 1"), "job partial");
  EXPECT_EQ(value("select count(*) from job_events where kind = 'job' and data->>'status' <> 'running'"), "1");
  EXPECT_EQ(balance_of(company).held, 0_cr);
  EXPECT_EQ(disagreements(), 0u);
}

TEST_F(States, TheTableRefusesStatesThatCannotBe) {
  given_job(company, 1);
  for (const char* sql :
       {"update job_items set status = 'running'",                      // without a lease
        "update job_items set lease_until = now()",                     // a lease while queued
        "update job_items set status = 'succeeded'",                    // without an end
        "update job_items set status = 'failed', finished_at = now()",  // without a reason
        "update job_items set attempt = attempts_max + 1", "update job_items set progress = 1.5",
        "update job_items set status = 'lost'", "update job_history set succeeded_count = 2",
        "update job_history set status = 'succeeded'", "update files set object_key = 'uploads/elsewhere/x'"}) {
    EXPECT_THROW(database.exec(sql), std::runtime_error) << sql;
  }
}

}  // namespace
}  // namespace i2m::jobs
