// Made by tools/sqlgen from queries.sql; `./dev gen` makes it anew. Do not edit.
// clang-format off
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/task.h"
#include "db/query.h"

namespace i2m::jobs::sql {

inline constexpr db::Query create_job_query{"jobs.create_job", R"sql(insert into job_history (id, company_id, user_id, quality, triangles_max, item_count)
values ($1, $2, $3, $4, $5, $6::bigint::int))sql"};
struct CreateJobParams {
  JobId job_id;
  CompanyId company_id;
  UserId user_id;
  std::string quality;
  std::int32_t triangles_max;
  std::int64_t item_count;
};
template <db::Runner R>
Task<> create_job(R& run, CreateJobParams params) {
  db::Params values;
  values.add(params.job_id);
  values.add(params.company_id);
  values.add(params.user_id);
  values.add(params.quality);
  values.add(params.triangles_max);
  values.add(params.item_count);
  CO_CHECK(co_await run.run(create_job_query, std::move(values)));
  co_return Result<>{};
}

inline constexpr db::Query create_items_query{"jobs.create_items", R"sql(insert into job_items (id, company_id, job_id, position, file_name, width_px, height_px, credits, provider, model, model_version,
                       model_parameters, attempts_max, deadline_at)
select i.id, $1, $2, i.position, i.file_name, i.width, i.height, $3, $4, $5,
       $6::bigint::int, $7::text::jsonb, $8,
       now() + make_interval(secs => $9)
  from unnest($10::uuid[], $11::text[], $12::bigint[], $13::bigint[])
       with ordinality as i (id, file_name, width, height, position))sql"};
struct CreateItemsParams {
  CompanyId company_id;
  JobId job_id;
  std::int64_t credits;
  std::string provider;
  std::string model;
  std::int64_t model_version;
  std::string model_parameters;
  std::int32_t attempts_max;
  double deadline_s;
  std::vector<Uuid> item_ids;
  std::vector<std::string> file_names;
  std::vector<std::int64_t> widths;
  std::vector<std::int64_t> heights;
};
template <db::Runner R>
Task<> create_items(R& run, CreateItemsParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.job_id);
  values.add(params.credits);
  values.add(params.provider);
  values.add(params.model);
  values.add(params.model_version);
  values.add(params.model_parameters);
  values.add(params.attempts_max);
  values.add(params.deadline_s);
  values.add(params.item_ids);
  values.add(params.file_names);
  values.add(params.widths);
  values.add(params.heights);
  CO_CHECK(co_await run.run(create_items_query, std::move(values)));
  co_return Result<>{};
}

inline constexpr db::Query create_upload_files_query{"jobs.create_upload_files", R"sql(insert into files (id, company_id, job_id, item_id, kind, object_key, media_type, bytes, sha256)
select f.id, $1, $2, f.item_id, 'upload', f.object_key, f.media_type, f.bytes, decode(f.sha256, 'hex')
  from unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bigint[], $8::text[])
       as f (id, item_id, object_key, media_type, bytes, sha256))sql"};
struct CreateUploadFilesParams {
  CompanyId company_id;
  JobId job_id;
  std::vector<Uuid> file_ids;
  std::vector<Uuid> item_ids;
  std::vector<std::string> object_keys;
  std::vector<std::string> media_types;
  std::vector<std::int64_t> bytes;
  std::vector<std::string> sha256s;
};
template <db::Runner R>
Task<> create_upload_files(R& run, CreateUploadFilesParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.job_id);
  values.add(params.file_ids);
  values.add(params.item_ids);
  values.add(params.object_keys);
  values.add(params.media_types);
  values.add(params.bytes);
  values.add(params.sha256s);
  CO_CHECK(co_await run.run(create_upload_files_query, std::move(values)));
  co_return Result<>{};
}

inline constexpr db::Query remember_key_query{"jobs.remember_key", R"sql(insert into idempotency_keys (company_id, user_id, key, fingerprint, answer, job_id)
values ($1, $2, $3, $4, $5, $6)
on conflict do nothing)sql"};
struct RememberKeyParams {
  CompanyId company_id;
  UserId user_id;
  std::string key;
  std::vector<std::uint8_t> fingerprint;
  std::string answer;
  JobId job_id;
};
/// Waits for a request with the same key that is still in flight; 0 when the key is taken.
template <db::Runner R>
Task<std::int64_t> remember_key(R& run, RememberKeyParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.user_id);
  values.add(params.key);
  values.add(params.fingerprint);
  values.add(params.answer);
  values.add(params.job_id);
  CO_TRY(const db::Rows rows, co_await run.run(remember_key_query, std::move(values)));
  co_return rows.affected();
}

