#pragma once

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "net/fetch.h"

namespace i2m::providers::fal {

/// What a webhook's headers say, as sent.
struct SignedBy {
  std::string request_id;  // X-Fal-Webhook-Request-Id
  std::string user_id;     // X-Fal-Webhook-User-Id
  std::string timestamp;   // X-Fal-Webhook-Timestamp, unix seconds
  std::string signature;   // X-Fal-Webhook-Signature, hex
};

using PublicKey = std::array<std::uint8_t, 32>;

/// The Ed25519 keys of a JSON Web Key Set; others in it are passed over. Errors: Code::Unavailable when there is none.
Result<std::vector<PublicKey>> parse_keys(std::string_view jwks);

/// Whether one of `keys` signed "request id, user id, timestamp, SHA-256 of the body in hex", a line each, within 300 s
/// of `now`. `body` is what came over the wire, unparsed.
///
/// Errors: Code::LinkExpired for a timestamp outside the window, Code::LinkInvalid for anything else that is wrong.
/// Source: fal.ai, webhooks; RFC 8032.
Result<> verify(const SignedBy& said, std::string_view body, const std::vector<PublicKey>& keys, Time now);

/// The provider's keys, fetched when first needed, kept for a day, and fetched again when a signature fits none of
/// them, but not more often than every ten seconds: forged webhooks must not become a load on the provider.
class Keys {
 public:
  Keys(net::Fetcher& fetcher, std::string url, const Clock& clock)
      : fetcher_{fetcher}, url_{std::move(url)}, clock_{clock} {}
  /// Errors: as fal::verify; Code::Unavailable when no keys could be had.
  Task<> verify(SignedBy said, std::string body);

 private:
  Task<> fetch();

  net::Fetcher& fetcher_;
  std::string url_;
  const Clock& clock_;
  std::vector<PublicKey> keys_;
  Time fetched_{};
  Time tried_{};
};

}  // namespace i2m::providers::fal
