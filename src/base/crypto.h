#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace i2m {

using Sha256 = std::array<std::uint8_t, 32>;

/// HMAC-SHA256 with a key that is prepared once. Safe to use from several threads.
class Hmac {
 public:
  explicit Hmac(std::string_view key);
  ~Hmac();
  Hmac(Hmac&&) noexcept;
  Hmac& operator=(Hmac&&) noexcept;
  Sha256 of(std::string_view message) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// SHA-256 of bytes as they come.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  void add(std::span<const char> bytes);
  /// Once, at the end.
  Sha256 finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

Sha256 sha256(std::string_view bytes);
/// Takes the same time wherever the first difference is; different lengths are unequal at once.
bool equal_in_constant_time(std::string_view a, std::string_view b);
std::string hex(std::span<const std::uint8_t> bytes);
/// URL-safe alphabet, no padding.
std::string base64url(std::string_view bytes);
/// Strict: no padding, no other alphabet, no stray bits. Errors: Code::Invalid.
Result<std::string> from_base64url(std::string_view text);
inline std::string_view as_text(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace i2m
