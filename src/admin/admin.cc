#include "admin/admin.h"

#include <CLI/CLI.hpp>

#include <boost/asio/co_spawn.hpp>

#include <iostream>

#include "admin/provider.h"
#include "base/log.h"
#include "configuration.h"
#include "credits/credits.h"
#include "identity/identity.h"
#include "identity/queries.gen.h"
#include "net/problem.h"

namespace i2m::admin {
namespace {

namespace asio = boost::asio;

Task<CompanyId> company_of(db::Tx& tx, std::string domain) {
  identity::sql::CompanyByDomainParams params{.domain = domain};
  CO_TRY(const auto company, co_await identity::sql::company_by_domain(tx, std::move(params)));
  if (!company)
    co_return refuse(Code::NotFound, "company-domain", fmt::format("There is no company with the domain {}.", domain));
  co_return company->company_id;
}

Co<void> tell_changed(net::Loop& loop) {
  redis::Command command = loop.notices.notice(identity::changed_channel, "changed");
  const auto told = co_await loop.redis.run(std::move(command));
  if (!told) std::cerr << "Redis cannot be reached: running servers notice the change within seconds.\n";
}

Task<Answer> company_create(net::Loop& loop, Options in) {
  CO_TRY(db::Tx tx, co_await loop.db.begin_system("admin company-create"));
  identity::sql::CreateCompanyParams params{.company_id = CompanyId::make(), .name = in.name, .domain = in.domain};
  const CompanyId id = params.company_id;
  CO_TRY(const auto created, co_await identity::sql::create_company(tx, std::move(params)));
  if (!created) {
    if (!in.if_missing) co_return refuse(Code::Conflict, "domain", fmt::format("The domain {} is taken.", in.domain));
    CO_TRY(const CompanyId known, co_await company_of(tx, in.domain));
    co_return Answer{{"company_id", known.text()}, {"created", false}};
  }
  CO_CHECK(co_await credits::open_account(tx, id));
  CO_CHECK(co_await tx.commit());
  co_return Answer{{"company_id", id.text()}, {"created", true}};
}

Task<Answer> user_create(net::Loop& loop, Options in) {
  std::string password;
  std::getline(std::cin, password);
  CO_TRY(const auto hashing, app::password_settings(Settings::from_environment()));
  const identity::Passwords passwords{hashing};
  CO_TRY(std::string hash, passwords.hash_now(std::move(password)));
  CO_TRY(db::Tx tx, co_await loop.db.begin_system("admin user-create"));
  CO_TRY(const CompanyId company, co_await company_of(tx, in.domain));
  identity::sql::CreateUserParams params{.user_id = UserId::make(),
                                         .company_id = company,
                                         .email = in.email,
                                         .name = in.name,
                                         .password_hash = std::move(hash),
                                         .role = in.role};
  const UserId id = params.user_id;
  CO_TRY(const auto created, co_await identity::sql::create_user(tx, std::move(params)));
  if (!created) {
    if (!in.if_missing) co_return refuse(Code::Conflict, "email", fmt::format("The address {} is taken.", in.email));
    co_return Answer{{"created", false}};
  }
  CO_CHECK(co_await tx.commit());
  co_return Answer{{"user_id", id.text()}, {"company_id", company.text()}, {"created", true}};
}

Task<Answer> credits_grant(net::Loop& loop, Options in) {
  CO_TRY(const Credits amount, Credits::of(in.credits));
  CO_TRY(db::Tx tx, co_await loop.db.begin_system("admin credits-grant"));
  CO_TRY(const CompanyId company, co_await company_of(tx, in.domain));
  CO_TRY(const credits::Balance after, co_await credits::grant(tx, company, amount, in.source, "admin", in.reason));
  CO_CHECK(co_await credits::commit(loop, tx, company, after));
  co_return Answer{
      {"company_id", company.text()}, {"available", after.available.count()}, {"held", after.held.count()}};
}

Task<Answer> credits_proof(net::Loop& loop, Options) {
  CO_TRY(db::Tx tx, co_await loop.db.begin_system("admin credits-proof"));
  CO_TRY(const auto wrong, co_await credits::proof(tx));
  for (const auto& each : wrong) {
    std::cerr << fmt::format("company {}: balance {}, readable {}, ledger {}, held {}, open holds {}\n",
                             each.company.text(), each.balance, each.credit_balance, each.ledger, each.held,
                             each.open_holds);
  }
  if (!wrong.empty())
    co_return fail(Code::Conflict, fmt::format("{} companies disagree with their ledger", wrong.size()));
  co_return Answer{{"disagreements", 0}};
}

Task<Answer> company_status(net::Loop& loop, Options in) {
  CO_TRY(db::Tx tx, co_await loop.db.begin_system("admin company-status"));
  CO_TRY(const CompanyId company, co_await company_of(tx, in.domain));
  identity::sql::SetCompanyStatusParams params{.status = in.status, .company_id = company};
  CO_CHECK(co_await identity::sql::set_company_status(tx, std::move(params)));
  CO_CHECK(co_await tx.commit());
  co_await tell_changed(loop);
  co_return Answer{{"company_id", company.text()}, {"status", in.status}};
}

Task<Answer> user_status(net::Loop& loop, Options in) {
  CO_TRY(db::Tx tx, co_await loop.db.begin_system("admin user-status"));
  identity::sql::SetUserStatusParams params{.status = in.status, .email = in.email};
  CO_TRY(const auto user, co_await identity::sql::set_user_status(tx, std::move(params)));
  if (!user) co_return refuse(Code::NotFound, "email", fmt::format("There is no user {}.", in.email));
  CO_CHECK(co_await tx.commit());
  co_await tell_changed(loop);
  co_return Answer{{"user_id", user->user_id.text()}, {"status", in.status}};
}

Co<void> run_verb(net::Loop& loop, Verb verb, Options options, std::optional<Result<Answer>>& out) {
  out = co_await verb(loop, std::move(options));
  loop.io.stop();
}

int run(Verb verb, const Options& options) {
  const Settings settings = Settings::from_environment();
  const auto refused = [](const Error& error) {
    std::cerr << "image2model admin: " << net::words_of(error)
              << (error.detail.empty() ? "" : " (" + error.detail + ")") << "\n";
    return error.code == Code::Invalid ? 2 : 1;
  };
  const auto system = app::database(settings, "DATABASE_SYSTEM_URL");
  if (!system) return refused(system.error());
  const auto redis = app::redis_settings(settings);
  if (!redis) return refused(redis.error());
  net::Loop loop{0, *system, *redis, settings.text("REDIS_PREFIX")};
  std::optional<Result<Answer>> answer;
  asio::co_spawn(loop.io, run_verb(loop, verb, options, answer), [](std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  loop.io.run();
  if (!*answer) return refused(answer->error());
  std::cout << boost::json::serialize(**answer) << std::endl;
  return 0;
}

}  // namespace

int admin_main(int argc, char** argv) {
  CLI::App cli{"What an operator does by hand.", "image2model admin"};
  cli.require_subcommand(1);
  Options in;
  int code = 0;
  CLI::App* below = &cli;
  const auto add = [&](const char* name, const char* about, Verb verb) {
    CLI::App* sub = below->add_subcommand(name, about);
    sub->callback([&code, &in, verb] { code = run(verb, in); });
    return sub;
  };
  const std::string domain_help = "the company's domain, e.g. studio.example";
  CLI::App* company = add("company-create", "a company and its empty account", company_create);
  company->add_option("--name", in.name, "as shown to people")->required();
  company->add_option("--domain", in.domain, domain_help)->required();
  company->add_flag("--if-missing", in.if_missing, "succeed when it is there already");
  CLI::App* user = add("user-create", "a user of a company", user_create);
  user->add_option("--company-domain", in.domain, domain_help)->required();
  user->add_option("--email", in.email, "the address to sign in with")->required();
  user->add_option("--name", in.name, "as shown to colleagues")->required();
  user->add_option("--role", in.role, "admin or member")->check(CLI::IsMember({"admin", "member"}));
  user->add_flag("--password-stdin", in.password_stdin,
                 "read the password from the first line of standard input (the only way: arguments are visible)")
      ->required();
  user->add_flag("--if-missing", in.if_missing, "succeed, changing nothing, when the address is taken");
  CLI::App* grant = add("credits-grant", "give a company credits", credits_grant);
  grant->add_option("--company-domain", in.domain, domain_help)->required();
  grant->add_option("--credits", in.credits, "how many; 1 credit = 0.01 US dollar")
      ->required()
      ->check(CLI::Range(std::int64_t{1}, Credits::max));
  grant->add_option("--reason", in.reason, "why, for the ledger")->required();
  grant
      ->add_option("--source", in.source, "what this grant answers to; a second one with the same source books nothing")
      ->required();
  add("credits-proof", "check every account against its holds and its ledger", credits_proof);
  CLI::App* suspend = add("company-status", "let a company in or keep it out", company_status);
  suspend->add_option("--company-domain", in.domain, domain_help)->required();
  suspend->add_option("--status", in.status, "active, suspended or closed")
      ->required()
      ->check(CLI::IsMember({"active", "suspended", "closed"}));
  CLI::App* disable = add("user-status", "let a user in or keep him out", user_status);
  disable->add_option("--email", in.email, "the user's address")->required();
  disable->add_option("--status", in.status, "active or disabled")
      ->required()
      ->check(CLI::IsMember({"active", "disabled"}));
  below = cli.add_subcommand("provider", "the outside provider: its health, its calls, its bill");
  below->require_subcommand(1);
  add("status", "how it is, and what its calls have come to", provider_status);
  add("unsure", "the calls whose answer was lost", provider_unsure);
  CLI::App* resolve = add("resolve", "say what became of an unsure call", provider_resolve);
  resolve->add_option("--call", in.call, "its id, of `admin provider unsure`")->required();
  resolve->add_option("--request-id", in.request_id, "the provider's id of the request: it is followed");
  resolve->add_flag("--not-accepted", in.not_accepted, "it surely was not accepted: its picture is submitted again");
  CLI::App* reconcile = add("reconcile", "our calls beside the provider's own bill", provider_reconcile);
  reconcile->add_option("--days", in.days, "how far back")->check(CLI::Range(std::int64_t{1}, std::int64_t{90}));
  CLI11_PARSE(cli, argc, argv);
  return code;
}

}  // namespace i2m::admin