inline constexpr db::Query remembered_query{"jobs.remembered", R"sql(select fingerprint, answer from idempotency_keys where company_id = $1 and user_id = $2 and key = $3)sql"};
struct RememberedParams {
  CompanyId company_id;
  UserId user_id;
  std::string key;
};
struct RememberedRow {
  std::vector<std::uint8_t> fingerprint;
  std::string answer;
};
inline RememberedRow remembered_row(const db::Rows& rows, int row) {
  return {
      .fingerprint = rows.get<std::vector<std::uint8_t>>(row, 0),
      .answer = rows.get<std::string>(row, 1),
  };
}
template <db::Runner R>
Task<std::optional<RememberedRow>> remembered(R& run, RememberedParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.user_id);
  values.add(params.key);
  CO_TRY(const db::Rows rows, co_await run.run(remembered_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, remembered_query));
  if (!found) co_return std::nullopt;
  co_return remembered_row(rows, 0);
}

inline constexpr db::Query job_query{"jobs.job", R"sql(select id as job_id, status, quality, triangles_max, item_count, succeeded_count, failed_count, cancelled_count, event_seq,
       created_at, finished_at
  from job_history where company_id = $1 and id = $2)sql"};
struct JobParams {
  CompanyId company_id;
  JobId job_id;
};
struct JobRow {
  JobId job_id;
  std::string status;
  std::string quality;
  std::int32_t triangles_max;
  std::int32_t item_count;
  std::int32_t succeeded_count;
  std::int32_t failed_count;
  std::int32_t cancelled_count;
  std::int64_t event_seq;
  Time created_at;
  std::optional<Time> finished_at;
};
inline JobRow job_row(const db::Rows& rows, int row) {
  return {
      .job_id = rows.get<JobId>(row, 0),
      .status = rows.get<std::string>(row, 1),
      .quality = rows.get<std::string>(row, 2),
      .triangles_max = rows.get<std::int32_t>(row, 3),
      .item_count = rows.get<std::int32_t>(row, 4),
      .succeeded_count = rows.get<std::int32_t>(row, 5),
      .failed_count = rows.get<std::int32_t>(row, 6),
      .cancelled_count = rows.get<std::int32_t>(row, 7),
      .event_seq = rows.get<std::int64_t>(row, 8),
      .created_at = rows.get<Time>(row, 9),
      .finished_at = rows.get<std::optional<Time>>(row, 10),
  };
}
template <db::Runner R>
Task<std::optional<JobRow>> job(R& run, JobParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.job_id);
  CO_TRY(const db::Rows rows, co_await run.run(job_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, job_query));
  if (!found) co_return std::nullopt;
  co_return job_row(rows, 0);
}

inline constexpr db::Query items_of_job_query{"jobs.items_of_job", R"sql(select id as item_id, position, file_name, status, stage, progress::float8 as "progress!", credits, error_code, error_message
  from job_items where company_id = $1 and job_id = $2 order by position)sql"};
struct ItemsOfJobParams {
  CompanyId company_id;
  JobId job_id;
};
struct ItemsOfJobRow {
  ItemId item_id;
  std::int32_t position;
  std::string file_name;
  std::string status;
  std::string stage;
  double progress;
  std::int64_t credits;
  std::optional<std::string> error_code;
  std::optional<std::string> error_message;
};
inline ItemsOfJobRow items_of_job_row(const db::Rows& rows, int row) {
  return {
      .item_id = rows.get<ItemId>(row, 0),
      .position = rows.get<std::int32_t>(row, 1),
      .file_name = rows.get<std::string>(row, 2),
      .status = rows.get<std::string>(row, 3),
      .stage = rows.get<std::string>(row, 4),
      .progress = rows.get<double>(row, 5),
      .credits = rows.get<std::int64_t>(row, 6),
      .error_code = rows.get<std::optional<std::string>>(row, 7),
      .error_message = rows.get<std::optional<std::string>>(row, 8),
  };
}
template <db::Runner R>
Task<std::vector<ItemsOfJobRow>> items_of_job(R& run, ItemsOfJobParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.job_id);
  CO_TRY(const db::Rows rows, co_await run.run(items_of_job_query, std::move(values)));
  std::vector<ItemsOfJobRow> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) out.push_back(items_of_job_row(rows, row));
  co_return out;
}

inline constexpr db::Query events_after_query{"jobs.events_after", R"sql(select seq, kind, data from job_events
 where company_id = $1 and job_id = $2 and seq > $3 order by seq limit 200)sql"};
