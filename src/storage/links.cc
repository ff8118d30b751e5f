#include "storage/links.h"

#include <fmt/format.h>

#include <algorithm>

namespace i2m::storage {

Result<Links> Links::of(const std::vector<Key>& keys, std::chrono::seconds lifetime) {
  if (keys.empty()) return refuse(Code::Invalid, "LINK_SECRET", "LINK_SECRET is missing: give at least one key.");
  Links out;
  out.lifetime_ = lifetime;
  for (const Key& key : keys) {
    if (key.secret.size() < 32)
      return refuse(Code::Invalid, "LINK_SECRET",
                    fmt::format("The key '{}' in LINK_SECRET is shorter than 32 bytes.", key.id));
    out.signers_.push_back({key.id, Hmac{key.secret}});
  }
  return out;
}

// Each part behind its length, so that no two different links have the same message.
std::string Links::message(std::string_view key, CompanyId company, FileId file, std::int64_t expires) {
  std::string out = "image2model link 1";
  const std::string parts[] = {"GET", std::string{key}, company.text(), file.text(), std::to_string(expires)};
  for (const std::string& part : parts) out += fmt::format(":{}:{}", part.size(), part);
  return out;
}

Links::Link Links::sign(CompanyId company, FileId file, Time now) const {
  const Signer& signer = signers_.front();
  const Time expires = std::chrono::ceil<std::chrono::seconds>(now + lifetime_);
  const std::int64_t seconds = unix_seconds(expires);
  const std::string signature = base64url(as_text(signer.hmac.of(message(signer.id, company, file, seconds))));
  return {fmt::format("/api/v1/download/files/{}?company={}&expires={}&key={}&signature={}", file.text(),
                      company.text(), seconds, signer.id, signature),
          expires};
}

Result<> Links::verify(CompanyId company, FileId file, std::int64_t expires, std::string_view key,
                       std::string_view signature, Time now) const {
  const auto signer = std::ranges::find(signers_, key, &Signer::id);
  if (signer == signers_.end()) return fail(Code::LinkInvalid, "unknown key");
  const std::string right = base64url(as_text(signer->hmac.of(message(key, company, file, expires))));
  if (!equal_in_constant_time(right, signature)) return fail(Code::LinkInvalid, "signature");
  if (expires <= unix_seconds(now)) return fail(Code::LinkExpired);
  return {};
}

}  // namespace i2m::storage
