#include "dispatch/schedule.h"

#include <set>

#include "base/log.h"
#include "base/wait.h"
#include "dispatch/queries.gen.h"
#include "dispatch/stream.h"

namespace i2m::dispatch {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds look_every{500};  // without a notice
constexpr std::chrono::milliseconds reap_every{1000};
constexpr std::chrono::minutes sweep_every{10};
constexpr int batch_max = 100;
constexpr std::size_t folders_max = 1'000'000;  // of jobs, in one sweep: 32 bytes each
constexpr std::size_t folders_asked_max = 1000;
constexpr std::chrono::hours results_looked_back{24};  // sweeps come every ten minutes: a day is plenty
constexpr std::string_view stream_length_max = "100000";
constexpr int key_age_hours = 48;

double seconds(std::chrono::milliseconds ms) { return static_cast<double>(ms.count()) / 1000; }

}  // namespace

struct Scheduler::Bell {
  explicit Bell(asio::io_context& io) : timer{io} {}
  Timer timer;
  bool rung = false;
  net::Notices::Subscription subscription;
};

Scheduler::Scheduler(net::Loop& loop, db::Pool& system, storage::Store& store, jobs::Settings settings,
                     net::Metrics& metrics)
    : loop_{loop},
      system_{system},
      store_{store},
      settings_{std::move(settings)},
      governor_{loop, system, settings_, metrics},
      queued_{metrics.gauge("items_queued", "Items waiting to be dispatched")},
      in_flight_{metrics.gauge("items_in_flight", "Items dispatched or running")},
      oldest_queued_{metrics.gauge("items_oldest_queued_seconds", "Age of the oldest queued item")},
      taken_back_{metrics.counter("items_taken_back_total", "Items whose lease ended: a worker or a message was lost")},
      bell_{std::make_shared<Bell>(loop.io)} {
  bell_->subscription = loop_.notices.listen(std::string{jobs::queued_channel}, [bell = bell_.get()](std::string_view) {
    bell->rung = true;
    bell->timer.cancel();
  });
}

Co<void> Scheduler::wait(std::chrono::milliseconds at_most) {
  if (!bell_->rung) {
    bell_->timer.expires_after(at_most);
    co_await bell_->timer.async_wait(awaiting);
  }
  bell_->rung = false;
}

Co<void> Scheduler::run(db::AdvisoryLock& leader) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point next_reap{}, next_sweep{};
  const auto report = [](std::string_view what, const Result<int>& done) {
    if (!done) log::warn("schedule_failed", {{"what", what}, {"error", log::describe(done.error())}});
  };
  while (true) {
    if (!leader.held()) {
      const Result<> acquired = co_await leader.acquire();
      if (!acquired) {
        co_await wait(look_every);
        continue;
      }
      log::info("leader", {});
    }
    const auto now = Clock::now();
    if (now >= next_reap) {
      report("reap", co_await reap());
      next_reap = Clock::now() + reap_every;
    }
    if (now >= next_sweep) {
      report("sweep", co_await sweep());
      next_sweep = Clock::now() + sweep_every;
    }
    const Result<int> sent = co_await dispatch();
    report("dispatch", sent);
    if (!sent || *sent == 0) co_await wait(look_every);
  }
}

Task<int> Scheduler::dispatch() {
  CO_TRY(db::Tx tx, co_await system_.begin_system("dispatch"));
  CO_TRY(const auto counts, co_await sql::count_in_flight(tx));
  std::int64_t queued = 0, in_flight = 0;
  double oldest = 0;
  std::map<std::string, std::vector<jobs::ItemRef>> by_provider;
  for (const auto& now : counts) {
    queued += now.queued;
    in_flight += now.in_flight;
    oldest = std::max(oldest, now.oldest_queued_s);
    if (now.queued == 0) continue;
    sql::PickCalledParams called{
        .lease_s = seconds(settings_.dispatch_lease), .provider = now.provider, .limit = batch_max};
    CO_TRY(const auto resumed, co_await sql::pick_called(tx, std::move(called)));
    for (const auto& row : resumed) by_provider[now.provider].push_back({row.company_id, row.item_id, 0});
    const auto busy = now.in_flight + static_cast<std::int64_t>(resumed.size());
    CO_TRY(const std::int64_t free, co_await governor_.room(tx, now.provider, busy));
    const std::int64_t room = std::min<std::int64_t>(free, batch_max);
    if (room <= 0) continue;
    sql::PickItemsParams params{.provider = now.provider, .limit = room, .lease_s = seconds(settings_.dispatch_lease)};
    CO_TRY(const auto rows, co_await sql::pick_items(tx, std::move(params)));
    for (const auto& row : rows) by_provider[now.provider].push_back({row.company_id, row.item_id, 0});
  }
  queued_.Set(static_cast<double>(queued));
  in_flight_.Set(static_cast<double>(in_flight));
  oldest_queued_.Set(oldest);
  if (by_provider.empty()) co_return 0;
  CO_CHECK(co_await tx.commit());
  int picked = 0;
  for (auto& [provider, items] : by_provider) {
    picked += static_cast<int>(items.size());
    // Lost messages are no loss: the lease ends and the item is picked again.
    const Result<> sent = co_await send(provider, std::move(items));
    if (!sent) log::warn("dispatch_undelivered", {{"provider", provider}, {"error", log::describe(sent.error())}});
  }
  co_return picked;
}

