-- name: live_call :optional
-- The call that an item has out, whatever became of its worker.
select id as call_id, state, submission, request_id, status_url, response_url, cancel_url, outcome, endpoint, model, model_version,
       price_microusd, extract(epoch from now() - accepted_at)::float8 as "accepted_s",
       extract(epoch from now() - running_at)::float8 as "running_s"
  from provider_calls
 where company_id = @company_id and item_id = @item_id
   and state in ('submitting', 'accepted', 'answered', 'unsure', 'succeeded');

-- name: calls_made :one
-- How often the item has been submitted, how many of those may have cost something, and how many may have been made: nothing says
-- that they failed, so nothing may follow them (but what an operator's setting gives up as unsure).
select count(*) as "submissions!", count(*) filter (where state <> 'refused') as "paid!",
       count(*) filter (where (state = 'abandoned' and error_type is distinct from 'unsure')
                           or (state = 'failed' and error_type in ('request_lost', 'result_expired', 'no_model'))) as "made!",
       coalesce(max(submission), 0) as "last!"
  from provider_calls where company_id = @company_id and item_id = @item_id;

-- name: begin_call :affected
-- Before the request leaves. Fenced: only the attempt that holds the item may begin one. 0: the lease is gone.
insert into provider_calls (id, company_id, job_id, item_id, provider, model, model_version, endpoint, submission, attempt,
                            token_sha256, price_microusd, cost_microusd)
select @call_id, @company_id, i.job_id, i.id, @provider, @model, @model_version::bigint::int, @endpoint,
       @submission::bigint::int, i.attempt, @token_sha256, @price_microusd, @price_microusd
  from job_items i
 where i.company_id = @company_id and i.id = @item_id and i.status = 'running' and i.attempt = @attempt;

-- name: accept_call :optional
-- What the provider answered, before anything else is done with it. Also resolves one that was given up as unsure, and notes
-- the id of one whose item has ended meanwhile: it was paid for.
update provider_calls
   set state = case when state in ('submitting', 'unsure') then 'accepted' else state end, request_id = @request_id,
       status_url = @status_url, response_url = @response_url, cancel_url = @cancel_url,
       accepted_at = coalesce(accepted_at, now())
 where company_id = @company_id and id = @call_id and coalesce(request_id, @request_id) = @request_id
returning state, outcome;

-- name: run_call :exec
-- It was seen in progress.
update provider_calls set running_at = coalesce(running_at, now()) where company_id = @company_id and id = @call_id;

-- name: answer_call :affected
update provider_calls set state = 'answered', outcome = @outcome::text::jsonb
 where company_id = @company_id and id = @call_id and state = 'accepted';

-- name: doubt_call :affected
update provider_calls set state = 'unsure', error_detail = @detail
 where company_id = @company_id and id = @call_id and state = 'submitting';

-- name: end_call :affected
-- `cost_microusd` 0: surely not billed.
update provider_calls
   set state = @state, error_type = @error_type, error_detail = @error_detail, cost_microusd = @cost_microusd, ended_at = now()
 where company_id = @company_id and id = @call_id and state in ('submitting', 'accepted', 'answered', 'unsure');

-- name: call_of_token :optional
select call_id as "call_id!", company_id as "company_id!", item_id as "item_id!" from provider_call_of_token(@token_sha256);

-- name: hook_call :optional
-- A webhook's word, in the company's transaction. A request id that is already known must be the same one.
update provider_calls
   set hooked_at = now(), request_id = coalesce(request_id, @request_id), accepted_at = coalesce(accepted_at, now()),
       outcome = coalesce(outcome, nullif(@outcome::text, '')::jsonb),
       state = case when state in ('submitting', 'unsure', 'accepted') and @outcome::text <> '' then 'answered'
                    when state in ('submitting', 'unsure') then 'accepted'
                    else state end
 where company_id = @company_id and id = @call_id and coalesce(request_id, @request_id) = @request_id
returning state, item_id;

-- name: health :optional
select state, reason, since, probe_at, probe_at <= now() as "may_probe", failures, limit_learned
  from provider_health where provider = @provider;

-- name: note_success :exec
-- It works: whatever was wrong is over. A locked account still answers for what it has accepted before: only a call that it
-- accepts (`accepted`) ends that.
insert into provider_health (provider) values (@provider)
on conflict (provider) do update set state = 'ok', reason = null, probe_at = null, failures = 0,
    since = case when provider_health.state = 'ok' then provider_health.since else now() end
 where (provider_health.state <> 'ok' or provider_health.failures > 0)
   and (@accepted::bool or provider_health.state not in ('locked', 'key'));

-- name: note_failure :one
-- One more in a row; from `failures_max` on the provider is left alone for a while, each time twice as long.
insert into provider_health as h (provider, failures) values (@provider, 1)
on conflict (provider) do update
   set failures = h.failures + 1,
       state = case when h.state <> 'ok' then h.state when h.failures + 1 >= @failures_max::bigint then 'open' else 'ok' end,
       reason = case when h.state = 'ok' then @reason else h.reason end,
       since = case when h.state = 'ok' and h.failures + 1 >= @failures_max::bigint then now() else h.since end,
       probe_at = case when h.state <> 'ok' or h.failures + 1 >= @failures_max::bigint
                       then now() + make_interval(secs => least(@rest_max_s::float8,
                                @rest_s::float8 * power(2, least(greatest(h.failures + 1 - @failures_max::bigint, 0), 10)))) end
returning state, failures;

-- name: pause :exec
-- The account is locked, or the key is not accepted: nothing of anybody's is sent until a probe goes through.
insert into provider_health as h (provider, state, reason, probe_at)
values (@provider, @state, @reason, now() + make_interval(secs => @probe_s))
on conflict (provider) do update
   set state = excluded.state, reason = excluded.reason, probe_at = excluded.probe_at,
       since = case when h.state = excluded.state then h.since else now() end;

-- name: learn_limit :optional
-- What the account allows, from what it was seen to do: calls that have waited `waited_s` while others run show the limit;
-- where none waits for `relearn_s` it may have risen, so one more is tried.
with seen as (
    select count(*) filter (where running_at is not null) as running,
           count(*) filter (where running_at is null and accepted_at < now() - make_interval(secs => @waited_s)) as waiting
      from provider_calls where provider = @provider and state = 'accepted')
update provider_health h
   set limit_learned = case when s.waiting > 0 then s.running else h.limit_learned + 1 end::int, learned_at = now()
  from seen s
 where h.provider = @provider
   and ((s.waiting > 0 and s.running > 0 and h.limit_learned is distinct from s.running::int
         and (h.limit_learned is null or s.running < h.limit_learned or h.learned_at < now() - make_interval(secs => @relearn_s)))
        or (s.waiting = 0 and h.limit_learned < @limit_max::bigint and h.learned_at < now() - make_interval(secs => @relearn_s)))
returning h.limit_learned;

-- name: unfollowed_calls :one
-- Calls that may be in progress although nobody follows them: they take the account's room as well. As the system role.
select count(*) as "calls!" from provider_calls
 where provider = @provider and submitted_at > now() - interval '10 minutes'
   and hooked_at is null
   and (state = 'unsure' or (state = 'abandoned' and request_id is not null and ended_at > now() - interval '5 minutes'));

-- name: calls_in_flight :one
-- Of all companies; nobody else is told until the transaction has ended.
select followed as "followed!", lost as "lost!" from provider_calls_in_flight(@provider);

-- name: items_in_flight :many
select item_id as "item_id!" from provider_items_in_flight(@provider);

-- name: call_counts :many
-- For the gauges and for operators, as the system role.
select provider, state, count(*) as "calls!", sum(price_microusd)::bigint as "price_microusd!",
       sum(cost_microusd)::bigint as "cost_microusd!" from provider_calls group by provider, state order by provider, state;

-- name: live_counts :many
select provider, count(*) filter (where state = 'unsure') as "unsure!", count(*) as "live!"
  from provider_calls where state in ('submitting', 'accepted', 'answered', 'unsure') group by provider;

-- name: providers_health :many
select provider, state, reason, since, probe_at, failures, limit_learned from provider_health order by provider;

-- name: unsure_calls :many
-- Those that wait for a word, the oldest first, as the system role.
select c.id as call_id, c.company_id, c.item_id, c.provider, c.model, c.endpoint, c.submission, c.price_microusd, c.submitted_at,
       c.error_detail, i.status as item_status, i.attempt, i.deadline_at
  from provider_calls c join job_items i on i.company_id = c.company_id and i.id = c.item_id
 where c.state in ('submitting', 'unsure') and i.status = 'unsure'
   and c.submitted_at < now() - make_interval(secs => @age_s) order by c.submitted_at limit @limit;

-- name: abandon_call :affected
-- Nobody has heard of it in time; it stays booked to us. As the system role.
update provider_calls set state = 'abandoned', ended_at = now(), error_type = coalesce(error_type, 'unsure')
 where id = @call_id and state in ('submitting', 'unsure');

-- name: answered_items :many
-- Items that wait as unsure although their call is not any more: the word has come, from a webhook whose taker died, or from
-- an operator. As the system role.
select i.company_id, i.id as item_id from job_items i
 where i.status = 'unsure'
   and not exists (select from provider_calls c where c.item_id = i.id and c.state in ('submitting', 'unsure')) limit 100;

-- name: resolve_accepted :optional
-- An operator knows its request's id. As the system role.
update provider_calls set state = 'accepted', request_id = @request_id, accepted_at = now()
 where id = @call_id and state in ('submitting', 'unsure')
returning company_id, item_id;

-- name: resolve_refused :optional
-- An operator knows that it was never accepted: nothing was paid. As the system role.
update provider_calls set state = 'refused', ended_at = now(), cost_microusd = 0, error_type = 'not_accepted'
 where id = @call_id and state in ('submitting', 'unsure')
returning company_id, item_id;

-- name: calls_since :many
-- What we reckon to pay, to be laid beside the provider's own bill. As the system role.
select id as call_id, item_id, request_id, endpoint, state, cost_microusd, submitted_at
  from provider_calls where provider = @provider and submitted_at >= now() - make_interval(days => @days) order by submitted_at;

-- name: close_calls :affected
-- Calls whose item has ended, as the system role: what was made is booked as made, whatever became of it; what was never
-- heard of again stays booked to us. One that was accepted has `grace_s`: its worker is asking what it came to.
update provider_calls c
   set state = case when c.state = 'answered' then 'succeeded' else 'abandoned' end, ended_at = now(),
       error_type = case when c.state = 'answered' then c.error_type else coalesce(c.error_type, 'item_' || i.status) end
  from job_items i
 where i.company_id = c.company_id and i.id = c.item_id and i.finished_at is not null
   and (c.state in ('submitting', 'answered', 'unsure')
        or (c.state = 'accepted' and i.finished_at < now() - make_interval(secs => @grace_s)));

-- name: item_ended :optional
select finished_at is not null as "ended!" from job_items where company_id = @company_id and id = @item_id;
