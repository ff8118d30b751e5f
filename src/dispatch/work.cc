#include "dispatch/work.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <random>
#include <set>

#include "base/bounds.h"
#include "base/log.h"
#include "base/offload.h"
#include "base/wait.h"
#include "dispatch/stream.h"
#include "jobs/status.h"
#include "mesh/glb.h"
#include "mesh/rewrite.h"

namespace i2m::dispatch {

using jobs::Claimed;
using jobs::ItemRef;
using jobs::Model;
using jobs::Settings;

namespace {

namespace asio = boost::asio;
using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds paused_for{1000};  // an item whose provider is left alone; the scheduler holds back the others
constexpr Milliseconds rest{1000};        // while there is no room, or until the running have ended
constexpr Milliseconds look_every{150};   // at the provider's progress
constexpr Milliseconds retry_base{500};
constexpr Milliseconds retry_cap{60'000};
constexpr std::chrono::seconds adopt_every{30};

bool may_be_tried_again(Code code) {
  return code == Code::Unavailable || code == Code::StorageFull || code == Code::Internal;
}

// Full jitter: those that failed together do not come back together.
Milliseconds backoff(int attempt) {
  thread_local std::minstd_rand random{std::random_device{}()};
  const auto most = std::min<std::int64_t>(retry_cap.count(), retry_base.count() << std::min(attempt, 16));
  return Milliseconds{std::uniform_int_distribution<std::int64_t>{most / 2, most}(random)};
}

std::string result_key(const ItemRef& ref, JobId job, int attempt) {
  return storage::key_of(storage::Area::Results, ref.company, job, ref.item, fmt::format("{}.glb", attempt));
}

}  // namespace

struct Worker::Impl : std::enable_shared_from_this<Worker::Impl> {
  Impl(net::Loop& loop_, redis::Settings redis, providers::Provider& provider_, storage::Store& store_,
       Settings settings_, net::Metrics& metrics)
      : loop{loop_},
        inbox{loop_, std::move(redis), provider_.name()},
        provider{provider_},
        store{store_},
        settings{std::move(settings_)},
        changed{loop_.io},
        stopping{loop_.io},
        succeeded{metrics.counter("items_ended_total", "Attempts by how they ended", {{"how", "succeeded"}})},
        failed{metrics.counter("items_ended_total", "Attempts by how they ended", {{"how", "failed"}})},
        retried{metrics.counter("items_ended_total", "Attempts by how they ended", {{"how", "retried"}})},
        cancelled{metrics.counter("items_ended_total", "Attempts by how they ended", {{"how", "cancelled"}})},
        lost{metrics.counter("items_ended_total", "Attempts by how they ended", {{"how", "lost"}})} {}

  struct Running {
    ItemRef ref;
    Claimed item;
    providers::Progress progress;
    bool lease_lost = false;
    bool done = false;
  };

  Co<void> run();
  Co<void> handle(Message message);
  Task<> make_item(const Message& message);
  Co<void> end(Running& running, const Result<Model>& model, std::chrono::duration<double> took);
  Task<Model> make_model(Running& running);
  Task<Model> measured(const Running& running, std::vector<std::uint8_t>& glb);
  Co<void> watch(std::shared_ptr<Running> running);
  void unwanted(std::string_view item);
  Task<> beat(Running& running);
  Co<void> pass_on(Running& running, const char* stage, float fraction);
  Co<void> give_up(Running& running, Error error);
  Co<void> doubt(Running& running, const Error& error);

