#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/ids.h"

namespace i2m::storage {

/// Signed links to files: whoever has one may fetch that one file of that one company until it expires. Several keys,
/// so that one can be replaced while links of the other still work.
class Links {
 public:
  struct Key {
    std::string id;
    std::string secret;  // at least 32 bytes
  };
  /// Errors: Code::Invalid, saying which key is unfit.
  static Result<Links> of(const std::vector<Key>& keys, std::chrono::seconds lifetime);

  struct Link {
    std::string url;  // relative: /api/v1/download/files/{file}?company=…&expires=…&key=…&signature=…
    Time expires;
  };
  Link sign(CompanyId company, FileId file, Time now) const;
  /// Errors: Code::LinkInvalid, Code::LinkExpired.
  Result<> verify(CompanyId company, FileId file, std::int64_t expires, std::string_view key,
                  std::string_view signature, Time now) const;

 private:
  struct Signer {
    std::string id;
    Hmac hmac;
  };
  Links() = default;
  static std::string message(std::string_view key, CompanyId company, FileId file, std::int64_t expires);
  std::vector<Signer> signers_;
  std::chrono::seconds lifetime_{};
};

}  // namespace i2m::storage