struct EventsAfterParams {
  CompanyId company_id;
  JobId job_id;
  std::int64_t after;
};
struct EventsAfterRow {
  std::int64_t seq;
  std::string kind;
  std::string data;
};
inline EventsAfterRow events_after_row(const db::Rows& rows, int row) {
  return {
      .seq = rows.get<std::int64_t>(row, 0),
      .kind = rows.get<std::string>(row, 1),
      .data = rows.get<std::string>(row, 2),
  };
}
template <db::Runner R>
Task<std::vector<EventsAfterRow>> events_after(R& run, EventsAfterParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.job_id);
  values.add(params.after);
  CO_TRY(const db::Rows rows, co_await run.run(events_after_query, std::move(values)));
  std::vector<EventsAfterRow> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) out.push_back(events_after_row(rows, row));
  co_return out;
}

inline constexpr db::Query models_of_job_query{"jobs.models_of_job", R"sql(select f.id as file_id, f.item_id, i.file_name, i.position, f.bytes, f.sha256, f.triangles as "triangles!"
  from files f join job_items i on i.company_id = f.company_id and i.id = f.item_id
 where f.company_id = $1 and f.job_id = $2 and f.kind = 'model' order by i.position)sql"};
struct ModelsOfJobParams {
  CompanyId company_id;
  JobId job_id;
};
struct ModelsOfJobRow {
  FileId file_id;
  ItemId item_id;
  std::string file_name;
  std::int32_t position;
  std::int64_t bytes;
  std::vector<std::uint8_t> sha256;
  std::int32_t triangles;
};
inline ModelsOfJobRow models_of_job_row(const db::Rows& rows, int row) {
  return {
      .file_id = rows.get<FileId>(row, 0),
      .item_id = rows.get<ItemId>(row, 1),
      .file_name = rows.get<std::string>(row, 2),
      .position = rows.get<std::int32_t>(row, 3),
      .bytes = rows.get<std::int64_t>(row, 4),
      .sha256 = rows.get<std::vector<std::uint8_t>>(row, 5),
      .triangles = rows.get<std::int32_t>(row, 6),
  };
}
template <db::Runner R>
Task<std::vector<ModelsOfJobRow>> models_of_job(R& run, ModelsOfJobParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.job_id);
  CO_TRY(const db::Rows rows, co_await run.run(models_of_job_query, std::move(values)));
  std::vector<ModelsOfJobRow> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) out.push_back(models_of_job_row(rows, row));
  co_return out;
}

inline constexpr db::Query model_file_query{"jobs.model_file", R"sql(select f.object_key, f.bytes, f.sha256, f.media_type, i.file_name
  from files f join job_items i on i.company_id = f.company_id and i.id = f.item_id
  join companies c on c.id = f.company_id and c.status = 'active'
 where f.company_id = $1 and f.id = $2 and f.kind = 'model')sql"};
struct ModelFileParams {
  CompanyId company_id;
  FileId file_id;
};
struct ModelFileRow {
  std::string object_key;
  std::int64_t bytes;
  std::vector<std::uint8_t> sha256;
  std::string media_type;
  std::string file_name;
};
inline ModelFileRow model_file_row(const db::Rows& rows, int row) {
  return {
      .object_key = rows.get<std::string>(row, 0),
      .bytes = rows.get<std::int64_t>(row, 1),
      .sha256 = rows.get<std::vector<std::uint8_t>>(row, 2),
      .media_type = rows.get<std::string>(row, 3),
      .file_name = rows.get<std::string>(row, 4),
  };
}
template <db::Runner R>
Task<std::optional<ModelFileRow>> model_file(R& run, ModelFileParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.file_id);
  CO_TRY(const db::Rows rows, co_await run.run(model_file_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, model_file_query));
  if (!found) co_return std::nullopt;
  co_return model_file_row(rows, 0);
}

inline constexpr db::Query lock_job_of_item_query{"jobs.lock_job_of_item", R"sql(select j.id as job_id, j.user_id, j.quality, j.triangles_max
  from job_items i join job_history j on j.company_id = i.company_id and j.id = i.job_id
 where i.company_id = $1 and i.id = $2
   for no key update of j)sql"};
struct LockJobOfItemParams {
  CompanyId company_id;
  ItemId item_id;
};
struct LockJobOfItemRow {
  JobId job_id;
  UserId user_id;
  std::string quality;
  std::int32_t triangles_max;
};
inline LockJobOfItemRow lock_job_of_item_row(const db::Rows& rows, int row) {
  return {
      .job_id = rows.get<JobId>(row, 0),
      .user_id = rows.get<UserId>(row, 1),
      .quality = rows.get<std::string>(row, 2),
      .triangles_max = rows.get<std::int32_t>(row, 3),
  };
}
/// First of every change to an item's state: the job's row is the lock that puts its events in order.
template <db::Runner R>
Task<std::optional<LockJobOfItemRow>> lock_job_of_item(R& run, LockJobOfItemParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.item_id);
  CO_TRY(const db::Rows rows, co_await run.run(lock_job_of_item_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, lock_job_of_item_query));
  if (!found) co_return std::nullopt;
  co_return lock_job_of_item_row(rows, 0);
}

