#include "jobs/work.h"

#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cmath>
#include <random>
#include <set>

#include "base/bounds.h"
#include "base/log.h"
#include "base/offload.h"
#include "jobs/queries.gen.h"
#include "jobs/status.h"
#include "mesh/glb.h"

namespace i2m::jobs {
namespace {

namespace asio = boost::asio;
using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;
constexpr auto token = asio::as_tuple(asio::use_awaitable_t<Executor>{});
using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds block{1000};      // of XREADGROUP
constexpr Milliseconds look_every{150};  // at the provider's progress
constexpr Milliseconds retry_base{500};
constexpr Milliseconds retry_cap{60'000};
constexpr std::string_view abandoned_after_ms = "60000";

/// Message of a stream: what is to be done.
struct Message {
  std::string id;
  CompanyId company;
  ItemId item;
};

std::optional<Message> message_of(const redis::Reply& entry) {
  if (entry.elements.size() != 2 || entry.elements[1].elements.size() != 4) return std::nullopt;
  const auto& fields = entry.elements[1].elements;
  const auto company = CompanyId::parse(fields[1].text);
  const auto item = ItemId::parse(fields[3].text);
  if (!company || !item) return std::nullopt;
  return Message{entry.elements[0].text, *company, *item};
}

bool may_be_tried_again(Code code) {
  return code == Code::Unavailable || code == Code::StorageFull || code == Code::Internal || code == Code::Draining;
}

// Full jitter: those that failed together do not come back together.
Milliseconds backoff(int attempt) {
  thread_local std::minstd_rand random{std::random_device{}()};
  const auto most = std::min<std::int64_t>(retry_cap.count(), retry_base.count() << std::min(attempt, 16));
  return Milliseconds{std::uniform_int_distribution<std::int64_t>{most / 2, most}(random)};
}

}  // namespace

struct Worker::Impl : std::enable_shared_from_this<Worker::Impl> {
  Impl(net::Loop& loop_, redis::Settings redis, providers::Provider& provider_, storage::Store& store_,
       Settings settings_, net::Metrics& metrics)
      : loop{loop_},
        reader{loop_.io, std::move(redis)},
        provider{provider_},
        store{store_},
        settings{std::move(settings_)},
        stream{stream_of(loop_, provider_.name())},
        changed{loop_.io},
        stopping{loop_.io},
        succeeded{metrics.counter("items_ended_total", "Attempts by how they ended", {{"how", "succeeded"}})},
        failed{metrics.counter("items_ended_total", "Attempts by how they ended", {{"how", "failed"}})},
        retried{metrics.counter("items_ended_total", "Attempts by how they ended", {{"how", "retried"}})},
        lost{metrics.counter("items_ended_total", "Attempts by how they ended", {{"how", "lost"}})} {
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    consumer = fmt::format("{}-{}", host.data(), ::getpid());
  }

  struct Running {
    ItemRef ref;
    JobId job;
    std::string file_name;
    providers::Progress progress;
    bool lease_lost = false;
    bool done = false;
  };

  Co<void> run();
  Task<> ensure_group();
  Task<std::vector<Message>> read(int count);
  Task<std::vector<Message>> adopt(int count);
  Co<void> handle(Message message);
  Task<> make_item(const Message& message);
  Task<sql::ClaimItemRow> claim(const Message& message, int& triangles_max);
  Task<Model> make_model(Running& running, int triangles_max);
  Co<void> watch(std::shared_ptr<Running> running);
  Task<> beat(Running& running);
  Co<void> pass_on(Running& running, const char* stage, float fraction);
  Co<void> give_up(Running& running, Error error, int attempts_max);

