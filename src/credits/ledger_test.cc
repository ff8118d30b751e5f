// The ledger in words of its own: a table of what is done and what must come of it, one event a line.
#include <random>
#include <sstream>

#include "support/given.h"

namespace i2m::credits {
namespace {

std::string name_of(const Result<Balance>& done) {
  return done ? "ok" : std::string{net::meaning(done.error().code).name};
}

Task<Balance> grant_and_commit(db::Pool& system, CompanyId company, Credits amount, std::string source) {
  CO_TRY(db::Tx tx, co_await system.begin_system("grant"));
  CO_TRY(const Balance after, co_await grant(tx, company, amount, std::move(source), "admin:test", "a test"));
  CO_CHECK(co_await tx.commit());
  co_return after;
}

enum class Closing { Settle, Release };
Task<Balance> close_and_commit(db::Pool& pool, CompanyId company, ItemId item, Closing how) {
  CO_TRY(db::Tx tx, co_await pool.begin(company));
  Result<Balance> after = how == Closing::Settle ? co_await settle(tx, item, "a model") : co_await release(tx, item);
  CO_CHECK(after);
  CO_CHECK(co_await tx.commit());
  co_return *after;
}

Task<Balance> reserve_and_commit(db::Pool& pool, CompanyId company, JobId job, std::vector<ItemId> items,
                                 Credits each) {
  CO_TRY(db::Tx tx, co_await pool.begin(company));
  CO_TRY(const Balance after, co_await reserve(tx, job, std::move(items), each));
  CO_CHECK(co_await tx.commit());
  co_return after;
}

class Ledger : public test::Stage {
 protected:
  Ledger() {
    // Holds belong to items; the holds of this test belong to none, so that it can say what it likes.
    database.exec("alter table credit_holds drop constraint if exists credit_holds_item");
  }

  /// grant N [source]; hold NAME N [ITEMS]; settle NAME; release NAME; each with what is expected. balance N; held N;
  /// available N; entries N; proof clean. A refused line must leave everything as it was.
  void check(const std::string& table) {
    std::istringstream lines{table};
    for (std::string line; std::getline(lines, line);) {
      line = line.substr(0, line.find('#'));
      std::istringstream in{line};
      std::vector<std::string> words;
      for (std::string word; in >> word;) words.push_back(word);
      if (words.empty()) continue;
      SCOPED_TRACE(line);
      const std::string before = all_of(company);
      const std::string got = perform(words);
      EXPECT_EQ(got, words.back());
      const bool refused =
          words[0] != "balance" && words[0] != "held" && words[0] != "available" && words.back() != "ok";
      if (refused) EXPECT_EQ(all_of(company), before);
    }
    EXPECT_EQ(disagreements(), 0u);
  }

  std::string perform(const std::vector<std::string>& words) {
    const std::string& verb = words[0];
    if (verb == "balance") return std::to_string(balance_of(company).total().count());
    if (verb == "held") return std::to_string(balance_of(company).held.count());
    if (verb == "available") return std::to_string(balance_of(company).available.count());
    if (verb == "entries")
      return value("select count(*) from credit_ledger where company_id = '" + company.text() + "'");
    if (verb == "proof") return disagreements() == 0 ? "clean" : "broken";
    if (verb == "grant") {
      std::string source = words.size() > 3 ? words[2] : Uuid::make().text();
      return name_of(run(grant_and_commit(system, company, *Credits::of(std::stoll(words[1])), std::move(source))));
    }
    if (verb == "hold") {
      const int count = words.size() > 4 ? std::stoi(words[3]) : 1;
      std::vector<ItemId> ids{item_of(words[1])};
      while (std::ssize(ids) < count) ids.push_back(ItemId::make());
      return name_of(
          run(reserve_and_commit(loop.db, company, JobId::make(), std::move(ids), *Credits::of(std::stoll(words[2])))));
    }
    const Closing how = verb == "settle" ? Closing::Settle : Closing::Release;
    return name_of(run(close_and_commit(loop.db, company, item_of(words[1]), how)));
  }

  ItemId item_of(const std::string& name) { return items.try_emplace(name, ItemId::make()).first->second; }