inline constexpr db::Query claim_item_query{"jobs.claim_item", R"sql(update job_items i
   set status = 'running', stage = 'starting', progress = 0, attempt = attempt + 1, error_code = null, error_message = null,
       lease_until = now() + make_interval(secs => $1), started_at = coalesce(started_at, now())
 where company_id = $2 and id = $3 and status = 'dispatched' and attempt < attempts_max
returning id as item_id, job_id, position, file_name, credits, provider, model, model_parameters, attempt, attempts_max,
          cancel_asked_at is not null as "cancel_asked!")sql"};
struct ClaimItemParams {
  double lease_s;
  CompanyId company_id;
  ItemId item_id;
};
struct ClaimItemRow {
  ItemId item_id;
  JobId job_id;
  std::int32_t position;
  std::string file_name;
  std::int64_t credits;
  std::string provider;
  std::string model;
  std::string model_parameters;
  std::int32_t attempt;
  std::int32_t attempts_max;
  bool cancel_asked;
};
inline ClaimItemRow claim_item_row(const db::Rows& rows, int row) {
  return {
      .item_id = rows.get<ItemId>(row, 0),
      .job_id = rows.get<JobId>(row, 1),
      .position = rows.get<std::int32_t>(row, 2),
      .file_name = rows.get<std::string>(row, 3),
      .credits = rows.get<std::int64_t>(row, 4),
      .provider = rows.get<std::string>(row, 5),
      .model = rows.get<std::string>(row, 6),
      .model_parameters = rows.get<std::string>(row, 7),
      .attempt = rows.get<std::int32_t>(row, 8),
      .attempts_max = rows.get<std::int32_t>(row, 9),
      .cancel_asked = rows.get<bool>(row, 10),
  };
}
/// The worker's claim: one more attempt, whose number fences every later write. No row: somebody else has it, or it ended.
template <db::Runner R>
Task<std::optional<ClaimItemRow>> claim_item(R& run, ClaimItemParams params) {
  db::Params values;
  values.add(params.lease_s);
  values.add(params.company_id);
  values.add(params.item_id);
  CO_TRY(const db::Rows rows, co_await run.run(claim_item_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, claim_item_query));
  if (!found) co_return std::nullopt;
  co_return claim_item_row(rows, 0);
}

inline constexpr db::Query upload_of_item_query{"jobs.upload_of_item", R"sql(select object_key, media_type, bytes, sha256 from files
 where company_id = $1 and item_id = $2 and kind = 'upload')sql"};
struct UploadOfItemParams {
  CompanyId company_id;
  ItemId item_id;
};
struct UploadOfItemRow {
  std::string object_key;
  std::string media_type;
  std::int64_t bytes;
  std::vector<std::uint8_t> sha256;
};
inline UploadOfItemRow upload_of_item_row(const db::Rows& rows, int row) {
  return {
      .object_key = rows.get<std::string>(row, 0),
      .media_type = rows.get<std::string>(row, 1),
      .bytes = rows.get<std::int64_t>(row, 2),
      .sha256 = rows.get<std::vector<std::uint8_t>>(row, 3),
  };
}
template <db::Runner R>
Task<UploadOfItemRow> upload_of_item(R& run, UploadOfItemParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.item_id);
  CO_TRY(const db::Rows rows, co_await run.run(upload_of_item_query, std::move(values)));
  CO_CHECK(db::exactly_one(rows, upload_of_item_query));
  co_return upload_of_item_row(rows, 0);
}

inline constexpr db::Query beat_item_query{"jobs.beat_item", R"sql(update job_items
   set lease_until = now() + make_interval(secs => $1), stage = $2, progress = greatest(progress, $3::float8::real)
 where company_id = $4 and id = $5 and status = 'running' and attempt = $6
returning cancel_asked_at is not null as "cancel_asked!")sql"};
struct BeatItemParams {
  double lease_s;
  std::string stage;
  double progress;
  CompanyId company_id;
  ItemId item_id;
  std::int32_t attempt;
};
struct BeatItemRow {
  bool cancel_asked;
};
inline BeatItemRow beat_item_row(const db::Rows& rows, int row) {
  return {
      .cancel_asked = rows.get<bool>(row, 0),
  };
}
/// Heartbeat with what is known of the progress. No row: the lease was lost, stop.
template <db::Runner R>
Task<std::optional<BeatItemRow>> beat_item(R& run, BeatItemParams params) {
  db::Params values;
  values.add(params.lease_s);
  values.add(params.stage);
  values.add(params.progress);
  values.add(params.company_id);
  values.add(params.item_id);
  values.add(params.attempt);
  CO_TRY(const db::Rows rows, co_await run.run(beat_item_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, beat_item_query));
  if (!found) co_return std::nullopt;
  co_return beat_item_row(rows, 0);
}

