#include "credits/credits.h"

#include "base/ensure.h"
#include "base/log.h"
#include "credits/cache.h"
#include "credits/queries.gen.h"

namespace i2m::credits {
namespace {

template <class Row>
Result<Balance> balance_of(const Row& row) {
  TRY(const Credits available, Credits::of(row.available));
  TRY(const Credits held, Credits::of(row.held));
  return Balance{available, held, row.version};
}

}  // namespace

const Preset& preset_for(int triangles) {
  for (const Preset& each : presets) {
    if (triangles <= each.triangles_max) return each;
  }
  return presets.back();
}

Task<Balance> reserve(db::Tx& tx, JobId job, std::vector<ItemId> items, Credits each) {
  const auto count = static_cast<std::int64_t>(items.size());
  const Credits total = each * count;
  sql::ReserveParams params{.total = total.count(), .company_id = tx.company(), .job_id = job, .each = each.count()};
  for (const ItemId item : items) {
    params.hold_ids.push_back(Uuid::make());
    params.item_ids.push_back(item.value);
  }
  CO_TRY(const auto row, co_await sql::reserve(tx, std::move(params)));
  if (!row) {
    sql::BalanceParams asked{.company_id = tx.company()};
    CO_TRY(const auto now, co_await sql::balance(tx, std::move(asked)));
    co_return refuse(
        Code::InsufficientCredits, "files",
        fmt::format("This needs {} credits; {} are available. Remove files, choose a lower quality or add credits.",
                    total.count(), now ? now->available : 0));
  }
  ENSURE(row->holds == count);
  co_return balance_of(*row);
}

Task<Balance> settle(db::Tx& tx, ItemId item, std::string reason) {
  sql::SettleParams params{.company_id = tx.company(), .item_id = item, .actor = "work", .reason = std::move(reason)};
  CO_TRY(const auto row, co_await sql::settle(tx, std::move(params)));
  if (!row) co_return fail(Code::Conflict, "hold of item " + item.text() + " was closed before");
  co_return balance_of(*row);
}

Task<Balance> release(db::Tx& tx, ItemId item) {
  sql::ReleaseParams params{.company_id = tx.company(), .item_id = item};
  CO_TRY(const auto row, co_await sql::release(tx, std::move(params)));
  if (!row) co_return fail(Code::Conflict, "hold of item " + item.text() + " was closed before");
  co_return balance_of(*row);
}

Task<Balance> grant(db::Tx& tx, CompanyId company, Credits amount, std::string source, std::string actor,
                    std::string reason) {
  if (amount == 0_cr) co_return refuse(Code::Invalid, "credits", "Grant at least one credit.");
  sql::GrantCreditsParams params{.amount = amount.count(),
                                 .company_id = company,
                                 .source = std::move(source),
                                 .actor = std::move(actor),
                                 .reason = std::move(reason)};
  CO_TRY(const auto row, co_await sql::grant_credits(tx, std::move(params)));
  if (!row)
    co_return refuse(Code::Conflict, "source", "A grant with this source was booked before; nothing was booked now.");
  co_return balance_of(*row);
}

Task<> commit(net::Loop& loop, db::Tx& tx, CompanyId company, Balance after) {
  const std::string mark = co_await cache::bar(loop, company);
  CO_CHECK(co_await tx.commit());
  if (mark.empty()) {
    cache::bar_later(loop, company);
  } else {
    co_await cache::put(loop, company, after, mark);
  }
  co_return Result<>{};
}

Task<Balance> balance(net::Loop& loop, CompanyId company) {
  if (const std::optional<Balance> cached = co_await cache::get(loop, company)) co_return *cached;
  db::Reader reader = loop.db.reader(company);
  sql::BalanceParams params{.company_id = company};
  CO_TRY(const auto row, co_await sql::balance(reader, std::move(params)));
  if (!row) co_return fail(Code::Internal, "company without an account");
  CO_TRY(const Balance now, balance_of(*row));
  co_await cache::put(loop, company, now, "");
  co_return now;
}

Task<JobTotals> totals_of(db::Reader reader, CompanyId company, JobId job) {
  sql::TotalsOfJobParams params{.company_id = company, .job_id = job};
  CO_TRY(const auto row, co_await sql::totals_of_job(reader, std::move(params)));
  CO_TRY(const Credits held, Credits::of(row.held));
  CO_TRY(const Credits settled, Credits::of(row.settled));
  CO_TRY(const Credits released, Credits::of(row.released));
  co_return JobTotals{held, settled, released};
}

Task<std::vector<Disagreement>> proof(db::Tx& system) {
  CO_TRY(const auto rows, co_await sql::proof(system));
  std::vector<Disagreement> out;
  for (const auto& row : rows) {
    out.push_back({row.company_id, row.balance, row.credit_balance, row.ledger, row.held, row.open_holds});
  }
  co_return out;
}

Task<> open_account(db::Tx& system, CompanyId company) {
  sql::OpenAccountParams params{.company_id = company};
  co_return co_await sql::open_account(system, std::move(params));
}

}  // namespace i2m::credits
