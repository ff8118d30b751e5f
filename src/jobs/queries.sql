-- name: create_job :exec
insert into job_history (id, company_id, user_id, quality, triangles_max, item_count)
values (@job_id, @company_id, @user_id, @quality, @triangles_max, @item_count::bigint::int);

-- name: create_items :exec
insert into job_items (id, company_id, job_id, position, file_name, width_px, height_px, credits, provider, model, model_version,
                       model_parameters, attempts_max, deadline_at)
select i.id, @company_id, @job_id, i.position, i.file_name, i.width, i.height, @credits, @provider, @model,
       @model_version::bigint::int, @model_parameters::text::jsonb, @attempts_max,
       now() + make_interval(secs => @deadline_s)
  from unnest(@item_ids::uuid[], @file_names::text[], @widths::bigint[], @heights::bigint[])
       with ordinality as i (id, file_name, width, height, position);

-- name: create_upload_files :exec
insert into files (id, company_id, job_id, item_id, kind, object_key, media_type, bytes, sha256)
select f.id, @company_id, @job_id, f.item_id, 'upload', f.object_key, f.media_type, f.bytes, decode(f.sha256, 'hex')
  from unnest(@file_ids::uuid[], @item_ids::uuid[], @object_keys::text[], @media_types::text[], @bytes::bigint[], @sha256s::text[])
       as f (id, item_id, object_key, media_type, bytes, sha256);

-- name: remember_key :affected
-- Waits for a request with the same key that is still in flight; 0 when the key is taken.
insert into idempotency_keys (company_id, user_id, key, fingerprint, answer, job_id)
values (@company_id, @user_id, @key, @fingerprint, @answer, @job_id)
on conflict do nothing;

-- name: remembered :optional
select fingerprint, answer from idempotency_keys where company_id = @company_id and user_id = @user_id and key = @key;

-- name: job :optional
select id as job_id, status, quality, triangles_max, item_count, succeeded_count, failed_count, cancelled_count, event_seq,
       created_at, finished_at
  from job_history where company_id = @company_id and id = @job_id;

-- name: items_of_job :many
select id as item_id, position, file_name, status, stage, progress::float8 as "progress!", credits, error_code, error_message
  from job_items where company_id = @company_id and job_id = @job_id order by position;

-- name: events_after :many
select seq, kind, data from job_events
 where company_id = @company_id and job_id = @job_id and seq > @after order by seq limit 200;

-- name: models_of_job :many
select f.id as file_id, f.item_id, i.file_name, i.position, f.bytes, f.sha256, f.triangles as "triangles!"
  from files f join job_items i on i.company_id = f.company_id and i.id = f.item_id
 where f.company_id = @company_id and f.job_id = @job_id and f.kind = 'model' order by i.position;

-- name: model_file :optional
select f.object_key, f.bytes, f.sha256, f.media_type, i.file_name
  from files f join job_items i on i.company_id = f.company_id and i.id = f.item_id
  join companies c on c.id = f.company_id and c.status = 'active'
 where f.company_id = @company_id and f.id = @file_id and f.kind = 'model';

-- name: lock_job_of_item :optional
-- First of every change to an item's state: the job's row is the lock that puts its events in order.
select j.id as job_id, j.user_id, j.quality, j.triangles_max
  from job_items i join job_history j on j.company_id = i.company_id and j.id = i.job_id
 where i.company_id = @company_id and i.id = @item_id
   for no key update of j;

-- name: claim_item :optional
-- The worker's claim: one more attempt, whose number fences every later write. No row: somebody else has it, or it ended.
update job_items i
   set status = 'running', stage = 'starting', progress = 0, attempt = attempt + 1, error_code = null, error_message = null,
       lease_until = now() + make_interval(secs => @lease_s), started_at = coalesce(started_at, now())
 where company_id = @company_id and id = @item_id and status = 'dispatched' and attempt < attempts_max
returning id as item_id, job_id, position, file_name, credits, provider, model, model_parameters, attempt, attempts_max,
          cancel_asked_at is not null as "cancel_asked!";

-- name: upload_of_item :one
select object_key, media_type, bytes, sha256 from files
 where company_id = @company_id and item_id = @item_id and kind = 'upload';

-- name: beat_item :optional
-- Heartbeat with what is known of the progress. No row: the lease was lost, stop.
update job_items
   set lease_until = now() + make_interval(secs => @lease_s), stage = @stage, progress = greatest(progress, @progress::float8::real)
 where company_id = @company_id and id = @item_id and status = 'running' and attempt = @attempt
returning cancel_asked_at is not null as "cancel_asked!";

-- name: succeed_item :optional
update job_items
   set status = 'succeeded', stage = 'done', progress = 1, lease_until = null, finished_at = now()
 where company_id = @company_id and id = @item_id and status = 'running' and attempt = @attempt
returning job_id, credits, file_name, provider;

-- name: fail_item :optional
-- From any state that is not final; `attempt` guards against a worker that lost its lease.
update job_items
   set status = 'failed', stage = 'failed', lease_until = null, finished_at = now(), error_code = @error_code,
       error_message = @error_message
 where company_id = @company_id and id = @item_id and attempt = @attempt
   and status in ('queued', 'dispatched', 'running', 'unsure')
returning job_id, file_name;

-- name: lock_job :optional
select id as job_id, status from job_history where company_id = @company_id and id = @job_id for no key update;

