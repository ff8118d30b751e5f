#pragma once

#include <memory>

#include "jobs/jobs.h"
#include "net/metrics.h"
#include "providers/provider.h"

namespace i2m::dispatch {

/// The worker of one provider: takes items from its stream, claims them, has them made, checks and stores what came
/// back, and ends them. It can be killed at any instruction: the claim is a lease that ends, the fence keeps a late
/// write out, and nothing is acknowledged to Redis before it is committed.
class Worker {
 public:
  Worker(net::Loop& loop, redis::Settings redis, providers::Provider& provider, storage::Store& store,
         jobs::Settings settings, net::Metrics& metrics);
  ~Worker();

  /// Until stop().
  Co<void> run();
  /// Takes nothing new; what runs goes on until it ends, or is handed back after `patience`. Then run() returns.
  void stop(std::chrono::milliseconds patience);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace i2m::dispatch
