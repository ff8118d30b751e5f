#include "sandbox/fal_journal.h"

#include <cmath>

namespace i2m::sandbox::fal {
namespace json = boost::json;
namespace {

constexpr std::size_t calls_max = 200'000;
constexpr double micro = 1e6;

/// Sums of prices as they would be written by hand.
double rounded(double usd) { return std::round(usd * micro) / micro; }

std::string faults_of(const Job& job) {
  std::string out;
  for (const Planned& each : job.faults) out += (out.empty() ? "" : ",") + each.text();
  return out;
}

json::object row_of(const Job& job) {
  const bool done = job.state == JobState::Completed;
  return {{"request_id", job.id},
          {"gateway_request_id", job.gateway_id},
          {"endpoint_id", job.endpoint->id()},
          {"accepted_at", to_rfc3339(job.accepted_at)},
          {"direct", job.direct},
          {"webhook", job.webhook},
          {"state", name_of(job.state)},
          {"status", done ? json::value(job.outcome.status) : json::value(nullptr)},
          {"error_type", job.outcome.error_type},
          {"list_price_usd", rounded(job.list_price_usd())},
          {"billable_units", rounded(job.outcome.billable_units)},
          {"charged_usd", rounded(job.charged_usd())},
          {"answer_lost", job.answer_lost},
          {"webhooks_sent", job.webhooks_sent},
          {"faults", faults_of(job)}};
}

}  // namespace

std::string_view name_of(JobState state) {
  switch (state) {
    case JobState::Queued:
      return "IN_QUEUE";
    case JobState::Running:
      return "IN_PROGRESS";
    default:
      return "COMPLETED";
  }
}

void Journal::record(Entry entry) {
  if (calls_.size() >= calls_max) calls_.pop_front();
  calls_.push_back(std::move(entry));
}

void Journal::violation(std::string_view kind, std::string_view method, std::string_view path, std::string detail) {
  violations_.push_back(
      json::object{{"kind", kind}, {"method", method}, {"path", path}, {"detail", std::move(detail)}});
}

json::object Journal::calls(std::string_view step) const {
  json::array list;
  for (const Entry& each : calls_) {
    if (!step.empty() && name_of(each.step) != step) continue;
    list.push_back(json::object{{"at", to_rfc3339(each.at)},
                                {"step", name_of(each.step)},
                                {"method", each.method},
                                {"path", each.path},
                                {"request_id", each.request_id},
                                {"status", each.status},
                                {"faults", each.faults}});
  }
  return {{"count", list.size()}, {"calls", std::move(list)}};
}

json::object Journal::violations() const { return {{"count", violations_.size()}, {"violations", violations_}}; }

void Journal::clear() {
  calls_.clear();
  violations_.clear();
}

json::object ledger_of(const std::vector<JobRef>& accepted) {
  json::array rows;
  double list = 0;
  double charged = 0;
  for (const JobRef& job : accepted) {
    rows.push_back(row_of(*job));
    list += job->list_price_usd();
    charged += job->charged_usd();
  }
  return {{"accepted", rows.size()},
          {"list_usd", rounded(list)},
          {"charged_usd", rounded(charged)},
          {"rows", std::move(rows)}};
}

json::object requests_of(const std::vector<JobRef>& accepted) {
  json::object counts{{"IN_QUEUE", 0}, {"IN_PROGRESS", 0}, {"COMPLETED", 0}};
  for (const JobRef& job : accepted) counts[name_of(job->state)].as_int64() += 1;
  return counts;
}

}  // namespace i2m::sandbox::fal
