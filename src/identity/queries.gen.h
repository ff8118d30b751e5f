// Made by tools/sqlgen from queries.sql; `./dev gen` makes it anew. Do not edit.
// clang-format off
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/task.h"
#include "db/query.h"

namespace i2m::identity::sql {

inline constexpr db::Query login_of_query{"identity.login_of", R"sql(select user_id as "user_id!", company_id as "company_id!", email as "email!", name as "name!", password_hash as "password_hash!",
       role as "role!", user_status as "user_status!", company_name as "company_name!", company_status as "company_status!"
  from identity_login($1))sql"};
struct LoginOfParams {
  std::string email;
};
struct LoginOfRow {
  UserId user_id;
  CompanyId company_id;
  std::string email;
  std::string name;
  std::string password_hash;
  std::string role;
  std::string user_status;
  std::string company_name;
  std::string company_status;
};
inline LoginOfRow login_of_row(const db::Rows& rows, int row) {
  return {
      .user_id = rows.get<UserId>(row, 0),
      .company_id = rows.get<CompanyId>(row, 1),
      .email = rows.get<std::string>(row, 2),
      .name = rows.get<std::string>(row, 3),
      .password_hash = rows.get<std::string>(row, 4),
      .role = rows.get<std::string>(row, 5),
      .user_status = rows.get<std::string>(row, 6),
      .company_name = rows.get<std::string>(row, 7),
      .company_status = rows.get<std::string>(row, 8),
  };
}
/// The one look-up that no company binds: by an address that is unique everywhere (a definer function, see migration 0001).
template <db::Runner R>
Task<std::optional<LoginOfRow>> login_of(R& run, LoginOfParams params) {
  db::Params values;
  values.add(params.email);
  CO_TRY(const db::Rows rows, co_await run.run(login_of_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, login_of_query));
  if (!found) co_return std::nullopt;
  co_return login_of_row(rows, 0);
}

inline constexpr db::Query principal_query{"identity.principal", R"sql(select u.role, u.status as user_status, c.status as company_status
  from users u join companies c on c.id = u.company_id
 where u.id = $1 and u.company_id = $2)sql"};
struct PrincipalParams {
  UserId user_id;
  CompanyId company_id;
};
struct PrincipalRow {
  std::string role;
  std::string user_status;
  std::string company_status;
};
inline PrincipalRow principal_row(const db::Rows& rows, int row) {
  return {
      .role = rows.get<std::string>(row, 0),
      .user_status = rows.get<std::string>(row, 1),
      .company_status = rows.get<std::string>(row, 2),
  };
}
/// Who a token speaks for, as it stands now: a user that is gone, or of another company, is no row.
template <db::Runner R>
Task<std::optional<PrincipalRow>> principal(R& run, PrincipalParams params) {
  db::Params values;
  values.add(params.user_id);
  values.add(params.company_id);
  CO_TRY(const db::Rows rows, co_await run.run(principal_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, principal_query));
  if (!found) co_return std::nullopt;
  co_return principal_row(rows, 0);
}

inline constexpr db::Query note_login_query{"identity.note_login", R"sql(update users set last_login_at = now() where id = $1 and company_id = $2)sql"};
struct NoteLoginParams {
  UserId user_id;
  CompanyId company_id;
};
template <db::Runner R>
Task<> note_login(R& run, NoteLoginParams params) {
  db::Params values;
  values.add(params.user_id);
  values.add(params.company_id);
  CO_CHECK(co_await run.run(note_login_query, std::move(values)));
  co_return Result<>{};
}

inline constexpr db::Query create_company_query{"identity.create_company", R"sql(insert into companies (id, name, domain) values ($1, $2, lower($3))
on conflict (domain) do nothing
returning id)sql"};
struct CreateCompanyParams {
  CompanyId company_id;
  std::string name;
  std::string domain;
};
struct CreateCompanyRow {
  Uuid id;
};
inline CreateCompanyRow create_company_row(const db::Rows& rows, int row) {
  return {
      .id = rows.get<Uuid>(row, 0),
  };
}
/// By the operator. No row back: the domain is taken.
template <db::Runner R>
Task<std::optional<CreateCompanyRow>> create_company(R& run, CreateCompanyParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.name);
  values.add(params.domain);
  CO_TRY(const db::Rows rows, co_await run.run(create_company_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, create_company_query));
  if (!found) co_return std::nullopt;
  co_return create_company_row(rows, 0);
}

