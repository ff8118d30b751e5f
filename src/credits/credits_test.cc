#include "credits/credits.h"

#include "support/given.h"

namespace i2m::credits {
namespace {

class Accounts : public test::Stage {
 protected:
  Accounts() { database.exec("alter table credit_holds drop constraint if exists credit_holds_item"); }
  const CompanyId company = given_company();
};

Task<Balance> reserve_one(db::Pool& pool, CompanyId company, Credits each) {
  CO_TRY(db::Tx tx, co_await pool.begin(company));
  std::vector<ItemId> items{ItemId::make()};
  CO_TRY(const Balance after, co_await reserve(tx, JobId::make(), std::move(items), each));
  CO_CHECK(co_await tx.commit());
  co_return after;
}

TEST_F(Accounts, OfTwoWhoRaceForTheLastCreditOneGetsIt) {
  for (int round = 0; round < 10; ++round) {
    given_credits(company, 35);
    std::vector<Co<Result<Balance>>> both;
    both.push_back(reserve_one(loop.db, company, 35_cr));
    both.push_back(reserve_one(loop.db, company, 35_cr));
    const auto answers = run_all(std::move(both));
    EXPECT_NE(answers[0].has_value(), answers[1].has_value());
    const auto& loser = answers[0] ? answers[1] : answers[0];
    EXPECT_EQ(loser.error().code, Code::InsufficientCredits);
    EXPECT_EQ(balance_of(company).available, 0_cr);
    EXPECT_EQ(balance_of(company).held.count(), 35 * (round + 1));
  }
  EXPECT_GE(loop.db.stats().open, 2) << "it was no race: both went over one connection";
  EXPECT_EQ(disagreements(), 0u);
}

TEST_F(Accounts, TwentyAtOnceSpendNoMoreThanThereIs) {
  given_credits(company, 35 * 7);
  std::vector<Co<Result<Balance>>> many;
  for (int i = 0; i < 20; ++i) many.push_back(reserve_one(loop.db, company, 35_cr));
  const auto answers = run_all(std::move(many));
  EXPECT_EQ(std::ranges::count_if(answers, [](const auto& each) { return each.has_value(); }), 7);
  EXPECT_EQ(balance_of(company).available, 0_cr);
  EXPECT_EQ(disagreements(), 0u);
}

TEST_F(Accounts, RefusalSaysHowManyAreNeededAndHowManyThereAre) {
  given_credits(company, 34);
  const auto refused = run(reserve_one(loop.db, company, 35_cr));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().field, "files");
  EXPECT_NE(refused.error().message.find("35 credits"), std::string::npos) << refused.error().message;
  EXPECT_NE(refused.error().message.find("34 are available"), std::string::npos) << refused.error().message;
  EXPECT_EQ(balance_of(company).available, 34_cr);
}

TEST_F(Accounts, ATransactionThatIsDroppedHoldsNothing) {
  given_credits(company, 100);
  const std::string before = all_of(company);
  const auto dropped = [](db::Pool& pool, CompanyId of) -> Task<> {
    CO_TRY(db::Tx tx, co_await pool.begin(of));
    std::vector<ItemId> items{ItemId::make()};
    CO_CHECK(co_await reserve(tx, JobId::make(), std::move(items), 35_cr));
    co_return Result<>{};
  };
  ASSERT_TRUE(run(dropped(loop.db, company)));
  EXPECT_EQ(all_of(company), before);
}

TEST_F(Accounts, VersionRisesWithEveryChange) {
  const auto first = balance_of(company).version;
  given_credits(company, 100);
  const auto second = balance_of(company).version;
  ASSERT_TRUE(run(reserve_one(loop.db, company, 35_cr)));
  EXPECT_GT(second, first);
  EXPECT_GT(balance_of(company).version, second);
}

TEST_F(Accounts, TotalsOfAJobTellHeldSettledAndReleased) {
  given_credits(company, 300);
  const JobId job = JobId::make();
  const std::vector<ItemId> items{ItemId::make(), ItemId::make(), ItemId::make()};
  const auto play = [](db::Pool& pool, CompanyId of, JobId id, std::vector<ItemId> each) -> Task<JobTotals> {
    CO_TRY(db::Tx tx, co_await pool.begin(of));
    CO_CHECK(co_await reserve(tx, id, each, 52_cr));
    CO_CHECK(co_await settle(tx, each[0], "good"));
    CO_CHECK(co_await release(tx, each[1]));
    CO_CHECK(co_await tx.commit());
    co_return co_await totals_of(pool.reader(of), of, id);
  };
  const auto totals = run(play(loop.db, company, job, items));
  ASSERT_TRUE(totals);
  EXPECT_EQ(totals->held, 52_cr);
  EXPECT_EQ(totals->settled, 52_cr);
  EXPECT_EQ(totals->released, 52_cr);
}

TEST_F(Accounts, ProofFindsABalanceThatSomebodyChangedByHand) {
  given_credits(company, 100);
  EXPECT_EQ(disagreements(), 0u);
  database.exec("update companies set credit_balance = credit_balance + 1");
  EXPECT_EQ(disagreements(), 1u);
  database.exec(
      "update companies set credit_balance = credit_balance - 1; "
      "update credit_accounts set available = available - 1, held = held + 1");
  EXPECT_EQ(disagreements(), 1u);
}

TEST_F(Accounts, OpeningAnAccountTwiceKeepsWhatIsInIt) {
  given_credits(company, 100);
  const auto again = [](db::Pool& system, CompanyId of) -> Task<> {
    CO_TRY(db::Tx tx, co_await system.begin_system("again"));
    CO_CHECK(co_await open_account(tx, of));
    co_return co_await tx.commit();
  };
  ASSERT_TRUE(run(again(system, company)));
  EXPECT_EQ(balance_of(company).available, 100_cr);
}

TEST(Presets, CheapestThatAllowsTheTriangles) {
  struct Row {
    int triangles;
    Quality quality;
    std::int64_t credits;
  };
  for (const Row& row :
       {Row{100, Quality::Low, 35}, Row{1'000, Quality::Low, 35}, Row{1'001, Quality::Medium, 52},
        Row{5'000, Quality::Medium, 52}, Row{5'001, Quality::High, 70}, Row{10'000, Quality::High, 70}}) {
    EXPECT_EQ(preset_for(row.triangles).quality, row.quality) << row.triangles;
    EXPECT_EQ(preset_for(row.triangles).price.count(), row.credits) << row.triangles;
    EXPECT_EQ(&preset_of(row.quality), &preset_for(row.triangles)) << row.triangles;
  }
}

}  // namespace
}  // namespace i2m::credits
