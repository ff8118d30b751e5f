-- Why:   the account of an outside provider runs so many calls at once, whoever of our workers sends them: each is counted before it is
--        begun, across companies. And what is being made may be cancelled: the wish is noted, the worker sees to it.
-- Locks: job_items briefly (a column without a default is added).
-- Undo:  drop the two functions; alter table job_items drop column cancel_asked_at.
set local lock_timeout = '2s';

alter table job_items add column cancel_asked_at timestamptz;  -- by its owner; what has a worker is ended by that

create index job_items_unwanted on job_items (created_at) where cancel_asked_at is not null and finished_at is null;

-- How many calls a provider has of ours, of all companies: `followed` for certain, `lost` perhaps (their answer, or their item, was lost).
-- Whoever asks holds the provider's lock until his transaction ends, so that two workers cannot both begin the last one.
-- Numbers alone leave it: no company learns anything of another.
create function provider_calls_in_flight(p_provider text)
    returns table (followed bigint, lost bigint)
    language plpgsql volatile security definer set search_path = public, pg_temp
    as $$
    begin
        perform pg_advisory_xact_lock(hashtextextended('provider_calls:' || p_provider, 0));
        return query
            select count(*) filter (where c.state in ('submitting', 'accepted')),
                   count(*) filter (where c.state in ('unsure', 'abandoned'))
              from provider_calls c
             where c.provider = p_provider
               and (c.state in ('submitting', 'accepted')
                    or (c.hooked_at is null and c.submitted_at > now() - interval '10 minutes'
                        and (c.state = 'unsure'
                             or (c.state = 'abandoned' and c.request_id is not null and c.ended_at > now() - interval '5 minutes'))));
    end
    $$;
-- The items whose calls those are: what Redis is told when it has forgotten.
create function provider_items_in_flight(p_provider text)
    returns table (item_id uuid)
    language sql stable security definer set search_path = public, pg_temp
    as $$
        select c.item_id from provider_calls c where c.provider = p_provider and c.state in ('submitting', 'accepted')
    $$;
revoke all on function provider_calls_in_flight(text), provider_items_in_flight(text) from public;
grant execute on function provider_calls_in_flight(text), provider_items_in_flight(text) to i2m_app;
grant create on schema public to i2m_system;
alter function provider_calls_in_flight(text) owner to i2m_system;
alter function provider_items_in_flight(text) owner to i2m_system;
revoke create on schema public from i2m_system;

-- The few calls that count, without looking at all that ever were.
create index provider_calls_lost on provider_calls (provider, submitted_at) where state in ('unsure', 'abandoned') and hooked_at is null;
create index provider_calls_followed on provider_calls (provider) where state in ('submitting', 'accepted');
