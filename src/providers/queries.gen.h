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

namespace i2m::providers::sql {

inline constexpr db::Query live_call_query{"providers.live_call", R"sql(select id as call_id, state, submission, request_id, status_url, response_url, cancel_url, outcome, endpoint, model, model_version,
       price_microusd, extract(epoch from now() - accepted_at)::float8 as "accepted_s",
       extract(epoch from now() - running_at)::float8 as "running_s"
  from provider_calls
 where company_id = $1 and item_id = $2
   and state in ('submitting', 'accepted', 'answered', 'unsure', 'succeeded'))sql"};
struct LiveCallParams {
  CompanyId company_id;
  ItemId item_id;
};
struct LiveCallRow {
  CallId call_id;
  std::string state;
  std::int32_t submission;
  std::optional<std::string> request_id;
  std::optional<std::string> status_url;
  std::optional<std::string> response_url;
  std::optional<std::string> cancel_url;
  std::optional<std::string> outcome;
  std::string endpoint;
  std::string model;
  std::int32_t model_version;
  std::int64_t price_microusd;
  std::optional<double> accepted_s;
  std::optional<double> running_s;
};
inline LiveCallRow live_call_row(const db::Rows& rows, int row) {
  return {
      .call_id = rows.get<CallId>(row, 0),
      .state = rows.get<std::string>(row, 1),
      .submission = rows.get<std::int32_t>(row, 2),
      .request_id = rows.get<std::optional<std::string>>(row, 3),
      .status_url = rows.get<std::optional<std::string>>(row, 4),
      .response_url = rows.get<std::optional<std::string>>(row, 5),
      .cancel_url = rows.get<std::optional<std::string>>(row, 6),
      .outcome = rows.get<std::optional<std::string>>(row, 7),
      .endpoint = rows.get<std::string>(row, 8),
      .model = rows.get<std::string>(row, 9),
      .model_version = rows.get<std::int32_t>(row, 10),
      .price_microusd = rows.get<std::int64_t>(row, 11),
      .accepted_s = rows.get<std::optional<double>>(row, 12),
      .running_s = rows.get<std::optional<double>>(row, 13),
  };
}
/// The call that an item has out, whatever became of its worker.
template <db::Runner R>
Task<std::optional<LiveCallRow>> live_call(R& run, LiveCallParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.item_id);
  CO_TRY(const db::Rows rows, co_await run.run(live_call_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, live_call_query));
  if (!found) co_return std::nullopt;
  co_return live_call_row(rows, 0);
}

inline constexpr db::Query calls_made_query{"providers.calls_made", R"sql(select count(*) as "submissions!", count(*) filter (where state <> 'refused') as "paid!",
       count(*) filter (where (state = 'abandoned' and error_type is distinct from 'unsure')
                           or (state = 'failed' and error_type in ('request_lost', 'result_expired', 'no_model'))) as "made!",
       coalesce(max(submission), 0) as "last!"
  from provider_calls where company_id = $1 and item_id = $2)sql"};
struct CallsMadeParams {
  CompanyId company_id;
  ItemId item_id;
};
struct CallsMadeRow {
  std::int64_t submissions;
  std::int64_t paid;
  std::int64_t made;
  std::int32_t last;
};
inline CallsMadeRow calls_made_row(const db::Rows& rows, int row) {
  return {
      .submissions = rows.get<std::int64_t>(row, 0),
      .paid = rows.get<std::int64_t>(row, 1),
      .made = rows.get<std::int64_t>(row, 2),
      .last = rows.get<std::int32_t>(row, 3),
  };
}
/// How often the item has been submitted, how many of those may have cost something, and how many may have been made: nothing says
/// that they failed, so nothing may follow them (but what an operator's setting gives up as unsure).
template <db::Runner R>
Task<CallsMadeRow> calls_made(R& run, CallsMadeParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.item_id);
  CO_TRY(const db::Rows rows, co_await run.run(calls_made_query, std::move(values)));
  CO_CHECK(db::exactly_one(rows, calls_made_query));
  co_return calls_made_row(rows, 0);
}

inline constexpr db::Query begin_call_query{"providers.begin_call", R"sql(insert into provider_calls (id, company_id, job_id, item_id, provider, model, model_version, endpoint, submission, attempt,
                            token_sha256, price_microusd, cost_microusd)
select $1, $2, i.job_id, i.id, $3, $4, $5::bigint::int, $6,
       $7::bigint::int, i.attempt, $8, $9, $9
  from job_items i
 where i.company_id = $2 and i.id = $10 and i.status = 'running' and i.attempt = $11)sql"};
