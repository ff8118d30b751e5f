#pragma once

#include <optional>
#include <string>
#include <vector>

#include "jobs/jobs.h"

namespace i2m::jobs {

struct ItemErrorOut {
  std::string code;
  std::string message;
  static constexpr std::string_view schema_name = "ItemError";
  static constexpr auto fields() {
    return std::tuple{net::field("code", &ItemErrorOut::code, "Stable; compare this"),
                      net::field("message", &ItemErrorOut::message, "For a person")};
  }
};
enum class ItemStatus : std::uint8_t { Queued, Dispatched, Running, Unsure, Succeeded, Failed, Cancelled };
constexpr auto enum_names(ItemStatus) {
  return std::array<std::string_view, 7>{"queued",    "dispatched", "running",  "unsure",
                                         "succeeded", "failed",     "cancelled"};
}
enum class JobStatus : std::uint8_t { Queued, Running, Succeeded, Partial, Failed, Cancelled };
constexpr auto enum_names(JobStatus) {
  return std::array<std::string_view, 6>{"queued", "running", "succeeded", "partial", "failed", "cancelled"};
}
constexpr bool is_final(JobStatus status) { return status != JobStatus::Queued && status != JobStatus::Running; }

struct ItemStatusOut {
  ItemId item_id;
  std::string file_name;
  ItemStatus status{};
  std::string stage;
  double progress = 0;
  std::optional<ItemErrorOut> error;
  static constexpr std::string_view schema_name = "ItemStatus";
  static constexpr auto fields() {
    return std::tuple{net::field("item_id", &ItemStatusOut::item_id, "The item"),
                      net::field("file_name", &ItemStatusOut::file_name, "As it was uploaded"),
                      net::field("status", &ItemStatusOut::status, "docs/state/item.md draws the states"),
                      net::field("stage", &ItemStatusOut::stage, "What is being done, e.g. mask, texture"),
                      net::field("progress", &ItemStatusOut::progress, "0 to 1"),
                      net::field("error", &ItemStatusOut::error, "Why it failed")};
  }
};
struct JobCreditsOut {
  Credits held, settled, released;
  static constexpr std::string_view schema_name = "JobCredits";
  static constexpr auto fields() {
    return std::tuple{net::field("held", &JobCreditsOut::held, "Set aside for items that have not ended"),
                      net::field("settled", &JobCreditsOut::settled, "Paid for good models"),
                      net::field("released", &JobCreditsOut::released, "Given back for items that failed")};
  }
};
struct JobStatusOut {
  JobId job_id;
  JobStatus status{};
  double progress = 0;
  credits::Quality quality{};
  std::int32_t triangles_max = 0;
  std::vector<ItemStatusOut> items;
  JobCreditsOut credits;
  Time created_at;
  std::optional<Time> finished_at;
  static constexpr std::string_view schema_name = "JobStatus";
  static constexpr auto fields() {
    return std::tuple{net::field("job_id", &JobStatusOut::job_id, "The job"),
                      net::field("status", &JobStatusOut::status, "partial: some items succeeded, some failed"),
                      net::field("progress", &JobStatusOut::progress, "0 to 1, the mean of its items"),
                      net::field("quality", &JobStatusOut::quality, "The price tier"),
                      net::field("triangles_max", &JobStatusOut::triangles_max, "What every model keeps to"),
                      net::field("items", &JobStatusOut::items, "In the order they were uploaded"),
                      net::field("credits", &JobStatusOut::credits, "What the job holds, has cost and got back"),
                      net::field("created_at", &JobStatusOut::created_at, "When it was accepted"),
                      net::field("finished_at", &JobStatusOut::finished_at, "When its last item ended")};
  }
};

/// A job as it stands, and the number of its last event. Errors: Code::NotFound, also for another company's job.
struct Snapshot {
  JobStatusOut job;
  std::int64_t event_seq = 0;
};
Task<Snapshot> snapshot(net::Loop& loop, CompanyId company, JobId job);

struct JobIn {
  JobId job_id;
  static constexpr std::string_view schema_name = "JobIn";
  static constexpr auto fields() { return std::tuple{net::field("job_id", &JobIn::job_id, "The job").path()}; }
};

}  // namespace i2m::jobs
