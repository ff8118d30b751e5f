#include <gtest/gtest.h>

#include "db/notes_fixture.h"

namespace i2m::db {
namespace {

using namespace boost::asio::experimental::awaitable_operators;

// Runs one statement in a transaction that is dropped without a commit.
Task<std::string> run_and_drop(Pool& pool, CompanyId company, const Query& query, Params params) {
  CO_TRY(Tx tx, co_await pool.begin(company));
  co_return co_await first_value(tx, query, std::move(params));
}

// The codes of a statement, of another behind it, and of the commit.
Task<std::vector<Code>> codes_after(Pool& pool, CompanyId company, const Query& query, Params params) {
  CO_TRY(Tx tx, co_await pool.begin(company));
  const auto first = co_await tx.run(query, std::move(params));
  const auto second = co_await tx.run(count_notes, Params{});
  const auto third = co_await tx.commit();
  std::vector<Code> codes;
  for (const Error* error :
       {first ? nullptr : &first.error(), second ? nullptr : &second.error(), third ? nullptr : &third.error()}) {
    if (error != nullptr) codes.push_back(error->code);
  }
  co_return codes;
}

TEST_F(Notes, TransactionSeesItsOwnCompanyOnly) {
  Pool pool{io, settings()};
  ASSERT_TRUE(run(write_note(pool, ours, "a")));
  ASSERT_TRUE(run(write_note(pool, theirs, "b")));
  ASSERT_TRUE(run(write_note(pool, theirs, "c")));
  EXPECT_EQ(run(run_and_drop(pool, ours, count_notes, {})), "1");
  EXPECT_EQ(run(run_and_drop(pool, theirs, count_notes, {})), "2");
  EXPECT_EQ(count(pool, ours), "1");
}

TEST_F(Notes, ReaderWithoutACompanySeesNothing) {
  Pool pool{io, settings()};
  ASSERT_TRUE(run(write_note(pool, ours, "a")));
  EXPECT_EQ(count(pool, CompanyId{}), "0");
}

TEST_F(Notes, TransactionWithoutACompanyIsRefused) {
  Pool pool{io, settings()};
  EXPECT_EQ(run(pool.begin(CompanyId{})).error().code, Code::Internal);
}

Task<std::string> count_as_system(Pool& pool) {
  CO_TRY(Tx tx, co_await pool.begin_system("a test"));
  co_return co_await first_value(tx, count_notes);
}

TEST_F(Notes, SystemRoleSeesWhatItsPolicyAllowsAndTheAppRoleDoesNotBecomeIt) {
  Pool app{io, settings()};
  Pool system{io, Settings{.conninfo = database.system_conninfo()}};
  ASSERT_TRUE(run(write_note(app, ours, "a")));
  ASSERT_TRUE(run(write_note(app, theirs, "b")));
  EXPECT_EQ(run(count_as_system(system)), "2");
  EXPECT_EQ(run(count_as_system(app)).error().code, Code::Internal);  // app.company_id is not set: fails closed
}

TEST_F(Notes, WritingForAnotherCompanyIsRefusedByTheServer) {
  Pool pool{io, settings()};
  Params params;
  params.add(theirs).add("smuggled");
  EXPECT_EQ(run(run_and_drop(pool, ours, add_note, params)).error().code, Code::Internal);
  EXPECT_EQ(database.value("select count(*) from t.notes"), "0");
}

TEST_F(Notes, DroppedTransactionIsRolledBackBeforeItsConnectionIsUsedAgain) {
  Settings one = settings();
  one.connections = 1;
  Pool pool{io, one};
  Params params;
  params.add(ours).add("dropped");
  ASSERT_TRUE(run(run_and_drop(pool, ours, add_note, params)));
  EXPECT_EQ(run(run_and_drop(pool, ours, count_notes, {})), "0");
  ASSERT_TRUE(run(write_note(pool, ours, "kept")));
  EXPECT_EQ(database.value("select title from t.notes"), "kept");
  turn(std::chrono::milliseconds{20});
  EXPECT_EQ(pool.stats().busy, 0);
  EXPECT_EQ(pool.stats().open, 1);
}

TEST_F(Notes, ViolatedConstraintIsAConflictThatNamesIt) {
  Pool pool{io, settings()};
  const auto refused = run(write_note(pool, ours, std::string(100, 'x')));
  EXPECT_EQ(refused.error().code, Code::Conflict);
  EXPECT_EQ(violated_constraint(refused.error()), "notes_title_short");
  EXPECT_EQ(refused.error().detail.find("xxx"), std::string::npos);
  ASSERT_TRUE(run(write_note(pool, ours, "a")));
  EXPECT_EQ(violated_constraint(run(write_note(pool, ours, "a")).error()), "notes_title_once");
  EXPECT_EQ(violated_constraint(run(pool.begin(CompanyId{})).error()), "");
}

TEST_F(Notes, ConstraintThatIsCheckedAtCommitFailsTheCommit) {
  Pool pool{io, settings()};
  ASSERT_TRUE(run(write_note(pool, ours, "same")));
  const auto refused = run(write_note(pool, theirs, "same"));
  EXPECT_EQ(violated_constraint(refused.error()), "notes_not_double");
  EXPECT_EQ(database.value("select count(*) from t.notes"), "1");
}

TEST_F(Notes, TransactionIsDeadAfterAnError) {
  Pool pool{io, settings()};
  Params params;
  params.add(ours).add(std::string(100, 'x'));
  const std::vector dead{Code::Conflict, Code::Conflict, Code::Conflict};
  EXPECT_EQ(run(codes_after(pool, ours, add_note, params)), dead);
}

TEST_F(Notes, SlowStatementIsUnavailable) {
  Settings hasty = settings();
  hasty.statement_timeout = std::chrono::milliseconds{50};
  Pool pool{io, hasty};
  Params params;
  params.add(5.0);
  EXPECT_EQ(run(run_and_drop(pool, ours, sleep_seconds, params)).error().code, Code::Unavailable);
  EXPECT_EQ(run(read_value(pool, ours, sleep_seconds, params)).error().code, Code::Unavailable);
  EXPECT_EQ(count(pool, ours), "0");
}

TEST_F(Notes, FailingReaderDisturbsNoneOfTwoHundred) {
  Pool pool{io, settings()};
  std::vector<Task<std::string>> reads;
  for (std::int32_t i = 0; i < 200; ++i) {
    Params params;
    params.add(i == 20 ? 0 : 1 + i % 6);
    reads.push_back(read_value(pool, ours, divide, params));
  }
  const auto answers = run_all(std::move(reads));
  for (int i = 0; i < 200; ++i) {
    const auto& answer = answers[static_cast<std::size_t>(i)];
    if (i == 20) {
      EXPECT_EQ(answer.error().code, Code::Internal);
    } else {
      EXPECT_EQ(answer, fmt::format("{}", 12 / (1 + i % 6))) << i;
    }
  }
  EXPECT_EQ(pool.stats().open, 1);
}

TEST_F(Notes, ReadersOfOneTurnSeeTheirOwnCompanies) {
  Pool pool{io, settings()};
  ASSERT_TRUE(run(write_note(pool, theirs, "a")));
  std::vector<Task<std::string>> reads;
  for (int i = 0; i < 100; ++i) reads.push_back(read_value(pool, i % 2 == 0 ? ours : theirs, count_notes));
  const auto answers = run_all(std::move(reads));
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(answers[i], i % 2 == 0 ? "0" : "1");
}

TEST_F(Notes, ReaderCannotWrite) {
  Pool pool{io, settings()};
  Params params;
  params.add(ours).add("a");
  EXPECT_EQ(run(read_value(pool, ours, add_note, params)).error().code, Code::Internal);
  EXPECT_EQ(count(pool, ours), "0");
}

TEST_F(Notes, TextWithANulByteIsInvalidInsteadOfCutShort) {
  Pool pool{io, settings()};
  EXPECT_EQ(run(write_note(pool, ours, std::string{"a\0b", 3})).error().code, Code::Invalid);
  EXPECT_EQ(run(write_note(pool, ours, "a\xff")).error().code, Code::Invalid);
  EXPECT_EQ(count(pool, ours), "0");
}

constexpr Query session_settings{
    "notes.settings",
    "select concat_ws(' ', current_setting('TimeZone'), current_setting('DateStyle'),"
    " current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout'),"
    " current_setting('application_name'), current_setting('transaction_read_only'))"};

TEST_F(Notes, SessionIsSetUpWithAndWithoutPreparedStatements) {
  for (const bool prepared : {true, false}) {
    database.exec("alter role i2m_app in database " + database.name() + " set timezone = 'Asia/Tokyo'");
    Settings given = settings();
    given.prepared = prepared;
    Pool pool{io, given};
    EXPECT_EQ(run(run_and_drop(pool, ours, session_settings, {})), "UTC ISO, MDY 3s 10s image2model off");
    EXPECT_EQ(run(read_value(pool, ours, session_settings)), "UTC ISO, MDY 3s 10s image2model on");
    ASSERT_TRUE(run(write_note(pool, ours, prepared ? "a" : "b")));
    EXPECT_EQ(run(write_note(pool, ours, std::string(100, 'x'))).error().code, Code::Conflict);
    EXPECT_EQ(count(pool, ours), prepared ? "1" : "2");
    EXPECT_EQ(count(pool, theirs), "0");
  }
}

Task<std::string> two_at_once(Pool& pool, CompanyId company) {
  CO_TRY(Tx tx, co_await pool.begin(company));
  Params params;
  params.add(company).add("a");
  auto [written, counted] = co_await (tx.run(add_note, std::move(params)) && first_value(tx, count_notes));
  CO_CHECK(std::move(written));
  CO_CHECK(co_await tx.commit());
  co_return counted;
}

TEST_F(Notes, StatementsOfOneTransactionMayBeInFlightTogether) {
  Pool pool{io, settings()};
  EXPECT_EQ(run(two_at_once(pool, ours)), "1");
  EXPECT_EQ(count(pool, ours), "1");
}

TEST_F(Notes, ThousandTransactionsShareFourConnections) {
  Pool pool{io, settings()};
  std::vector<Task<>> writes;
  for (int i = 0; i < 1000; ++i) writes.push_back(write_note(pool, ours, fmt::format("note {}", i)));
  for (const auto& written : run_all(std::move(writes))) EXPECT_TRUE(written) << written.error().detail;
  EXPECT_EQ(pool.stats().open, 4);
  EXPECT_EQ(pool.stats().waiting, 0);
  EXPECT_EQ(count(pool, ours), "1000");
}

TEST_F(Notes, WaitingForAConnectionEndsInTime) {
  Settings one = settings();
  one.connections = 1;
  one.acquire_timeout = std::chrono::milliseconds{50};
  Pool pool{io, one};
  auto held = run(pool.begin(ours));
  ASSERT_TRUE(held);
  EXPECT_EQ(run(pool.begin(ours)).error().code, Code::Unavailable);
  EXPECT_EQ(pool.stats().waiting, 0);
  ASSERT_TRUE(run(held->commit()));
  EXPECT_TRUE(run(pool.begin(ours)));
}

TEST_F(Notes, ServerTakesAnOpenTransactionForIdleSoThatItsTimeOutCounts) {
  Pool pool{io, settings()};
  auto tx = run(pool.begin(ours));
  ASSERT_TRUE(tx);
  ASSERT_TRUE(run(first_value(*tx, count_notes)));
  EXPECT_EQ(database.value("select state from pg_stat_activity where usename = 'i2m_app' and datname = '" +
                           database.name() + "'"),
            "idle in transaction");
}

}  // namespace
}  // namespace i2m::db
