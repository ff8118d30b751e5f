#pragma once

#include <functional>
#include <list>
#include <unordered_map>

#include "sandbox/fal_job.h"
#include "sandbox/fal_settings.h"

namespace i2m::sandbox::fal {

class Models;

/// The account's queue and its clock: every request moves from queued through in progress to completed by itself, at
/// most `concurrency` of them in progress.
class Queue {
 public:
  using Completed = std::function<void(JobRef)>;
  Queue(boost::asio::io_context& io, const Settings& settings, Models& models, Completed completed)
      : io_{&io}, settings_{&settings}, models_{&models}, completed_{std::move(completed)} {}

  void submit(JobRef job);
  JobRef find(std::string_view id) const;
  /// Null when it never was, or has expired.
  JobRef find_result(std::string_view id) const;
  std::int64_t position(const Job& job) const;
  /// How many wait for that app.
  std::int64_t length(std::string_view app) const;
  int running() const { return running_; }

  enum class Cancel : std::uint8_t { Requested, AlreadyCompleted };
  Cancel cancel(const JobRef& job);
  /// What was stuck on purpose goes on.
  void release();
  /// After a setting has changed.
  void pump();
  const std::vector<JobRef>& accepted() const { return accepted_; }

 private:
  Co<void> wait_for_turn(JobRef job);
  Co<void> run(JobRef job);
  Co<Outcome> work(JobRef job);
  Co<bool> pass_time(JobRef job);
  void log(Job& job, std::string message);
  void complete(const JobRef& job, Outcome outcome);
  bool may_start(const Job& job) const;
  bool expired(const Job& job) const;

  boost::asio::io_context* io_;
  const Settings* settings_;
  Models* models_;
  Completed completed_;
  std::list<JobRef> waiting_[2];  // normal, then low priority
  int running_ = 0;
  std::vector<JobRef> accepted_;
  std::unordered_map<std::string, JobRef> by_id_;
};

}  // namespace i2m::sandbox::fal
