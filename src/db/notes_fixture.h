#pragma once

// A database with one tenant table, and coroutines that use it: for the tests of src/db.

#include <libpq-fe.h>

#include "db/pool.h"
#include "support/database.h"
#include "support/run.h"

namespace i2m::db {

inline constexpr Query add_note{"notes.add", "insert into t.notes (company_id, title) values ($1, $2)"};
inline constexpr Query count_notes{"notes.count", "select count(*) from t.notes"};
inline constexpr Query divide{"notes.divide", "select 12 / $1::int"};
inline constexpr Query sleep_seconds{"notes.sleep", "select pg_sleep($1::float8)"};
inline constexpr Query backend_pid{"notes.pid", "select pg_backend_pid()"};
inline constexpr Query terminate{"notes.terminate", "select pg_terminate_backend($1::int)"};

inline constexpr const char* notes_sql = R"(
  create schema t;
  create table t.notes (
    company_id uuid not null,
    title      text not null,
    constraint notes_title_short check (length(title) < 100),
    constraint notes_title_once  unique (company_id, title),
    constraint notes_not_double  unique (title) deferrable initially deferred);
  alter table t.notes enable row level security;
  alter table t.notes force row level security;
  create policy own on t.notes to i2m_app using (company_id = current_setting('app.company_id')::uuid);
  create policy all_of_them on t.notes for select to i2m_system using (true);
  grant usage on schema t to i2m_app, i2m_system;
  grant select, insert on t.notes to i2m_app;
  grant select on t.notes to i2m_system;
)";

// Runs one query on anything that runs queries, and answers its first value.
template <Runner R>
Task<std::string> first_value(R& run, const Query& query, Params params = {}) {
  CO_TRY(const Rows rows, co_await run.run(query, std::move(params)));
  co_return std::string{rows.size() == 0 ? "" : rows.text(0, 0)};
}

inline Task<> write_note(Pool& pool, CompanyId company, std::string title) {
  CO_TRY(Tx tx, co_await pool.begin(company));
  Params params;
  params.add(company).add(title);
  CO_CHECK(co_await tx.run(add_note, std::move(params)));
  CO_CHECK(co_await tx.commit());
  co_return Result<>{};
}

inline Task<std::string> read_value(Pool& pool, CompanyId company, const Query& query, Params params = {}) {
  Reader reader = pool.reader(company);
  co_return co_await first_value(reader, query, std::move(params));
}

class Notes : public test::Loop {
 protected:
  Notes() { database.exec(notes_sql); }

  Settings settings() const { return Settings{.conninfo = database.app_conninfo()}; }
  std::string count(Pool& pool, CompanyId company) {
    return run(read_value(pool, company, count_notes)).value_or("an error");
  }

  test::TestDatabase database;
  const CompanyId ours = CompanyId::make();
  const CompanyId theirs = CompanyId::make();
};

}  // namespace i2m::db
