// Signing in, as a browser does it.
#include "identity/identity.h"
#include "support/given.h"

namespace i2m::identity {
namespace {

namespace json = boost::json;

class SigningIn : public test::ServerStage {
 protected:
  SigningIn() {
    identity.attach(loop);
    routes(router, identity);
    serve();
  }

  test::RawClient::Answer sign_in(std::string_view email, std::string_view password) {
    const std::string body = fmt::format(R"({{"email":"{}","password":"{}"}})", email, password);
    return ask(
        fmt::format("POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                    "Content-Length: {}\r\n\r\n{}",
                    body.size(), body));
  }
  /// What the client is told, without the request's own id.
  static std::string told(const test::RawClient::Answer& answer) {
    json::object body = json::parse(answer.body).as_object();
    body.erase("request_id");
    return fmt::format("{} {}", answer.status, json::serialize(body));
  }
  static std::string code_of(const test::RawClient::Answer& answer) {
    return std::string{json::parse(answer.body).at("errors").at(0).at("code").as_string()};
  }
  std::string email() const { return email_of(anna); }

  static constexpr std::string_view right = "correct horse battery";
  Passwords passwords{{.operations = 1, .memory_bytes = 8u << 20, .threads = 1, .waiting_max = 4}};
  net::Limits strict{loop.prefix + "rate:", 1};
  Identity identity{*TokenKeys::of({{"1", std::string(32, 'k')}}, "image2model"), passwords, strict, clock, {}};
  const UserId anna = given_user(company, *passwords.hash_now(std::string{right}));
};

TEST_F(SigningIn, AnswersATokenOfTheUserAndNotesTheTime) {
  const auto answer = sign_in(email(), right);
  ASSERT_EQ(answer.status, 200) << answer.body;
  const json::value data = json::parse(answer.body).at("data");
  EXPECT_EQ(data.at("token_type"), "Bearer");
  EXPECT_EQ(data.at("expires_in"), 28'800);
  EXPECT_EQ(data.at("user").at("email").as_string(), std::string_view{email()});
  EXPECT_EQ(data.at("user").at("company").at("id").as_string(), std::string_view{company.text()});
  const auto claims = identity.keys.verify(data.at("access_token").as_string(), clock.now());
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->user, anna);
  EXPECT_EQ(claims->company, company);
  EXPECT_EQ(value("select count(*) from users where last_login_at is not null"), "1");
}

TEST_F(SigningIn, AnAddressCountsInAnyCase) {
  std::string shouted = email();
  for (char& c : shouted) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  EXPECT_EQ(sign_in(shouted, right).status, 200);
}

TEST_F(SigningIn, AWrongPasswordAndAnUnknownAddressAreToldTheSame) {
  const auto wrong = sign_in(email(), "another password");
  const auto unknown = sign_in("nobody@demo.example", "another password");
  EXPECT_EQ(code_of(wrong), "credentials_wrong");
  EXPECT_EQ(told(wrong), told(unknown));
  EXPECT_EQ(value("select count(*) from users where last_login_at is not null"), "0");
}

TEST_F(SigningIn, ThatAnAccountIsInactiveIsToldOnlyToWhoKnowsItsPassword) {
  for (const char* sql : {"update users set status = 'disabled'", "update companies set status = 'suspended'"}) {
    database.exec(sql);
    EXPECT_EQ(code_of(sign_in(email(), right)), "account_inactive") << sql;
    EXPECT_EQ(code_of(sign_in(email(), "another password")), "credentials_wrong") << sql;
    database.exec("update users set status = 'active'; update companies set status = 'active'");
  }
  EXPECT_EQ(value("select count(*) from users where last_login_at is not null"), "0");
}

TEST_F(SigningIn, GuessingAtOneAccountIsLimited) {
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(code_of(sign_in(email(), "guess number " + std::to_string(i))), "credentials_wrong");
  EXPECT_EQ(code_of(sign_in(email(), right)), "rate_limited") << "even the right one: a guesser must not learn it";
  EXPECT_EQ(code_of(sign_in("other@demo.example", right)), "credentials_wrong") << "others are not held up";
}

TEST_F(SigningIn, WithoutRedisGuessingIsLimitedAllTheSame) {
  EXPECT_EQ(sign_in(email(), right).status, 200);
  test::shared_redis().kill9();
  int answered = 0;
  for (int i = 0; i < 15; ++i) answered += code_of(sign_in(email(), "another password")) == "credentials_wrong";
  EXPECT_LE(answered, 10);
  EXPECT_GT(answered, 0);
  test::shared_redis();
}

TEST_F(SigningIn, RefusesWhatIsNoSignIn) {
  for (const char* password : {"", "'; drop table users; --"})
    EXPECT_EQ(code_of(sign_in(email(), password)), "credentials_wrong");
  EXPECT_EQ(code_of(sign_in(email(), std::string(129, 'x'))), "invalid");
  EXPECT_EQ(code_of(sign_in(std::string(255, 'x'), right)), "invalid");
  EXPECT_EQ(code_of(sign_in("", right)), "credentials_wrong");
  EXPECT_EQ(code_of(sign_in("a\\u0000b", right)), "invalid") << "PostgreSQL has no room for a NUL";
}

}  // namespace
}  // namespace i2m::identity
