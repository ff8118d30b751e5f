-- name: live_call :optional
-- The call that an item has out, whatever became of its worker.
select id as call_id, state, submission, request_id, status_url, response_url, cancel_url, outcome, endpoint, model, model_version
  from provider_calls
 where company_id = @company_id and item_id = @item_id
   and state in ('submitting', 'accepted', 'answered', 'unsure', 'succeeded');

-- name: calls_made :one
-- How often the item has been submitted, and how many of those may have cost something.
select count(*) as "submissions!", count(*) filter (where state <> 'refused') as "paid!",
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

-- name: accept_call :affected
-- What the provider answered, before anything else is done with it. Also resolves one that was given up as unsure.
update provider_calls
   set state = 'accepted', request_id = @request_id, status_url = @status_url, response_url = @response_url,
       cancel_url = @cancel_url, accepted_at = now()
 where company_id = @company_id and id = @call_id and state in ('submitting', 'unsure');

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
-- It works: whatever was wrong is over.
insert into provider_health (provider) values (@provider)
on conflict (provider) do update set state = 'ok', reason = null, probe_at = null, failures = 0,
    since = case when provider_health.state = 'ok' then provider_health.since else now() end
 where provider_health.state <> 'ok' or provider_health.failures > 0;

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

-- name: learn_limit :exec
insert into provider_health as h (provider, limit_learned) values (@provider, @limit_learned::bigint::int)
on conflict (provider) do update set limit_learned = excluded.limit_learned;

-- name: close_calls :affected
-- Calls whose item has ended, as the system role: what was made is booked as made, whatever became of it; what was never
-- heard of again stays booked to us.
update provider_calls c
   set state = case when c.state = 'answered' then 'succeeded' else 'abandoned' end, ended_at = now(),
       error_type = case when c.state = 'answered' then c.error_type else coalesce(c.error_type, 'item_' || i.status) end
  from job_items i
 where i.company_id = c.company_id and i.id = c.item_id and i.finished_at is not null
   and c.state in ('submitting', 'accepted', 'answered', 'unsure');

-- name: item_ended :optional
select finished_at is not null as "ended!" from job_items where company_id = @company_id and id = @item_id;
