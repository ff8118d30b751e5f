-- Why:   a job is a batch of pictures; each picture is an item that is dispatched, run, retried and settled by itself.
-- Locks: new tables only.
-- Undo:  drop table idempotency_keys, api_usage, job_events, files, job_items, job_history (credit_holds' key to items first).
set local lock_timeout = '2s';

create table job_history (
    id               uuid        primary key,
    company_id       uuid        not null references companies,
    user_id          uuid        not null,
    status           text        not null default 'queued',
    quality          text        not null,   -- the price tier
    triangles_max    int         not null,   -- the contract with the customer
    item_count       int         not null,
    succeeded_count  int         not null default 0,
    failed_count     int         not null default 0,
    cancelled_count  int         not null default 0,
    event_seq        bigint      not null default 0,
    created_at       timestamptz not null default now(),
    finished_at      timestamptz,
    constraint job_history_of_company    unique (company_id, id),
    constraint job_history_user          foreign key (company_id, user_id) references users (company_id, id),
    constraint job_history_status_known  check (status in ('queued', 'running', 'succeeded', 'partial', 'failed', 'cancelled')),
    constraint job_history_quality_known check (quality in ('low', 'medium', 'high')),
    constraint job_history_counts        check (item_count > 0 and succeeded_count + failed_count + cancelled_count <= item_count),
    constraint job_history_finished_once check ((status in ('queued', 'running')) = (finished_at is null)),
    constraint job_history_all_finished  check (finished_at is null or succeeded_count + failed_count + cancelled_count = item_count)
);
create index job_history_by_company on job_history (company_id, id desc);

-- docs/state/item.md draws the states. Each state but the terminal ones has a deadline: queued and running by deadline_at,
-- dispatched and running also by lease_until, which the reaper reads.
create table job_items (
    id             uuid        primary key,
    company_id     uuid        not null references companies,
    job_id         uuid        not null,
    position       int         not null,
    file_name      text        not null,
    width_px       int         not null,
    height_px      int         not null,
    credits        bigint      not null,
    provider       text        not null,
    status         text        not null default 'queued',
    stage          text        not null default 'queued',
    progress       real        not null default 0,
    attempt        int         not null default 0,     -- also the fence: every write-back names the attempt it belongs to
    attempts_max   int         not null,
    not_before     timestamptz not null default now(), -- a retry waits until then
    lease_until    timestamptz,
    deadline_at    timestamptz not null,
    error_code     text,
    error_message  text,
    created_at     timestamptz not null default now(),
    started_at     timestamptz,
    finished_at    timestamptz,
    constraint job_items_of_company       unique (company_id, id),
    constraint job_items_job              foreign key (company_id, job_id) references job_history (company_id, id),
    constraint job_items_position_once    unique (job_id, position),
    constraint job_items_status_known     check (status in ('queued', 'dispatched', 'running', 'succeeded', 'failed', 'cancelled')),
    constraint job_items_attempts         check (attempt between 0 and attempts_max),
    constraint job_items_leased_in_flight check ((status in ('dispatched', 'running')) = (lease_until is not null)),
    constraint job_items_finished_once    check ((status in ('succeeded', 'failed', 'cancelled')) = (finished_at is not null)),
    constraint job_items_failed_says_why  check ((status = 'failed') = (error_code is not null)),
    constraint job_items_progress         check (progress between 0 and 1)
) with (fillfactor = 70);
create index job_items_of_job    on job_items (company_id, job_id, position);
create index job_items_queued    on job_items (company_id, created_at, id) where status = 'queued';
create index job_items_in_flight on job_items (lease_until) where status in ('dispatched', 'running');
create index job_items_deadline  on job_items (deadline_at) where status in ('queued', 'dispatched', 'running');

alter table credit_holds add constraint credit_holds_item foreign key (company_id, item_id) references job_items (company_id, id);

-- What is stored for an item: the picture that came in, the model that went out.
create table files (
    id          uuid        primary key,
    company_id  uuid        not null references companies,
    job_id      uuid        not null,
    item_id     uuid        not null,
    kind        text        not null,
    object_key  text        not null,   -- uploads/{company}/{job}/{file} or results/{company}/{job}/{file}
    media_type  text        not null,
    bytes       bigint      not null,
    sha256      bytea       not null,
    triangles   int,
    created_at  timestamptz not null default now(),
    constraint files_item              foreign key (company_id, item_id) references job_items (company_id, id),
    constraint files_kind_known        check (kind in ('upload', 'model')),
    constraint files_one_of_each       unique (item_id, kind),
    constraint files_object_once       unique (object_key),
    constraint files_in_company_folder check (split_part(object_key, '/', 2) = company_id::text),
    constraint files_bytes_positive    check (bytes > 0),
    constraint files_sha256_whole      check (octet_length(sha256) = 32)
);
create index files_of_job on files (company_id, job_id, kind);

-- What a watcher of the job is told, in order: SSE sends it and resumes from any seq.
create table job_events (
    company_id  uuid        not null,
    job_id      uuid        not null,
    seq         bigint      not null,
    kind        text        not null,
    data        jsonb       not null,
    at          timestamptz not null default now(),
    primary key (job_id, seq),
    constraint job_events_job        foreign key (company_id, job_id) references job_history (company_id, id),
    constraint job_events_kind_known check (kind in ('item', 'job'))
);

create table api_usage (
    id           uuid        primary key,
    company_id   uuid        not null references companies,
    user_id      uuid        not null,
    job_id       uuid        not null,
    item_id      uuid        not null,
    quality      text        not null,
    provider     text        not null,
    credits      bigint      not null,
    at           timestamptz not null default now(),
    constraint api_usage_item          foreign key (company_id, item_id) references job_items (company_id, id),
    constraint api_usage_once_per_item unique (item_id),
    constraint api_usage_credits       check (credits > 0)
);
create index api_usage_by_company on api_usage (company_id, at);

-- The answer to a repeated request: written with the job it made, so that there is never one without the other.
create table idempotency_keys (
    company_id   uuid        not null references companies,
    user_id      uuid        not null,
    key          text        not null,
    fingerprint  bytea       not null,   -- SHA-256 over what was asked
    answer       jsonb       not null,
    job_id       uuid        not null,
    created_at   timestamptz not null default now(),
    constraint idempotency_keys_once primary key (company_id, user_id, key),
    constraint idempotency_keys_job  foreign key (company_id, job_id) references job_history (company_id, id),
    constraint idempotency_keys_size check (length(key) between 1 and 255)
);

do $$
declare t text;
begin
    foreach t in array array['job_history', 'job_items', 'files', 'job_events', 'api_usage', 'idempotency_keys'] loop
        execute format('alter table %I enable row level security, force row level security', t);
        execute format('create policy own_company on %I to i2m_app using (company_id = app_company_id()) '
                       'with check (company_id = app_company_id())', t);
        execute format('create policy system on %I to i2m_system using (true) with check (true)', t);
    end loop;
end $$;
grant select, insert, update on job_history, job_items to i2m_app;
grant select, insert on files, job_events, api_usage, idempotency_keys to i2m_app;
-- The scheduler picks and dispatches across companies; what then happens to an item happens in its own company's transaction.
grant select, update on job_items to i2m_system;
grant select on job_history, files, job_events, api_usage to i2m_system;
grant delete on idempotency_keys to i2m_system;
grant select on idempotency_keys to i2m_system;
