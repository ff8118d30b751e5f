#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "db/pool.h"

// What the scheduler and the webhooks need to know of calls to outside providers.
namespace i2m::providers {

/// Whether a provider may be asked. Nobody's row: as it is for all companies.
struct Health {
  std::string state = "ok";  // open: rests after failures; locked, key: the operator must act
  std::string reason;
  bool may_probe = false;  // not ok, but one item may try
  int limit_learned = 0;   // 0: not seen yet
};
Task<Health> health_of(db::Tx& tx, std::string provider);

/// How many more items may be sent to a provider that has `in_flight`: up to `window` and to what its account was seen
/// to run; one alone, where it is being probed; none while it rests.
int room_of(const Health& health, int window, int in_flight);

/// Ends the calls of items that have ended, in a transaction of the system role. Answers how many.
Task<std::int64_t> close_calls(db::Tx& tx);

/// The call that a webhook's token belongs to, whoever's it is; nothing for a token that was never given.
struct CallRef {
  CallId call;
  CompanyId company;
  ItemId item;
};
Task<std::optional<CallRef>> call_of_token(db::Reader reader, std::string_view token);

/// Takes a webhook's word into the call's row, in a transaction of its company: the request's id, where the answer to
/// the submit was lost, and the output, where it brings one. False when the call is known under another id.
Task<bool> take_hook(db::Tx& tx, CallRef ref, std::string request_id, std::string output);

/// The channel on which a call's worker hears that a webhook has come.
std::string channel_of(CallId call);

}  // namespace i2m::providers