struct BeginCallParams {
  CallId call_id;
  CompanyId company_id;
  std::string provider;
  std::string model;
  std::int64_t model_version;
  std::string endpoint;
  std::int64_t submission;
  std::vector<std::uint8_t> token_sha256;
  std::int64_t price_microusd;
  ItemId item_id;
  std::int32_t attempt;
};
/// Before the request leaves. Fenced: only the attempt that holds the item may begin one. 0: the lease is gone.
template <db::Runner R>
Task<std::int64_t> begin_call(R& run, BeginCallParams params) {
  db::Params values;
  values.add(params.call_id);
  values.add(params.company_id);
  values.add(params.provider);
  values.add(params.model);
  values.add(params.model_version);
  values.add(params.endpoint);
  values.add(params.submission);
  values.add(params.token_sha256);
  values.add(params.price_microusd);
  values.add(params.item_id);
  values.add(params.attempt);
  CO_TRY(const db::Rows rows, co_await run.run(begin_call_query, std::move(values)));
  co_return rows.affected();
}

inline constexpr db::Query accept_call_query{"providers.accept_call", R"sql(update provider_calls
   set state = case when state in ('submitting', 'unsure') then 'accepted' else state end, request_id = $1,
       status_url = $2, response_url = $3, cancel_url = $4,
       accepted_at = coalesce(accepted_at, now())
 where company_id = $5 and id = $6 and coalesce(request_id, $1) = $1
returning state, outcome)sql"};
struct AcceptCallParams {
  std::string request_id;
  std::string status_url;
  std::string response_url;
  std::string cancel_url;
  CompanyId company_id;
  CallId call_id;
};
struct AcceptCallRow {
  std::string state;
  std::optional<std::string> outcome;
};
inline AcceptCallRow accept_call_row(const db::Rows& rows, int row) {
  return {
      .state = rows.get<std::string>(row, 0),
      .outcome = rows.get<std::optional<std::string>>(row, 1),
  };
}
/// What the provider answered, before anything else is done with it. Also resolves one that was given up as unsure, and notes
/// the id of one whose item has ended meanwhile: it was paid for.
template <db::Runner R>
Task<std::optional<AcceptCallRow>> accept_call(R& run, AcceptCallParams params) {
  db::Params values;
  values.add(params.request_id);
  values.add(params.status_url);
  values.add(params.response_url);
  values.add(params.cancel_url);
  values.add(params.company_id);
  values.add(params.call_id);
  CO_TRY(const db::Rows rows, co_await run.run(accept_call_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, accept_call_query));
  if (!found) co_return std::nullopt;
  co_return accept_call_row(rows, 0);
}

inline constexpr db::Query run_call_query{"providers.run_call", R"sql(update provider_calls set running_at = coalesce(running_at, now()) where company_id = $1 and id = $2)sql"};
struct RunCallParams {
  CompanyId company_id;
  CallId call_id;
};
/// It was seen in progress.
template <db::Runner R>
Task<> run_call(R& run, RunCallParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.call_id);
  CO_CHECK(co_await run.run(run_call_query, std::move(values)));
  co_return Result<>{};
}

inline constexpr db::Query answer_call_query{"providers.answer_call", R"sql(update provider_calls set state = 'answered', outcome = $1::text::jsonb
 where company_id = $2 and id = $3 and state = 'accepted')sql"};
struct AnswerCallParams {
  std::string outcome;
  CompanyId company_id;
  CallId call_id;
};
template <db::Runner R>
Task<std::int64_t> answer_call(R& run, AnswerCallParams params) {
  db::Params values;
  values.add(params.outcome);
  values.add(params.company_id);
  values.add(params.call_id);
  CO_TRY(const db::Rows rows, co_await run.run(answer_call_query, std::move(values)));
  co_return rows.affected();
}

inline constexpr db::Query doubt_call_query{"providers.doubt_call", R"sql(update provider_calls set state = 'unsure', error_detail = $1
 where company_id = $2 and id = $3 and state = 'submitting')sql"};
struct DoubtCallParams {
  std::string detail;
  CompanyId company_id;
  CallId call_id;
};
template <db::Runner R>
Task<std::int64_t> doubt_call(R& run, DoubtCallParams params) {
  db::Params values;
  values.add(params.detail);
  values.add(params.company_id);
  values.add(params.call_id);
  CO_TRY(const db::Rows rows, co_await run.run(doubt_call_query, std::move(values)));
  co_return rows.affected();
}

