#pragma once

#include <string>
#include <vector>

#include "base/money.h"
#include "net/ctx.h"
#include "net/router.h"

namespace i2m::credits {

/// How a company stands. `balance` = `available` + `held`; it falls only when a hold is settled.
struct Balance {
  Credits available;
  Credits held;
  std::int64_t version = 0;  // rises with every change
  Credits total() const { return available + held; }
};

/// What a job costs: 1 credit = 0.01 US dollar; base cost x 3.5, rounded down.
enum class Quality : std::uint8_t { Low, Medium, High };
constexpr auto enum_names(Quality) { return std::array<std::string_view, 3>{"low", "medium", "high"}; }
struct Preset {
  Quality quality;
  int triangles_max;
  Credits price;  // an item
};
inline constexpr std::array<Preset, 3> presets{
    {{Quality::Low, 1'000, 35_cr}, {Quality::Medium, 5'000, 52_cr}, {Quality::High, 10'000, 70_cr}}};
constexpr const Preset& preset_of(Quality quality) { return presets[static_cast<std::size_t>(quality)]; }
/// The cheapest preset that allows `triangles`; they are within bounds::face_limit_max.
const Preset& preset_for(int triangles);

/// Holds `each` for every item, all or none. Errors: Code::InsufficientCredits, saying how many are needed and how many
/// there are; then nothing moved.
Task<Balance> reserve(db::Tx& tx, JobId job, std::vector<ItemId> items, Credits each);

/// The item's hold becomes an entry of the ledger: the credits are spent. Errors: Code::Conflict when the hold was
/// closed before; then nothing moved.
Task<Balance> settle(db::Tx& tx, ItemId item, std::string reason);

/// The item's hold goes back to what is available. Errors: Code::Conflict when it was closed before.
Task<Balance> release(db::Tx& tx, ItemId item);

/// By an operator. `source` makes it happen once: a repeat answers Code::Conflict and books nothing.
Task<Balance> grant(db::Tx& tx, CompanyId company, Credits amount, std::string source, std::string actor,
                    std::string reason);

/// Commits a transaction that changed `company`'s credits to `after`, and keeps the cached balance true: the cache is
/// emptied and barred before the commit and filled after it, so that whoever is killed in between leaves no stale
/// figure behind. Errors: as Tx::commit. Redis being away is no error: every reader then goes to PostgreSQL.
Task<> commit(net::Loop& loop, db::Tx& tx, CompanyId company, Balance after);

/// The company's balance from the cache, or from PostgreSQL when it is not there.
Task<Balance> balance(net::Loop& loop, CompanyId company);

struct JobTotals {
  Credits held, settled, released;
};
Task<JobTotals> totals_of(db::Reader reader, CompanyId company, JobId job);

/// A company whose account, holds and ledger disagree. `proof` answers none of them, or something is broken.
struct Disagreement {
  CompanyId company;
  std::int64_t balance, credit_balance, ledger, held, open_holds;
};
Task<std::vector<Disagreement>> proof(db::Tx& system);

Task<> open_account(db::Tx& system, CompanyId company);

void routes(net::Router& router);

}  // namespace i2m::credits
