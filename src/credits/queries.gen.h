// Made by tools/sqlgen from queries.sql; `./dev gen` makes it anew. Do not edit.
// clang-format off
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/task.h"
#include "db/query.h"

namespace i2m::credits::sql {

inline constexpr db::Query open_account_query{"credits.open_account", R"sql(insert into credit_accounts (company_id) values ($1) on conflict do nothing)sql"};
struct OpenAccountParams {
  CompanyId company_id;
};
/// By the operator, with the company: an account without credits.
template <db::Runner R>
Task<> open_account(R& run, OpenAccountParams params) {
  db::Params values;
  values.add(params.company_id);
  CO_CHECK(co_await run.run(open_account_query, std::move(values)));
  co_return Result<>{};
}

inline constexpr db::Query balance_query{"credits.balance", R"sql(select available, held, version from credit_accounts where company_id = $1)sql"};
struct BalanceParams {
  CompanyId company_id;
};
struct BalanceRow {
  std::int64_t available;
  std::int64_t held;
  std::int64_t version;
};
inline BalanceRow balance_row(const db::Rows& rows, int row) {
  return {
      .available = rows.get<std::int64_t>(row, 0),
      .held = rows.get<std::int64_t>(row, 1),
      .version = rows.get<std::int64_t>(row, 2),
  };
}
template <db::Runner R>
Task<std::optional<BalanceRow>> balance(R& run, BalanceParams params) {
  db::Params values;
  values.add(params.company_id);
  CO_TRY(const db::Rows rows, co_await run.run(balance_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, balance_query));
  if (!found) co_return std::nullopt;
  co_return balance_row(rows, 0);
}

inline constexpr db::Query reserve_query{"credits.reserve", R"sql(with account as (
    update credit_accounts
       set available = available - $1, held = held + $1, version = version + 1
     where company_id = $2 and available >= $1
    returning available, held, version),
holds as (
    insert into credit_holds (hold_id, company_id, job_id, item_id, amount)
    select h.hold_id, $2, $3, h.item_id, $4
      from account, unnest($5::uuid[], $6::uuid[]) as h (hold_id, item_id)
    returning amount)
select available, held, version, (select count(*) from holds) as "holds!" from account)sql"};
struct ReserveParams {
  std::int64_t total;
  CompanyId company_id;
  JobId job_id;
  std::int64_t each;
  std::vector<Uuid> hold_ids;
  std::vector<Uuid> item_ids;
};
struct ReserveRow {
  std::int64_t available;
  std::int64_t held;
  std::int64_t version;
  std::int64_t holds;
};
inline ReserveRow reserve_row(const db::Rows& rows, int row) {
  return {
      .available = rows.get<std::int64_t>(row, 0),
      .held = rows.get<std::int64_t>(row, 1),
      .version = rows.get<std::int64_t>(row, 2),
      .holds = rows.get<std::int64_t>(row, 3),
  };
}
/// Moves from available to held and holds it item by item, in one statement: two racing requests cannot both spend the last
/// credit. No row back: not enough, and nothing moved.
template <db::Runner R>
Task<std::optional<ReserveRow>> reserve(R& run, ReserveParams params) {
  db::Params values;
  values.add(params.total);
  values.add(params.company_id);
  values.add(params.job_id);
  values.add(params.each);
  values.add(params.hold_ids);
  values.add(params.item_ids);
  CO_TRY(const db::Rows rows, co_await run.run(reserve_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, reserve_query));
  if (!found) co_return std::nullopt;
  co_return reserve_row(rows, 0);
}

inline constexpr db::Query settle_query{"credits.settle", R"sql(with hold as (
    update credit_holds set state = 'settled', settled = amount, closed_at = now()
     where company_id = $1 and item_id = $2 and state = 'held'
    returning hold_id, amount),
account as (
    update credit_accounts a
       set held = a.held - hold.amount, consumed = a.consumed + hold.amount, seq = a.seq + 1, version = a.version + 1
      from hold where a.company_id = $1
    returning a.available, a.held, a.version, a.seq, hold.hold_id, hold.amount),