inline constexpr db::Query end_call_query{"providers.end_call", R"sql(update provider_calls
   set state = $1, error_type = $2, error_detail = $3, cost_microusd = $4, ended_at = now()
 where company_id = $5 and id = $6 and state in ('submitting', 'accepted', 'answered', 'unsure'))sql"};
struct EndCallParams {
  std::string state;
  std::string error_type;
  std::string error_detail;
  std::int64_t cost_microusd;
  CompanyId company_id;
  CallId call_id;
};
/// `cost_microusd` 0: surely not billed.
template <db::Runner R>
Task<std::int64_t> end_call(R& run, EndCallParams params) {
  db::Params values;
  values.add(params.state);
  values.add(params.error_type);
  values.add(params.error_detail);
  values.add(params.cost_microusd);
  values.add(params.company_id);
  values.add(params.call_id);
  CO_TRY(const db::Rows rows, co_await run.run(end_call_query, std::move(values)));
  co_return rows.affected();
}

inline constexpr db::Query call_of_token_query{"providers.call_of_token", R"sql(select call_id as "call_id!", company_id as "company_id!", item_id as "item_id!" from provider_call_of_token($1))sql"};
struct CallOfTokenParams {
  std::vector<std::uint8_t> token_sha256;
};
struct CallOfTokenRow {
  CallId call_id;
  CompanyId company_id;
  ItemId item_id;
};
inline CallOfTokenRow call_of_token_row(const db::Rows& rows, int row) {
  return {
      .call_id = rows.get<CallId>(row, 0),
      .company_id = rows.get<CompanyId>(row, 1),
      .item_id = rows.get<ItemId>(row, 2),
  };
}
template <db::Runner R>
Task<std::optional<CallOfTokenRow>> call_of_token(R& run, CallOfTokenParams params) {
  db::Params values;
  values.add(params.token_sha256);
  CO_TRY(const db::Rows rows, co_await run.run(call_of_token_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, call_of_token_query));
  if (!found) co_return std::nullopt;
  co_return call_of_token_row(rows, 0);
}

inline constexpr db::Query hook_call_query{"providers.hook_call", R"sql(update provider_calls
   set hooked_at = now(), request_id = coalesce(request_id, $1), accepted_at = coalesce(accepted_at, now()),
       outcome = coalesce(outcome, nullif($2::text, '')::jsonb),
       state = case when state in ('submitting', 'unsure', 'accepted') and $2::text <> '' then 'answered'
                    when state in ('submitting', 'unsure') then 'accepted'
                    else state end
 where company_id = $3 and id = $4 and coalesce(request_id, $1) = $1
returning state, item_id)sql"};
struct HookCallParams {
  std::string request_id;
  std::string outcome;
  CompanyId company_id;
  CallId call_id;
};
struct HookCallRow {
  std::string state;
  ItemId item_id;
};
inline HookCallRow hook_call_row(const db::Rows& rows, int row) {
  return {
      .state = rows.get<std::string>(row, 0),
      .item_id = rows.get<ItemId>(row, 1),
  };
}
/// A webhook's word, in the company's transaction. A request id that is already known must be the same one.
template <db::Runner R>
Task<std::optional<HookCallRow>> hook_call(R& run, HookCallParams params) {
  db::Params values;
  values.add(params.request_id);
  values.add(params.outcome);
  values.add(params.company_id);
  values.add(params.call_id);
  CO_TRY(const db::Rows rows, co_await run.run(hook_call_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, hook_call_query));
  if (!found) co_return std::nullopt;
  co_return hook_call_row(rows, 0);
}

inline constexpr db::Query health_query{"providers.health", R"sql(select state, reason, since, probe_at, probe_at <= now() as "may_probe", failures, limit_learned
  from provider_health where provider = $1)sql"};
struct HealthParams {
  std::string provider;
};
struct HealthRow {
  std::string state;
  std::optional<std::string> reason;
  Time since;
  std::optional<Time> probe_at;
  std::optional<bool> may_probe;
  std::int32_t failures;
  std::optional<std::int32_t> limit_learned;
};
inline HealthRow health_row(const db::Rows& rows, int row) {
  return {
      .state = rows.get<std::string>(row, 0),
      .reason = rows.get<std::optional<std::string>>(row, 1),
      .since = rows.get<Time>(row, 2),
      .probe_at = rows.get<std::optional<Time>>(row, 3),
      .may_probe = rows.get<std::optional<bool>>(row, 4),
      .failures = rows.get<std::int32_t>(row, 5),
      .limit_learned = rows.get<std::optional<std::int32_t>>(row, 6),
  };
}
template <db::Runner R>
Task<std::optional<HealthRow>> health(R& run, HealthParams params) {
  db::Params values;
  values.add(params.provider);
  CO_TRY(const db::Rows rows, co_await run.run(health_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, health_query));
  if (!found) co_return std::nullopt;
  co_return health_row(rows, 0);
}

