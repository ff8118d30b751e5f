#include "base/log.h"
#include "identity/identity.h"
#include "identity/queries.gen.h"

namespace i2m::identity {
namespace {

using net::field;

struct Login {
  std::string email;
  std::string password;
  static constexpr std::string_view schema_name = "Login";
  static constexpr auto fields() {
    return std::tuple{
        field("email", &Login::email, "The address the account was made with").longest(254).like("anna@demo.example"),
        field("password", &Login::password, "As typed").longest(128)};
  }
};

struct CompanyOut {
  CompanyId id;
  std::string name;
  static constexpr std::string_view schema_name = "Company";
  static constexpr auto fields() {
    return std::tuple{field("id", &CompanyOut::id, "The company"), field("name", &CompanyOut::name, "Its name")};
  }
};

struct UserOut {
  UserId id;
  std::string email;
  std::string name;
  net::Role role;
  CompanyOut company;
  static constexpr std::string_view schema_name = "User";
  static constexpr auto fields() {
    return std::tuple{field("id", &UserOut::id, "The user"), field("email", &UserOut::email, "In lower case"),
                      field("name", &UserOut::name, "As shown to colleagues"),
                      field("role", &UserOut::role, "What the user may do"),
                      field("company", &UserOut::company, "Whose credits and models the user works with")};
  }
};

struct LoggedIn {
  std::string access_token;
  std::string token_type;
  std::int64_t expires_in;
  UserOut user;
  static constexpr std::string_view schema_name = "LoggedIn";
  static constexpr auto fields() {
    return std::tuple{field("access_token", &LoggedIn::access_token, "Send it as Authorization: Bearer"),
                      field("token_type", &LoggedIn::token_type, "Always Bearer"),
                      field("expires_in", &LoggedIn::expires_in, "Seconds until it must be renewed"),
                      field("user", &LoggedIn::user, "Who signed in")};
  }
};

constexpr net::Rate logins_per_client{.quota = {"logins", 30, std::chrono::seconds{60}},
                                      .by = net::RateBy::Client,
                                      .without_redis = net::WithoutRedis::LimitLocally};
constexpr net::Rate logins_per_account{.quota = {"account-logins", 10, std::chrono::seconds{60}},
                                       .by = net::RateBy::Client,
                                       .without_redis = net::WithoutRedis::LimitLocally};

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// A wrong address and a wrong password look the same and take the same time; an inactive account is told apart only
/// from somebody who knew the password.
Task<LoggedIn> login(net::Ctx& ctx, Identity& identity, Login in) {
  const std::string email = lower(in.email);
  db::Reader reader = ctx.loop().db.reader(CompanyId{});
  sql::LoginOfParams params{.email = email};
  CO_TRY(const auto row, co_await sql::login_of(reader, std::move(params)));
  // Counted by the address as it is stored: PostgreSQL knows more spellings of it than lower() here does.
  const std::string account = row ? row->email : email;
  // An answer tells the client's own quota, unless the account's is what refuses.
  net::Headers of_account;
  const Result<> allowed = co_await identity.limits.take(ctx.loop(), logins_per_account, account, of_account);
  if (!allowed) {
    ctx.headers = std::move(of_account);
    co_return std::unexpected{allowed.error()};
  }
  std::string hash = row ? row->password_hash : std::string{};
  CO_TRY(const bool right, co_await identity.passwords.matches(std::move(in.password), std::move(hash)));
  if (!right) co_return fail(Code::CredentialsWrong, row ? "password" : "no such address");
  if (row->user_status != "active" || row->company_status != "active") co_return fail(Code::AccountInactive);

  Claims claims{.user = row->user_id,
                .company = row->company_id,
                .email = row->email,
                .expires = ctx.now() + identity.settings.token_lifetime};
  CO_CHECK(net::read_text(claims.role, row->role, "role"));
  ctx.act_as(net::Principal{claims.user, claims.company, claims.role});
  CO_TRY(db::Tx tx, co_await ctx.begin());
  sql::NoteLoginParams note{.user_id = row->user_id, .company_id = row->company_id};
  CO_CHECK(co_await sql::note_login(tx, std::move(note)));
  CO_CHECK(co_await tx.commit());
  log::info(
      "login",
      {{"company_id", row->company_id.text()}, {"user_id", row->user_id.text()}, {"client", ctx.request().client}});

  LoggedIn out{.access_token = identity.keys.sign(claims, ctx.now()),
               .token_type = "Bearer",
               .expires_in = identity.settings.token_lifetime.count(),
               .user = {.id = row->user_id,
                        .email = row->email,
                        .name = row->name,
                        .role = claims.role,
                        .company = {.id = row->company_id, .name = row->company_name}}};
  co_return out;
}

}  // namespace

void routes(net::Router& router, Identity& identity) {
  router.add<Login, LoggedIn>(net::Method::Post, "/api/v1/auth/login",
                              {.id = "login",
                               .summary = "Sign in with e-mail and password",
                               .tag = "Identity",
                               .auth = net::Auth::Public,
                               .rate = logins_per_client,
                               .deadline = std::chrono::seconds{10},
                               .success_words = "Signed in.",
                               .errors = {Code::CredentialsWrong, Code::AccountInactive, Code::RateLimited}},
                              [&identity](net::Ctx& ctx, Login in) { return login(ctx, identity, std::move(in)); });
}

}  // namespace i2m::identity