  net::Loop& loop;
  Inbox inbox;
  providers::Provider& provider;
  storage::Store& store;
  Settings settings;
  Timer changed;  // rings when an item has ended
  Timer stopping;
  bool stop = false;
  bool impatient = false;
  std::set<std::shared_ptr<Running>> all;
  net::Notices::Subscription cancels;
  int busy = 0;
  prometheus::Counter &succeeded, &failed, &retried, &cancelled, &lost;
};

Worker::Worker(net::Loop& loop, redis::Settings redis, providers::Provider& provider, storage::Store& store,
               Settings settings, net::Metrics& metrics)
    : impl_{std::make_shared<Impl>(loop, std::move(redis), provider, store, std::move(settings), metrics)} {}
Worker::~Worker() = default;
Co<void> Worker::run() { return impl_->run(); }

void Worker::stop(std::chrono::milliseconds patience) {
  impl_->stop = true;
  impl_->changed.cancel();
  impl_->stopping.expires_after(patience);
  impl_->stopping.async_wait([impl = impl_](boost::system::error_code ec) {
    if (ec) return;
    impl->impatient = true;
    for (const auto& running : impl->all) running->progress.cancelled = true;
  });
}

Co<void> Worker::Impl::run() {
  const auto self = shared_from_this();
  cancels = loop.notices.listen(std::string{jobs::cancel_channel}, [this](std::string_view item) { unwanted(item); });
  auto next_adoption = std::chrono::steady_clock::now();
  bool grouped = false;
  while (!stop) {
    const int room = provider.slots() - busy;
    if (room <= 0) {
      changed.expires_after(rest);
      co_await changed.async_wait(awaiting);
      continue;
    }
    Result<std::vector<Message>> messages;
    if (!grouped) {
      const Result<> made = co_await inbox.join();
      grouped = made.has_value();
    }
    if (std::chrono::steady_clock::now() >= next_adoption) {
      messages = co_await inbox.adopt(room);
      next_adoption = std::chrono::steady_clock::now() + adopt_every;
    } else {
      messages = co_await inbox.read(room);
    }
    if (!messages) {
      grouped = false;  // the group may be gone with everything else in Redis
      changed.expires_after(Milliseconds{200});
      co_await changed.async_wait(awaiting);
      continue;
    }
    for (Message& message : *messages) {
      ++busy;
      asio::co_spawn(loop.io, handle(std::move(message)), asio::detached);
    }
  }
  while (busy > 0) {
    changed.expires_after(rest);
    co_await changed.async_wait(awaiting);
  }
  stopping.cancel();
}

Co<void> Worker::Impl::handle(Message message) {
  const auto self = shared_from_this();
  try {
    const Result<> made = co_await make_item(message);
    if (!made)
      log::warn("item_not_claimed", {{"item_id", message.item.text()}, {"error", log::describe(made.error())}});
    // A claim that could not be tried (the database was away) is tried again when the dispatch lease ends; then as now
    // the message has done its work.
    co_await inbox.done(message);
  } catch (const std::exception& e) {
    log::error("item_unwound", {{"item_id", message.item.text()}, {"why", e.what()}});
  }
  --busy;
  changed.cancel();
}

Task<> Worker::Impl::make_item(const Message& message) {
  CO_TRY(const std::optional<Claimed> item, co_await jobs::claim(loop, message.company, message.item, settings.lease));
  if (!item) co_return Result<>{};  // somebody else had it, or it has ended: an old message
  const auto running = std::make_shared<Running>();
  running->ref = {message.company, message.item, item->attempt};
  running->item = *item;
  running->progress.cancelled = impatient;  // claimed when the patience had just run out
  running->progress.unwanted = item->cancel_asked;
  all.insert(running);
  // However the item is left, by an exception too, its heartbeat ends: what nobody makes must lose its lease.
  const std::shared_ptr<void> leaving{nullptr, [this, running](void*) {
                                        running->done = true;
                                        all.erase(running);
                                      }};
  asio::co_spawn(loop.io, watch(running), asio::detached);
  const auto started = std::chrono::steady_clock::now();
  const Result<Model> model = co_await make_model(*running);
  co_await end(*running, model, std::chrono::steady_clock::now() - started);
  co_return Result<>{};
}

Co<void> Worker::Impl::end(Running& running, const Result<Model>& model, std::chrono::duration<double> took) {
  if (!model) {
    co_await give_up(running, model.error());
    co_return;
  }
  const ItemRef ref = running.ref;
  const Result<bool> ended = co_await jobs::succeed(loop, ref, *model);
  if (!ended || !*ended) {
    // Not ours any more, or not committed: the file of this attempt must not stay. Should the commit have happened all
    // the same, its row is what counts, so the file stays then.
    if (ended) co_await store.remove(model->object_key);
    lost.Increment();
    log::warn("item_lost", {{"item_id", ref.item.text()}, {"attempt", ref.attempt}});
    co_return;
  }
  // What an earlier attempt stored and could not book is nobody's.
  for (int before = 1; before < ref.attempt; ++before) {
    co_await store.remove(result_key(ref, running.item.job, before));
  }
  succeeded.Increment();
  log::info("item_succeeded", {{"item_id", ref.item.text()},
                               {"job_id", running.item.job.text()},
                               {"attempt", ref.attempt},
                               {"triangles", model->triangles},
                               {"bytes", model->bytes},
                               {"seconds", took.count()}});
}

Co<void> Worker::Impl::give_up(Running& running, Error error) {
  if (running.lease_lost) {
    lost.Increment();
    co_return;
  }
  // Not wanted any more, and nothing of it is out there (a provider at work on it would have been followed to its end).
  const bool nothing_out =
      error.code == Code::ProviderPaused || (error.code == Code::Cancelled && !running.progress.cancelled);
  if (running.progress.unwanted && nothing_out) {
    const Result<bool> done = co_await jobs::cancel_item(loop, running.ref);
    cancelled.Increment();
    if (!done) log::warn("item_end_not_written", {{"item_id", running.ref.item.text()}});
    co_return;
  }
  if (error.code == Code::Cancelled) error.code = impatient ? Code::Draining : Code::DeadlineExceeded;
  if (error.code == Code::OutcomeUnknown) {
    co_await doubt(running, error);
    co_return;
  }
  // Nothing failed: this try shall not count.
  const bool paused = error.code == Code::ProviderPaused, handed_back = paused || error.code == Code::Draining;
  const bool again = handed_back || (may_be_tried_again(error.code) && running.ref.attempt < running.item.attempts_max);
  log::warn(again ? "item_retried" : "item_failed",
            {{"item_id", running.ref.item.text()}, {"attempt", running.ref.attempt}, {"error", log::describe(error)}});
  Result<bool> ended = false;
  if (again) {
    const Milliseconds delay = paused ? paused_for : handed_back ? Milliseconds{0} : backoff(running.ref.attempt);
    ended = co_await jobs::requeue(loop, running.ref, delay,
                                   handed_back ? jobs::Because::HandedBack : jobs::Because::Failed);
    retried.Increment();
  } else {
    const Code code = may_be_tried_again(error.code) ? Code::AttemptsExhausted : error.code;
    std::string words = code == error.code ? net::words_of(error) : std::string{net::meaning(code).words};
    ended = co_await jobs::fail_item(loop, running.ref, code, std::move(words));
    failed.Increment();
  }
  // Undone, the lease ends and the reaper decides.
  if (!ended)
    log::warn("item_end_not_written", {{"item_id", running.ref.item.text()}, {"error", log::describe(ended.error())}});
}

/// It may have been paid for, and nobody knows: it must not be made again, and it must not be lost.
Co<void> Worker::Impl::doubt(Running& running, const Error& error) {
  const Result<bool> done = co_await jobs::doubt(loop, running.ref);
  log::error("item_unsure", {{"item_id", running.ref.item.text()},
                             {"attempt", running.ref.attempt},
                             {"error", log::describe(error)},
                             {"written", done && *done}});
}

Task<Model> Worker::Impl::make_model(Running& running) {
  const Claimed& item = running.item;
  Result<std::vector<std::uint8_t>> picture = co_await store.get(item.picture_key, bounds::file_bytes_max);
  if (!picture) co_return fail(Code::Unavailable, "the picture cannot be read: " + picture.error().detail);
  const auto check = [&] { return sha256(as_text(*picture)); };
  const Sha256 sha = co_await offload(store.pool(), check);
  if (sha != item.picture_sha256)
    co_return fail(Code::Internal, "the stored picture is not the one that was uploaded: " + item.picture_key);
  providers::Order order{.company = running.ref.company,
                         .item = item.item,
                         .attempt = item.attempt,
                         .triangles_max = item.triangles_max,
                         .model = item.model,
                         .parameters = item.parameters,
                         .picture = *std::move(picture)};
  CO_TRY(providers::Made made, co_await provider.make(order, running.progress));
  CO_TRY(Model model, co_await measured(running, made.glb));
  running.progress.stage = "storing";
  // The attempt is in the name: a late writer of an earlier attempt cannot touch what a later one has stored.
  model.object_key = result_key(running.ref, item.job, item.attempt);
  CO_CHECK(co_await store.put(model.object_key, made.glb));
  co_return model;
}

/// The preset is a contract, whoever made the model: what has more triangles than were ordered is simplified here, its
/// textures kept, and measured again. `glb` is what to store then.
Task<Model> Worker::Impl::measured(const Running& running, std::vector<std::uint8_t>& glb) {
  const int triangles_max = running.item.triangles_max;
  const auto look = [&glb, triangles_max]() -> Result<Model> {
    TRY(mesh::GlbSummary summary, mesh::inspect_glb(glb));
    if (summary.triangles > static_cast<std::size_t>(triangles_max)) {
      TRY(mesh::Rewritten fewer,
          mesh::rewrite_glb(glb, {.triangles_max = static_cast<std::size_t>(triangles_max), .scale = std::nullopt}));
      glb = std::move(fewer.glb);
      TRY(summary, mesh::inspect_glb(glb));
    }
    Model model{.bytes = static_cast<std::int64_t>(glb.size()), .triangles = static_cast<int>(summary.triangles)};
    model.sha256 = sha256(as_text(glb));
    return model;
  };
  Result<Model> model = co_await offload(store.pool(), look);
  if (!model) co_return fail(Code::ContractMissed, "not a usable GLB: " + log::describe(model.error()));
  if (model->triangles > triangles_max || model->triangles == 0) {
    co_return fail(Code::ContractMissed,
                   fmt::format("{} triangles, promised at most {}", model->triangles, triangles_max));
  }
  co_return model;
}

/// Beside a running item: renews its lease, passes its progress on, and stops it when its time is up or its lease lost.
Co<void> Worker::Impl::watch(std::shared_ptr<Running> running) {
  const auto self = shared_from_this();
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + provider.make_timeout().value_or(settings.make_timeout);
  auto next_beat = Clock::now() + settings.lease / 3;
  const char* stage = running->progress.stage;
  Timer timer{loop.io};
  while (!running->done) {
    timer.expires_after(look_every);
    co_await timer.async_wait(awaiting);
    if (running->done) break;
    if (Clock::now() > until) running->progress.cancelled = true;
    if (const char* now = running->progress.stage; now != stage) {
      stage = now;
      co_await pass_on(*running, now, running->progress.fraction);
    }
    if (Clock::now() >= next_beat) {
      next_beat = Clock::now() + settings.lease / 3;
      const Result<> beaten = co_await beat(*running);
      if (!beaten)
        log::warn("heartbeat_failed",
                  {{"item_id", running->ref.item.text()}, {"error", log::describe(beaten.error())}});
    }
  }
}

void Worker::Impl::unwanted(std::string_view item) {
  for (const auto& running : all) {
    if (running->ref.item.text() == item) running->progress.unwanted = true;
  }
}

Task<> Worker::Impl::beat(Running& running) {
  std::string stage = running.progress.stage.load();
  CO_TRY(const jobs::Renewed renewed,
         co_await jobs::renew(loop, running.ref, settings.lease, std::move(stage), running.progress.fraction));
  if (renewed == jobs::Renewed::Lost) running.lease_lost = running.progress.cancelled = true;
  if (renewed == jobs::Renewed::CancelAsked) running.progress.unwanted = true;
  co_return Result<>{};
}

Co<void> Worker::Impl::pass_on(Running& running, const char* stage, float fraction) {
  const jobs::ItemStatusOut now{.item_id = running.ref.item,
                                .file_name = running.item.file_name,
                                .status = jobs::ItemStatus::Running,
                                .stage = stage,
                                .progress = fraction,
                                .error = std::nullopt};
  co_await jobs::notify(loop, running.item.job, net::to_json(now));
}

}  // namespace i2m::dispatch
