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

namespace i2m::dispatch::sql {

inline constexpr db::Query forget_keys_query{"dispatch.forget_keys", R"sql(delete from idempotency_keys where created_at < now() - make_interval(hours => $1))sql"};
struct ForgetKeysParams {
  std::int32_t age_h;
};
template <db::Runner R>
Task<std::int64_t> forget_keys(R& run, ForgetKeysParams params) {
  db::Params values;
  values.add(params.age_h);
  CO_TRY(const db::Rows rows, co_await run.run(forget_keys_query, std::move(values)));
  co_return rows.affected();
}

inline constexpr db::Query pick_items_query{"dispatch.pick_items", R"sql(with waiting as (
    select distinct company_id from job_items where status = 'queued' and provider = $1),
in_flight as (
    select company_id, count(*) as busy from job_items
     where status in ('dispatched', 'running') and provider = $1 group by company_id),
candidates as (
    select i.id, i.created_at, i.turn + coalesce(f.busy, 0) as turn
      from waiting w
      cross join lateral (
          select q.id, q.created_at, row_number() over (order by q.created_at, q.id) as turn
            from (select id, created_at from job_items
                   where company_id = w.company_id and status = 'queued' and provider = $1 and not_before <= now()
                   order by created_at, id limit $2) q) i
      left join in_flight f on f.company_id = w.company_id),
picked as (
    select id from candidates order by turn, created_at, id limit $2)
update job_items i
   set status = 'dispatched', stage = 'dispatched', lease_until = now() + make_interval(secs => $3)
  from picked where i.id = picked.id and i.status = 'queued'
returning i.company_id, i.id as item_id)sql"};
struct PickItemsParams {
  std::string provider;
  std::int64_t limit;
  double lease_s;
};
struct PickItemsRow {
  CompanyId company_id;
  ItemId item_id;
};
inline PickItemsRow pick_items_row(const db::Rows& rows, int row) {
  return {
      .company_id = rows.get<CompanyId>(row, 0),
      .item_id = rows.get<ItemId>(row, 1),
  };
}
/// The scheduler's fair pick, as the system role: a company's next item waits behind as many turns as the company has in
/// flight, so one that queues 1,000 pictures does not delay another's first. Marked and leased here, sent to Redis after the
/// commit; should the message be lost, the lease ends and the item is picked again.
template <db::Runner R>
Task<std::vector<PickItemsRow>> pick_items(R& run, PickItemsParams params) {
  db::Params values;
  values.add(params.provider);
  values.add(params.limit);
  values.add(params.lease_s);
  CO_TRY(const db::Rows rows, co_await run.run(pick_items_query, std::move(values)));
  std::vector<PickItemsRow> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) out.push_back(pick_items_row(rows, row));
  co_return out;
}

inline constexpr db::Query pick_called_query{"dispatch.pick_called", R"sql(update job_items i
   set status = 'dispatched', stage = 'dispatched', lease_until = now() + make_interval(secs => $1)
  from (select q.id from provider_calls c join job_items q on q.company_id = c.company_id and q.id = c.item_id
         where c.state in ('submitting', 'accepted', 'answered', 'unsure') and q.status = 'queued' and q.provider = $2
           and q.not_before <= now() limit $3) picked
 where i.id = picked.id and i.status = 'queued'
returning i.company_id, i.id as item_id)sql"};
struct PickCalledParams {
  double lease_s;
  std::string provider;
  std::int64_t limit;
};
struct PickCalledRow {
  CompanyId company_id;
  ItemId item_id;
};
inline PickCalledRow pick_called_row(const db::Rows& rows, int row) {
  return {
      .company_id = rows.get<CompanyId>(row, 0),
      .item_id = rows.get<ItemId>(row, 1),
  };
}
/// Items that wait although a provider is at work on them (their worker is gone, or their word has come): they go first, whoever's
/// they are and whatever the provider's health, and take no room, for they begin nothing.
template <db::Runner R>
Task<std::vector<PickCalledRow>> pick_called(R& run, PickCalledParams params) {
  db::Params values;
  values.add(params.lease_s);
  values.add(params.provider);
  values.add(params.limit);
  CO_TRY(const db::Rows rows, co_await run.run(pick_called_query, std::move(values)));
  std::vector<PickCalledRow> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) out.push_back(pick_called_row(rows, row));
  co_return out;
}

inline constexpr db::Query count_in_flight_query{"dispatch.count_in_flight", R"sql(select provider, count(*) filter (where status in ('dispatched', 'running')) as "in_flight!",
       count(*) filter (where status = 'queued') as "queued!",
       coalesce(extract(epoch from now() - min(created_at) filter (where status = 'queued')), 0)::float8 as "oldest_queued_s!"
  from job_items where status in ('queued', 'dispatched', 'running') group by provider)sql"};
struct CountInFlightRow {
  std::string provider;
  std::int64_t in_flight;
  std::int64_t queued;
  double oldest_queued_s;
};
inline CountInFlightRow count_in_flight_row(const db::Rows& rows, int row) {
  return {
      .provider = rows.get<std::string>(row, 0),
      .in_flight = rows.get<std::int64_t>(row, 1),
      .queued = rows.get<std::int64_t>(row, 2),
      .oldest_queued_s = rows.get<double>(row, 3),
  };
}
template <db::Runner R>
Task<std::vector<CountInFlightRow>> count_in_flight(R& run) {
  db::Params values;
  CO_TRY(const db::Rows rows, co_await run.run(count_in_flight_query, std::move(values)));
  std::vector<CountInFlightRow> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) out.push_back(count_in_flight_row(rows, row));
  co_return out;
}