  net::Loop& loop;
  redis::Client reader;  // blocks on the server, so it has a connection of its own
  providers::Provider& provider;
  storage::Store& store;
  Settings settings;
  std::string stream;
  std::string consumer;
  Timer changed;  // rings when an item has ended
  Timer stopping;
  bool stop = false;
  bool impatient = false;
  std::set<std::shared_ptr<Running>> all;
  int busy = 0;
  prometheus::Counter &succeeded, &failed, &retried, &lost;
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
  auto next_adoption = std::chrono::steady_clock::now();
  bool grouped = false;
  while (!stop) {
    const int room = provider.slots() - busy;
    if (room <= 0) {
      changed.expires_after(block);
      co_await changed.async_wait(token);
      continue;
    }
    Result<std::vector<Message>> messages;
    if (!grouped) {
      const Result<> made = co_await ensure_group();
      grouped = made.has_value();
    }
    if (std::chrono::steady_clock::now() >= next_adoption) {
      messages = co_await adopt(room);
      next_adoption = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    } else {
      messages = co_await read(room);
    }
    if (!messages) {
      grouped = false;  // the group may be gone with everything else in Redis
      changed.expires_after(Milliseconds{200});
      co_await changed.async_wait(token);
      continue;
    }
    for (Message& message : *messages) {
      ++busy;
      asio::co_spawn(loop.io, handle(std::move(message)), asio::detached);
    }
  }
  while (busy > 0) {
    changed.expires_after(block);
    co_await changed.async_wait(token);
  }
  stopping.cancel();
}

Task<> Worker::Impl::ensure_group() {
  redis::Command command{"XGROUP", "CREATE", stream, std::string{worker_group}, "0", "MKSTREAM"};
  const Result<redis::Reply> reply = co_await loop.redis.run(std::move(command));
  if (!reply && reply.error().detail.find("BUSYGROUP") == std::string::npos) co_return std::unexpected{reply.error()};
  co_return Result<>{};
}

Task<std::vector<Message>> Worker::Impl::read(int count) {
  redis::Command command{"XREADGROUP",
                         "GROUP",
                         std::string{worker_group},
                         consumer,
                         "COUNT",
                         std::to_string(count),
                         "BLOCK",
                         std::to_string(block.count()),
                         "STREAMS",
                         stream,
                         ">"};
  CO_TRY(const redis::Reply reply, co_await reader.run_blocking(std::move(command), block * 3));
  std::vector<Message> out;
  if (reply.elements.empty() || reply.elements[0].elements.size() != 2) co_return out;
  for (const redis::Reply& entry : reply.elements[0].elements[1].elements) {
    if (auto message = message_of(entry)) out.push_back(std::move(*message));
  }
  co_return out;
}

// Messages that a worker took and never acknowledged. Whether there is still something to do, the claim tells.
Task<std::vector<Message>> Worker::Impl::adopt(int count) {
  redis::Command command{"XAUTOCLAIM", stream,  std::string{worker_group}, consumer, std::string{abandoned_after_ms},
                         "0",          "COUNT", std::to_string(count)};
  CO_TRY(const redis::Reply reply, co_await loop.redis.run(std::move(command)));
  std::vector<Message> out;
  if (reply.elements.size() < 2) co_return out;
  for (const redis::Reply& entry : reply.elements[1].elements) {
    if (auto message = message_of(entry)) out.push_back(std::move(*message));
  }
  co_return out;
}

Co<void> Worker::Impl::handle(Message message) {
  const auto self = shared_from_this();
  try {
    const Result<> made = co_await make_item(message);
    if (!made)
      log::warn("item_not_claimed", {{"item_id", message.item.text()}, {"error", log::describe(made.error())}});
    // A claim that could not be tried (the database was away) is tried again when the dispatch lease ends; then as now
    // the message has done its work.
    std::vector<redis::Command> done;
    done.push_back({"XACK", stream, std::string{worker_group}, message.id});
    done.push_back({"XDEL", stream, message.id});
    const auto ignored = co_await loop.redis.run_all(std::move(done));
    static_cast<void>(ignored);
  } catch (const std::exception& e) {
    log::error("item_unwound", {{"item_id", message.item.text()}, {"why", e.what()}});
  }
  --busy;
  changed.cancel();
}

Task<sql::ClaimItemRow> Worker::Impl::claim(const Message& message, int& triangles_max) {
  CO_TRY(db::Tx tx, co_await loop.db.begin(message.company));
  sql::LockJobOfItemParams lock{.company_id = message.company, .item_id = message.item};
  CO_TRY(const auto job, co_await sql::lock_job_of_item(tx, std::move(lock)));
  if (!job) co_return fail(Code::NotFound);
  triangles_max = job->triangles_max;
  sql::ClaimItemParams params{.lease_s = static_cast<double>(settings.lease.count()) / 1000,
                              .company_id = message.company,
                              .item_id = message.item};
  CO_TRY(const auto item, co_await sql::claim_item(tx, std::move(params)));
  if (!item) co_return fail(Code::NotFound);
  sql::StartJobParams start{.company_id = message.company, .job_id = item->job_id};
  CO_TRY(const std::int64_t started, co_await sql::start_job(tx, std::move(start)));
  sql::AddItemEventParams event{.company_id = message.company, .job_id = item->job_id, .item_id = message.item};
  CO_CHECK(co_await sql::add_item_event(tx, std::move(event)));
  if (started > 0) {
    sql::AddJobEventParams job_event{.company_id = message.company, .job_id = item->job_id};
    CO_CHECK(co_await sql::add_job_event(tx, std::move(job_event)));
  }
  CO_CHECK(co_await tx.commit());
  co_await notify(loop, item->job_id, "");
  co_return *item;
}

Task<> Worker::Impl::make_item(const Message& message) {
  int triangles_max = 0;
  const Result<sql::ClaimItemRow> item = co_await claim(message, triangles_max);
  if (!item) {
    // Somebody else had it, or it has ended: an old message, nothing to do.
    if (item.error().code == Code::NotFound) co_return Result<>{};
    co_return std::unexpected{item.error()};
  }
  const auto running = std::make_shared<Running>();
  running->ref = {message.company, message.item, item->attempt};
  running->job = item->job_id;
  running->file_name = item->file_name;
  running->progress.cancelled = impatient;  // claimed when the patience had just run out
  all.insert(running);
  // However the item is left, by an exception too, its heartbeat ends: what nobody makes must lose its lease.
  const std::shared_ptr<void> leaving{nullptr, [this, running](void*) {
                                        running->done = true;
                                        all.erase(running);
                                      }};
  asio::co_spawn(loop.io, watch(running), asio::detached);
  const auto started = std::chrono::steady_clock::now();
  const Result<Model> model = co_await make_model(*running, triangles_max);
  Result<bool> ended = false;
  if (model) {
    ended = co_await succeed(loop, running->ref, *model);
    if (ended && *ended) {
      // What an earlier attempt stored and could not book is nobody's.
      for (int before = 1; before < item->attempt; ++before) {
        co_await store.remove(storage::key_of(storage::Area::Results, message.company, running->job, message.item,
                                              fmt::format("{}.glb", before)));
      }
      succeeded.Increment();
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
      log::info("item_succeeded", {{"item_id", message.item.text()},
                                   {"job_id", running->job.text()},
                                   {"attempt", item->attempt},
                                   {"triangles", model->triangles},
                                   {"bytes", model->bytes},
                                   {"seconds", took.count()}});
    } else {
      // Not ours any more, or not committed: the file of this attempt must not stay. Should the commit have happened
      // all the same, its row is what counts, so the file stays then.
      if (ended) co_await store.remove(model->object_key);
      lost.Increment();
      log::warn("item_lost", {{"item_id", message.item.text()}, {"attempt", item->attempt}});
    }
  } else {
    co_await give_up(*running, model.error(), item->attempts_max);
  }
  co_return Result<>{};
}

Co<void> Worker::Impl::give_up(Running& running, Error error, int attempts_max) {
  if (running.lease_lost) {
    lost.Increment();
    co_return;
  }
  if (error.code == Code::Cancelled) error.code = impatient ? Code::Draining : Code::DeadlineExceeded;
  const bool again = may_be_tried_again(error.code) && running.ref.attempt < attempts_max;
  log::warn(again ? "item_retried" : "item_failed",
            {{"item_id", running.ref.item.text()}, {"attempt", running.ref.attempt}, {"error", log::describe(error)}});
  Result<bool> ended = false;
  if (again) {
    ended = co_await requeue(loop, running.ref,
                             error.code == Code::Draining ? Milliseconds{0} : backoff(running.ref.attempt));
    retried.Increment();
  } else {
    const Code code = may_be_tried_again(error.code) ? Code::AttemptsExhausted : error.code;
    std::string words = code == error.code ? net::words_of(error) : std::string{net::meaning(code).words};
    ended = co_await fail_item(loop, running.ref, code, std::move(words));
    failed.Increment();
  }
  // Undone, the lease ends and the reaper decides.
  if (!ended)
    log::warn("item_end_not_written", {{"item_id", running.ref.item.text()}, {"error", log::describe(ended.error())}});
}

Task<Model> Worker::Impl::make_model(Running& running, int triangles_max) {
  db::Reader rows = loop.db.reader(running.ref.company);
  sql::UploadOfItemParams asked{.company_id = running.ref.company, .item_id = running.ref.item};
  CO_TRY(const auto upload, co_await sql::upload_of_item(rows, std::move(asked)));
  Result<std::vector<std::uint8_t>> picture = co_await store.get(upload.object_key, bounds::file_bytes_max);
  if (!picture) co_return fail(Code::Unavailable, "the picture cannot be read: " + picture.error().detail);
  const auto check = [&] { return sha256(as_text(*picture)); };
  const Sha256 sha = co_await offload(store.pool(), check);
  if (!std::ranges::equal(sha, upload.sha256))
    co_return fail(Code::Internal, "the stored picture is not the one that was uploaded: " + upload.object_key);
  const providers::Order order{
      .item = running.ref.item, .attempt = running.ref.attempt, .triangles_max = triangles_max, .picture = *picture};
  CO_TRY(const providers::Made made, co_await provider.make(order, running.progress));
  // The preset is a contract, whoever made the model.
  const auto inspect = [&] { return mesh::inspect_glb(made.glb); };
  const auto summary = co_await offload(store.pool(), inspect);
  if (!summary)
    co_return fail(Code::ContractMissed, "not a valid GLB: " + summary.error().detail + summary.error().message);
  if (std::cmp_greater(summary->triangles, triangles_max) || summary->triangles == 0) {
    co_return fail(Code::ContractMissed,
                   fmt::format("{} triangles, promised at most {}", summary->triangles, triangles_max));
  }
  running.progress.stage = "storing";
  Model model{.bytes = static_cast<std::int64_t>(made.glb.size()), .triangles = static_cast<int>(summary->triangles)};
  const auto hash = [&] { return sha256(as_text(made.glb)); };
  model.sha256 = co_await offload(store.pool(), hash);
  // The attempt is in the name: a late writer of an earlier attempt cannot touch what a later one has stored.
  model.object_key = storage::key_of(storage::Area::Results, running.ref.company, running.job, running.ref.item,
                                     fmt::format("{}.glb", running.ref.attempt));
  CO_CHECK(co_await store.put(model.object_key, made.glb));
  co_return model;
}

/// Beside a running item: renews its lease, passes its progress on, and stops it when its time is up or its lease lost.
Co<void> Worker::Impl::watch(std::shared_ptr<Running> running) {
  const auto self = shared_from_this();
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + settings.make_timeout;
  auto next_beat = Clock::now() + settings.lease / 3;
  const char* stage = running->progress.stage;
  Timer timer{loop.io};
  while (!running->done) {
    timer.expires_after(look_every);
    co_await timer.async_wait(token);
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

Task<> Worker::Impl::beat(Running& running) {
  CO_TRY(db::Tx tx, co_await loop.db.begin(running.ref.company));
  sql::BeatItemParams params{.lease_s = static_cast<double>(settings.lease.count()) / 1000,
                             .stage = running.progress.stage.load(),
                             .progress = running.progress.fraction,
                             .company_id = running.ref.company,
                             .item_id = running.ref.item,
                             .attempt = running.ref.attempt};
  CO_TRY(const std::int64_t kept, co_await sql::beat_item(tx, std::move(params)));
  CO_CHECK(co_await tx.commit());
  if (kept == 0) running.lease_lost = running.progress.cancelled = true;
  co_return Result<>{};
}

Co<void> Worker::Impl::pass_on(Running& running, const char* stage, float fraction) {
  const ItemStatusOut now{.item_id = running.ref.item,
                          .file_name = running.file_name,
                          .status = ItemStatus::Running,
                          .stage = stage,
                          .progress = fraction,
                          .error = std::nullopt};
  co_await notify(loop, running.job, net::to_json(now));
}

}  // namespace i2m::jobs
