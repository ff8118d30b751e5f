#include "jobs/jobs.h"

#include "base/log.h"
#include "jobs/queries.gen.h"

namespace i2m::jobs {
namespace {

/// The end of an item, in an open transaction: counts it, tells the watchers, commits with the credits' change.
Task<bool> finish(net::Loop& loop, db::Tx& tx, ItemRef ref, JobId job, bool succeeded, credits::Balance after) {
  sql::CountItemParams count{
      .succeeded = succeeded ? 1 : 0, .failed = succeeded ? 0 : 1, .company_id = ref.company, .job_id = job};
  CO_CHECK(co_await sql::count_item(tx, std::move(count)));
  sql::AddItemEventParams item_event{.company_id = ref.company, .job_id = job, .item_id = ref.item};
  CO_CHECK(co_await sql::add_item_event(tx, std::move(item_event)));
  sql::AddJobEventParams job_event{.company_id = ref.company, .job_id = job};
  CO_CHECK(co_await sql::add_job_event(tx, std::move(job_event)));
  CO_CHECK(co_await credits::commit(loop, tx, ref.company, after));
  co_await notify(loop, job, "");
  co_return true;
}

using Locked = std::optional<sql::LockJobOfItemRow>;
Task<Locked> lock_job(db::Tx& tx, ItemRef ref) {
  sql::LockJobOfItemParams params{.company_id = ref.company, .item_id = ref.item};
  co_return co_await sql::lock_job_of_item(tx, std::move(params));
}

}  // namespace

std::string stream_of(const net::Loop& loop, std::string_view provider) {
  return fmt::format("{}items:{}", loop.prefix, provider);
}
std::string channel_of(JobId job) { return "job:" + job.text(); }

Co<void> notify(net::Loop& loop, JobId job, std::string payload) {
  redis::Command command = loop.notices.notice(channel_of(job), std::move(payload));
  const auto ignored = co_await loop.redis.run(std::move(command));
  static_cast<void>(ignored);
}

Task<bool> succeed(net::Loop& loop, ItemRef ref, Model model) {
  CO_TRY(db::Tx tx, co_await loop.db.begin(ref.company));
  CO_TRY(const Locked job, co_await lock_job(tx, ref));
  if (!job) co_return false;
  sql::SucceedItemParams ended{.company_id = ref.company, .item_id = ref.item, .attempt = ref.attempt};
  CO_TRY(const auto item, co_await sql::succeed_item(tx, std::move(ended)));
  if (!item) co_return false;
  sql::AddModelFileParams file{.file_id = FileId::make(),
                               .company_id = ref.company,
                               .job_id = job->job_id,
                               .item_id = ref.item,
                               .object_key = std::move(model.object_key),
                               .bytes = model.bytes,
                               .sha256 = {model.sha256.begin(), model.sha256.end()},
                               .triangles = model.triangles};
  CO_CHECK(co_await sql::add_model_file(tx, std::move(file)));
  sql::AddUsageParams usage{.usage_id = Uuid::make(),
                            .company_id = ref.company,
                            .user_id = job->user_id,
                            .job_id = job->job_id,
                            .item_id = ref.item,
                            .quality = job->quality,
                            .provider = item->provider,
                            .credits = item->credits};
  CO_CHECK(co_await sql::add_usage(tx, std::move(usage)));
  std::string reason = fmt::format("{} model of {}", job->quality, item->file_name);
  CO_TRY(const credits::Balance after, co_await credits::settle(tx, ref.item, std::move(reason)));
  log::info("credits_settled", {{"company_id", ref.company.text()},
                                {"user_id", job->user_id.text()},
                                {"item_id", ref.item.text()},
                                {"credits", item->credits},
                                {"remaining", after.total().count()}});
  co_return co_await finish(loop, tx, ref, job->job_id, true, after);
}

Task<bool> fail_item(net::Loop& loop, ItemRef ref, Code code, std::string message) {
  CO_TRY(db::Tx tx, co_await loop.db.begin(ref.company));
  CO_TRY(const Locked job, co_await lock_job(tx, ref));
  if (!job) co_return false;
  sql::FailItemParams ended{.error_code = std::string{net::meaning(code).name},
                            .error_message = std::move(message),
                            .company_id = ref.company,
                            .item_id = ref.item,
                            .attempt = ref.attempt};
  CO_TRY(const auto item, co_await sql::fail_item(tx, std::move(ended)));
  if (!item) co_return false;
  CO_TRY(const credits::Balance after, co_await credits::release(tx, ref.item));
  log::info("credits_released", {{"company_id", ref.company.text()},
                                 {"item_id", ref.item.text()},
                                 {"code", net::meaning(code).name},
                                 {"remaining", after.total().count()}});
  co_return co_await finish(loop, tx, ref, job->job_id, false, after);
}

Task<bool> requeue(net::Loop& loop, ItemRef ref, std::chrono::milliseconds delay) {
  CO_TRY(db::Tx tx, co_await loop.db.begin(ref.company));
  CO_TRY(const Locked job, co_await lock_job(tx, ref));
  if (!job) co_return false;
  sql::RequeueItemParams again{.delay_s = static_cast<double>(delay.count()) / 1000,
                               .company_id = ref.company,
                               .item_id = ref.item,
                               .attempt = ref.attempt};
  CO_TRY(const auto item, co_await sql::requeue_item(tx, std::move(again)));
  if (!item) co_return false;
  sql::AddItemEventParams event{.company_id = ref.company, .job_id = job->job_id, .item_id = ref.item};
  CO_CHECK(co_await sql::add_item_event(tx, std::move(event)));
  CO_CHECK(co_await tx.commit());
  co_await notify(loop, job->job_id, "");
  redis::Command hint = loop.notices.notice(queued_channel, "");
  const auto ignored = co_await loop.redis.run(std::move(hint));
  static_cast<void>(ignored);
  co_return true;
}

}  // namespace i2m::jobs
