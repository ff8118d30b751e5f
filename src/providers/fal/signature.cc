#include "providers/fal/signature.h"

#include <boost/json.hpp>

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <charconv>

#include "base/crypto.h"
#include "base/log.h"

namespace i2m::providers::fal {
namespace {

constexpr std::chrono::seconds window{300};
constexpr std::chrono::hours kept{24};
// Whoever makes us ask again knows the token of a call of ours.
constexpr std::chrono::seconds asked_again{10};
constexpr std::size_t jwks_bytes_max = std::size_t{64} << 10;

std::string member(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string{value->get_string()} : std::string{};
}

}  // namespace

Result<std::vector<PublicKey>> parse_keys(std::string_view jwks) {
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(jwks, error);
  const auto* object = error ? nullptr : value.if_object();
  const auto* list = object == nullptr ? nullptr : object->if_contains("keys");
  std::vector<PublicKey> out;
  if (list != nullptr && list->is_array()) {
    for (const boost::json::value& each : list->get_array()) {
      const auto* key = each.if_object();
      if (key == nullptr || member(*key, "kty") != "OKP" || member(*key, "crv") != "Ed25519") continue;
      const auto bytes = from_base64url(member(*key, "x"));
      PublicKey& made = out.emplace_back();
      if (bytes && bytes->size() == made.size()) {
        std::ranges::copy(*bytes, made.begin());
      } else {
        out.pop_back();
      }
    }
  }
  if (out.empty()) return fail(Code::Unavailable, "no Ed25519 key in the provider's key set");
  return out;
}

Result<> verify(const SignedBy& said, std::string_view body, const std::vector<PublicKey>& keys, Time now) {
  std::int64_t at = 0;
  const auto [end, error] = std::from_chars(said.timestamp.data(), said.timestamp.data() + said.timestamp.size(), at);
  if (error != std::errc{} || end != said.timestamp.data() + said.timestamp.size())
    return fail(Code::LinkInvalid, "the webhook's timestamp is no number");
  const std::int64_t away = unix_seconds(now) - at;
  if (away > window.count() || away < -window.count())
    return fail(Code::LinkExpired, fmt::format("the webhook is {} s old", away));
  std::array<std::uint8_t, crypto_sign_BYTES> signature{};
  std::size_t bytes = 0;
  const bool is_hex = sodium_hex2bin(signature.data(), signature.size(), said.signature.data(), said.signature.size(),
                                     nullptr, &bytes, nullptr) == 0;
  if (!is_hex || bytes != signature.size() || said.signature.size() != 2 * signature.size())
    return fail(Code::LinkInvalid, "the webhook's signature is no signature");
  const std::string message =
      fmt::format("{}\n{}\n{}\n{}", said.request_id, said.user_id, said.timestamp, hex(sha256(body)));
  for (const PublicKey& key : keys) {
    const auto* text = reinterpret_cast<const unsigned char*>(message.data());
    if (crypto_sign_verify_detached(signature.data(), text, message.size(), key.data()) == 0) return {};
  }
  return fail(Code::LinkInvalid, "the webhook's signature fits no key of the provider");
}

Task<> Keys::fetch() {
  tried_ = clock_.now();
  net::FetchRequest request{.url = url_, .timeout = std::chrono::seconds{10}, .bytes_max = jwks_bytes_max};
  CO_TRY(const net::FetchAnswer answer, co_await fetcher_.fetch(std::move(request)));
  constexpr int ok = 200;
  if (answer.status != ok) co_return fail(Code::Unavailable, fmt::format("{} answers {}", url_, answer.status));
  CO_TRY(keys_, parse_keys(answer.body));
  fetched_ = clock_.now();
  log::info("webhook_keys_fetched", {{"count", keys_.size()}});
  co_return Result<>{};
}

Task<> Keys::verify(SignedBy said, std::string body) {
  const bool may_ask = clock_.now() - tried_ > asked_again;
  if (keys_.empty() || clock_.now() - fetched_ > kept) {
    if (may_ask) {
      const Result<> fetched = co_await fetch();
      if (!fetched && keys_.empty()) co_return std::unexpected{fetched.error()};
    }
    if (keys_.empty()) co_return fail(Code::Unavailable, "the provider's keys could not be fetched a moment ago");
  }
  const Result<> first = fal::verify(said, body, keys_, clock_.now());
  if (first || first.error().code == Code::LinkExpired || clock_.now() - tried_ <= asked_again) co_return first;
  CO_CHECK(co_await fetch());  // it may have new keys
  co_return fal::verify(said, body, keys_, clock_.now());
}

}  // namespace i2m::providers::fal