inline constexpr db::Query succeed_item_query{"jobs.succeed_item", R"sql(update job_items
   set status = 'succeeded', stage = 'done', progress = 1, lease_until = null, finished_at = now()
 where company_id = $1 and id = $2 and status = 'running' and attempt = $3
returning job_id, credits, file_name, provider)sql"};
struct SucceedItemParams {
  CompanyId company_id;
  ItemId item_id;
  std::int32_t attempt;
};
struct SucceedItemRow {
  JobId job_id;
  std::int64_t credits;
  std::string file_name;
  std::string provider;
};
inline SucceedItemRow succeed_item_row(const db::Rows& rows, int row) {
  return {
      .job_id = rows.get<JobId>(row, 0),
      .credits = rows.get<std::int64_t>(row, 1),
      .file_name = rows.get<std::string>(row, 2),
      .provider = rows.get<std::string>(row, 3),
  };
}
template <db::Runner R>
Task<std::optional<SucceedItemRow>> succeed_item(R& run, SucceedItemParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.item_id);
  values.add(params.attempt);
  CO_TRY(const db::Rows rows, co_await run.run(succeed_item_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, succeed_item_query));
  if (!found) co_return std::nullopt;
  co_return succeed_item_row(rows, 0);
}

inline constexpr db::Query fail_item_query{"jobs.fail_item", R"sql(update job_items
   set status = 'failed', stage = 'failed', lease_until = null, finished_at = now(), error_code = $1,
       error_message = $2
 where company_id = $3 and id = $4 and attempt = $5
   and status in ('queued', 'dispatched', 'running', 'unsure')
returning job_id, file_name)sql"};
struct FailItemParams {
  std::string error_code;
  std::string error_message;
  CompanyId company_id;
  ItemId item_id;
  std::int32_t attempt;
};
struct FailItemRow {
  JobId job_id;
  std::string file_name;
};
inline FailItemRow fail_item_row(const db::Rows& rows, int row) {
  return {
      .job_id = rows.get<JobId>(row, 0),
      .file_name = rows.get<std::string>(row, 1),
  };
}
/// From any state that is not final; `attempt` guards against a worker that lost its lease.
template <db::Runner R>
Task<std::optional<FailItemRow>> fail_item(R& run, FailItemParams params) {
  db::Params values;
  values.add(params.error_code);
  values.add(params.error_message);
  values.add(params.company_id);
  values.add(params.item_id);
  values.add(params.attempt);
  CO_TRY(const db::Rows rows, co_await run.run(fail_item_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, fail_item_query));
  if (!found) co_return std::nullopt;
  co_return fail_item_row(rows, 0);
}

inline constexpr db::Query lock_job_query{"jobs.lock_job", R"sql(select id as job_id, status from job_history where company_id = $1 and id = $2 for no key update)sql"};
struct LockJobParams {
  CompanyId company_id;
  JobId job_id;
};
struct LockJobRow {
  JobId job_id;
  std::string status;
};
inline LockJobRow lock_job_row(const db::Rows& rows, int row) {
  return {
      .job_id = rows.get<JobId>(row, 0),
      .status = rows.get<std::string>(row, 1),
  };
}
template <db::Runner R>
Task<std::optional<LockJobRow>> lock_job(R& run, LockJobParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.job_id);
  CO_TRY(const db::Rows rows, co_await run.run(lock_job_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, lock_job_query));
  if (!found) co_return std::nullopt;
  co_return lock_job_row(rows, 0);
}

inline constexpr db::Query ask_to_cancel_query{"jobs.ask_to_cancel", R"sql(update job_items i set cancel_asked_at = coalesce(i.cancel_asked_at, now())
 where i.company_id = $1 and i.job_id = $2 and i.finished_at is null and ($3::bool or i.id = $4)
returning i.id as item_id, i.attempt,
          (i.status in ('queued', 'dispatched')
           and not exists (select from provider_calls c
                            where c.company_id = i.company_id and c.item_id = i.id
                              and c.state in ('submitting', 'accepted', 'answered', 'unsure'))) as "waiting!")sql"};
