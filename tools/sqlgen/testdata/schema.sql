-- What testdata/sample/queries.sql is written against.
create schema sample;
create table sample.things (
    id          uuid        primary key default gen_random_uuid(),
    company_id  uuid        not null,
    name        text        not null,
    note        text,
    weight      float8      not null default 1.5,
    small       int2        not null default 3,
    count       int         not null default 4,
    facts       jsonb       not null default '{"a@b": 1}',
    picture     bytea,
    tags        text[]      not null default '{}',
    made_at     timestamptz not null default now()
);
grant usage on schema sample to i2m_app;
grant all on sample.things to i2m_app;