Task<> Scheduler::send(const std::string& provider, std::vector<jobs::ItemRef> items) {
  const std::string stream = stream_of(loop_, provider);
  std::vector<redis::Command> commands;
  for (const jobs::ItemRef& each : items) {
    commands.push_back({"XADD", stream, "MAXLEN", "~", std::string{stream_length_max}, "*", "company",
                        each.company.text(), "item", each.item.text()});
  }
  CO_TRY(const auto replies, co_await loop_.redis.run_all(std::move(commands)));
  for (const redis::Reply& reply : replies) {
    if (reply.kind == redis::Reply::Kind::Error) co_return fail(Code::Unavailable, reply.text);
  }
  co_return Result<>{};
}

Task<int> Scheduler::reap() {
  CO_TRY(db::Tx tx, co_await system_.begin_system("reap"));
  sql::OverdueItemsParams params{.limit = batch_max};
  CO_TRY(const auto rows, co_await sql::overdue_items(tx, std::move(params)));
  CO_CHECK(co_await tx.commit());
  int changed = 0;
  for (const auto& row : rows) {
    const jobs::ItemRef ref{row.company_id, row.item_id, row.attempt};
    Result<bool> done = false;
    if (row.past_deadline) {
      done = co_await jobs::fail_item(loop_, ref, Code::DeadlineExceeded,
                                      "It could not be made in time. Your credits were returned.");
    } else if (row.status == "running" && row.attempt >= row.attempts_max) {
      done = co_await jobs::fail_item(loop_, ref, Code::AttemptsExhausted,
                                      "It failed several times. Your credits were returned.");
    } else {
      done = co_await jobs::requeue(loop_, ref, std::chrono::milliseconds{0}, jobs::Because::Lost);
    }
    if (!done) {
      log::warn("reap_failed", {{"item_id", row.item_id.text()}, {"error", log::describe(done.error())}});
      continue;
    }
    if (!*done) continue;
    ++changed;
    taken_back_.Increment();
    log::info("item_taken_back", {{"item_id", row.item_id.text()},
                                  {"status", row.status},
                                  {"attempt", row.attempt},
                                  {"past_deadline", row.past_deadline}});
  }
  CO_TRY(const int unwanted, co_await end_unwanted());
  CO_TRY(const int given_up, co_await governor_.turn());
  co_return changed + unwanted + given_up;
}

Task<int> Scheduler::end_unwanted() {
  CO_TRY(db::Tx tx, co_await system_.begin_system("items that were cancelled"));
  sql::UnwantedItemsParams params{.limit = batch_max};
  CO_TRY(const auto rows, co_await sql::unwanted_items(tx, std::move(params)));
  CO_CHECK(co_await tx.commit());
  int ended = 0;
  for (const auto& row : rows) {
    const jobs::ItemRef ref{row.company_id, row.item_id, row.attempt};
    CO_TRY(const bool cancelled, co_await jobs::cancel_item(loop_, ref));
    if (cancelled) ++ended;
  }
  co_return ended;
}

Task<int> Scheduler::sweep() {
  CO_TRY(int removed, co_await store_.sweep_tmp(settings_.orphan_age));
  for (const storage::Area area : {storage::Area::Uploads, storage::Area::Results}) {
    // All of them each time: those of jobs stay where they are, and must not keep an orphan behind them from being
    // seen.
    CO_TRY(const auto folders, co_await store_.old_job_folders(area, settings_.orphan_age, folders_max));
    for (std::size_t from = 0; from < folders.size(); from += folders_asked_max) {
      const auto some = std::span{folders}.subspan(from, std::min(folders_asked_max, folders.size() - from));
      sql::KnownJobsParams params;
      for (const auto& [company, job] : some) params.job_ids.push_back(job.value);
      CO_TRY(db::Tx tx, co_await system_.begin_system("sweep: which jobs exist"));
      CO_TRY(const auto rows, co_await sql::known_jobs(tx, std::move(params)));
      CO_CHECK(co_await tx.commit());
      std::set<JobId> known;
      for (const auto& row : rows) known.insert(row.job_id);
      for (const auto& [company, job] : some) {
        if (known.contains(job)) continue;
        CO_CHECK(co_await store_.remove_job_folder(area, company, job));
        log::info("orphan_removed", {{"company_id", company.text()}, {"job_id", job.text()}});
        ++removed;
      }
    }
  }
  CO_TRY(const int unbooked, co_await sweep_results());
  removed += unbooked;
  CO_TRY(db::Tx tx, co_await system_.begin_system("forget old idempotency keys"));
  sql::ForgetKeysParams old{.age_h = key_age_hours};
  CO_CHECK(co_await sql::forget_keys(tx, std::move(old)));
  CO_CHECK(co_await tx.commit());
  co_return removed;
}

/// A worker that died between storing a model and booking it has left a file that no row names.
Task<int> Scheduler::sweep_results() {
  CO_TRY(const auto keys, co_await store_.results_written(settings_.orphan_age,
                                                          settings_.orphan_age + results_looked_back, folders_max));
  int removed = 0;
  for (std::size_t from = 0; from < keys.size(); from += folders_asked_max) {
    const auto some = std::span{keys}.subspan(from, std::min(folders_asked_max, keys.size() - from));
    sql::BookedObjectsParams params{.keys = {some.begin(), some.end()}};
    CO_TRY(db::Tx tx, co_await system_.begin_system("sweep: which results are booked"));
    CO_TRY(const auto rows, co_await sql::booked_objects(tx, std::move(params)));
    CO_CHECK(co_await tx.commit());
    std::set<std::string> booked;
    for (const auto& row : rows) booked.insert(row.object_key);
    for (const std::string& key : some) {
      if (booked.contains(key)) continue;
      CO_CHECK(co_await store_.remove(key));
      log::info("unbooked_result_removed", {{"key", key}});
      ++removed;
    }
  }
  co_return removed;
}

}  // namespace i2m::dispatch