-- name: ask_to_cancel :many
-- The owner's wish, of one item (`item_id`) or of all of its job. `waiting`: nobody has begun, so it can end at once; what a worker
-- has, or had when it asked an outside provider, is ended by a worker.
update job_items i set cancel_asked_at = coalesce(i.cancel_asked_at, now())
 where i.company_id = @company_id and i.job_id = @job_id and i.finished_at is null and (@all::bool or i.id = @item_id)
returning i.id as item_id, i.attempt,
          (i.status in ('queued', 'dispatched')
           and not exists (select from provider_calls c
                            where c.company_id = i.company_id and c.item_id = i.id
                              and c.state in ('submitting', 'accepted', 'answered', 'unsure'))) as "waiting!";

-- name: cancel_item :optional
-- Nobody has begun, or its worker has stopped.
update job_items
   set status = 'cancelled', stage = 'cancelled', lease_until = null, finished_at = now()
 where company_id = @company_id and id = @item_id and attempt = @attempt and cancel_asked_at is not null
   and status in ('queued', 'dispatched', 'running')
returning job_id, file_name;

-- name: doubt_item :optional
-- It was sent to a provider whose answer was lost: it waits, without a worker, for a word of the provider or of an operator.
update job_items
   set status = 'unsure', stage = 'unsure', lease_until = null
 where company_id = @company_id and id = @item_id and attempt = @attempt and status = 'running'
returning job_id, file_name;

-- name: resume_item :optional
-- The word has come. What follows is the same try, so it does not count as another.
update job_items
   set status = 'queued', stage = 'queued', not_before = now(), attempts_max = attempts_max + 1
 where company_id = @company_id and id = @item_id and status = 'unsure'
returning job_id, file_name;

-- name: requeue_item :optional
-- Another try later. A dispatch that nobody claimed does not count as one, nor does a claim that its worker hands back
-- (`tries_back` 1): the fence goes on rising, and so does its limit.
update job_items
   set status = 'queued', stage = 'queued', progress = 0, lease_until = null, not_before = now() + make_interval(secs => @delay_s),
       attempts_max = attempts_max + @tries_back::bigint::int
 where company_id = @company_id and id = @item_id and attempt = @attempt and status in ('dispatched', 'running')
returning job_id, file_name;

-- name: count_item :one
-- Adds one finished item to its job and derives the job's state; called once for each item, in the transaction that ends it.
update job_history j
   set succeeded_count = j.succeeded_count + d.succeeded, failed_count = j.failed_count + d.failed,
       cancelled_count = j.cancelled_count + d.cancelled,
       status = case
           when j.succeeded_count + d.succeeded + j.failed_count + d.failed + j.cancelled_count + d.cancelled < j.item_count then 'running'
           when j.succeeded_count + d.succeeded = j.item_count then 'succeeded'
           when j.succeeded_count + d.succeeded > 0 then 'partial'
           when j.failed_count + d.failed > 0 then 'failed'
           else 'cancelled' end,
       finished_at = case
           when j.succeeded_count + d.succeeded + j.failed_count + d.failed + j.cancelled_count + d.cancelled = j.item_count then now() end
  from (select @succeeded::bigint::int as succeeded, @failed::bigint::int as failed, @cancelled::bigint::int as cancelled) d
 where j.company_id = @company_id and j.id = @job_id
returning j.status, j.finished_at;

-- name: start_job :affected
update job_history set status = 'running' where company_id = @company_id and id = @job_id and status = 'queued';

-- name: add_item_event :one
-- Tells the watchers how an item stands now. The job's row is locked by then, so seq has no gap and follows commit order.
with job as (
    update job_history set event_seq = event_seq + 1 where company_id = @company_id and id = @job_id returning event_seq)
insert into job_events (company_id, job_id, seq, kind, data)
select @company_id, @job_id, job.event_seq, 'item',
       jsonb_build_object('item_id', i.id, 'file_name', i.file_name, 'status', i.status, 'stage', i.stage, 'progress', i.progress,
                          'error', case when i.error_code is not null
                                        then jsonb_build_object('code', i.error_code, 'message', i.error_message) end)
  from job, job_items i where i.company_id = @company_id and i.id = @item_id
returning seq;

-- name: add_job_event :one
with job as (
    update job_history set event_seq = event_seq + 1 where company_id = @company_id and id = @job_id returning *),
credits as (
    select coalesce(sum(amount) filter (where state = 'held'), 0) as held, coalesce(sum(settled), 0) as settled,
           coalesce(sum(amount) filter (where state = 'released'), 0) as released
      from credit_holds where company_id = @company_id and job_id = @job_id)
insert into job_events (company_id, job_id, seq, kind, data)
select @company_id, @job_id, job.event_seq, 'job',
       jsonb_build_object('job_id', job.id, 'status', job.status,
                          'progress', (select avg(case when i.finished_at is null then i.progress else 1 end)
                                         from job_items i where i.company_id = @company_id and i.job_id = job.id),
                          'credits', jsonb_build_object('held', held, 'settled', settled, 'released', released),
                          'finished_at', job.finished_at)
  from job, credits
returning seq;

-- name: add_model_file :exec
insert into files (id, company_id, job_id, item_id, kind, object_key, media_type, bytes, sha256, triangles)
values (@file_id, @company_id, @job_id, @item_id, 'model', @object_key, 'model/gltf-binary', @bytes, @sha256, @triangles::bigint::int);

-- name: add_usage :exec
insert into api_usage (id, company_id, user_id, job_id, item_id, quality, provider, credits)
values (@usage_id, @company_id, @user_id, @job_id, @item_id, @quality, @provider, @credits);
