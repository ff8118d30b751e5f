#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "base/wait.h"
#include "sandbox/fal_errors.h"
#include "sandbox/fal_faults.h"
#include "sandbox/fal_files.h"
#include "sandbox/fal_schema.h"

namespace i2m::sandbox::fal {

enum class JobState : std::uint8_t { Queued, Running, Completed };

/// One accepted request, from its submit on. It stays for the ledger when its result has expired.
struct Job {
  explicit Job(boost::asio::io_context& io) : changed{io, SteadyTime::max()}, pause{io} {}

  std::string id = Uuid::make().text();
  std::string gateway_id = id;  // of the last attempt
  const Endpoint* endpoint = nullptr;
  boost::json::value input;
  Faults faults;
  std::string webhook;
  bool low_priority = false;
  bool direct = false;  // fal.run: the caller waits
  bool platform_retries = true;
  bool stored = true;                // the result is kept for the long time
  std::int64_t start_within_ms = 0;  // 0: no deadline
  Lifecycle lifecycle;               // of the files it makes

  JobState state = JobState::Queued;
  bool cancel_wanted = false;
  int attempts = 1;
  boost::json::array logs;
  Outcome outcome;  // when completed
  Time accepted_at;
  SteadyTime queued_at;
  SteadyTime started_at;
  SteadyTime completed_at;
  SteadyTime polled_at;
  bool answer_lost = false;  // the submit's answer was broken on purpose
  int webhooks_sent = 0;

  Timer changed;  // cancelled whenever something has changed
  Timer pause;    // what the running job waits for: cancelled to wake it

  /// What this call costs when it ends well.
  double list_price_usd() const {
    return endpoint->price_usd(input.is_object() ? input.as_object() : boost::json::object{});
  }
  double charged_usd() const { return outcome.billable_units * endpoint->unit_usd(); }
};

using JobRef = std::shared_ptr<Job>;

}  // namespace i2m::sandbox::fal
