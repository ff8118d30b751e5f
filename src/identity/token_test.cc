#include "identity/token.h"

#include <gtest/gtest.h>

#include "base/crypto.h"

namespace i2m::identity {
namespace {

constexpr Time now{std::chrono::seconds{1'800'000'000}};
const std::string secret_a(32, 'a');
const std::string secret_b(32, 'b');
constexpr std::string_view good_head = R"({"alg":"HS256","kid":"1","typ":"at+jwt"})";

TokenKeys keys_of(const std::vector<TokenKeys::Key>& keys) { return *TokenKeys::of(keys, "image2model"); }

std::string signed_with(const std::string& secret, std::string_view head, std::string_view payload) {
  std::string token = base64url(head) + "." + base64url(payload);
  token += "." + base64url(as_text(Hmac{secret}.of(token)));
  return token;
}

class Tokens : public testing::Test {
 protected:
  /// The claims of a good token, with one text put in another's place.
  std::string payload_with(std::string_view from, std::string_view to) const {
    std::string payload =
        fmt::format(R"({{"sub":"{}","company_id":"{}","email":"a@b.example","role":"member",)"
                    R"("iss":"image2model","aud":"image2model-api","iat":1,"exp":1800000060,"jti":"x"}})",
                    claims.user.text(), claims.company.text());
    if (const std::size_t at = payload.find(from); at != std::string::npos) {
      payload.replace(at, from.size(), to);
    } else {
      ADD_FAILURE() << from << " is not in the payload";
    }
    return payload;
  }
  Code refused(const std::string& token) const {
    const auto answer = keys.verify(token, now);
    EXPECT_FALSE(answer);
    return answer ? Code::Internal : answer.error().code;
  }

  const TokenKeys keys = keys_of({{"1", secret_a}});
  const Claims claims{.user = UserId::make(),
                      .company = CompanyId::make(),
                      .email = "anna@demo.example",
                      .role = net::Role::Admin,
                      .expires = now + std::chrono::minutes{1}};
  const std::string good = keys.sign(claims, now);
};

TEST_F(Tokens, ReadBackWhatWasSigned) {
  const auto read = keys.verify(good, now);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->user, claims.user);
  EXPECT_EQ(read->company, claims.company);
  EXPECT_EQ(read->email, claims.email);
  EXPECT_EQ(read->role, net::Role::Admin);
  EXPECT_EQ(read->expires, claims.expires);
}

TEST_F(Tokens, WithAnythingInTheAddressStayOneJsonText) {
  Claims odd = claims;
  odd.email = "a\"},{\"role\":\"admin\\\n@b.example";
  const auto read = keys.verify(keys.sign(odd, now), now);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->email, odd.email);
}

TEST_F(Tokens, CountUntilTheSecondTheyExpire) {
  EXPECT_TRUE(keys.verify(good, claims.expires - std::chrono::seconds{1}));
  EXPECT_EQ(keys.verify(good, claims.expires).error().code, Code::TokenExpired);
  EXPECT_EQ(keys.verify(good, claims.expires + std::chrono::hours{24 * 365}).error().code, Code::TokenExpired);
}

TEST_F(Tokens, ThatWeNeverWroteAreRefused) {
  const std::string head{good.substr(0, good.find('.'))};
  const std::string rest = good.substr(good.find('.'));
  const std::string payload = payload_with("member", "admin");
  const std::string unsigned_part = base64url(R"({"alg":"none","typ":"JWT"})") + "." + base64url(payload);
  const std::pair<const char*, std::string> attacks[] = {
      {"nothing", ""},
      {"one dot", "."},
      {"two dots", ".."},
      {"no dots", "abc"},
      {"two parts", head + ".abc"},
      {"four parts", good + ".abc"},
      {"five parts, an encrypted one", good + ".abc.def"},
      {"no signature", good.substr(0, good.rfind('.') + 1)},
      {"a signature cut short", good.substr(0, good.size() - 1)},
      {"a signature with more behind it", good + "A"},
      {"a space before", " " + good},
      {"a line break behind", good + "\n"},
      {"a NUL behind", good + std::string(1, '\0')},
      {"padding behind the signature", good + "="},
      {"no payload", head + "." + good.substr(good.rfind('.'))},
      {"alg none, no signature", unsigned_part + "."},
      {"alg None, no signature",
       base64url(R"({"alg":"None","kid":"1","typ":"at+jwt"})") + "." + base64url(payload) + "."},
      {"alg none under our signature", signed_with(secret_a, R"({"alg":"none","kid":"1","typ":"at+jwt"})", payload)},
      {"alg HS512 under our signature", signed_with(secret_a, R"({"alg":"HS512","kid":"1","typ":"at+jwt"})", payload)},
      {"alg RS256 under our signature", signed_with(secret_a, R"({"alg":"RS256","kid":"1","typ":"at+jwt"})", payload)},
      {"another type under our signature", signed_with(secret_a, R"({"alg":"HS256","kid":"1","typ":"JWT"})", payload)},
      {"our head with a space in it", signed_with(secret_a, R"({"alg": "HS256","kid":"1","typ":"at+jwt"})", payload)},
      {"our head and one claim more",
       signed_with(secret_a, R"({"alg":"HS256","kid":"1","typ":"at+jwt","jwk":{}})", payload)},
      {"an unknown key's id", signed_with(secret_a, R"({"alg":"HS256","kid":"2","typ":"at+jwt"})", payload)},
      {"a path as key id", signed_with("", R"({"alg":"HS256","kid":"../../dev/null","typ":"at+jwt"})", payload)},
      {"another secret", signed_with(secret_b, good_head, payload)},
      {"no secret", signed_with("", good_head, payload)},
      {"another payload under this signature", head + "." + base64url(payload) + good.substr(good.rfind('.'))},
      {"the key's id as secret", signed_with("1", good_head, payload)},
      {"a dot moved", head + rest.substr(0, 5) + "." + rest.substr(5)},
      {"4 KiB and one", good + std::string(4096, 'A')},
      {"a megabyte of dots", std::string(1 << 20, '.')},
  };
  for (const auto& [name, token] : attacks) EXPECT_EQ(refused(token), Code::TokenInvalid) << name;
}

TEST_F(Tokens, WithOneBitTurnedAnywhereAreRefused) {
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string turned = good;
    turned[i] = static_cast<char>(turned[i] ^ 1);
    EXPECT_EQ(refused(turned), Code::TokenInvalid) << "at " << i;
  }
}

TEST_F(Tokens, OfOurOwnSignatureButWrongClaimsAreRefused) {
  struct Row {
    const char* from;
    const char* to;
    Code code;
  };
  const std::string user = claims.user.text();
  const std::string company = claims.company.text();
  const Row rows[] = {
      {"image2model-api", "another-api", Code::TokenInvalid},
      {"\"image2model-api\"", "[\"image2model-api\"]", Code::TokenInvalid},
      {"\"iss\":\"image2model\"", "\"iss\":\"somebody\"", Code::TokenInvalid},
      {"\"iss\":\"image2model\",", "", Code::TokenInvalid},
      {"\"exp\":1800000060,", "", Code::TokenInvalid},
      {"\"exp\":1800000060", "\"exp\":\"1800000060\"", Code::TokenInvalid},
      {"\"exp\":1800000060", "\"exp\":1800000060.5", Code::TokenInvalid},
      {"\"exp\":1800000060", "\"exp\":null", Code::TokenInvalid},
      {"\"exp\":1800000060", "\"exp\":99999999999999999999", Code::TokenInvalid},
      {"\"exp\":1800000060", "\"exp\":1800000000", Code::TokenExpired},
      {"\"exp\":1800000060", "\"exp\":-1", Code::TokenExpired},
      {"\"role\":\"member\"", "\"role\":\"owner\"", Code::TokenInvalid},
      {"\"role\":\"member\"", "\"role\":1", Code::TokenInvalid},
      {user.c_str(), "", Code::TokenInvalid},
      {user.c_str(), "1 or 1=1", Code::TokenInvalid},
      {company.c_str(), "nil", Code::TokenInvalid},
      {"\"sub\"", "\"subject\"", Code::TokenInvalid},
      {"\"company_id\"", "\"company\"", Code::TokenInvalid},
      {"{\"sub\"", "[{\"sub\"", Code::TokenInvalid},
      {"}", "", Code::TokenInvalid},
      {"}", "}}", Code::TokenInvalid},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(refused(signed_with(secret_a, good_head, payload_with(row.from, row.to))), row.code)
        << row.from << " -> " << row.to;
  }
  EXPECT_TRUE(keys.verify(signed_with(secret_a, good_head, payload_with("member", "admin")), now))
      << "the table's own token is no good";
  std::string token = base64url(good_head) + ".!!!!";
  token += "." + base64url(as_text(Hmac{secret_a}.of(token)));
  EXPECT_EQ(refused(token), Code::TokenInvalid) << "a payload that is no base64url";
}

TEST_F(Tokens, OfAnotherIssuerAreRefused) {
  const TokenKeys other = *TokenKeys::of({{"1", secret_a}}, "somebody");
  EXPECT_EQ(refused(other.sign(claims, now)), Code::TokenInvalid);
}

TEST_F(Tokens, OfTheOldKeyCountWhileItIsKept) {
  const TokenKeys rotated = keys_of({{"2", secret_b}, {"1", secret_a}});
  EXPECT_TRUE(rotated.verify(good, now));
  const std::string fresh = rotated.sign(claims, now);
  EXPECT_TRUE(rotated.verify(fresh, now));
  EXPECT_EQ(refused(fresh), Code::TokenInvalid) << "a process that does not know the new key";
  EXPECT_EQ(keys_of({{"2", secret_b}}).verify(good, now).error().code, Code::TokenInvalid) << "the old key is gone";
}

TEST_F(Tokens, OfOneKeyUnderTheOthersNameAreRefused) {
  const TokenKeys both = keys_of({{"2", secret_b}, {"1", secret_a}});
  const std::string payload = payload_with("member", "admin");
  EXPECT_EQ(both.verify(signed_with(secret_b, good_head, payload), now).error().code, Code::TokenInvalid);
}

TEST(TokenKeys, RefuseWhatIsNoKey) {
  struct Row {
    const char* name;
    std::vector<TokenKeys::Key> keys;
  };
  for (const Row& row : {Row{"none", {}}, Row{"a short secret", {{"1", std::string(31, 'x')}}},
                         Row{"no secret", {{"1", ""}}}, Row{"no id", {{"", secret_a}}},
                         Row{"an id with a quote", {{"1\"", secret_a}}}, Row{"an id with a space", {{"1 2", secret_a}}},
                         Row{"a bad one behind a good one", {{"1", secret_a}, {"2", "short"}}}}) {
    const auto made = TokenKeys::of(row.keys, "image2model");
    ASSERT_FALSE(made) << row.name;
    EXPECT_EQ(made.error().code, Code::Invalid) << row.name;
    EXPECT_EQ(made.error().field, "JWT_SECRET") << row.name;
    EXPECT_EQ(made.error().message.find(secret_a), std::string::npos) << "a secret in a message";
  }
}

TEST(TokenKeys, ReadAListAsTheSettingHasIt) {
  const auto keys = *TokenKeys::parse("new:" + secret_a + ",old:" + secret_b);
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[0].id, "new");
  EXPECT_EQ(keys[0].secret, secret_a);
  EXPECT_EQ(keys[1].id, "old");
  EXPECT_EQ(keys[1].secret, secret_b);
  EXPECT_EQ(TokenKeys::parse(secret_a)->at(0).id, "1");
  EXPECT_TRUE(TokenKeys::parse("")->empty());
}

}  // namespace
}  // namespace i2m::identity