inline constexpr db::Query note_success_query{"providers.note_success", R"sql(insert into provider_health (provider) values ($1)
on conflict (provider) do update set state = 'ok', reason = null, probe_at = null, failures = 0,
    since = case when provider_health.state = 'ok' then provider_health.since else now() end
 where (provider_health.state <> 'ok' or provider_health.failures > 0)
   and ($2::bool or provider_health.state not in ('locked', 'key')))sql"};
struct NoteSuccessParams {
  std::string provider;
  bool accepted;
};
/// It works: whatever was wrong is over. A locked account still answers for what it has accepted before: only a call that it
/// accepts (`accepted`) ends that.
template <db::Runner R>
Task<> note_success(R& run, NoteSuccessParams params) {
  db::Params values;
  values.add(params.provider);
  values.add(params.accepted);
  CO_CHECK(co_await run.run(note_success_query, std::move(values)));
  co_return Result<>{};
}

inline constexpr db::Query note_failure_query{"providers.note_failure", R"sql(insert into provider_health as h (provider, failures) values ($1, 1)
on conflict (provider) do update
   set failures = h.failures + 1,
       state = case when h.state <> 'ok' then h.state when h.failures + 1 >= $2::bigint then 'open' else 'ok' end,
       reason = case when h.state = 'ok' then $3 else h.reason end,
       since = case when h.state = 'ok' and h.failures + 1 >= $2::bigint then now() else h.since end,
       probe_at = case when h.state <> 'ok' or h.failures + 1 >= $2::bigint
                       then now() + make_interval(secs => least($4::float8,
                                $5::float8 * power(2, least(greatest(h.failures + 1 - $2::bigint, 0), 10)))) end
returning state, failures)sql"};
struct NoteFailureParams {
  std::string provider;
  std::int64_t failures_max;
  std::string reason;
  double rest_max_s;
  double rest_s;
};
struct NoteFailureRow {
  std::string state;
  std::int32_t failures;
};
inline NoteFailureRow note_failure_row(const db::Rows& rows, int row) {
  return {
      .state = rows.get<std::string>(row, 0),
      .failures = rows.get<std::int32_t>(row, 1),
  };
}
/// One more in a row; from `failures_max` on the provider is left alone for a while, each time twice as long.
template <db::Runner R>
Task<NoteFailureRow> note_failure(R& run, NoteFailureParams params) {
  db::Params values;
  values.add(params.provider);
  values.add(params.failures_max);
  values.add(params.reason);
  values.add(params.rest_max_s);
  values.add(params.rest_s);
  CO_TRY(const db::Rows rows, co_await run.run(note_failure_query, std::move(values)));
  CO_CHECK(db::exactly_one(rows, note_failure_query));
  co_return note_failure_row(rows, 0);
}

inline constexpr db::Query pause_query{"providers.pause", R"sql(insert into provider_health as h (provider, state, reason, probe_at)
values ($1, $2, $3, now() + make_interval(secs => $4))
on conflict (provider) do update
   set state = excluded.state, reason = excluded.reason, probe_at = excluded.probe_at,
       since = case when h.state = excluded.state then h.since else now() end)sql"};
struct PauseParams {
  std::string provider;
  std::string state;
  std::string reason;
  double probe_s;
};
/// The account is locked, or the key is not accepted: nothing of anybody's is sent until a probe goes through.
template <db::Runner R>
Task<> pause(R& run, PauseParams params) {
  db::Params values;
  values.add(params.provider);
  values.add(params.state);
  values.add(params.reason);
  values.add(params.probe_s);
  CO_CHECK(co_await run.run(pause_query, std::move(values)));
  co_return Result<>{};
}

inline constexpr db::Query learn_limit_query{"providers.learn_limit", R"sql(with seen as (
    select count(*) filter (where running_at is not null) as running,
           count(*) filter (where running_at is null and accepted_at < now() - make_interval(secs => $1)) as waiting
      from provider_calls where provider = $2 and state = 'accepted')
