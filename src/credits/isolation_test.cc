// What one company must never see or change of another, and what nobody may change at all. Asked of PostgreSQL itself,
// as each role, past the product's code.
#include <libpq-fe.h>

#include "support/given.h"

namespace i2m {
namespace {

/// A session as one role, bound to a company the way the pool binds its transactions.
class Session {
 public:
  Session(const std::string& conninfo, std::string company) : pg_{PQconnectdb(conninfo.c_str()), &PQfinish} {
    if (PQstatus(pg_.get()) != CONNECTION_OK) throw std::runtime_error{PQerrorMessage(pg_.get())};
    PQsetNoticeProcessor(pg_.get(), [](void*, const char*) {}, nullptr);
    if (!company.empty()) tell("set app.company_id = '" + company + "'");
  }
  /// "3 rows", or the SQLSTATE that refused it.
  std::string tell(const std::string& sql) {
    const std::unique_ptr<PGresult, decltype(&PQclear)> answer{PQexec(pg_.get(), sql.c_str()), &PQclear};
    const auto status = PQresultStatus(answer.get());
    if (status == PGRES_TUPLES_OK) return fmt::format("{} rows", PQntuples(answer.get()));
    if (status == PGRES_COMMAND_OK) return fmt::format("{} rows", PQcmdTuples(answer.get()));
    return PQresultErrorField(answer.get(), PG_DIAG_SQLSTATE);
  }

 private:
  std::unique_ptr<PGconn, decltype(&PQfinish)> pg_;
};

constexpr const char* refused_by_policy = "42501";  // also a right that was not granted
constexpr const char* refused_by_trigger = "23001";

constexpr const char* tenant_tables[] = {"users",       "credit_accounts",  "credit_holds",  "credit_ledger",
                                         "job_history", "job_items",        "files",         "job_events",
                                         "api_usage",   "idempotency_keys", "provider_calls"};

class Isolation : public test::Stage {
 protected:
  Isolation() {
    given_credits(ours, 1000);
    given_credits(theirs, 1000);
    const Job job = given_job(ours, 2);
    given_job(theirs, 2);
    database.exec(
        fmt::format("insert into job_events values ('{0}', '{1}', 1, 'job', '{{}}'); "
                    "insert into api_usage values (gen_random_uuid(), '{0}', '{2}', '{1}', '{3}', 'low', 'fake', 35); "
                    "insert into idempotency_keys values ('{0}', '{2}', 'key', 'x', '{{}}', '{1}'); "
                    "insert into provider_calls (id, company_id, job_id, item_id, provider, model, model_version, "
                    "endpoint, submission, "
                    "attempt, token_sha256, price_microusd) values (gen_random_uuid(), '{0}', '{1}', '{3}', 'fal', "
                    "'triposr', 1, 'x', 1, 1, "
                    "sha256('token'), 70000)",
                    ours.text(), job.id.text(), job.user.text(), job.items[0].text()));
  }