company as (
    update companies c set credit_balance = account.available + account.held
      from account where c.id = $1),
entry as (
    insert into credit_ledger (company_id, seq, kind, debit, credit, amount, balance_after, hold_id, source, actor, reason)
    select $1, seq, 'settle', 'customer', 'consumed', amount, available + held, hold_id,
           'item:' || $2::uuid::text, $3, $4
      from account)
select amount, available, held, version from account)sql"};
struct SettleParams {
  CompanyId company_id;
  ItemId item_id;
  std::string actor;
  std::string reason;
};
struct SettleRow {
  std::int64_t amount;
  std::int64_t available;
  std::int64_t held;
  std::int64_t version;
};
inline SettleRow settle_row(const db::Rows& rows, int row) {
  return {
      .amount = rows.get<std::int64_t>(row, 0),
      .available = rows.get<std::int64_t>(row, 1),
      .held = rows.get<std::int64_t>(row, 2),
      .version = rows.get<std::int64_t>(row, 3),
  };
}
/// The hold becomes an entry of the ledger. No row back: it was closed before, and nothing moved.
template <db::Runner R>
Task<std::optional<SettleRow>> settle(R& run, SettleParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.item_id);
  values.add(params.actor);
  values.add(params.reason);
  CO_TRY(const db::Rows rows, co_await run.run(settle_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, settle_query));
  if (!found) co_return std::nullopt;
  co_return settle_row(rows, 0);
}

inline constexpr db::Query release_query{"credits.release", R"sql(with hold as (
    update credit_holds set state = 'released', closed_at = now()
     where company_id = $1 and item_id = $2 and state = 'held'
    returning amount),
account as (
    update credit_accounts a
       set held = a.held - hold.amount, available = a.available + hold.amount, version = a.version + 1
      from hold where a.company_id = $1
    returning a.available, a.held, a.version, hold.amount)
select amount, available, held, version from account)sql"};
struct ReleaseParams {
  CompanyId company_id;
  ItemId item_id;
};
struct ReleaseRow {
  std::int64_t amount;
  std::int64_t available;
  std::int64_t held;
  std::int64_t version;
};
inline ReleaseRow release_row(const db::Rows& rows, int row) {
  return {
      .amount = rows.get<std::int64_t>(row, 0),
      .available = rows.get<std::int64_t>(row, 1),
      .held = rows.get<std::int64_t>(row, 2),
      .version = rows.get<std::int64_t>(row, 3),
  };
}
/// The hold goes back to available. No row back: it was closed before, and nothing moved.
template <db::Runner R>
Task<std::optional<ReleaseRow>> release(R& run, ReleaseParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.item_id);
  CO_TRY(const db::Rows rows, co_await run.run(release_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, release_query));
  if (!found) co_return std::nullopt;
  co_return release_row(rows, 0);
}

inline constexpr db::Query grant_credits_query{"credits.grant_credits", R"sql(with account as (
    update credit_accounts
       set available = available + $1, granted = granted + $1, seq = seq + 1, version = version + 1
     where company_id = $2
       and not exists (select from credit_ledger where company_id = $2 and kind = 'grant' and source = $3)
    returning available, held, version, seq),
company as (
    update companies c set credit_balance = account.available + account.held
      from account where c.id = $2),
entry as (
    insert into credit_ledger (company_id, seq, kind, debit, credit, amount, balance_after, source, actor, reason)
    select $2, seq, 'grant', 'issued', 'customer', $1, available + held, $3, $4, $5
      from account)
