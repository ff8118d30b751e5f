#include "identity/token.h"

#include <boost/json.hpp>

#include "base/crypto.h"
#include "net/fields.h"

namespace i2m::identity {
namespace {
constexpr std::size_t token_bytes_max = 4096;
constexpr std::size_t secret_bytes_min = 32;
constexpr std::string_view audience = "image2model-api";

// A claim that must be a text; nothing else is taken for one.
const boost::json::string* text_claim(const boost::json::object& claims, std::string_view name) {
  const boost::json::value* value = claims.if_contains(name);
  return value != nullptr ? value->if_string() : nullptr;
}
}  // namespace

struct TokenKeys::Signer {
  explicit Signer(const Key& key)
      : head{base64url(fmt::format(R"({{"alg":"HS256","kid":"{}","typ":"at+jwt"}})", key.id))}, hmac{key.secret} {}
  std::string signature(std::string_view signed_part) const { return base64url(as_text(hmac.of(signed_part))); }

  std::string head;
  Hmac hmac;
};

Result<std::vector<TokenKeys::Key>> TokenKeys::parse(std::string_view text) {
  std::vector<Key> out;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view one = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    const std::size_t colon = one.find(':');
    if (colon == std::string_view::npos) {
      out.push_back({"1", std::string{one}});
    } else {
      out.push_back({std::string{one.substr(0, colon)}, std::string{one.substr(colon + 1)}});
    }
  }
  return out;
}

Result<TokenKeys> TokenKeys::of(const std::vector<Key>& keys, std::string issuer) {
  TokenKeys out;
  out.issuer_ = std::move(issuer);
  if (keys.empty()) return refuse(Code::Invalid, "JWT_SECRET", "JWT_SECRET is missing: give at least one key.");
  for (const Key& key : keys) {
    const bool plain = !key.id.empty() && std::ranges::all_of(key.id, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
    if (!plain)
      return refuse(Code::Invalid, "JWT_SECRET", "A key id in JWT_SECRET has other characters than a-z, 0-9, - and _.");
    if (key.secret.size() < secret_bytes_min) {
      return refuse(Code::Invalid, "JWT_SECRET",
                    fmt::format("The key '{}' in JWT_SECRET is shorter than {} bytes.", key.id, secret_bytes_min));
    }
    out.signers_.push_back(std::make_shared<const Signer>(key));
  }
  return out;
}

std::string TokenKeys::sign(const Claims& claims, Time now) const {
  const Signer& signer = *signers_.front();
  const std::string payload = fmt::format(
      R"({{"sub":"{}","company_id":"{}","email":{},"role":"{}","iss":{},"aud":"{}","iat":{},"exp":{},"jti":"{}"}})",
      claims.user.text(), claims.company.text(), log::quote(claims.email), net::name_of(claims.role),
      log::quote(issuer_), audience, unix_seconds(now), unix_seconds(claims.expires), Uuid::make().text());
  std::string token = signer.head + '.' + base64url(payload);
  token += '.' + signer.signature(token);
  return token;
}

Result<Claims> TokenKeys::verify(std::string_view token, Time now) const {
  if (token.size() > token_bytes_max) return fail(Code::TokenInvalid, "too long");
  const std::size_t first = token.find('.');
  const std::size_t last = token.rfind('.');
  if (first == std::string_view::npos || first == last) return fail(Code::TokenInvalid, "not three parts");
  const auto signer =
      std::ranges::find_if(signers_, [&](const auto& each) { return each->head == token.substr(0, first); });
  if (signer == signers_.end()) return fail(Code::TokenInvalid, "a head that we never wrote");
  if (!equal_in_constant_time((*signer)->signature(token.substr(0, last)), token.substr(last + 1))) {
    return fail(Code::TokenInvalid, "signature");
  }
  const Result<std::string> payload = from_base64url(token.substr(first + 1, last - first - 1));
  if (!payload) return fail(Code::TokenInvalid, "payload");
  boost::system::error_code ec;
  std::array<unsigned char, 2048> space;  // enough for what we write; more comes from the heap
  boost::json::monotonic_resource memory{space.data(), space.size()};
  const boost::json::value parsed = boost::json::parse(*payload, ec, &memory);
  if (ec || !parsed.is_object()) return fail(Code::TokenInvalid, "payload");
  const boost::json::object& object = parsed.get_object();
  const auto* subject = text_claim(object, "sub");
  const auto* company = text_claim(object, "company_id");
  const auto* email = text_claim(object, "email");
  const auto* role = text_claim(object, "role");
  const auto* issuer = text_claim(object, "iss");
  const auto* aud = text_claim(object, "aud");
  const auto* expires = object.if_contains("exp");
  if (!subject || !company || !email || !role || !issuer || !aud || !expires || !expires->is_int64()) {
    return fail(Code::TokenInvalid, "claims");
  }
  if (*issuer != issuer_ || *aud != audience) return fail(Code::TokenInvalid, "issuer or audience");
  if (expires->get_int64() <= unix_seconds(now)) return fail(Code::TokenExpired);
  Claims out;
  const Result<UserId> user_id = UserId::parse(std::string_view{*subject});
  const Result<CompanyId> company_id = CompanyId::parse(std::string_view{*company});
  if (!user_id || !company_id || !net::read_text(out.role, std::string_view{*role}, "role"))
    return fail(Code::TokenInvalid, "claims");
  out.user = *user_id;
  out.company = *company_id;
  out.email = std::string{*email};
  out.expires = Time{std::chrono::seconds{expires->get_int64()}};
  return out;
}

}  // namespace i2m::identity