  const CompanyId ours = given_company();
  const CompanyId theirs = given_company();
};

TEST_F(Isolation, NobodySeesARowOfAnotherCompany) {
  Session other{database.app_conninfo(), theirs.text()};
  Session own{database.app_conninfo(), ours.text()};
  for (const char* table : tenant_tables) {
    const std::string ask = fmt::format("select from {} where company_id = '{}'", table, ours.text());
    EXPECT_EQ(other.tell(ask), "0 rows") << table;
    EXPECT_NE(own.tell(ask), "0 rows") << table << ": the test proves nothing about an empty table";
    EXPECT_EQ(other.tell(fmt::format("select from {} where company_id <> '{}'", table, theirs.text())), "0 rows")
        << table;
  }
  EXPECT_EQ(other.tell("select from companies"), "1 rows");
}

TEST_F(Isolation, NobodyChangesARowOfAnotherCompany) {
  const std::string before = all_of(ours);
  Session other{database.app_conninfo(), theirs.text()};
  for (const char* table : tenant_tables) {
    for (const std::string& sql :
         {fmt::format("update {} set company_id = '{}' where company_id = '{}'", table, theirs.text(), ours.text()),
          fmt::format("delete from {} where company_id = '{}'", table, ours.text())}) {
      const std::string got = other.tell(sql);
      EXPECT_TRUE(got == "0 rows" || got == refused_by_policy || got == refused_by_trigger) << sql << ": " << got;
    }
  }
  EXPECT_EQ(other.tell(
                fmt::format("update credit_accounts set available = 0, held = 0 where company_id = '{}'", ours.text())),
            "0 rows");
  EXPECT_EQ(other.tell(fmt::format("update companies set credit_balance = 0 where id = '{}'", ours.text())), "0 rows");
  EXPECT_EQ(other.tell(fmt::format(
                "update credit_holds set state = 'released', closed_at = now() where company_id = '{}'", ours.text())),
            "0 rows");
  EXPECT_EQ(all_of(ours), before);
}

TEST_F(Isolation, NobodyPutsARowIntoAnotherCompany) {
  const std::string before = all_of(ours);
  Session other{database.app_conninfo(), theirs.text()};
  // Each a copy of a good row of their own, but for the company.
  for (const char* table : tenant_tables) {
    const std::string sql = fmt::format(
        "insert into {0} select (jsonb_populate_record(null::{0}, to_jsonb(t) || '{{\"company_id\":\"{1}\"}}')).* "
        "from {0} t limit 1",
        table, ours.text());
    const std::string got = other.tell(sql);
    EXPECT_TRUE(got == refused_by_policy || got == "0 rows") << table << ": " << got;
  }
  EXPECT_EQ(other.tell(fmt::format(
                "insert into credit_ledger values ('{}', 9, 'grant', 'issued', 'customer', 1, 1, null, 's', 'a', 'r')",
                ours.text())),
            refused_by_policy);
  EXPECT_EQ(other.tell(fmt::format("insert into credit_accounts (company_id) values ('{}')", ours.text())),
            refused_by_policy);
  EXPECT_EQ(other.tell(fmt::format("insert into credit_holds (hold_id, company_id, job_id, item_id, amount) values "
                                   "(gen_random_uuid(), '{}', gen_random_uuid(), gen_random_uuid(), 1)",
                                   ours.text())),
            refused_by_policy);
  EXPECT_EQ(other.tell(fmt::format("update credit_holds set company_id = '{}'", ours.text())), refused_by_policy);
  EXPECT_EQ(all_of(ours), before);
}

TEST_F(Isolation, BoundToNoCompanyTheApplicationSeesNothing) {
  Session nobody{database.app_conninfo(), ""};
  for (const char* table : tenant_tables)
    EXPECT_EQ(nobody.tell(fmt::format("select from {}", table)), "0 rows") << table;
  EXPECT_EQ(nobody.tell("select from companies"), "0 rows");
}

TEST_F(Isolation, EvenTheOwnerSeesNothing) {
  Session owner{database.owner_conninfo(), ours.text()};
  for (const char* table : tenant_tables)
    EXPECT_EQ(owner.tell(fmt::format("select from {}", table)), "0 rows") << table;
  EXPECT_EQ(owner.tell("select from companies"), "0 rows");
}

TEST_F(Isolation, SigningInIsTheOnlyWayAcrossAndAnswersOneRow) {
  Session nobody{database.app_conninfo(), ""};
  const std::string email = value("select email from users limit 1");
  EXPECT_EQ(nobody.tell(fmt::format("select from identity_login('{}')", email)), "1 rows");
  EXPECT_EQ(nobody.tell("select from identity_login('%')"), "0 rows");
  EXPECT_EQ(nobody.tell("select from identity_login(null)"), "0 rows");
}

TEST_F(Isolation, LedgerEntriesAreNeverChangedByAnybody) {
  const std::string before = all_of(ours);
  for (const std::string& conninfo : {database.app_conninfo(), database.system_conninfo(), database.owner_conninfo(),
                                      database.superuser_conninfo()}) {
    Session session{conninfo, ours.text()};
    for (const char* sql : {"update credit_ledger set amount = amount + 1", "delete from credit_ledger",
                            "truncate credit_ledger", "update credit_ledger set amount = amount where false"}) {
      const std::string got = session.tell(sql);
      EXPECT_TRUE(got == refused_by_policy || got == refused_by_trigger) << conninfo << ": " << sql << ": " << got;
    }
  }
  // The one who could change the table is stopped by the table itself, not by a right that he might give himself.
  Session owner{database.owner_conninfo(), ""};
  EXPECT_EQ(owner.tell("update credit_ledger set amount = 1"), refused_by_trigger);
  EXPECT_EQ(all_of(ours), before);
}

TEST_F(Isolation, AnEntryCannotBeBookedTwiceOrOutOfBalance) {
  const std::string before = all_of(ours);
  Session own{database.app_conninfo(), ours.text()};
  const auto entry = [&](std::string_view rest) {
    return own.tell(fmt::format("insert into credit_ledger values ('{}', {})", ours.text(), rest));
  };
  EXPECT_EQ(entry("1, 'grant', 'issued', 'customer', 1, 1, null, 'again', 'a', 'r'"), "23505");
  EXPECT_EQ(entry("2, 'grant', 'customer', 'customer', 1, 1, null, 's', 'a', 'r'"), "23514");
  EXPECT_EQ(entry("2, 'grant', 'issued', 'customer', 0, 1, null, 's', 'a', 'r'"), "23514");
  EXPECT_EQ(entry("2, 'gift', 'issued', 'customer', 1, 1, null, 's', 'a', 'r'"), "23514");
  EXPECT_EQ(entry("2, 'settle', 'customer', 'consumed', 1, -1, null, 's', 'a', 'r'"), "23514");
  EXPECT_EQ(own.tell("update credit_accounts set available = available + 1"), "23514") << "credits from nowhere";
  EXPECT_EQ(own.tell("update credit_accounts set available = -1, held = held + available + 1"), "23514");
  EXPECT_EQ(all_of(ours), before);
}

TEST_F(Isolation, EveryTableWithACompanyIsUnderForcedRowLevelSecurity) {
  const auto bare = database.exec(R"(
    select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'public' and c.relkind in ('r', 'p')
       and (c.relname = 'companies' or exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'company_id' and not a.attisdropped))
       and not (c.relrowsecurity and c.relforcerowsecurity
                and exists (select from pg_policies p where p.schemaname = 'public' and p.tablename = c.relname
                               and p.roles = '{i2m_app}' and p.cmd = 'ALL'
                               and p.qual like '%app_company_id()%' and p.with_check like '%app_company_id()%')))");
  EXPECT_TRUE(bare.empty()) << bare[0][0];
  EXPECT_EQ(value("select count(*) from pg_attribute a join pg_class c on c.oid = a.attrelid "
                  "where a.attname = 'company_id' and c.relkind = 'r' and c.relnamespace = 'public'::regnamespace"),
            std::to_string(std::size(tenant_tables)))
      << "a new tenant table: name it in tenant_tables";
}

TEST_F(Isolation, NoPolicyOfTheApplicationLetsMoreThanItsCompanyThrough) {
  const auto loose = database.exec(
      "select tablename, policyname from pg_policies where (roles && '{i2m_app, public}') and policyname <> "
      "'own_company'");
  EXPECT_TRUE(loose.empty()) << loose[0][0] << "." << loose[0][1];
}

TEST_F(Isolation, TheApplicationOwnsNothingAndCannotBypassRowLevelSecurity) {
  for (const char* role : {"i2m_app", "i2m_system"}) {
    EXPECT_EQ(value(fmt::format("select rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication "
                                "from pg_roles where rolname = '{}'",
                                role)),
              "f");
  }
  EXPECT_EQ(value("select rolsuper or rolbypassrls from pg_roles where rolname = 'i2m_owner'"), "f");
  EXPECT_EQ(value("select count(*) from pg_class where relowner = 'i2m_app'::regrole"), "0");
  EXPECT_EQ(value("select count(*) from pg_proc where proowner = 'i2m_app'::regrole"), "0");
  EXPECT_EQ(value("select count(*) from pg_auth_members where member in ('i2m_app'::regrole, 'i2m_system'::regrole)"),
            "0");
  EXPECT_EQ(value("select has_schema_privilege('i2m_app', 'public', 'create') or has_schema_privilege('i2m_system', "
                  "'public', 'create')"),
            "f");
}

TEST_F(Isolation, TheApplicationCannotDeleteAnything) {
  const auto rights = database.exec(
      "select table_name, privilege_type from information_schema.role_table_grants "
      "where grantee = 'i2m_app' and privilege_type in ('DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES')");
  EXPECT_TRUE(rights.empty()) << rights[0][0] << " " << rights[0][1];
}

}  // namespace
}  // namespace i2m
