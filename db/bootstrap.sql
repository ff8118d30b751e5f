-- Roles and the database itself: what only a superuser can make, once a cluster. Safe to run again.
--
--   psql -X -v ON_ERROR_STOP=1 -v db=image2model -d postgres -f db/bootstrap.sql
--
-- i2m_owner   owns the database and everything in it; runs the migrations, and nothing else logs in as it
-- i2m_app     the API and the workers; owns nothing, row-level security always applies
-- i2m_system  dispatch, reaping, platform administration; sees what policies written for it allow
--
-- No password is set: a private cluster trusts its socket's directory, and elsewhere the operator sets them.
-- Rights on tables are granted by the migration that makes the table.
\set ON_ERROR_STOP on
set client_min_messages = warning;

select format('create role %I', role) from unnest(array['i2m_owner', 'i2m_app', 'i2m_system']) as role
 where not exists (select from pg_roles where rolname = role)
\gexec

-- Stated again on every run, so that a role that somebody made stronger by hand is itself again.
alter role i2m_owner  login noinherit nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
alter role i2m_app    login noinherit nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
alter role i2m_system login noinherit nosuperuser nocreatedb nocreaterole noreplication nobypassrls;

-- A migration may then give a function that must see all companies to i2m_system, or `set local role i2m_system` to change
-- rows; without that the owner sees none, for row-level security is forced.
grant i2m_system to i2m_owner;

select format('create database %I owner i2m_owner encoding ''UTF8'' template template0', :'db')
 where not exists (select from pg_database where datname = :'db')
\gexec

alter database :"db" owner to i2m_owner;
revoke all on database :"db" from public;
grant connect on database :"db" to i2m_owner, i2m_app, i2m_system;

\connect :"db"
set client_min_messages = warning;
revoke all on schema public from public;
grant usage on schema public to i2m_app, i2m_system;
alter schema public owner to i2m_owner;
