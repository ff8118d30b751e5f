#pragma once

#include <chrono>
#include <set>
#include <string>

#include "net/loop.h"

namespace i2m::providers {

/// The places that the account of an outside provider has, shared by all workers. An item takes one before its call is
/// begun and keeps it until the provider is done with it.
///
/// Redis hands them out: a set of items with a lease each. PostgreSQL is the truth: when Redis does not know (it has
/// restarted, it was emptied) the calls in flight are read from there; and begin_room(), in the transaction that begins
/// the call, has the last word, so nothing that Redis forgets or a worker's death leaves behind lets one more through.
class Slots {
 public:
  /// `most`: how many the account may run; `lease`: how long a place is kept for a worker that is not heard of.
  Slots(net::Loop& loop, std::string provider, int most, std::chrono::milliseconds lease);

  /// False: all are taken. An item that has one already keeps it. With Redis away the answer is true: PostgreSQL
  /// decides.
  Task<bool> take(CompanyId company, ItemId item);
  /// Renews the lease of a place, taking it again where Redis has lost it: the call is in flight all the same.
  Co<void> keep(ItemId item);
  /// Gives it to the next.
  Co<void> give_back(ItemId item);

  std::chrono::milliseconds lease() const { return lease_; }

 private:
  Task<> tell(CompanyId company);
  Task<std::set<ItemId>> in_flight(CompanyId company);

  net::Loop& loop_;
  std::string provider_;
  std::string taken_key_, told_key_;
  int most_;
  std::set<ItemId> owed_;  // given back while Redis was away
  std::chrono::milliseconds lease_;
};

/// Whether one more call may be begun, as the calls' own rows say; whoever asks next waits until `tx` has ended. Of
/// calls that may be lost at most half of `most` are counted, or an account would stand still for their sake.
Task<bool> begin_room(db::Tx& tx, std::string provider, int most);

}  // namespace i2m::providers
