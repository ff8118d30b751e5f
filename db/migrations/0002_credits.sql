-- Why:   credits are held before work starts, settled when a model is good and released when it is not; the ledger proves it.
-- Locks: new tables only.
-- Undo:  drop table credit_ledger, credit_holds, credit_accounts; drop function credit_ledger_is_append_only.
set local lock_timeout = '2s';

-- One row a company, the only hot row. balance = available + held.
create table credit_accounts (
    company_id  uuid   primary key references companies,
    available   bigint not null default 0,
    held        bigint not null default 0,
    granted     bigint not null default 0,
    consumed    bigint not null default 0,
    seq         bigint not null default 0,   -- number of the last ledger entry: no gap
    version     bigint not null default 0,   -- rises with every change, so that a cache can tell which of two is newer
    constraint credit_accounts_available_not_below_0 check (available >= 0),
    constraint credit_accounts_held_not_below_0      check (held >= 0),
    constraint credit_accounts_conserve              check (granted = available + held + consumed)
) with (fillfactor = 50);

-- The pending side of a future entry: one hold an item.
create table credit_holds (
    hold_id     uuid        primary key,
    company_id  uuid        not null references companies,
    job_id      uuid        not null,
    item_id     uuid        not null,
    amount      bigint      not null,
    settled     bigint      not null default 0,
    state       text        not null default 'held',
    created_at  timestamptz not null default now(),
    closed_at   timestamptz,
    constraint credit_holds_one_per_item     unique (item_id),
    constraint credit_holds_amount_positive  check (amount > 0),
    constraint credit_holds_state_known      check (state in ('held', 'settled', 'released')),
    constraint credit_holds_settled_in_range check (settled between 0 and amount and (state = 'settled' or settled = 0)),
    constraint credit_holds_closed_once      check ((state = 'held') = (closed_at is null))
);
create index credit_holds_open on credit_holds (company_id) where state = 'held';
create index credit_holds_of_job on credit_holds (company_id, job_id);

-- Append-only. One row is one debit and one credit, so an entry cannot be out of balance. The balance of a company is the sum
-- of what was credited to 'customer' less what was debited from it.
create table credit_ledger (
    company_id     uuid        not null references companies,
    seq            bigint      not null,
    kind           text        not null,
    debit          text        not null,
    credit         text        not null,
    amount         bigint      not null,
    balance_after  bigint      not null,
    hold_id        uuid        references credit_holds,
    source         text        not null,   -- what caused it, unique a company and kind: a repeat cannot book twice
    actor          text        not null,   -- user:<id>, admin:<name>, work
    reason         text        not null,
    at             timestamptz not null default now(),
    primary key (company_id, seq),
    constraint credit_ledger_source_once     unique (company_id, kind, source),
    constraint credit_ledger_kind_known      check (kind in ('grant', 'settle')),
    constraint credit_ledger_accounts_known  check (debit in ('issued', 'customer') and credit in ('customer', 'consumed')),
    constraint credit_ledger_accounts_differ check (debit <> credit),
    constraint credit_ledger_amount_positive check (amount > 0),
    constraint credit_ledger_balance_not_below_0 check (balance_after >= 0)
);
create function credit_ledger_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'credit_ledger is append-only' using errcode = 'restrict_violation';
end $$;
create trigger credit_ledger_append_only before update or delete or truncate on credit_ledger
    for each statement execute function credit_ledger_is_append_only();

alter table credit_accounts enable row level security, force row level security;
alter table credit_holds    enable row level security, force row level security;
alter table credit_ledger   enable row level security, force row level security;
create policy own_company on credit_accounts to i2m_app    using (company_id = app_company_id()) with check (company_id = app_company_id());
create policy system      on credit_accounts to i2m_system using (true) with check (true);
create policy own_company on credit_holds    to i2m_app    using (company_id = app_company_id()) with check (company_id = app_company_id());
create policy system      on credit_holds    to i2m_system using (true) with check (true);
create policy own_company on credit_ledger   to i2m_app    using (company_id = app_company_id()) with check (company_id = app_company_id());
create policy system      on credit_ledger   to i2m_system using (true) with check (true);

grant select, insert, update on credit_accounts, credit_holds to i2m_app, i2m_system;
grant select, insert         on credit_ledger                 to i2m_app, i2m_system;