inline constexpr db::Query overdue_items_query{"dispatch.overdue_items", R"sql(select company_id, id as item_id, status, attempt, attempts_max, deadline_at <= now() as "past_deadline!"
  from job_items
 where (status in ('dispatched', 'running') and lease_until < now())
    or (status in ('queued', 'dispatched', 'running', 'unsure') and deadline_at <= now())
 order by deadline_at limit $1)sql"};
struct OverdueItemsParams {
  std::int64_t limit;
};
struct OverdueItemsRow {
  CompanyId company_id;
  ItemId item_id;
  std::string status;
  std::int32_t attempt;
  std::int32_t attempts_max;
  bool past_deadline;
};
inline OverdueItemsRow overdue_items_row(const db::Rows& rows, int row) {
  return {
      .company_id = rows.get<CompanyId>(row, 0),
      .item_id = rows.get<ItemId>(row, 1),
      .status = rows.get<std::string>(row, 2),
      .attempt = rows.get<std::int32_t>(row, 3),
      .attempts_max = rows.get<std::int32_t>(row, 4),
      .past_deadline = rows.get<bool>(row, 5),
  };
}
/// What the reaper must decide on: leases that ended (a worker or a message was lost) and deadlines that passed.
template <db::Runner R>
Task<std::vector<OverdueItemsRow>> overdue_items(R& run, OverdueItemsParams params) {
  db::Params values;
  values.add(params.limit);
  CO_TRY(const db::Rows rows, co_await run.run(overdue_items_query, std::move(values)));
  std::vector<OverdueItemsRow> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) out.push_back(overdue_items_row(rows, row));
  co_return out;
}

inline constexpr db::Query unwanted_items_query{"dispatch.unwanted_items", R"sql(select company_id, id as item_id, attempt from job_items i
 where cancel_asked_at is not null and finished_at is null and status = 'queued'
   and not exists (select from provider_calls c where c.company_id = i.company_id and c.item_id = i.id
                      and c.state in ('submitting', 'accepted', 'answered', 'unsure'))
 limit $1)sql"};
struct UnwantedItemsParams {
  std::int64_t limit;
};
struct UnwantedItemsRow {
  CompanyId company_id;
  ItemId item_id;
  std::int32_t attempt;
};
inline UnwantedItemsRow unwanted_items_row(const db::Rows& rows, int row) {
  return {
      .company_id = rows.get<CompanyId>(row, 0),
      .item_id = rows.get<ItemId>(row, 1),
      .attempt = rows.get<std::int32_t>(row, 2),
  };
}
/// What its owner has cancelled and nobody works at: whoever took the wish, or the worker that had it, could not end it.
template <db::Runner R>
Task<std::vector<UnwantedItemsRow>> unwanted_items(R& run, UnwantedItemsParams params) {
  db::Params values;
  values.add(params.limit);
  CO_TRY(const db::Rows rows, co_await run.run(unwanted_items_query, std::move(values)));
  std::vector<UnwantedItemsRow> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) out.push_back(unwanted_items_row(rows, row));
  co_return out;
}

inline constexpr db::Query booked_objects_query{"dispatch.booked_objects", R"sql(select object_key from files where object_key = any ($1::text[]))sql"};
struct BookedObjectsParams {
  std::vector<std::string> keys;
};
struct BookedObjectsRow {
  std::string object_key;
};
inline BookedObjectsRow booked_objects_row(const db::Rows& rows, int row) {
  return {
      .object_key = rows.get<std::string>(row, 0),
  };
}
/// Which of these objects have a row: a result without one was stored by an attempt that died before it could book it.
template <db::Runner R>
Task<std::vector<BookedObjectsRow>> booked_objects(R& run, BookedObjectsParams params) {
  db::Params values;
  values.add(params.keys);
  CO_TRY(const db::Rows rows, co_await run.run(booked_objects_query, std::move(values)));
  std::vector<BookedObjectsRow> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) out.push_back(booked_objects_row(rows, row));
  co_return out;
}

inline constexpr db::Query known_jobs_query{"dispatch.known_jobs", R"sql(select id as job_id from job_history where id = any ($1::uuid[]))sql"};
struct KnownJobsParams {
  std::vector<Uuid> job_ids;
};
struct KnownJobsRow {
  JobId job_id;
};
inline KnownJobsRow known_jobs_row(const db::Rows& rows, int row) {
  return {
      .job_id = rows.get<JobId>(row, 0),
  };
}
/// Which of these jobs exist: the sweeper asks before it removes a folder.
template <db::Runner R>
Task<std::vector<KnownJobsRow>> known_jobs(R& run, KnownJobsParams params) {
  db::Params values;
  values.add(params.job_ids);
  CO_TRY(const db::Rows rows, co_await run.run(known_jobs_query, std::move(values)));
  std::vector<KnownJobsRow> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) out.push_back(known_jobs_row(rows, row));
  co_return out;
}

}  // namespace i2m::dispatch::sql