  std::map<std::string, ItemId> items;
  const CompanyId company = given_company();
};

TEST_F(Ledger, SpendsWhatIsSettledAndGivesBackWhatIsReleased) {
  check(R"(
    grant    100        ok
    hold     h1  60     ok
    available           40
    held                60
    balance             100      # nothing is spent before a model is good
    settle   h1         ok
    balance             40
    hold     h2  40     ok
    release  h2         ok
    balance             40
    available           40
    entries             2        # the grant and the settling; a hold that went back is no entry
    proof               clean
  )");
}

TEST_F(Ledger, RefusesOneCreditTooManyAndMovesNothing) {
  check(R"(
    hold     h0  1      insufficient_credits
    grant    100        ok
    hold     h1  60     ok
    hold     h2  41     insufficient_credits
    hold     h2  40     ok
    hold     h3  1      insufficient_credits
    balance             100
    available           0
  )");
}

TEST_F(Ledger, HoldsAllPicturesOfABatchOrNone) {
  check(R"(
    grant    100        ok
    hold     h1  35 3   insufficient_credits
    held                0
    hold     h1  35 2   ok
    held                70
    available           30
  )");
}

TEST_F(Ledger, ClosesAHoldAtMostOnce) {
  check(R"(
    grant    100        ok
    hold     h1  60     ok
    settle   h1         ok
    settle   h1         conflict
    release  h1         conflict
    hold     h2  10     ok
    release  h2         ok
    release  h2         conflict
    settle   h2         conflict
    settle   unknown    conflict
    release  unknown    conflict
    balance             40
    entries             2
  )");
}

TEST_F(Ledger, HoldsAnItemAtMostOnce) {
  check(R"(
    grant    100        ok
    hold     h1  10     ok
    hold     h1  10     conflict
    held                10
    release  h1         ok
    hold     h1  10     conflict   # closed, it still had its one hold
  )");
}

TEST_F(Ledger, BooksAGrantWithTheSameSourceOnce) {
  check(R"(
    grant    100  invoice-7   ok
    grant    100  invoice-7   conflict
    grant    5    invoice-7   conflict
    grant    100  invoice-8   ok
    balance                   200
    entries                   2
  )");
}

TEST_F(Ledger, RefusesAGrantOfNothing) {
  check(R"(
    grant    0    invoice-1   invalid
    balance                   0
    entries                   0
  )");
}

TEST_F(Ledger, NamesEachEntryAfterWhatCausedIt) {
  check(R"(
    grant    100  invoice-7   ok
    hold     h1  60           ok
    settle   h1               ok
  )");
  const auto rows = database.exec(
      "select seq, kind, debit, credit, amount, balance_after, source, actor from credit_ledger order by seq");
  const std::vector<std::vector<std::string>> expected{
      {"1", "grant", "issued", "customer", "100", "100", "invoice-7", "admin:test"},
      {"2", "settle", "customer", "consumed", "60", "40", "item:" + item_of("h1").text(), "work"}};
  EXPECT_EQ(rows, expected);
}

// --- Four hundred operations against a model in memory.

struct Reference {
  struct Hold {
    std::int64_t amount;
    bool open = true;
  };
  std::int64_t available = 0, held = 0, entries = 0;
  std::map<std::string, Hold> holds;

  std::string grant(std::int64_t n) {
    if (n == 0) return "invalid";
    available += n;
    ++entries;
    return "ok";
  }
  std::string hold(const std::string& name, std::int64_t n) {
    // Not enough is found out before the item's second hold is.
    if (n > available) return "insufficient_credits";
    if (holds.contains(name)) return "conflict";
    available -= n;
    held += n;
    holds[name] = {n};
    return "ok";
  }
  std::string close(const std::string& name, bool spend) {
    const auto found = holds.find(name);
    if (found == holds.end() || !found->second.open) return "conflict";
    found->second.open = false;
    held -= found->second.amount;
    if (spend) {
      ++entries;
    } else {
      available += found->second.amount;
    }
    return "ok";
  }
};

TEST_F(Ledger, AgreesWithAModelInMemoryOverFourHundredOperations) {
  const unsigned seed = std::random_device{}();
  RecordProperty("seed", static_cast<int>(seed));
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::minstd_rand random{seed};
  const auto up_to = [&](int most) { return static_cast<int>(random() % static_cast<unsigned>(most + 1)); };
  Reference model;
  for (int i = 0; i < 400 && !HasFailure(); ++i) {
    const std::string name = fmt::format("h{}", up_to(120));
    const std::int64_t n = up_to(70) + 1;
    std::string line, expected;
    if (const int dice = up_to(9); dice == 0) {
      line = fmt::format("grant {}", n - 1);
      expected = model.grant(n - 1);
    } else if (dice <= 5) {
      line = fmt::format("hold {} {}", name, n);
      expected = model.hold(name, n);
    } else {
      line = fmt::format("{} {}", dice <= 7 ? "settle" : "release", name);
      expected = model.close(name, dice <= 7);
    }
    std::istringstream in{line + " " + expected};
    const std::vector<std::string> words{std::istream_iterator<std::string>{in}, {}};
    EXPECT_EQ(perform(words), expected) << "operation " << i << ": " << line;
    const Balance now = balance_of(company);
    EXPECT_EQ(now.available.count(), model.available) << line;
    EXPECT_EQ(now.held.count(), model.held) << line;
  }
  EXPECT_EQ(value("select count(*) from credit_ledger"), std::to_string(model.entries));
  EXPECT_EQ(disagreements(), 0u);
}

}  // namespace
}  // namespace i2m::credits
