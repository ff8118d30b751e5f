// POST /api/v1/jobs/{job_id}/cancellation: its owner does not want a job, or one picture of it, any more.
#include "base/log.h"
#include "jobs/queries.gen.h"
#include "jobs/status.h"

namespace i2m::jobs {
namespace {

using net::field;

struct ItemIn {
  JobId job_id;
  ItemId item_id;
  static constexpr std::string_view schema_name = "ItemIn";
  static constexpr auto fields() {
    return std::tuple{field("job_id", &ItemIn::job_id, "The job").path(),
                      field("item_id", &ItemIn::item_id, "The item").path()};
  }
};

constexpr net::Rate cancellations{.quota = {"cancellations", 120, std::chrono::seconds{60}}};

/// Notes the wish in one transaction; then ends what waits, item by item, and tells the workers of the rest. Whoever
/// dies in between loses nothing: the wish is in the row, and the next worker that claims the item sees it.
Task<JobStatusOut> cancel(net::Ctx& ctx, JobId job, std::optional<ItemId> item) {
  const CompanyId company = ctx.company();
  CO_TRY(db::Tx tx, co_await ctx.loop().db.begin(company));
  sql::LockJobParams locked{.company_id = company, .job_id = job};
  CO_TRY(const auto found, co_await sql::lock_job(tx, std::move(locked)));
  if (!found) co_return fail(Code::NotFound);
  sql::AskToCancelParams params{.company_id = company, .job_id = job, .all = !item, .item_id = item.value_or(ItemId{})};
  CO_TRY(const auto asked, co_await sql::ask_to_cancel(tx, std::move(params)));
  CO_CHECK(co_await tx.commit());
  for (const auto& row : asked) {
    if (row.waiting) {
      const ItemRef ref{company, row.item_id, row.attempt};
      CO_TRY(const bool cancelled, co_await cancel_item(ctx.loop(), ref));
      if (cancelled) continue;  // otherwise a worker has claimed it meanwhile
    }
    redis::Command notice = ctx.loop().notices.notice(cancel_channel, row.item_id.text());
    static_cast<void>(co_await ctx.loop().redis.run(std::move(notice)));  // lost, the next heartbeat finds it
  }
  log::info("cancel_asked", {{"company_id", company.text()}, {"job_id", job.text()}, {"items", asked.size()}});
  CO_TRY(Snapshot now, co_await snapshot(ctx.loop(), company, job));
  if (item) {
    const auto is_it = [&](const ItemStatusOut& each) { return each.item_id == *item; };
    if (std::ranges::none_of(now.job.items, is_it)) co_return fail(Code::NotFound);
  }
  co_return std::move(now.job);
}

Task<JobStatusOut> cancel_job(net::Ctx& ctx, JobIn in) { return cancel(ctx, in.job_id, std::nullopt); }
Task<JobStatusOut> cancel_job_item(net::Ctx& ctx, ItemIn in) { return cancel(ctx, in.job_id, in.item_id); }

}  // namespace

void cancel_routes(net::Router& router) {
  router.add<JobIn, JobStatusOut>(net::Method::Post, "/api/v1/jobs/{job_id}/cancellation",
                                  {.id = "cancel_job",
                                   .summary = "Cancel what of a job has not ended: pictures that wait end at once, the "
                                              "others as soon as that is possible; what a provider had finished by "
                                              "then is kept and paid",
                                   .tag = "Jobs",
                                   .auth = net::Auth::Member,
                                   .rate = cancellations,
                                   .success = 202,
                                   .errors = {Code::NotFound, Code::Conflict, Code::Unavailable}},
                                  cancel_job);
  router.add<ItemIn, JobStatusOut>(net::Method::Post, "/api/v1/jobs/{job_id}/items/{item_id}/cancellation",
                                   {.id = "cancel_job_item",
                                    .summary = "Likewise one picture of a job",
                                    .tag = "Jobs",
                                    .auth = net::Auth::Member,
                                    .rate = cancellations,
                                    .success = 202,
                                    .errors = {Code::NotFound, Code::Conflict, Code::Unavailable}},
                                   cancel_job_item);
}

}  // namespace i2m::jobs