struct AskToCancelParams {
  CompanyId company_id;
  JobId job_id;
  bool all;
  ItemId item_id;
};
struct AskToCancelRow {
  ItemId item_id;
  std::int32_t attempt;
  bool waiting;
};
inline AskToCancelRow ask_to_cancel_row(const db::Rows& rows, int row) {
  return {
      .item_id = rows.get<ItemId>(row, 0),
      .attempt = rows.get<std::int32_t>(row, 1),
      .waiting = rows.get<bool>(row, 2),
  };
}
/// The owner's wish, of one item (`item_id`) or of all of its job. `waiting`: nobody has begun, so it can end at once; what a worker
/// has, or had when it asked an outside provider, is ended by a worker.
template <db::Runner R>
Task<std::vector<AskToCancelRow>> ask_to_cancel(R& run, AskToCancelParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.job_id);
  values.add(params.all);
  values.add(params.item_id);
  CO_TRY(const db::Rows rows, co_await run.run(ask_to_cancel_query, std::move(values)));
  std::vector<AskToCancelRow> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) out.push_back(ask_to_cancel_row(rows, row));
  co_return out;
}

inline constexpr db::Query cancel_item_query{"jobs.cancel_item", R"sql(update job_items
   set status = 'cancelled', stage = 'cancelled', lease_until = null, finished_at = now()
 where company_id = $1 and id = $2 and attempt = $3 and cancel_asked_at is not null
   and status in ('queued', 'dispatched', 'running')
returning job_id, file_name)sql"};
struct CancelItemParams {
  CompanyId company_id;
  ItemId item_id;
  std::int32_t attempt;
};
struct CancelItemRow {
  JobId job_id;
  std::string file_name;
};
inline CancelItemRow cancel_item_row(const db::Rows& rows, int row) {
  return {
      .job_id = rows.get<JobId>(row, 0),
      .file_name = rows.get<std::string>(row, 1),
  };
}
/// Nobody has begun, or its worker has stopped.
template <db::Runner R>
Task<std::optional<CancelItemRow>> cancel_item(R& run, CancelItemParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.item_id);
  values.add(params.attempt);
  CO_TRY(const db::Rows rows, co_await run.run(cancel_item_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, cancel_item_query));
  if (!found) co_return std::nullopt;
  co_return cancel_item_row(rows, 0);
}

inline constexpr db::Query doubt_item_query{"jobs.doubt_item", R"sql(update job_items
   set status = 'unsure', stage = 'unsure', lease_until = null
 where company_id = $1 and id = $2 and attempt = $3 and status = 'running'
returning job_id, file_name)sql"};
struct DoubtItemParams {
  CompanyId company_id;
  ItemId item_id;
  std::int32_t attempt;
};
struct DoubtItemRow {
  JobId job_id;
  std::string file_name;
};
inline DoubtItemRow doubt_item_row(const db::Rows& rows, int row) {
  return {
      .job_id = rows.get<JobId>(row, 0),
      .file_name = rows.get<std::string>(row, 1),
  };
}
/// It was sent to a provider whose answer was lost: it waits, without a worker, for a word of the provider or of an operator.
template <db::Runner R>
Task<std::optional<DoubtItemRow>> doubt_item(R& run, DoubtItemParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.item_id);
  values.add(params.attempt);
  CO_TRY(const db::Rows rows, co_await run.run(doubt_item_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, doubt_item_query));
  if (!found) co_return std::nullopt;
  co_return doubt_item_row(rows, 0);
}

inline constexpr db::Query resume_item_query{"jobs.resume_item", R"sql(update job_items
   set status = 'queued', stage = 'queued', not_before = now(), attempts_max = attempts_max + 1
 where company_id = $1 and id = $2 and status = 'unsure'
returning job_id, file_name)sql"};
struct ResumeItemParams {
  CompanyId company_id;
  ItemId item_id;
};
struct ResumeItemRow {
  JobId job_id;
  std::string file_name;
};
inline ResumeItemRow resume_item_row(const db::Rows& rows, int row) {
  return {
      .job_id = rows.get<JobId>(row, 0),
      .file_name = rows.get<std::string>(row, 1),
  };
}
/// The word has come. What follows is the same try, so it does not count as another.
template <db::Runner R>
Task<std::optional<ResumeItemRow>> resume_item(R& run, ResumeItemParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.item_id);
  CO_TRY(const db::Rows rows, co_await run.run(resume_item_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, resume_item_query));
  if (!found) co_return std::nullopt;
  co_return resume_item_row(rows, 0);
}

