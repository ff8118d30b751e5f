-- Why:   every row belongs to a company; a company's people sign in with an e-mail address that is unique everywhere.
-- Locks: new tables only.
-- Undo:  drop function identity_login; drop table users; drop table companies.
set local lock_timeout = '2s';

-- Row-level security is forced on every table with a company: the owner sees nothing either. The application's role (i2m_app)
-- sees the company that its transaction is bound to; the system role (i2m_system) has policies of its own, spelled out.
create function app_company_id() returns uuid
    language sql stable parallel safe
    return nullif(current_setting('app.company_id', true), '')::uuid;

create table companies (
    id              uuid        primary key,
    name            text        not null,
    domain          text        not null,
    status          text        not null default 'active',
    credit_balance  bigint      not null default 0,   -- the ledger's sum, kept by the same statement that adds an entry
    settings        jsonb       not null default '{}',
    created_at      timestamptz not null default now(),
    constraint companies_domain_once         unique (domain),
    constraint companies_domain_is_lower     check (domain = lower(domain) and domain <> ''),
    constraint companies_name_given          check (name <> '' and length(name) <= 200),
    constraint companies_status_known        check (status in ('active', 'suspended', 'closed')),
    constraint companies_balance_not_below_0 check (credit_balance >= 0)
);

create table users (
    id             uuid        primary key,
    company_id     uuid        not null references companies,
    email          text        not null,
    name           text        not null,
    password_hash  text        not null,   -- Argon2id, PHC string
    role           text        not null default 'member',
    status         text        not null default 'active',
    created_at     timestamptz not null default now(),
    last_login_at  timestamptz,
    constraint users_email_once      unique (email),
    constraint users_email_is_lower  check (email = lower(email) and position('@' in email) > 1 and length(email) <= 254),
    constraint users_role_known      check (role in ('admin', 'member')),
    constraint users_status_known    check (status in ('active', 'disabled')),
    constraint users_of_company      unique (company_id, id)
);

alter table companies enable row level security, force row level security;
alter table users     enable row level security, force row level security;
create policy own_company on companies to i2m_app    using (id = app_company_id()) with check (id = app_company_id());
create policy system      on companies to i2m_system using (true) with check (true);
create policy own_company on users     to i2m_app    using (company_id = app_company_id()) with check (company_id = app_company_id());
create policy system      on users     to i2m_system using (true) with check (true);

grant select, update (credit_balance) on companies to i2m_app;
grant select, insert, update on companies to i2m_system;
grant select, update (last_login_at, password_hash) on users to i2m_app;
grant select, insert, update on users to i2m_system;

-- Signing in is the one moment when the company is not known yet. This function is the only way across: one address in, one
-- row out. It runs as the system role, because under forced row-level security its maker would see nothing.
create function identity_login(p_email text)
    returns table (user_id uuid, company_id uuid, email text, name text, password_hash text, role text, user_status text,
                   company_name text, company_status text)
    language sql stable security definer set search_path = public, pg_temp
    as $$
        select u.id, u.company_id, u.email, u.name, u.password_hash, u.role, u.status, c.name, c.status
          from users u join companies c on c.id = u.company_id
         where u.email = lower(p_email)
    $$;
revoke all on function identity_login(text) from public;
grant execute on function identity_login(text) to i2m_app;
grant create on schema public to i2m_system;
alter function identity_login(text) owner to i2m_system;
revoke create on schema public from i2m_system;
