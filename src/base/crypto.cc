#include "base/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/ensure.h"

namespace i2m {
namespace {
struct FreeMac {
  void operator()(EVP_MAC_CTX* ctx) const { EVP_MAC_CTX_free(ctx); }
};
struct FreeDigest {
  void operator()(EVP_MD_CTX* ctx) const { EVP_MD_CTX_free(ctx); }
};
constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t no_digit = 0xff;
constexpr auto digit_of = [] {
  std::array<std::uint8_t, 256> out{};
  out.fill(no_digit);
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    out[static_cast<std::uint8_t>(alphabet[i])] = static_cast<std::uint8_t>(i);
  return out;
}();
}  // namespace

struct Hmac::Impl {
  std::unique_ptr<EVP_MAC_CTX, FreeMac> keyed;
};

Hmac::Hmac(std::string_view key) : impl_{std::make_unique<Impl>()} {
  EVP_MAC* mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  ENSURE(mac != nullptr);
  impl_->keyed.reset(EVP_MAC_CTX_new(mac));
  EVP_MAC_free(mac);
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_end()};
  ENSURE(EVP_MAC_init(impl_->keyed.get(), reinterpret_cast<const unsigned char*>(key.data()), key.size(), params) == 1);
}

Hmac::~Hmac() = default;
Hmac::Hmac(Hmac&&) noexcept = default;
Hmac& Hmac::operator=(Hmac&&) noexcept = default;

Sha256 Hmac::of(std::string_view message) const {
  // A copy of the keyed state is cheaper than keying anew, and leaves the original for the other threads.
  const std::unique_ptr<EVP_MAC_CTX, FreeMac> ctx{EVP_MAC_CTX_dup(impl_->keyed.get())};
  Sha256 out;
  std::size_t size = 0;
  ENSURE(ctx && EVP_MAC_update(ctx.get(), reinterpret_cast<const unsigned char*>(message.data()), message.size()) == 1);
  ENSURE(EVP_MAC_final(ctx.get(), out.data(), &size, out.size()) == 1 && size == out.size());
  return out;
}

struct Hasher::Impl {
  std::unique_ptr<EVP_MD_CTX, FreeDigest> ctx{EVP_MD_CTX_new()};
};

Hasher::Hasher() : impl_{std::make_unique<Impl>()} {
  ENSURE(EVP_DigestInit_ex(impl_->ctx.get(), EVP_sha256(), nullptr) == 1);
}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;
void Hasher::add(std::span<const char> bytes) {
  ENSURE(EVP_DigestUpdate(impl_->ctx.get(), bytes.data(), bytes.size()) == 1);
}

Sha256 Hasher::finish() {
  Sha256 out;
  ENSURE(EVP_DigestFinal_ex(impl_->ctx.get(), out.data(), nullptr) == 1);
  return out;
}

Sha256 sha256(std::string_view bytes) {
  Hasher hasher;
  hasher.add(bytes);
  return hasher.finish();
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string hex(std::span<const std::uint8_t> bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) out += digits[byte >> 4], out += digits[byte & 15];
  return out;
}

std::string base64url(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<std::uint8_t>(c);
    for (count += 8; count >= 6; count -= 6) out += alphabet[bits >> (count - 6) & 63];
  }
  if (count > 0) out += alphabet[bits << (6 - count) & 63];
  return out;
}

Result<std::string> from_base64url(std::string_view text) {
  std::string out(text.size() * 3 / 4, '\0');
  char* to = out.data();
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const std::uint8_t value = digit_of[static_cast<std::uint8_t>(c)];
    if (value == no_digit) return fail(Code::Invalid, "not base64url");
    bits = bits << 6 | value;
    count += 6;
    if (count >= 8) {
      count -= 8;
      *to++ = static_cast<char>(bits >> count & 0xff);
    }
  }
  if (count >= 6 || (bits & ((1u << count) - 1)) != 0) return fail(Code::Invalid, "not canonical base64url");
  return out;
}

}  // namespace i2m
