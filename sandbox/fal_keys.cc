#include "sandbox/fal_keys.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <boost/json/array.hpp>

#include <array>

#include "base/crypto.h"
#include "base/ensure.h"

namespace i2m::sandbox::fal {
namespace {

constexpr std::size_t seed_bytes = 32;
constexpr std::size_t signature_bytes = 64;
constexpr int hex_base = 16;

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

EVP_PKEY* key_of(const std::array<std::uint8_t, seed_bytes>& seed) {
  EVP_PKEY* key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size());
  ENSURE(key != nullptr);
  return key;
}

std::string message_of(const Signed& parts) {
  return fmt::format("{}\n{}\n{}\n{}", parts.request_id, parts.user_id, parts.timestamp, hex(sha256(parts.body)));
}

}  // namespace

void SigningKey::Free::operator()(void* key) const { EVP_PKEY_free(static_cast<EVP_PKEY*>(key)); }

SigningKey SigningKey::random() {
  std::array<std::uint8_t, seed_bytes> seed{};
  ENSURE(RAND_bytes(seed.data(), static_cast<int>(seed.size())) == 1);
  return SigningKey{key_of(seed)};
}

Result<SigningKey> SigningKey::of_seed(std::string_view digits) {
  std::array<std::uint8_t, seed_bytes> seed{};
  if (digits.size() != 2 * seed.size()) return refuse(Code::Invalid, "webhook-seed", "It must have 64 hex digits.");
  for (std::size_t i = 0; i < seed.size(); ++i) {
    const char* const from = digits.data() + 2 * i;
    if (std::from_chars(from, from + 2, seed[i], hex_base).ptr != from + 2) {
      return refuse(Code::Invalid, "webhook-seed", "It must have 64 hex digits.");
    }
  }
  return SigningKey{key_of(seed)};
}

std::string SigningKey::sign(const Signed& parts) const {
  const std::string message = message_of(parts);
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context{EVP_MD_CTX_new()};
  ENSURE(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, static_cast<EVP_PKEY*>(key_.get())) == 1);
  std::array<std::uint8_t, signature_bytes> signature{};
  std::size_t size = signature.size();
  ENSURE(EVP_DigestSign(context.get(), signature.data(), &size, reinterpret_cast<const std::uint8_t*>(message.data()),
                        message.size()) == 1);
  return hex(signature);
}

std::string SigningKey::x() const {
  std::array<std::uint8_t, seed_bytes> raw{};
  std::size_t size = raw.size();
  ENSURE(EVP_PKEY_get_raw_public_key(static_cast<EVP_PKEY*>(key_.get()), raw.data(), &size) == 1);
  return base64url(as_text(raw));
}

void KeyRing::rotate(OldKeys old_keys) {
  if (old_keys == OldKeys::Drop) keys_.clear();
  keys_.push_back(SigningKey::random());
}

boost::json::object KeyRing::jwks() const {
  boost::json::array keys;
  for (const SigningKey& key : keys_) {
    keys.push_back(boost::json::object{{"kty", "OKP"}, {"crv", "Ed25519"}, {"use", "sig"}, {"x", key.x()}});
  }
  return {{"keys", std::move(keys)}};
}

}  // namespace i2m::sandbox::fal