inline constexpr db::Query requeue_item_query{"jobs.requeue_item", R"sql(update job_items
   set status = 'queued', stage = 'queued', progress = 0, lease_until = null, not_before = now() + make_interval(secs => $1),
       attempts_max = attempts_max + $2::bigint::int
 where company_id = $3 and id = $4 and attempt = $5 and status in ('dispatched', 'running')
returning job_id, file_name)sql"};
struct RequeueItemParams {
  double delay_s;
  std::int64_t tries_back;
  CompanyId company_id;
  ItemId item_id;
  std::int32_t attempt;
};
struct RequeueItemRow {
  JobId job_id;
  std::string file_name;
};
inline RequeueItemRow requeue_item_row(const db::Rows& rows, int row) {
  return {
      .job_id = rows.get<JobId>(row, 0),
      .file_name = rows.get<std::string>(row, 1),
  };
}
/// Another try later. A dispatch that nobody claimed does not count as one, nor does a claim that its worker hands back
/// (`tries_back` 1): the fence goes on rising, and so does its limit.
template <db::Runner R>
Task<std::optional<RequeueItemRow>> requeue_item(R& run, RequeueItemParams params) {
  db::Params values;
  values.add(params.delay_s);
  values.add(params.tries_back);
  values.add(params.company_id);
  values.add(params.item_id);
  values.add(params.attempt);
  CO_TRY(const db::Rows rows, co_await run.run(requeue_item_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, requeue_item_query));
  if (!found) co_return std::nullopt;
  co_return requeue_item_row(rows, 0);
}

inline constexpr db::Query count_item_query{"jobs.count_item", R"sql(update job_history j
   set succeeded_count = j.succeeded_count + d.succeeded, failed_count = j.failed_count + d.failed,
       cancelled_count = j.cancelled_count + d.cancelled,
       status = case
           when j.succeeded_count + d.succeeded + j.failed_count + d.failed + j.cancelled_count + d.cancelled < j.item_count then 'running'
           when j.succeeded_count + d.succeeded = j.item_count then 'succeeded'
           when j.succeeded_count + d.succeeded > 0 then 'partial'
           when j.failed_count + d.failed > 0 then 'failed'
           else 'cancelled' end,
       finished_at = case
           when j.succeeded_count + d.succeeded + j.failed_count + d.failed + j.cancelled_count + d.cancelled = j.item_count then now() end
  from (select $1::bigint::int as succeeded, $2::bigint::int as failed, $3::bigint::int as cancelled) d
 where j.company_id = $4 and j.id = $5
returning j.status, j.finished_at)sql"};
struct CountItemParams {
  std::int64_t succeeded;
  std::int64_t failed;
  std::int64_t cancelled;
  CompanyId company_id;
  JobId job_id;
};
struct CountItemRow {
  std::string status;
  std::optional<Time> finished_at;
};
inline CountItemRow count_item_row(const db::Rows& rows, int row) {
  return {
      .status = rows.get<std::string>(row, 0),
      .finished_at = rows.get<std::optional<Time>>(row, 1),
  };
}
/// Adds one finished item to its job and derives the job's state; called once for each item, in the transaction that ends it.
template <db::Runner R>
Task<CountItemRow> count_item(R& run, CountItemParams params) {
  db::Params values;
  values.add(params.succeeded);
  values.add(params.failed);
  values.add(params.cancelled);
  values.add(params.company_id);
  values.add(params.job_id);
  CO_TRY(const db::Rows rows, co_await run.run(count_item_query, std::move(values)));
  CO_CHECK(db::exactly_one(rows, count_item_query));
  co_return count_item_row(rows, 0);
}

inline constexpr db::Query start_job_query{"jobs.start_job", R"sql(update job_history set status = 'running' where company_id = $1 and id = $2 and status = 'queued')sql"};
struct StartJobParams {
  CompanyId company_id;
  JobId job_id;
};
template <db::Runner R>
Task<std::int64_t> start_job(R& run, StartJobParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.job_id);
  CO_TRY(const db::Rows rows, co_await run.run(start_job_query, std::move(values)));
  co_return rows.affected();
}

inline constexpr db::Query add_item_event_query{"jobs.add_item_event", R"sql(with job as (
    update job_history set event_seq = event_seq + 1 where company_id = $1 and id = $2 returning event_seq)
insert into job_events (company_id, job_id, seq, kind, data)
select $1, $2, job.event_seq, 'item',
       jsonb_build_object('item_id', i.id, 'file_name', i.file_name, 'status', i.status, 'stage', i.stage, 'progress', i.progress,
                          'error', case when i.error_code is not null
                                        then jsonb_build_object('code', i.error_code, 'message', i.error_message) end)
  from job, job_items i where i.company_id = $1 and i.id = $3