update provider_health h
   set limit_learned = case when s.waiting > 0 then s.running else h.limit_learned + 1 end::int, learned_at = now()
  from seen s
 where h.provider = $2
   and ((s.waiting > 0 and s.running > 0 and h.limit_learned is distinct from s.running::int
         and (h.limit_learned is null or s.running < h.limit_learned or h.learned_at < now() - make_interval(secs => $3)))
        or (s.waiting = 0 and h.limit_learned < $4::bigint and h.learned_at < now() - make_interval(secs => $3)))
returning h.limit_learned)sql"};
struct LearnLimitParams {
  double waited_s;
  std::string provider;
  double relearn_s;
  std::int64_t limit_max;
};
struct LearnLimitRow {
  std::optional<std::int32_t> limit_learned;
};
inline LearnLimitRow learn_limit_row(const db::Rows& rows, int row) {
  return {
      .limit_learned = rows.get<std::optional<std::int32_t>>(row, 0),
  };
}
/// What the account allows, from what it was seen to do: calls that have waited `waited_s` while others run show the limit;
/// where none waits for `relearn_s` it may have risen, so one more is tried.
template <db::Runner R>
Task<std::optional<LearnLimitRow>> learn_limit(R& run, LearnLimitParams params) {
  db::Params values;
  values.add(params.waited_s);
  values.add(params.provider);
  values.add(params.relearn_s);
  values.add(params.limit_max);
  CO_TRY(const db::Rows rows, co_await run.run(learn_limit_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, learn_limit_query));
  if (!found) co_return std::nullopt;
  co_return learn_limit_row(rows, 0);
}

inline constexpr db::Query unfollowed_calls_query{"providers.unfollowed_calls", R"sql(select count(*) as "calls!" from provider_calls
 where provider = $1 and submitted_at > now() - interval '10 minutes'
   and hooked_at is null
   and (state = 'unsure' or (state = 'abandoned' and request_id is not null and ended_at > now() - interval '5 minutes')))sql"};
struct UnfollowedCallsParams {
  std::string provider;
};
struct UnfollowedCallsRow {
  std::int64_t calls;
};
inline UnfollowedCallsRow unfollowed_calls_row(const db::Rows& rows, int row) {
  return {
      .calls = rows.get<std::int64_t>(row, 0),
  };
}
/// Calls that may be in progress although nobody follows them: they take the account's room as well. As the system role.
template <db::Runner R>
Task<UnfollowedCallsRow> unfollowed_calls(R& run, UnfollowedCallsParams params) {
  db::Params values;
  values.add(params.provider);
  CO_TRY(const db::Rows rows, co_await run.run(unfollowed_calls_query, std::move(values)));
  CO_CHECK(db::exactly_one(rows, unfollowed_calls_query));
  co_return unfollowed_calls_row(rows, 0);
}

inline constexpr db::Query calls_in_flight_query{"providers.calls_in_flight", R"sql(select followed as "followed!", lost as "lost!" from provider_calls_in_flight($1))sql"};
struct CallsInFlightParams {
  std::string provider;
};
struct CallsInFlightRow {
  std::int64_t followed;
  std::int64_t lost;
};
inline CallsInFlightRow calls_in_flight_row(const db::Rows& rows, int row) {
  return {
      .followed = rows.get<std::int64_t>(row, 0),
      .lost = rows.get<std::int64_t>(row, 1),
  };
}
/// Of all companies; nobody else is told until the transaction has ended.
template <db::Runner R>
Task<CallsInFlightRow> calls_in_flight(R& run, CallsInFlightParams params) {
  db::Params values;
  values.add(params.provider);
  CO_TRY(const db::Rows rows, co_await run.run(calls_in_flight_query, std::move(values)));
  CO_CHECK(db::exactly_one(rows, calls_in_flight_query));
  co_return calls_in_flight_row(rows, 0);
}

inline constexpr db::Query items_in_flight_query{"providers.items_in_flight", R"sql(select item_id as "item_id!" from provider_items_in_flight($1))sql"};
struct ItemsInFlightParams {
  std::string provider;
};
struct ItemsInFlightRow {
  ItemId item_id;
};
inline ItemsInFlightRow items_in_flight_row(const db::Rows& rows, int row) {
  return {
      .item_id = rows.get<ItemId>(row, 0),
  };
}
template <db::Runner R>
Task<std::vector<ItemsInFlightRow>> items_in_flight(R& run, ItemsInFlightParams params) {
  db::Params values;
  values.add(params.provider);
  CO_TRY(const db::Rows rows, co_await run.run(items_in_flight_query, std::move(values)));
  std::vector<ItemsInFlightRow> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) out.push_back(items_in_flight_row(rows, row));
  co_return out;
}

