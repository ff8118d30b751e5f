#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "identity/passwords.h"
#include "identity/token.h"
#include "net/limits.h"
#include "net/router.h"

namespace i2m::identity {

struct Settings {
  std::chrono::seconds token_lifetime{8 * 3600};
  std::chrono::milliseconds principal_cache{5000};
};

/// Who is asking: signing in, and the check behind every request that user and company exist and are active.
class Identity {
 public:
  Identity(TokenKeys keys, Passwords& passwords, net::Limits& limits, const Clock& clock, Settings settings);

  /// Listens on each loop for changes, so that a suspended company is out at once and not after the cache's seconds.
  void attach(net::Loop& loop);

  /// A token's bearer as he stands now. Errors: Code::TokenInvalid (also for a user that is gone), Code::TokenExpired,
  /// Code::AccountInactive, Code::Unavailable.
  Task<net::Principal> authenticate(net::Loop& loop, std::string_view token);

  TokenKeys keys;
  Passwords& passwords;
  net::Limits& limits;
  const Clock& clock;
  const Settings settings;

 private:
  struct Known {
    net::Principal who;
    std::chrono::steady_clock::time_point until;
  };
  struct PerLoop {
    std::unordered_map<UserId, Known> known;
    net::Notices::Subscription subscription;
  };
  std::vector<std::unique_ptr<PerLoop>> loops_;
};

/// The channel on which a change of a user or company is told.
inline constexpr std::string_view changed_channel = "identity";

void routes(net::Router& router, Identity& identity);

}  // namespace i2m::identity
