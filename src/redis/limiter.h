#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "redis/client.h"

namespace i2m::redis {

/// `count` uses in any `window`, all at once or spread. `name` is part of the key. `count` is at least 1 and at most
/// one a microsecond.
struct Quota {
  std::string_view name;  // outlives what is made of it: quotas are constants
  std::int64_t count;
  std::chrono::seconds window;
};

struct Verdict {
  bool allowed;
  std::int64_t limit, remaining;          // uses; `remaining` after this one
  std::chrono::milliseconds retry_after;  // until this same request would be allowed; zero when it was
  std::chrono::milliseconds reset_after;  // until the whole quota is there again
};

/// EVALSHA of the limiter's script, to go with other commands in one Client::run_all. Nothing is used up by a request
/// that is refused. `cost` is at least 1; one above `quota.count` is never allowed, whatever retry_after says.
///
/// Cost: TIME, GET and, when allowed, SET, on the key `key_prefix` + name + ":" + subject, which expires when the quota
/// is whole again.
/// Source: generic cell rate algorithm, ITU-T I.371 (as Brandur Leach's redis-cell). The time is Redis' own, so that
/// machines need not agree on it.
Command limiter_command(const Quota& quota, std::string_view subject, std::string_view key_prefix, int cost = 1);
/// Errors: as `accepted`. A server that has lost its scripts answers what `script_missing` knows: send
/// limiter_load_command() and ask again.
Result<Verdict> parse_verdict(const Reply& reply);
Command limiter_load_command();

/// The same on its own. Errors: as Client::run.
Task<Verdict> take(Client& client, Quota quota, std::string subject, std::string key_prefix, int cost = 1);

}  // namespace i2m::redis
