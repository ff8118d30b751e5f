#pragma once

#include <chrono>
#include <map>
#include <string>

#include "jobs/jobs.h"
#include "net/metrics.h"
#include "providers/calls.h"

namespace i2m::dispatch {

/// Stands between the fair dispatcher and the outside providers: how much each may be sent now, and what must happen to
/// the calls that nobody follows any more. Its truth is PostgreSQL alone, so any scheduler can go on where another
/// died.
class Governor {
 public:
  Governor(net::Loop& loop, db::Pool& system, const jobs::Settings& settings, net::Metrics& metrics)
      : loop_{loop}, system_{system}, settings_{settings}, metrics_{metrics} {}

  /// How many more items `provider` may be given: up to its window and to what its account was seen to run at once; one
  /// alone where it is being probed; none while it rests. Takes part in the dispatcher's transaction.
  Task<std::int64_t> room(db::Tx& tx, const std::string& provider, std::int64_t in_flight);
  /// One turn: closes the calls of items that have ended, gives up what was unsure for too long, learns the account's
  /// limit, tells metrics and the log how the providers are. Answers how many items it changed.
  Task<int> turn();

 private:
  Task<> close();
  Task<int> wake_answered();
  Task<int> give_up_unsure();
  Task<> learn();
  Task<> report();
  void tell(const std::string& provider, const providers::Health& health);
  int window_of(const std::string& provider) const;

  net::Loop& loop_;
  db::Pool& system_;
  const jobs::Settings& settings_;
  net::Metrics& metrics_;
  std::map<std::string, std::string> states_;  // as last told
};

}  // namespace i2m::dispatch
