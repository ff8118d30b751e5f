#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "net/ctx.h"

namespace i2m::identity {

/// What an access token says: the seed's claims, and which token it is.
struct Claims {
  UserId user;
  CompanyId company;
  std::string email;
  net::Role role = net::Role::Member;
  Time expires;
};

/// Signs and verifies access tokens: JWT, HS256, several keys so that one can be replaced while the other still counts.
///
/// A token's head must be, byte for byte, one that we write ourselves: algorithm, key id and type are thereby taken
/// from our configuration and never from the token. The signature is checked before anything in the payload is read.
/// Why HS256: signer and verifier are the same program (docs/decisions/0003).
class TokenKeys {
 public:
  struct Key {
    std::string id;      // letters, digits, - and _
    std::string secret;  // at least 32 bytes
  };
  /// The first key signs, all verify. Errors: Code::Invalid, saying which key is unfit.
  static Result<TokenKeys> of(const std::vector<Key>& keys, std::string issuer);
  /// "id:secret,id:secret" as JWT_SECRET has it; a text without a colon is one key with the id "1".
  static Result<std::vector<Key>> parse(std::string_view text);

  std::string sign(const Claims& claims, Time now) const;
  /// Errors: Code::TokenInvalid, Code::TokenExpired. Cost: about a microsecond and a half.
  Result<Claims> verify(std::string_view token, Time now) const;

 private:
  struct Signer;
  TokenKeys() = default;
  std::vector<std::shared_ptr<const Signer>> signers_;
  std::string issuer_;
};

}  // namespace i2m::identity
