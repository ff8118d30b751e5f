#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "net/contract.h"
#include "net/http.h"
#include "net/loop.h"

namespace i2m::net {

/// Rate limits, counted in Redis for all processes together. `scale` multiplies every quota (1 in production; tests and
/// benchmarks raise it). Errors of take(): Code::RateLimited; it adds RateLimit headers either way.
class Limits {
 public:
  Limits(std::string key_prefix, double scale) : prefix_{std::move(key_prefix)}, scale_{scale} {}

  /// `subject` is the user's or client's name; `cost` units are taken at once, all or none.
  Task<> take(Loop& loop, const Rate& rate, std::string subject, Headers& headers, int cost = 1);

 private:
  redis::Quota scaled(const redis::Quota& quota) const;

  std::string prefix_;
  double scale_;
};

}  // namespace i2m::net