returning seq)sql"};
struct AddItemEventParams {
  CompanyId company_id;
  JobId job_id;
  ItemId item_id;
};
struct AddItemEventRow {
  std::int64_t seq;
};
inline AddItemEventRow add_item_event_row(const db::Rows& rows, int row) {
  return {
      .seq = rows.get<std::int64_t>(row, 0),
  };
}
/// Tells the watchers how an item stands now. The job's row is locked by then, so seq has no gap and follows commit order.
template <db::Runner R>
Task<AddItemEventRow> add_item_event(R& run, AddItemEventParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.job_id);
  values.add(params.item_id);
  CO_TRY(const db::Rows rows, co_await run.run(add_item_event_query, std::move(values)));
  CO_CHECK(db::exactly_one(rows, add_item_event_query));
  co_return add_item_event_row(rows, 0);
}

inline constexpr db::Query add_job_event_query{"jobs.add_job_event", R"sql(with job as (
    update job_history set event_seq = event_seq + 1 where company_id = $1 and id = $2 returning *),
credits as (
    select coalesce(sum(amount) filter (where state = 'held'), 0) as held, coalesce(sum(settled), 0) as settled,
           coalesce(sum(amount) filter (where state = 'released'), 0) as released
      from credit_holds where company_id = $1 and job_id = $2)
insert into job_events (company_id, job_id, seq, kind, data)
select $1, $2, job.event_seq, 'job',
       jsonb_build_object('job_id', job.id, 'status', job.status,
                          'progress', (select avg(case when i.finished_at is null then i.progress else 1 end)
                                         from job_items i where i.company_id = $1 and i.job_id = job.id),
                          'credits', jsonb_build_object('held', held, 'settled', settled, 'released', released),
                          'finished_at', job.finished_at)
  from job, credits
returning seq)sql"};
struct AddJobEventParams {
  CompanyId company_id;
  JobId job_id;
};
struct AddJobEventRow {
  std::int64_t seq;
};
inline AddJobEventRow add_job_event_row(const db::Rows& rows, int row) {
  return {
      .seq = rows.get<std::int64_t>(row, 0),
  };
}
template <db::Runner R>
Task<AddJobEventRow> add_job_event(R& run, AddJobEventParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.job_id);
  CO_TRY(const db::Rows rows, co_await run.run(add_job_event_query, std::move(values)));
  CO_CHECK(db::exactly_one(rows, add_job_event_query));
  co_return add_job_event_row(rows, 0);
}

inline constexpr db::Query add_model_file_query{"jobs.add_model_file", R"sql(insert into files (id, company_id, job_id, item_id, kind, object_key, media_type, bytes, sha256, triangles)
values ($1, $2, $3, $4, 'model', $5, 'model/gltf-binary', $6, $7, $8::bigint::int))sql"};
struct AddModelFileParams {
  FileId file_id;
  CompanyId company_id;
  JobId job_id;
  ItemId item_id;
  std::string object_key;
  std::int64_t bytes;
  std::vector<std::uint8_t> sha256;
  std::int64_t triangles;
};
template <db::Runner R>
Task<> add_model_file(R& run, AddModelFileParams params) {
  db::Params values;
  values.add(params.file_id);
  values.add(params.company_id);
  values.add(params.job_id);
  values.add(params.item_id);
  values.add(params.object_key);
  values.add(params.bytes);
  values.add(params.sha256);
  values.add(params.triangles);
  CO_CHECK(co_await run.run(add_model_file_query, std::move(values)));
  co_return Result<>{};
}

inline constexpr db::Query add_usage_query{"jobs.add_usage", R"sql(insert into api_usage (id, company_id, user_id, job_id, item_id, quality, provider, credits)
values ($1, $2, $3, $4, $5, $6, $7, $8))sql"};
struct AddUsageParams {
  Uuid usage_id;
  CompanyId company_id;
  UserId user_id;
  JobId job_id;
  ItemId item_id;
  std::string quality;
  std::string provider;
  std::int64_t credits;
};
template <db::Runner R>
Task<> add_usage(R& run, AddUsageParams params) {
  db::Params values;
  values.add(params.usage_id);
  values.add(params.company_id);
  values.add(params.user_id);
  values.add(params.job_id);
  values.add(params.item_id);
  values.add(params.quality);
  values.add(params.provider);
  values.add(params.credits);
  CO_CHECK(co_await run.run(add_usage_query, std::move(values)));
  co_return Result<>{};
}

}  // namespace i2m::jobs::sql