inline constexpr db::Query call_counts_query{"providers.call_counts", R"sql(select provider, state, count(*) as "calls!", sum(price_microusd)::bigint as "price_microusd!",
       sum(cost_microusd)::bigint as "cost_microusd!" from provider_calls group by provider, state order by provider, state)sql"};
struct CallCountsRow {
  std::string provider;
  std::string state;
  std::int64_t calls;
  std::int64_t price_microusd;
  std::int64_t cost_microusd;
};
inline CallCountsRow call_counts_row(const db::Rows& rows, int row) {
  return {
      .provider = rows.get<std::string>(row, 0),
      .state = rows.get<std::string>(row, 1),
      .calls = rows.get<std::int64_t>(row, 2),
      .price_microusd = rows.get<std::int64_t>(row, 3),
      .cost_microusd = rows.get<std::int64_t>(row, 4),
  };
}
/// For the gauges and for operators, as the system role.
template <db::Runner R>
Task<std::vector<CallCountsRow>> call_counts(R& run) {
  db::Params values;
  CO_TRY(const db::Rows rows, co_await run.run(call_counts_query, std::move(values)));
  std::vector<CallCountsRow> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) out.push_back(call_counts_row(rows, row));
  co_return out;
}

inline constexpr db::Query live_counts_query{"providers.live_counts", R"sql(select provider, count(*) filter (where state = 'unsure') as "unsure!", count(*) as "live!"
  from provider_calls where state in ('submitting', 'accepted', 'answered', 'unsure') group by provider)sql"};
struct LiveCountsRow {
  std::string provider;
  std::int64_t unsure;
  std::int64_t live;
};
inline LiveCountsRow live_counts_row(const db::Rows& rows, int row) {
  return {
      .provider = rows.get<std::string>(row, 0),
      .unsure = rows.get<std::int64_t>(row, 1),
      .live = rows.get<std::int64_t>(row, 2),
  };
}
template <db::Runner R>
Task<std::vector<LiveCountsRow>> live_counts(R& run) {
  db::Params values;
  CO_TRY(const db::Rows rows, co_await run.run(live_counts_query, std::move(values)));
  std::vector<LiveCountsRow> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) out.push_back(live_counts_row(rows, row));
  co_return out;
}

inline constexpr db::Query providers_health_query{"providers.providers_health", R"sql(select provider, state, reason, since, probe_at, failures, limit_learned from provider_health order by provider)sql"};
struct ProvidersHealthRow {
  std::string provider;
  std::string state;
  std::optional<std::string> reason;
  Time since;
  std::optional<Time> probe_at;
  std::int32_t failures;
  std::optional<std::int32_t> limit_learned;
};
inline ProvidersHealthRow providers_health_row(const db::Rows& rows, int row) {
  return {
      .provider = rows.get<std::string>(row, 0),
      .state = rows.get<std::string>(row, 1),
      .reason = rows.get<std::optional<std::string>>(row, 2),
      .since = rows.get<Time>(row, 3),
      .probe_at = rows.get<std::optional<Time>>(row, 4),
      .failures = rows.get<std::int32_t>(row, 5),
      .limit_learned = rows.get<std::optional<std::int32_t>>(row, 6),
  };
}
template <db::Runner R>
Task<std::vector<ProvidersHealthRow>> providers_health(R& run) {
  db::Params values;
  CO_TRY(const db::Rows rows, co_await run.run(providers_health_query, std::move(values)));
  std::vector<ProvidersHealthRow> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) out.push_back(providers_health_row(rows, row));
  co_return out;
}

inline constexpr db::Query unsure_calls_query{"providers.unsure_calls", R"sql(select c.id as call_id, c.company_id, c.item_id, c.provider, c.model, c.endpoint, c.submission, c.price_microusd, c.submitted_at,
       c.error_detail, i.status as item_status, i.attempt, i.deadline_at
  from provider_calls c join job_items i on i.company_id = c.company_id and i.id = c.item_id
 where c.state in ('submitting', 'unsure') and i.status = 'unsure'
   and c.submitted_at < now() - make_interval(secs => $1) order by c.submitted_at limit $2)sql"};
