-- name: forget_keys :affected
delete from idempotency_keys where created_at < now() - make_interval(hours => @age_h);

-- name: pick_items :many
-- The scheduler's fair pick, as the system role: a company's next item waits behind as many turns as the company has in
-- flight, so one that queues 1,000 pictures does not delay another's first. Marked and leased here, sent to Redis after the
-- commit; should the message be lost, the lease ends and the item is picked again.
with waiting as (
    select distinct company_id from job_items where status = 'queued' and provider = @provider),
in_flight as (
    select company_id, count(*) as busy from job_items
     where status in ('dispatched', 'running') and provider = @provider group by company_id),
candidates as (
    select i.id, i.created_at, i.turn + coalesce(f.busy, 0) as turn
      from waiting w
      cross join lateral (
          select q.id, q.created_at, row_number() over (order by q.created_at, q.id) as turn
            from (select id, created_at from job_items
                   where company_id = w.company_id and status = 'queued' and provider = @provider and not_before <= now()
                   order by created_at, id limit @limit) q) i
      left join in_flight f on f.company_id = w.company_id),
picked as (
    select id from candidates order by turn, created_at, id limit @limit)
update job_items i
   set status = 'dispatched', stage = 'dispatched', lease_until = now() + make_interval(secs => @lease_s)
  from picked where i.id = picked.id and i.status = 'queued'
returning i.company_id, i.id as item_id;

-- name: pick_called :many
-- Items that wait although a provider is at work on them (their worker is gone, or their word has come): they go first, whoever's
-- they are and whatever the provider's health, and take no room, for they begin nothing.
update job_items i
   set status = 'dispatched', stage = 'dispatched', lease_until = now() + make_interval(secs => @lease_s)
  from (select q.id from provider_calls c join job_items q on q.company_id = c.company_id and q.id = c.item_id
         where c.state in ('submitting', 'accepted', 'answered', 'unsure') and q.status = 'queued' and q.provider = @provider
           and q.not_before <= now() limit @limit) picked
 where i.id = picked.id and i.status = 'queued'
returning i.company_id, i.id as item_id;

-- name: count_in_flight :many
select provider, count(*) filter (where status in ('dispatched', 'running')) as "in_flight!",
       count(*) filter (where status = 'queued') as "queued!",
       coalesce(extract(epoch from now() - min(created_at) filter (where status = 'queued')), 0)::float8 as "oldest_queued_s!"
  from job_items where status in ('queued', 'dispatched', 'running') group by provider;

-- name: overdue_items :many
-- What the reaper must decide on: leases that ended (a worker or a message was lost) and deadlines that passed.
select company_id, id as item_id, status, attempt, attempts_max, deadline_at <= now() as "past_deadline!"
  from job_items
 where (status in ('dispatched', 'running') and lease_until < now())
    or (status in ('queued', 'dispatched', 'running', 'unsure') and deadline_at <= now())
 order by deadline_at limit @limit;

-- name: unwanted_items :many
-- What its owner has cancelled and nobody works at: whoever took the wish, or the worker that had it, could not end it.
select company_id, id as item_id, attempt from job_items i
 where cancel_asked_at is not null and finished_at is null and status = 'queued'
   and not exists (select from provider_calls c where c.company_id = i.company_id and c.item_id = i.id
                      and c.state in ('submitting', 'accepted', 'answered', 'unsure'))
 limit @limit;

-- name: booked_objects :many
-- Which of these objects have a row: a result without one was stored by an attempt that died before it could book it.
select object_key from files where object_key = any (@keys::text[]);

-- name: known_jobs :many
-- Which of these jobs exist: the sweeper asks before it removes a folder.
select id as job_id from job_history where id = any (@job_ids::uuid[]);
