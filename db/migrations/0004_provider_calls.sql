-- Why:   a call to an outside provider costs money when it is accepted: each is a row before it is made, so that none is made
--        twice; an item whose answer was lost waits as 'unsure' and is never blindly submitted again.
-- Locks: job_items briefly (two checks are replaced; the new ones are looked at for each row).
-- Undo:  drop table provider_calls, provider_health; put the two checks of job_items back.
set local lock_timeout = '2s';

alter table job_items drop constraint job_items_status_known;
alter table job_items add constraint job_items_status_known
    check (status in ('queued', 'dispatched', 'running', 'unsure', 'succeeded', 'failed', 'cancelled'));
alter table job_items add column model            text  not null default '';    -- of the provider's catalogue; '': it has none
alter table job_items add column model_version    int   not null default 0;     -- the edition it was ordered with
alter table job_items add column model_parameters jsonb not null default '{}';  -- as they were ordered, defaults filled in
drop index job_items_deadline;
create index job_items_unsure on job_items (created_at) where status = 'unsure';
create index job_items_deadline on job_items (deadline_at) where status in ('queued', 'dispatched', 'running', 'unsure');

-- docs/state/call.md draws the states. While one is 'submitting', 'accepted', 'answered' or 'unsure' the item has no other.
create table provider_calls (
    id             uuid        primary key,
    company_id     uuid        not null references companies,
    job_id         uuid        not null,
    item_id        uuid        not null,
    provider       text        not null,
    model          text        not null,   -- of the catalogue, and
    model_version  int         not null,   -- which edition of its entry was used
    endpoint       text        not null,
    submission     int         not null,   -- the item's first, second ... call
    attempt        int         not null,   -- of the item, when it was submitted
    token_sha256   bytea       not null,   -- of the secret in the webhook's address: an answer that was lost finds back by it
    state          text        not null default 'submitting',
    request_id     text,
    status_url     text,
    response_url   text,
    cancel_url     text,
    price_microusd bigint      not null,   -- list price of what was asked for
    cost_microusd  bigint      not null default 0,  -- what we must reckon to pay
    outcome        jsonb,                  -- what the provider made, as it said
    error_type     text,
    error_detail   text,
    hooked_at      timestamptz,
    submitted_at   timestamptz not null default now(),
    accepted_at    timestamptz,
    running_at     timestamptz,            -- first seen in progress: what the account's limit is learned from
    ended_at       timestamptz,
    constraint provider_calls_item           foreign key (company_id, item_id) references job_items (company_id, id),
    constraint provider_calls_token_once     unique (token_sha256),
    constraint provider_calls_token_whole    check (octet_length(token_sha256) = 32),
    constraint provider_calls_request_once   unique (provider, request_id),
    constraint provider_calls_submission     unique (item_id, submission),
    constraint provider_calls_state_known    check (state in ('submitting', 'accepted', 'answered', 'unsure', 'succeeded', 'failed',
                                                              'refused', 'cancelled', 'abandoned')),
    constraint provider_calls_accepted_known check (state not in ('accepted', 'answered', 'succeeded', 'cancelled')
                                                    or request_id is not null),
    constraint provider_calls_answered_known check (state not in ('answered', 'succeeded') or outcome is not null),
    constraint provider_calls_ended_once     check ((state in ('submitting', 'accepted', 'answered', 'unsure')) = (ended_at is null)),
    constraint provider_calls_prices         check (price_microusd >= 0 and cost_microusd >= 0)
);
-- The rule that nothing is paid twice, as the database keeps it.
create unique index provider_calls_one_live on provider_calls (item_id)
    where state in ('submitting', 'accepted', 'answered', 'unsure', 'succeeded');
create index provider_calls_live on provider_calls (submitted_at) where state in ('submitting', 'accepted', 'answered', 'unsure');
create index provider_calls_of_company on provider_calls (company_id, submitted_at);

alter table provider_calls enable row level security, force row level security;
create policy own_company on provider_calls to i2m_app    using (company_id = app_company_id()) with check (company_id = app_company_id());
create policy system      on provider_calls to i2m_system using (true) with check (true);
grant select, insert, update on provider_calls to i2m_app;
grant select, update         on provider_calls to i2m_system;

-- One row a provider, nobody's: whether it may be asked, and how much at once.
create table provider_health (
    provider      text        primary key,
    state         text        not null default 'ok',
    reason        text,
    since         timestamptz not null default now(),
    probe_at      timestamptz,             -- from then on one item may try whether it goes again
    failures      int         not null default 0,   -- in a row
    limit_learned int,                     -- how many the account was seen to run at once; null: not seen yet
    learned_at    timestamptz,
    constraint provider_health_state_known check (state in ('ok', 'open', 'locked', 'key')),
    constraint provider_health_probed      check ((state = 'ok') = (probe_at is null)),
    constraint provider_health_limit       check (limit_learned >= 1)
);
grant select, insert, update on provider_health to i2m_app, i2m_system;

-- A webhook knows its token and no company. Like signing in, this is the only way across: one secret in, one row out.
create function provider_call_of_token(p_token_sha256 bytea)
    returns table (call_id uuid, company_id uuid, item_id uuid)
    language sql stable security definer set search_path = public, pg_temp
    as $$
        select c.id, c.company_id, c.item_id from provider_calls c where c.token_sha256 = p_token_sha256
    $$;
revoke all on function provider_call_of_token(bytea) from public;
grant execute on function provider_call_of_token(bytea) to i2m_app;
grant create on schema public to i2m_system;
alter function provider_call_of_token(bytea) owner to i2m_system;
revoke create on schema public from i2m_system;