struct UnsureCallsParams {
  double age_s;
  std::int64_t limit;
};
struct UnsureCallsRow {
  CallId call_id;
  CompanyId company_id;
  ItemId item_id;
  std::string provider;
  std::string model;
  std::string endpoint;
  std::int32_t submission;
  std::int64_t price_microusd;
  Time submitted_at;
  std::optional<std::string> error_detail;
  std::string item_status;
  std::int32_t attempt;
  Time deadline_at;
};
inline UnsureCallsRow unsure_calls_row(const db::Rows& rows, int row) {
  return {
      .call_id = rows.get<CallId>(row, 0),
      .company_id = rows.get<CompanyId>(row, 1),
      .item_id = rows.get<ItemId>(row, 2),
      .provider = rows.get<std::string>(row, 3),
      .model = rows.get<std::string>(row, 4),
      .endpoint = rows.get<std::string>(row, 5),
      .submission = rows.get<std::int32_t>(row, 6),
      .price_microusd = rows.get<std::int64_t>(row, 7),
      .submitted_at = rows.get<Time>(row, 8),
      .error_detail = rows.get<std::optional<std::string>>(row, 9),
      .item_status = rows.get<std::string>(row, 10),
      .attempt = rows.get<std::int32_t>(row, 11),
      .deadline_at = rows.get<Time>(row, 12),
  };
}
/// Those that wait for a word, the oldest first, as the system role.
template <db::Runner R>
Task<std::vector<UnsureCallsRow>> unsure_calls(R& run, UnsureCallsParams params) {
  db::Params values;
  values.add(params.age_s);
  values.add(params.limit);
  CO_TRY(const db::Rows rows, co_await run.run(unsure_calls_query, std::move(values)));
  std::vector<UnsureCallsRow> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) out.push_back(unsure_calls_row(rows, row));
  co_return out;
}

inline constexpr db::Query abandon_call_query{"providers.abandon_call", R"sql(update provider_calls set state = 'abandoned', ended_at = now(), error_type = coalesce(error_type, 'unsure')
 where id = $1 and state in ('submitting', 'unsure'))sql"};
struct AbandonCallParams {
  CallId call_id;
};
/// Nobody has heard of it in time; it stays booked to us. As the system role.
template <db::Runner R>
Task<std::int64_t> abandon_call(R& run, AbandonCallParams params) {
  db::Params values;
  values.add(params.call_id);
  CO_TRY(const db::Rows rows, co_await run.run(abandon_call_query, std::move(values)));
  co_return rows.affected();
}

inline constexpr db::Query answered_items_query{"providers.answered_items", R"sql(select i.company_id, i.id as item_id from job_items i
 where i.status = 'unsure'
   and not exists (select from provider_calls c where c.item_id = i.id and c.state in ('submitting', 'unsure')) limit 100)sql"};
struct AnsweredItemsRow {
  CompanyId company_id;
  ItemId item_id;
};
inline AnsweredItemsRow answered_items_row(const db::Rows& rows, int row) {
  return {
      .company_id = rows.get<CompanyId>(row, 0),
      .item_id = rows.get<ItemId>(row, 1),
  };
}
/// Items that wait as unsure although their call is not any more: the word has come, from a webhook whose taker died, or from
/// an operator. As the system role.
template <db::Runner R>
Task<std::vector<AnsweredItemsRow>> answered_items(R& run) {
  db::Params values;
  CO_TRY(const db::Rows rows, co_await run.run(answered_items_query, std::move(values)));
  std::vector<AnsweredItemsRow> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) out.push_back(answered_items_row(rows, row));
  co_return out;
}

inline constexpr db::Query resolve_accepted_query{"providers.resolve_accepted", R"sql(update provider_calls set state = 'accepted', request_id = $1, accepted_at = now()
 where id = $2 and state in ('submitting', 'unsure')
returning company_id, item_id)sql"};
struct ResolveAcceptedParams {
  std::string request_id;
  CallId call_id;
};
struct ResolveAcceptedRow {
  CompanyId company_id;
  ItemId item_id;
};
inline ResolveAcceptedRow resolve_accepted_row(const db::Rows& rows, int row) {
  return {
      .company_id = rows.get<CompanyId>(row, 0),
      .item_id = rows.get<ItemId>(row, 1),
  };
}
/// An operator knows its request's id. As the system role.
template <db::Runner R>
Task<std::optional<ResolveAcceptedRow>> resolve_accepted(R& run, ResolveAcceptedParams params) {
  db::Params values;
  values.add(params.request_id);
  values.add(params.call_id);
  CO_TRY(const db::Rows rows, co_await run.run(resolve_accepted_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, resolve_accepted_query));
  if (!found) co_return std::nullopt;
  co_return resolve_accepted_row(rows, 0);
}

