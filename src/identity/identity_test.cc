#include "identity/identity.h"

#include "identity/queries.gen.h"
#include "support/given.h"

namespace i2m::identity {
namespace {

constexpr Passwords::Settings cheap{.operations = 1, .memory_bytes = 8u << 20, .threads = 1, .waiting_max = 4};
const std::string right = "correct horse battery";

class PasswordsTest : public test::Loop {
 protected:
  Result<bool> matches(std::string password, std::string against) {
    return run(passwords.matches(std::move(password), std::move(against)));
  }
  std::chrono::nanoseconds time_of(std::string password, const std::string& against) {
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(matches(std::move(password), against), false);
    return std::chrono::steady_clock::now() - began;
  }

  Passwords passwords{cheap};
  const std::string hash = *passwords.hash_now(right);
};

TEST_F(PasswordsTest, TheRightOneMatchesAndNoOther) {
  EXPECT_EQ(matches(right, hash), true);
  for (const char* wrong : {"", "Correct horse battery", "correct horse battery ", "correct horse batter"})
    EXPECT_EQ(matches(wrong, hash), false) << wrong;
  EXPECT_EQ(matches(right + std::string(1, '\0'), hash), false);
}

TEST_F(PasswordsTest, OfNobodyMatchNothingNotEvenTheStandIn) {
  for (const char* guess : {"", "nobody has this password", "x"}) EXPECT_EQ(matches(guess, ""), false) << guess;
}

TEST_F(PasswordsTest, OfNobodyTakeTheWorkOfAWrongOne) {
  std::chrono::nanoseconds wrong{0}, nobody{0};
  for (int i = 0; i < 8; ++i) {
    wrong += time_of("a wrong password", hash);
    nobody += time_of("a wrong password", "");
  }
  // The same function with the same parameters; the bounds are wide, for the machine is not ours alone.
  EXPECT_GT(nobody, wrong / 4);
  EXPECT_LT(nobody, wrong * 4);
}

TEST_F(PasswordsTest, AreKeptAsSaltedArgon2id) {
  EXPECT_TRUE(hash.starts_with("$argon2id$v=19$m=8192,t=1,p=1$")) << hash;
  EXPECT_NE(hash, *passwords.hash_now(right));
}

TEST_F(PasswordsTest, OfTooFewOrTooManyBytesAreRefused) {
  EXPECT_TRUE(passwords.hash_now(std::string(10, 'x')));
  EXPECT_TRUE(passwords.hash_now(std::string(128, 'x')));
  for (const std::size_t size : {0u, 9u, 129u, 100'000u}) {
    const auto refused = passwords.hash_now(std::string(size, 'x'));
    ASSERT_FALSE(refused) << size;
    EXPECT_EQ(refused.error().code, Code::Invalid);
    EXPECT_EQ(refused.error().field, "password");
  }
}

TEST_F(PasswordsTest, BeyondTheQueueAreRefusedAtOnceAndTheOthersAnswered) {
  std::vector<Co<Result<bool>>> flood;
  for (int i = 0; i < 20; ++i) flood.push_back(passwords.matches(right, hash));
  const auto answers = run_all(std::move(flood));
  const auto served = std::ranges::count_if(answers, [](const auto& each) { return each.has_value() && *each; });
  const auto refused =
      std::ranges::count_if(answers, [](const auto& each) { return !each && each.error().code == Code::RateLimited; });
  EXPECT_EQ(served + refused, 20);
  EXPECT_GE(served, cheap.waiting_max);
  EXPECT_GE(refused, 10) << "one that was answered makes room for another, but the others came at once";
  EXPECT_EQ(matches(right, hash), true) << "the queue is free again";
}

// --- Who a token speaks for, now

class IdentityTest : public test::Stage {
 protected:
  IdentityTest() { identity.attach(loop); }

  std::string token_of(UserId whose, CompanyId of, std::chrono::seconds lasts = std::chrono::minutes{5}) {
    return identity.keys.sign({.user = whose,
                               .company = of,
                               .email = email_of(whose),
                               .role = net::Role::Admin,
                               .expires = clock.now() + lasts},
                              clock.now());
  }
  Result<net::Principal> ask(const std::string& token) { return run(identity.authenticate(loop, token)); }
  Code refused(const std::string& token) {
    const auto answer = ask(token);
    EXPECT_FALSE(answer);
    return answer ? Code::Internal : answer.error().code;
  }
  void set_user_status(std::string_view status) {
    database.exec(fmt::format("update users set status = '{}'", status));
  }
  /// Heard only once the subscription stands; each notice is one more try.
  bool told_until(const std::function<bool()>& condition) {
    for (int i = 0; i < 50 && !condition(); ++i) {
      redis::Command notice = loop.notices.notice(changed_channel, "changed");
      EXPECT_TRUE(run(loop.redis.run(std::move(notice))));
      turn(std::chrono::milliseconds{20});
    }
    return condition();
  }

  FakeClock clock{Time{std::chrono::seconds{1'800'000'000}}};
  net::Limits limits{loop.prefix + "rate:", 1};
  Passwords passwords{cheap};
  Identity identity{*TokenKeys::of({{"1", std::string(32, 'k')}}, "image2model"),
                    passwords,
                    limits,
                    clock,
                    {.principal_cache = std::chrono::hours{1}}};
  const CompanyId company = given_company();
  const UserId user = given_user(company);
};

TEST_F(IdentityTest, ATokenSpeaksForItsUserWithTheRoleOfNow) {
  const auto who = ask(token_of(user, company));
  ASSERT_TRUE(who);
  EXPECT_EQ(who->user, user);
  EXPECT_EQ(who->company, company);
  EXPECT_EQ(who->role, net::Role::Member) << "the role is the database's, whatever the token says";
}

TEST_F(IdentityTest, AForgedTokenIsRefusedBeforeTheDatabaseIsAsked) {
  EXPECT_EQ(refused("x.y.z"), Code::TokenInvalid);
  EXPECT_EQ(refused(token_of(user, company, std::chrono::seconds{0})), Code::TokenExpired);
  EXPECT_EQ(loop.db.stats().open, 0);
}

TEST_F(IdentityTest, AUserThatIsGoneOrOfAnotherCompanyIsRefused) {
  const CompanyId other = given_company();
  EXPECT_EQ(refused(token_of(UserId::make(), company)), Code::TokenInvalid);
  EXPECT_EQ(refused(token_of(user, other)), Code::TokenInvalid);
  EXPECT_EQ(refused(token_of(user, CompanyId::make())), Code::TokenInvalid);
  ASSERT_TRUE(ask(token_of(user, company)));
  EXPECT_EQ(refused(token_of(user, other)), Code::TokenInvalid) << "the cache must not lend him to another company";
}

TEST_F(IdentityTest, ADisabledUserAndASuspendedOrClosedCompanyAreRefused) {
  for (const char* status : {"suspended", "closed"}) {
    database.exec(fmt::format("update companies set status = '{}'", status));
    EXPECT_EQ(refused(token_of(user, company)), Code::AccountInactive) << status;
  }
  database.exec("update companies set status = 'active'");
  set_user_status("disabled");
  EXPECT_EQ(refused(token_of(user, company)), Code::AccountInactive);
  set_user_status("active");
  EXPECT_TRUE(ask(token_of(user, company))) << "a refusal is not remembered";
}

TEST_F(IdentityTest, AKnownUserIsNotLookedUpAgain) {
  ASSERT_TRUE(ask(token_of(user, company)));
  set_user_status("disabled");
  EXPECT_TRUE(ask(token_of(user, company)));
}

TEST_F(IdentityTest, ANoticeMakesASuspensionCountAtOnce) {
  ASSERT_TRUE(ask(token_of(user, company)));
  database.exec("update companies set status = 'suspended'");
  EXPECT_TRUE(told_until([&] { return !ask(token_of(user, company)).has_value(); }));
  EXPECT_EQ(refused(token_of(user, company)), Code::AccountInactive);
}

TEST_F(IdentityTest, WhatIsKnownIsForgottenWhenNoticesMayHaveBeenMissed) {
  ASSERT_TRUE(ask(token_of(user, company)));
  told_until([] { return false; });  // the subscription stands by now
  ASSERT_TRUE(ask(token_of(user, company)));
  database.exec("update companies set status = 'suspended'");
  ASSERT_TRUE(ask(token_of(user, company)));
  test::shared_redis().kill9();
  test::shared_redis();
  EXPECT_TRUE(until([&] { return !ask(token_of(user, company)).has_value(); }));
}

TEST_F(IdentityTest, KnownForAMomentOnly) {
  Identity hasty{identity.keys, passwords, limits, clock, {.principal_cache = std::chrono::milliseconds{1}}};
  hasty.attach(loop);
  ASSERT_TRUE(run(hasty.authenticate(loop, token_of(user, company))));
  set_user_status("disabled");
  turn(std::chrono::milliseconds{5});
  EXPECT_EQ(run(hasty.authenticate(loop, token_of(user, company))).error().code, Code::AccountInactive);
}

TEST_F(IdentityTest, WithoutPostgresNobodyIsLetIn) {
  const db::Settings away{.conninfo = "host=/nowhere user=i2m_app dbname=x",
                          .acquire_timeout = std::chrono::milliseconds{100}};
  net::Loop alone{0, away, test::shared_redis().settings(), loop.prefix};
  const std::string token = token_of(user, company);
  const auto answer = test::run_on(alone.io, identity.authenticate(alone, token));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::Unavailable);
}

}  // namespace
}  // namespace i2m::identity
