#pragma once

#include <boost/json/object.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace i2m::sandbox::fal {

/// What a webhook's signature covers: request id, user id, timestamp and the SHA-256 of the raw body, a line each.
struct Signed {
  std::string_view request_id;
  std::string_view user_id;
  std::string_view timestamp;
  std::string_view body;
};

/// One Ed25519 key pair.
class SigningKey {
 public:
  static SigningKey random();
  /// Errors: Code::Invalid: not 64 hex digits.
  static Result<SigningKey> of_seed(std::string_view hex);
  /// 64 bytes in hex.
  std::string sign(const Signed& message) const;
  /// The public key as `x` of a JWK.
  std::string x() const;

 private:
  struct Free {
    void operator()(void* key) const;
  };
  explicit SigningKey(void* key) : key_{key} {}
  std::unique_ptr<void, Free> key_;
};

/// The keys that sign, and the set that is published. The last key signs.
class KeyRing {
 public:
  explicit KeyRing(SigningKey first) { keys_.push_back(std::move(first)); }
  const SigningKey& current() const { return keys_.back(); }
  /// A new key signs from now on; the old ones stay published where `keep` says so.
  enum class OldKeys { Keep, Drop };
  void rotate(OldKeys old_keys);
  boost::json::object jwks() const;

 private:
  std::vector<SigningKey> keys_;
};

}  // namespace i2m::sandbox::fal
