#include "sandbox/fal_queue.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/json/serialize.hpp>

#include "sandbox/fal_models.h"

namespace i2m::sandbox::fal {
namespace asio = boost::asio;
namespace json = boost::json;
namespace {

constexpr std::size_t large_result_bytes = 10 << 10;
constexpr std::int64_t flood_lines = 5'000;
constexpr int platform_attempts_max = 10;

SteadyTime now() { return std::chrono::steady_clock::now(); }

}  // namespace

void Queue::submit(JobRef job) {
  job->accepted_at = SystemClock{}.now();
  job->queued_at = now();
  accepted_.push_back(job);
  by_id_.emplace(job->id, job);
  waiting_[job->low_priority ? 1 : 0].push_back(job);
  asio::co_spawn(*io_, wait_for_turn(job), asio::detached);
}

JobRef Queue::find(std::string_view id) const {
  const auto found = by_id_.find(std::string{id});
  return found == by_id_.end() ? nullptr : found->second;
}

bool Queue::expired(const Job& job) const {
  if (job.state != JobState::Completed) return false;
  if (fal::find(job.faults, Fault::ResultExpired) != nullptr) return true;
  std::int64_t kept_ms = settings_->stored_result_ms;
  if (!job.stored) {
    const bool large = json::serialize(job.outcome.body).size() >= large_result_bytes;
    kept_ms = large ? settings_->large_result_ms : settings_->result_ms;
  }
  return now() >= job.completed_at + Milliseconds{kept_ms};
}

JobRef Queue::find_result(std::string_view id) const {
  JobRef job = find(id);
  return job && expired(*job) ? nullptr : job;
}

std::int64_t Queue::position(const Job& job) const {
  std::int64_t place = 0;
  for (const std::list<JobRef>& line : waiting_) {
    for (const JobRef& each : line) {
      if (each.get() == &job) return place;
      ++place;
    }
  }
  return 0;
}

std::int64_t Queue::length(std::string_view app) const {
  std::int64_t count = 0;
  for (const std::list<JobRef>& line : waiting_) {
    count += std::ranges::count_if(line, [&](const JobRef& job) { return job->endpoint->app() == app; });
  }
  return count;
}

bool Queue::may_start(const Job& job) const {
  return fal::find(job.faults, Fault::StuckQueue) == nullptr &&
         now() >= job.queued_at + Milliseconds{settings_->queue_ms};
}

void Queue::pump() {
  for (std::list<JobRef>& line : waiting_) {
    for (auto it = line.begin(); it != line.end() && running_ < settings_->concurrency;) {
      const JobRef job = *it;
      if (!may_start(*job)) {
        ++it;
        continue;
      }
      it = line.erase(it);
      ++running_;
      job->state = JobState::Running;
      job->started_at = now();
      job->pause.cancel();
      job->changed.cancel();
      asio::co_spawn(*io_, run(job), asio::detached);
    }
  }
}

/// Sees to it that somebody looks when the shortest wait is over, and when the start comes too late.
Co<void> Queue::wait_for_turn(JobRef job) {
  pump();
  if (settings_->queue_ms > 0 && job->state == JobState::Queued) {
    job->pause.expires_at(job->queued_at + Milliseconds{settings_->queue_ms});
    co_await job->pause.async_wait(awaiting);
    pump();
  }
  if (job->start_within_ms == 0) co_return;
  while (job->state == JobState::Queued) {
    job->pause.expires_at(job->queued_at + Milliseconds{job->start_within_ms});
    const auto [cancelled] = co_await job->pause.async_wait(awaiting);
    if (cancelled || job->state != JobState::Queued) continue;
    for (std::list<JobRef>& line : waiting_) line.remove(job);
    Outcome late = failed_as(*find_error("request_timeout"));
    late.headers.emplace_back("x-fal-request-timeout-type", "user");
    complete(job, std::move(late));
  }
}

Co<void> Queue::run(JobRef job) {
  Outcome outcome = co_await work(job);
  --running_;
  const Planned* retried = fal::find(job->faults, Fault::PlatformRetry);
  const bool again = retried != nullptr && outcome.error_type == "runner_disconnected" && job->platform_retries &&
                     job->attempts < platform_attempts_max && !job->cancel_wanted;
  if (again) {
    ++job->attempts;
    job->gateway_id = Uuid::make().text();
    job->state = JobState::Queued;
    job->queued_at = now();
    waiting_[job->low_priority ? 1 : 0].push_front(job);
    job->changed.cancel();
    asio::co_spawn(*io_, wait_for_turn(job), asio::detached);
    co_return;
  }
  complete(job, std::move(outcome));
  pump();
}

Co<Outcome> Queue::work(JobRef job) {
  log(*job, "Request received by the runner");
  if (const std::vector<Detail> details = job->endpoint->wrong_with(job->input); !details.empty()) {
    co_return refused_by_model(details);
  }
  if (const Planned* flood = fal::find(job->faults, Fault::LogFlood)) {
    for (std::int64_t i = 0; i < flood->number(flood_lines); ++i) log(*job, fmt::format("line {} of a flood", i));
  }
  const Planned* failure = fal::find(job->faults, Fault::Failure);
  const Planned* retried = fal::find(job->faults, Fault::PlatformRetry);
  const bool disconnects = retried != nullptr && job->attempts <= retried->number(1);
  Outcome outcome;
  if (failure == nullptr && !disconnects) outcome = co_await models_->make(job);
  if (!co_await pass_time(job)) co_return failed_as(*find_error("client_cancelled"));
  log(*job, "Request finished");
  if (disconnects) co_return failed_as(*find_error("runner_disconnected"));
  if (failure != nullptr) co_return failed_as(*find_error(failure->argument));
  co_return outcome;
}

/// Waits until the model has taken its time, and logs meanwhile. False: cancelled.
Co<bool> Queue::pass_time(JobRef job) {
  while (true) {
    if (job->cancel_wanted) co_return false;
    const SteadyTime end = job->started_at + Milliseconds{settings_->run_ms};
    const bool stuck = fal::find(job->faults, Fault::StuckRunning) != nullptr;
    if (!stuck && now() >= end) co_return true;
    const SteadyTime next = now() + Milliseconds{settings_->log_ms};
    job->pause.expires_at(stuck ? next : std::min(next, end));
    const auto [woken] = co_await job->pause.async_wait(awaiting);
    if (woken || stuck) continue;
    const auto done = std::chrono::duration<double>(now() - job->started_at) /
                      Milliseconds{std::max<std::int64_t>(settings_->run_ms, 1)};
    log(*job, fmt::format("Generating: {:.0f}%", std::min(100.0, 100 * done)));
  }
}

void Queue::log(Job& job, std::string message) {
  job.logs.push_back(json::object{{"message", std::move(message)},
                                  {"timestamp", to_rfc3339(SystemClock{}.now())},
                                  {"level", "INFO"},
                                  {"source", "USER"}});
  job.changed.cancel();
}

void Queue::complete(const JobRef& job, Outcome outcome) {
  job->outcome = std::move(outcome);
  job->state = JobState::Completed;
  job->completed_at = now();
  job->changed.cancel();
  completed_(job);
}

Queue::Cancel Queue::cancel(const JobRef& job) {
  if (job->state == JobState::Completed) return Cancel::AlreadyCompleted;
  if (job->state == JobState::Queued) {
    for (std::list<JobRef>& line : waiting_) line.remove(job);
    job->started_at = now();
    complete(job, failed_as(*find_error("client_cancelled")));
    job->pause.cancel();
  } else if (fal::find(job->faults, Fault::IgnoreCancel) == nullptr) {
    job->cancel_wanted = true;
    job->pause.cancel();
  }
  return Cancel::Requested;
}

void Queue::release() {
  for (const JobRef& job : accepted_) {
    std::erase_if(job->faults, [](const Planned& each) {
      return each.fault == Fault::StuckQueue || each.fault == Fault::StuckRunning;
    });
  }
  pump();
}

}  // namespace i2m::sandbox::fal
