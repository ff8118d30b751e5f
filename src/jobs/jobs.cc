#include "jobs/jobs.h"

#include "base/log.h"
#include "jobs/queries.gen.h"

namespace i2m::jobs {
namespace {

double seconds(std::chrono::milliseconds ms) { return static_cast<double>(ms.count()) / 1000; }

/// The end of an item, in an open transaction: counts it, tells the watchers, commits with the credits' change.
enum class Ended : std::uint8_t { Succeeded, Failed, Cancelled };
Task<bool> finish(net::Loop& loop, db::Tx& tx, ItemRef ref, JobId job, Ended how, credits::Balance after) {
  sql::CountItemParams count{.succeeded = how == Ended::Succeeded ? 1 : 0,
                             .failed = how == Ended::Failed ? 1 : 0,
                             .cancelled = how == Ended::Cancelled ? 1 : 0,
                             .company_id = ref.company,
                             .job_id = job};
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

std::string channel_of(JobId job) { return "job:" + job.text(); }

namespace {
Co<void> tell(net::Loop& loop, std::string channel, std::string payload) {
  redis::Command command = loop.notices.notice(channel, std::move(payload));
  const auto ignored = co_await loop.redis.run(std::move(command));
  static_cast<void>(ignored);
}
}  // namespace

Co<void> notify(net::Loop& loop, JobId job, std::string payload) {
  return tell(loop, channel_of(job), std::move(payload));
}
Co<void> notify_queued(net::Loop& loop) { return tell(loop, std::string{queued_channel}, ""); }

Task<std::optional<Claimed>> claim(net::Loop& loop, CompanyId company, ItemId item, std::chrono::milliseconds lease) {
  CO_TRY(db::Tx tx, co_await loop.db.begin(company));
  CO_TRY(const Locked job, co_await lock_job(tx, ItemRef{company, item}));
  if (!job) co_return std::nullopt;
  sql::ClaimItemParams params{.lease_s = seconds(lease), .company_id = company, .item_id = item};
  CO_TRY(const auto row, co_await sql::claim_item(tx, std::move(params)));
  if (!row) co_return std::nullopt;
  sql::UploadOfItemParams asked{.company_id = company, .item_id = item};
  CO_TRY(const auto upload, co_await sql::upload_of_item(tx, std::move(asked)));
  sql::StartJobParams start{.company_id = company, .job_id = row->job_id};
  CO_TRY(const std::int64_t started, co_await sql::start_job(tx, std::move(start)));
  sql::AddItemEventParams event{.company_id = company, .job_id = row->job_id, .item_id = item};
  CO_CHECK(co_await sql::add_item_event(tx, std::move(event)));
  if (started > 0) {
    sql::AddJobEventParams job_event{.company_id = company, .job_id = row->job_id};
    CO_CHECK(co_await sql::add_job_event(tx, std::move(job_event)));
  }
  CO_CHECK(co_await tx.commit());
  co_await notify(loop, row->job_id, "");
  Claimed out{.item = item,
              .job = row->job_id,
              .model = row->model,
              .parameters = row->model_parameters,
              .attempt = row->attempt,
              .attempts_max = row->attempts_max,
              .cancel_asked = row->cancel_asked,
              .triangles_max = job->triangles_max,
              .file_name = row->file_name,
              .picture_key = upload.object_key};
  if (upload.sha256.size() != out.picture_sha256.size()) co_return fail(Code::Internal, "a hash of another length");
  std::ranges::copy(upload.sha256, out.picture_sha256.begin());
  co_return out;
}

Task<Renewed> renew(net::Loop& loop, ItemRef ref, std::chrono::milliseconds lease, std::string stage, double progress) {
  CO_TRY(db::Tx tx, co_await loop.db.begin(ref.company));
  sql::BeatItemParams params{.lease_s = seconds(lease),
                             .stage = std::move(stage),
                             .progress = progress,
                             .company_id = ref.company,
                             .item_id = ref.item,
                             .attempt = ref.attempt};
  CO_TRY(const auto kept, co_await sql::beat_item(tx, std::move(params)));
  CO_CHECK(co_await tx.commit());
  if (!kept) co_return Renewed::Lost;
  co_return kept->cancel_asked ? Renewed::CancelAsked : Renewed::Kept;
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
  co_return co_await finish(loop, tx, ref, job->job_id, Ended::Succeeded, after);
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
  co_return co_await finish(loop, tx, ref, job->job_id, Ended::Failed, after);
}

Task<bool> cancel_item(net::Loop& loop, ItemRef ref) {
  CO_TRY(db::Tx tx, co_await loop.db.begin(ref.company));
  CO_TRY(const Locked job, co_await lock_job(tx, ref));
  if (!job) co_return false;
  sql::CancelItemParams ended{.company_id = ref.company, .item_id = ref.item, .attempt = ref.attempt};
  CO_TRY(const auto item, co_await sql::cancel_item(tx, std::move(ended)));
  if (!item) co_return false;
  CO_TRY(const credits::Balance after, co_await credits::release(tx, ref.item));
  log::info("item_cancelled",
            {{"company_id", ref.company.text()}, {"item_id", ref.item.text()}, {"remaining", after.total().count()}});
  co_return co_await finish(loop, tx, ref, job->job_id, Ended::Cancelled, after);
}

namespace {
/// An item that goes on otherwise: tells the watchers, commits.
Task<bool> changed(net::Loop& loop, db::Tx& tx, CompanyId company, ItemId item, JobId job) {
  sql::AddItemEventParams event{.company_id = company, .job_id = job, .item_id = item};
  CO_CHECK(co_await sql::add_item_event(tx, std::move(event)));
  CO_CHECK(co_await tx.commit());
  co_await notify(loop, job, "");
  co_return true;
}
}  // namespace

Task<bool> doubt(net::Loop& loop, ItemRef ref) {
  CO_TRY(db::Tx tx, co_await loop.db.begin(ref.company));
  CO_TRY(const Locked job, co_await lock_job(tx, ref));
  if (!job) co_return false;
  sql::DoubtItemParams params{.company_id = ref.company, .item_id = ref.item, .attempt = ref.attempt};
  CO_TRY(const auto item, co_await sql::doubt_item(tx, std::move(params)));
  if (!item) co_return false;
  co_return co_await changed(loop, tx, ref.company, ref.item, job->job_id);
}

Task<bool> resume(net::Loop& loop, CompanyId company, ItemId item) {
  CO_TRY(db::Tx tx, co_await loop.db.begin(company));
  CO_TRY(const Locked job, co_await lock_job(tx, ItemRef{company, item}));
  if (!job) co_return false;
  sql::ResumeItemParams params{.company_id = company, .item_id = item};
  CO_TRY(const auto resumed, co_await sql::resume_item(tx, std::move(params)));
  if (!resumed) co_return false;
  CO_TRY(const bool done, co_await changed(loop, tx, company, item, job->job_id));
  co_await notify_queued(loop);
  co_return done;
}

Task<bool> requeue(net::Loop& loop, ItemRef ref, std::chrono::milliseconds delay, Because why) {
  CO_TRY(db::Tx tx, co_await loop.db.begin(ref.company));
  CO_TRY(const Locked job, co_await lock_job(tx, ref));
  if (!job) co_return false;
  sql::RequeueItemParams again{.delay_s = seconds(delay),
                               .tries_back = why == Because::HandedBack ? 1 : 0,
                               .company_id = ref.company,
                               .item_id = ref.item,
                               .attempt = ref.attempt};
  CO_TRY(const auto item, co_await sql::requeue_item(tx, std::move(again)));
  if (!item) co_return false;
  CO_TRY(const bool done, co_await changed(loop, tx, ref.company, ref.item, job->job_id));
  co_await notify_queued(loop);
  co_return done;
}

}  // namespace i2m::jobs
