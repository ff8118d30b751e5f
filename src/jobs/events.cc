// GET /api/v1/jobs/{job_id}/events: what happens to a job, as it happens, resumable.

#include <deque>

#include "base/log.h"
#include "base/wait.h"
#include "jobs/queries.gen.h"
#include "jobs/status.h"

namespace i2m::jobs {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds look_every{2};  // without a notice: Redis may be away
constexpr std::chrono::seconds heartbeat_every{15};
constexpr std::chrono::minutes stream_time_max{10};  // then the client comes back, and is asked again who it is
constexpr std::size_t passing_max = 256;

/// What a stream hears between two looks: that there is something new, or a passing word on progress.
struct Ear {
  explicit Ear(asio::io_context& io) : timer{io} {}
  void hear(std::string_view payload) {
    if (!payload.empty() && passing.size() < passing_max) passing.emplace_back(payload);
    woken = true;
    timer.cancel();
  }
  Co<void> wait() {
    if (!woken) {
      timer.expires_after(look_every);
      co_await timer.async_wait(awaiting);
    }
    woken = false;
  }
  Timer timer;
  bool woken = false;
  std::deque<std::string> passing;
};

std::string event(std::string_view kind, std::string_view data, std::optional<std::int64_t> seq) {
  std::string out = seq ? fmt::format("id: {}\n", *seq) : std::string{};
  out += fmt::format("event: {}\ndata: {}\n\n", kind, data);
  return out;
}

bool ends_job(std::string_view kind, std::string_view data) {
  if (kind != "job") return false;
  boost::system::error_code ec;
  const boost::json::value parsed = boost::json::parse(data, ec);
  if (ec || !parsed.is_object()) return false;
  const boost::json::value* status = parsed.get_object().if_contains("status");
  JobStatus now{};
  return status != nullptr && status->is_string() &&
         net::read_text(now, std::string_view{status->get_string()}, "status") && is_final(now);
}

struct Watch {
  net::Loop* loop;
  CompanyId company;
  JobId job;
  std::int64_t after;
  bool snapshot_first;
};

/// Everything after `watch.after`; true when the job has ended and all is told. Errors: the sink's, the database's.
Task<bool> tell_new(Watch& watch, net::EventSink& sink) {
  while (true) {
    db::Reader reader = watch.loop->db.reader(watch.company);
    sql::EventsAfterParams params{.company_id = watch.company, .job_id = watch.job, .after = watch.after};
    CO_TRY(const auto rows, co_await sql::events_after(reader, std::move(params)));
    std::string block;
    bool ended = false;
    for (const auto& row : rows) {
      block += event(row.kind, row.data, row.seq);
      watch.after = row.seq;
      ended = ended || ends_job(row.kind, row.data);
    }
    if (!block.empty()) CO_CHECK(co_await sink.write(std::move(block)));
    if (ended || rows.empty()) co_return ended;
  }
}

Task<bool> tell_snapshot(Watch& watch, net::EventSink& sink) {
  CO_TRY(const Snapshot now, co_await snapshot(*watch.loop, watch.company, watch.job));
  watch.after = now.event_seq;
  CO_CHECK(co_await sink.write("retry: 1000\n" + event("status", net::to_json(now.job), now.event_seq)));
  co_return is_final(now.job.status);
}

Task<> follow(Watch watch, net::EventSink& sink) {
  // The ear opens before the first look, so that nothing falls between the two.
  const auto ear = std::make_shared<Ear>(watch.loop->io);
  const auto subscription =
      watch.loop->notices.listen(channel_of(watch.job), [ear](std::string_view payload) { ear->hear(payload); });
  const auto until = std::chrono::steady_clock::now() + stream_time_max;
  auto quiet_since = std::chrono::steady_clock::now();
  bool ended = false;
  if (watch.snapshot_first) {
    CO_TRY(ended, co_await tell_snapshot(watch, sink));
  }
  while (!ended) {
    CO_TRY(ended, co_await tell_new(watch, sink));
    while (!ended && !ear->passing.empty()) {
      std::string block = event("item", ear->passing.front(), std::nullopt);
      ear->passing.pop_front();
      CO_CHECK(co_await sink.write(std::move(block)));
    }
    if (ended) break;
    const auto now = std::chrono::steady_clock::now();
    if (sink.draining() || now > until) {
      co_return co_await sink.write("retry: 500\n: reconnect, please\n\n");
    }
    if (now - quiet_since > heartbeat_every) {
      quiet_since = now;
      CO_CHECK(co_await sink.write(": still here\n\n"));
    }
    co_await ear->wait();
  }
  co_return co_await sink.write("event: end\ndata: {}\n\n");
}

Co<void> stream(Watch watch, net::EventSink& sink) {
  const Result<> told = co_await follow(watch, sink);
  if (!told && told.error().code != Code::Unavailable)
    log::error("event_stream", {{"job_id", watch.job.text()}, {"error", log::describe(told.error())}});
}

Task<net::Answer> stream_job_events(net::Ctx& ctx, JobIn in) {
  db::Reader reader = ctx.reader();
  sql::JobParams asked{.company_id = ctx.company(), .job_id = in.job_id};
  CO_TRY(const auto job, co_await sql::job(reader, std::move(asked)));
  if (!job) co_return fail(Code::NotFound);
  Watch watch{.loop = &ctx.loop(), .company = ctx.company(), .job = in.job_id, .after = 0, .snapshot_first = true};
  if (const std::string_view last = ctx.request().header("last-event-id"); !last.empty()) {
    CO_CHECK(net::read_text(watch.after, last, "Last-Event-ID"));
    watch.after = std::min(watch.after, job->event_seq);  // a number from the future would never be reached
    watch.snapshot_first = false;
  }
  net::Answer out;
  if (!watch.snapshot_first && job->finished_at && watch.after >= job->event_seq) {
    out.status = 204;  // tells an EventSource to stop coming back
    co_return out;
  }
  out.content_type = "text/event-stream";
  out.stream = [watch](net::EventSink& sink) { return stream(watch, sink); };
  co_return out;
}

constexpr net::Rate streams{.quota = {"streams", 120, std::chrono::seconds{60}}};

}  // namespace

void event_routes(net::Router& router, Jobs&) {
  router.add_raw<JobIn>(
      net::Method::Get, "/api/v1/jobs/{job_id}/events",
      {.id = "stream_job_events",
       .summary = "Server-sent events: status first, then item and job as they change, end after the last",
       .tag = "Jobs",
       .auth = net::Auth::Member,
       .rate = streams,
       .success_words = "The stream",
       .answers = "text/event-stream",
       .errors = {Code::NotFound},
       .request_headers = {{"Last-Event-ID",
                            "Resume behind this event; without it the stream begins with the whole status"}},
       .also = {{204, "All was told: do not come back"}}},
      stream_job_events);
}

}  // namespace i2m::jobs