select available, held, version from account)sql"};
struct GrantCreditsParams {
  std::int64_t amount;
  CompanyId company_id;
  std::string source;
  std::string actor;
  std::string reason;
};
struct GrantCreditsRow {
  std::int64_t available;
  std::int64_t held;
  std::int64_t version;
};
inline GrantCreditsRow grant_credits_row(const db::Rows& rows, int row) {
  return {
      .available = rows.get<std::int64_t>(row, 0),
      .held = rows.get<std::int64_t>(row, 1),
      .version = rows.get<std::int64_t>(row, 2),
  };
}
/// Credits given by an operator. `source` is unique, so a repeated command books nothing: then no row comes back.
template <db::Runner R>
Task<std::optional<GrantCreditsRow>> grant_credits(R& run, GrantCreditsParams params) {
  db::Params values;
  values.add(params.amount);
  values.add(params.company_id);
  values.add(params.source);
  values.add(params.actor);
  values.add(params.reason);
  CO_TRY(const db::Rows rows, co_await run.run(grant_credits_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, grant_credits_query));
  if (!found) co_return std::nullopt;
  co_return grant_credits_row(rows, 0);
}

inline constexpr db::Query totals_of_job_query{"credits.totals_of_job", R"sql(select coalesce(sum(amount) filter (where state = 'held'), 0)::bigint as "held!",
       coalesce(sum(settled), 0)::bigint as "settled!",
       coalesce(sum(amount) filter (where state = 'released'), 0)::bigint as "released!"
  from credit_holds where company_id = $1 and job_id = $2)sql"};
struct TotalsOfJobParams {
  CompanyId company_id;
  JobId job_id;
};
struct TotalsOfJobRow {
  std::int64_t held;
  std::int64_t settled;
  std::int64_t released;
};
inline TotalsOfJobRow totals_of_job_row(const db::Rows& rows, int row) {
  return {
      .held = rows.get<std::int64_t>(row, 0),
      .settled = rows.get<std::int64_t>(row, 1),
      .released = rows.get<std::int64_t>(row, 2),
  };
}
/// What a job holds, has cost and got back.
template <db::Runner R>
Task<TotalsOfJobRow> totals_of_job(R& run, TotalsOfJobParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.job_id);
  CO_TRY(const db::Rows rows, co_await run.run(totals_of_job_query, std::move(values)));
  CO_CHECK(db::exactly_one(rows, totals_of_job_query));
  co_return totals_of_job_row(rows, 0);
}

inline constexpr db::Query proof_query{"credits.proof", R"sql(select a.company_id,
       a.available + a.held as "balance!", c.credit_balance,
       coalesce(l.total, 0)::bigint as "ledger!", coalesce(h.total, 0)::bigint as "open_holds!", a.held
  from credit_accounts a
  join companies c on c.id = a.company_id
  left join (select company_id, sum(case when credit = 'customer' then amount else -amount end) as total,
                    max(seq) as last, count(*) as entries
               from credit_ledger group by company_id) l on l.company_id = a.company_id
  left join (select company_id, sum(amount) as total from credit_holds where state = 'held' group by company_id) h
         on h.company_id = a.company_id
 where a.available + a.held <> coalesce(l.total, 0)
    or c.credit_balance <> a.available + a.held
    or a.held <> coalesce(h.total, 0)
    or a.seq <> coalesce(l.last, 0) or a.seq <> coalesce(l.entries, 0))sql"};
struct ProofRow {
  CompanyId company_id;
  std::int64_t balance;
  std::int64_t credit_balance;
  std::int64_t ledger;
  std::int64_t open_holds;
  std::int64_t held;
};
inline ProofRow proof_row(const db::Rows& rows, int row) {
  return {
      .company_id = rows.get<CompanyId>(row, 0),
      .balance = rows.get<std::int64_t>(row, 1),
      .credit_balance = rows.get<std::int64_t>(row, 2),
      .ledger = rows.get<std::int64_t>(row, 3),
      .open_holds = rows.get<std::int64_t>(row, 4),
      .held = rows.get<std::int64_t>(row, 5),
  };
}
/// Every company whose figures disagree: account against holds, ledger and the readable balance. No row is the proof.
template <db::Runner R>
Task<std::vector<ProofRow>> proof(R& run) {
  db::Params values;
  CO_TRY(const db::Rows rows, co_await run.run(proof_query, std::move(values)));
  std::vector<ProofRow> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) out.push_back(proof_row(rows, row));
  co_return out;
}

}  // namespace i2m::credits::sql
