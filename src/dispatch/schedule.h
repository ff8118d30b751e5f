#pragma once

#include "db/leader.h"
#include "dispatch/governor.h"
#include "jobs/jobs.h"
#include "net/metrics.h"

namespace i2m::dispatch {

/// The scheduler: picks queued items fairly and sends them to the workers, takes back what was lost on the way, ends
/// what is past its deadline, sweeps what was left behind. One process at a time does it: the one that holds the
/// advisory lock.
///
/// `system` reads across companies and marks what is dispatched; everything else happens in the item's own company.
class Scheduler {
 public:
  Scheduler(net::Loop& loop, db::Pool& system, storage::Store& store, jobs::Settings settings, net::Metrics& metrics);
  /// Until the loop stops.
  Co<void> run(db::AdvisoryLock& leader);

  /// One turn of each duty; run() calls them, and so do the tests.
  Task<int> dispatch();
  Task<int> reap();
  Task<int> sweep();

 private:
  Task<int> sweep_results();
  Task<int> end_unwanted();
  Co<void> wait(std::chrono::milliseconds at_most);
  Task<> send(const std::string& provider, std::vector<jobs::ItemRef> items);

  net::Loop& loop_;
  db::Pool& system_;
  storage::Store& store_;
  jobs::Settings settings_;
  Governor governor_;
  prometheus::Gauge& queued_;
  prometheus::Gauge& in_flight_;
  prometheus::Gauge& oldest_queued_;
  prometheus::Counter& taken_back_;
  struct Bell;
  std::shared_ptr<Bell> bell_;
};

}  // namespace i2m::dispatch
