#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

/// Calls that may be in progress although no worker follows them: they take the account's room as well.
Task<std::int64_t> unfollowed_calls(db::Tx& tx, std::string provider);

/// Learns how many calls the account runs at once, `window` at most, from those that wait while others run. The new
/// limit, where it has changed. In a transaction of the system role, as the four below.
Task<std::optional<int>> learn_limit(db::Tx& tx, std::string provider, int window);

/// How a provider is, for metrics and operators. One without a row has not been used yet.
struct ProviderNow {
  std::string provider;
  Health health;
  std::int64_t live = 0, unsure = 0;  // calls
};
Task<std::vector<ProviderNow>> providers_now(db::Tx& tx);

/// A call whose answer was lost `age` ago or earlier, of an item that still waits for it; the oldest first.
struct UnsureCall {
  CallId call;
  CompanyId company;
  ItemId item;
  int attempt = 0;
  int submission = 0;
  std::int64_t price_microusd = 0;
};
Task<std::vector<UnsureCall>> unsure_calls(db::Tx& tx, std::chrono::seconds age);
/// Items that wait as unsure although a word of their call has come: whoever brought it could not tell them.
struct Waiting {
  CompanyId company;
  ItemId item;
};
Task<std::vector<Waiting>> answered_items(db::Tx& tx);
/// It stays booked to us, and its item may be submitted again. False when its word has come just now.
Task<bool> abandon_call(db::Tx& tx, CallId call);

/// Ends the calls of items that have ended, in a transaction of the system role. Answers how many. One that the
/// provider has accepted is left for `grace` to the worker that is calling it off.
Task<std::int64_t> close_calls(db::Tx& tx, std::chrono::seconds grace);

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