inline constexpr db::Query company_by_domain_query{"identity.company_by_domain", R"sql(select id as company_id, name, status from companies where domain = lower($1))sql"};
struct CompanyByDomainParams {
  std::string domain;
};
struct CompanyByDomainRow {
  CompanyId company_id;
  std::string name;
  std::string status;
};
inline CompanyByDomainRow company_by_domain_row(const db::Rows& rows, int row) {
  return {
      .company_id = rows.get<CompanyId>(row, 0),
      .name = rows.get<std::string>(row, 1),
      .status = rows.get<std::string>(row, 2),
  };
}
template <db::Runner R>
Task<std::optional<CompanyByDomainRow>> company_by_domain(R& run, CompanyByDomainParams params) {
  db::Params values;
  values.add(params.domain);
  CO_TRY(const db::Rows rows, co_await run.run(company_by_domain_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, company_by_domain_query));
  if (!found) co_return std::nullopt;
  co_return company_by_domain_row(rows, 0);
}

inline constexpr db::Query create_user_query{"identity.create_user", R"sql(insert into users (id, company_id, email, name, password_hash, role)
values ($1, $2, lower($3), $4, $5, $6)
on conflict (email) do nothing
returning id)sql"};
struct CreateUserParams {
  UserId user_id;
  CompanyId company_id;
  std::string email;
  std::string name;
  std::string password_hash;
  std::string role;
};
struct CreateUserRow {
  Uuid id;
};
inline CreateUserRow create_user_row(const db::Rows& rows, int row) {
  return {
      .id = rows.get<Uuid>(row, 0),
  };
}
/// By the operator. No row back: the address is taken, in this company or another.
template <db::Runner R>
Task<std::optional<CreateUserRow>> create_user(R& run, CreateUserParams params) {
  db::Params values;
  values.add(params.user_id);
  values.add(params.company_id);
  values.add(params.email);
  values.add(params.name);
  values.add(params.password_hash);
  values.add(params.role);
  CO_TRY(const db::Rows rows, co_await run.run(create_user_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, create_user_query));
  if (!found) co_return std::nullopt;
  co_return create_user_row(rows, 0);
}

inline constexpr db::Query set_company_status_query{"identity.set_company_status", R"sql(update companies set status = $1 where id = $2)sql"};
struct SetCompanyStatusParams {
  std::string status;
  CompanyId company_id;
};
template <db::Runner R>
Task<std::int64_t> set_company_status(R& run, SetCompanyStatusParams params) {
  db::Params values;
  values.add(params.status);
  values.add(params.company_id);
  CO_TRY(const db::Rows rows, co_await run.run(set_company_status_query, std::move(values)));
  co_return rows.affected();
}

inline constexpr db::Query set_user_status_query{"identity.set_user_status", R"sql(update users set status = $1 where email = lower($2) returning id as user_id, company_id)sql"};
struct SetUserStatusParams {
  std::string status;
  std::string email;
};
struct SetUserStatusRow {
  UserId user_id;
  CompanyId company_id;
};
inline SetUserStatusRow set_user_status_row(const db::Rows& rows, int row) {
  return {
      .user_id = rows.get<UserId>(row, 0),
      .company_id = rows.get<CompanyId>(row, 1),
  };
}
template <db::Runner R>
Task<std::optional<SetUserStatusRow>> set_user_status(R& run, SetUserStatusParams params) {
  db::Params values;
  values.add(params.status);
  values.add(params.email);
  CO_TRY(const db::Rows rows, co_await run.run(set_user_status_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, set_user_status_query));
  if (!found) co_return std::nullopt;
  co_return set_user_status_row(rows, 0);
}

}  // namespace i2m::identity::sql