inline constexpr db::Query resolve_refused_query{"providers.resolve_refused", R"sql(update provider_calls set state = 'refused', ended_at = now(), cost_microusd = 0, error_type = 'not_accepted'
 where id = $1 and state in ('submitting', 'unsure')
returning company_id, item_id)sql"};
struct ResolveRefusedParams {
  CallId call_id;
};
struct ResolveRefusedRow {
  CompanyId company_id;
  ItemId item_id;
};
inline ResolveRefusedRow resolve_refused_row(const db::Rows& rows, int row) {
  return {
      .company_id = rows.get<CompanyId>(row, 0),
      .item_id = rows.get<ItemId>(row, 1),
  };
}
/// An operator knows that it was never accepted: nothing was paid. As the system role.
template <db::Runner R>
Task<std::optional<ResolveRefusedRow>> resolve_refused(R& run, ResolveRefusedParams params) {
  db::Params values;
  values.add(params.call_id);
  CO_TRY(const db::Rows rows, co_await run.run(resolve_refused_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, resolve_refused_query));
  if (!found) co_return std::nullopt;
  co_return resolve_refused_row(rows, 0);
}

inline constexpr db::Query calls_since_query{"providers.calls_since", R"sql(select id as call_id, item_id, request_id, endpoint, state, cost_microusd, submitted_at
  from provider_calls where provider = $1 and submitted_at >= now() - make_interval(days => $2) order by submitted_at)sql"};
struct CallsSinceParams {
  std::string provider;
  std::int32_t days;
};
struct CallsSinceRow {
  CallId call_id;
  ItemId item_id;
  std::optional<std::string> request_id;
  std::string endpoint;
  std::string state;
  std::int64_t cost_microusd;
  Time submitted_at;
};
inline CallsSinceRow calls_since_row(const db::Rows& rows, int row) {
  return {
      .call_id = rows.get<CallId>(row, 0),
      .item_id = rows.get<ItemId>(row, 1),
      .request_id = rows.get<std::optional<std::string>>(row, 2),
      .endpoint = rows.get<std::string>(row, 3),
      .state = rows.get<std::string>(row, 4),
      .cost_microusd = rows.get<std::int64_t>(row, 5),
      .submitted_at = rows.get<Time>(row, 6),
  };
}
/// What we reckon to pay, to be laid beside the provider's own bill. As the system role.
template <db::Runner R>
Task<std::vector<CallsSinceRow>> calls_since(R& run, CallsSinceParams params) {
  db::Params values;
  values.add(params.provider);
  values.add(params.days);
  CO_TRY(const db::Rows rows, co_await run.run(calls_since_query, std::move(values)));
  std::vector<CallsSinceRow> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) out.push_back(calls_since_row(rows, row));
  co_return out;
}

inline constexpr db::Query close_calls_query{"providers.close_calls", R"sql(update provider_calls c
   set state = case when c.state = 'answered' then 'succeeded' else 'abandoned' end, ended_at = now(),
       error_type = case when c.state = 'answered' then c.error_type else coalesce(c.error_type, 'item_' || i.status) end
  from job_items i
 where i.company_id = c.company_id and i.id = c.item_id and i.finished_at is not null
   and (c.state in ('submitting', 'answered', 'unsure')
        or (c.state = 'accepted' and i.finished_at < now() - make_interval(secs => $1))))sql"};
struct CloseCallsParams {
  double grace_s;
};
/// Calls whose item has ended, as the system role: what was made is booked as made, whatever became of it; what was never
/// heard of again stays booked to us. One that was accepted has `grace_s`: its worker is asking what it came to.
template <db::Runner R>
Task<std::int64_t> close_calls(R& run, CloseCallsParams params) {
  db::Params values;
  values.add(params.grace_s);
  CO_TRY(const db::Rows rows, co_await run.run(close_calls_query, std::move(values)));
  co_return rows.affected();
}

inline constexpr db::Query item_ended_query{"providers.item_ended", R"sql(select finished_at is not null as "ended!" from job_items where company_id = $1 and id = $2)sql"};
struct ItemEndedParams {
  CompanyId company_id;
  ItemId item_id;
};
struct ItemEndedRow {
  bool ended;
};
inline ItemEndedRow item_ended_row(const db::Rows& rows, int row) {
  return {
      .ended = rows.get<bool>(row, 0),
  };
}
template <db::Runner R>
Task<std::optional<ItemEndedRow>> item_ended(R& run, ItemEndedParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.item_id);
  CO_TRY(const db::Rows rows, co_await run.run(item_ended_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, item_ended_query));
  if (!found) co_return std::nullopt;
  co_return item_ended_row(rows, 0);
}

}  // namespace i2m::providers::sql
