// How calls ended and what they cost, and how the provider is: what others go by.
#include "base/log.h"
#include "base/text.h"
#include "providers/fal/call.h"
#include "providers/queries.gen.h"

namespace i2m::providers::fal {

Co<void> Fal::doubt(const Order& order, const Call& call, std::string why) {
  log::error("call_unsure", {{"call_id", call.id.text()}, {"item_id", order.item.text()}, {"why", why}});
  count("unsure");
  Result<db::Tx> tx = co_await loop_.db.begin(order.company);
  if (!tx) co_return;  // it stays 'submitting', which is read as the same
  sql::DoubtCallParams params{.detail = legible(why, detail_most), .company_id = order.company, .call_id = call.id};
  const Result<std::int64_t> written = co_await sql::doubt_call(*tx, std::move(params));
  if (written) static_cast<void>(co_await tx->commit());
}

void Fal::count(std::string_view outcome) {
  metrics_
      .counter("provider_calls_total", "Calls to outside providers, by what they came to",
               {{"provider", std::string{name()}}, {"outcome", std::string{outcome}}})
      .Increment();
}

Co<void> Fal::end(const Order& order, const Call& call, std::string_view state, const Failure& failure, bool billed) {
  log::warn("call_ended", {{"call_id", call.id.text()},
                           {"item_id", order.item.text()},
                           {"state", state},
                           {"type", failure.type},
                           {"detail", failure.detail}});
  count(state);
  sql::EndCallParams params{.state = std::string{state},
                            .error_type = legible(failure.type, detail_most),
                            .error_detail = legible(failure.detail, detail_most),
                            .cost_microusd = billed ? call.price_microusd : 0,
                            .company_id = order.company,
                            .call_id = call.id};
  Result<db::Tx> tx = co_await loop_.db.begin(order.company);
  Result<std::int64_t> ended = 0;
  if (tx) ended = co_await sql::end_call(*tx, std::move(params));
  Result<> committed = tx ? Result<>{} : std::unexpected{tx.error()};
  if (tx && ended) committed = co_await tx->commit();
  // Unwritten, a refused one is read as unsure: no second payment, at the price of a wait.
  if (!committed || !ended) log::error("call_end_not_written", {{"call_id", call.id.text()}});
}

Co<void> Fal::note(CompanyId as, Sign sign, std::string reason) {
  Result<db::Tx> tx = co_await loop_.db.begin(as);
  if (!tx) co_return;
  Result<> done;
  if (sign != Sign::Failed) {
    sql::NoteSuccessParams params{.provider = std::string{name()}, .accepted = sign == Sign::Accepted};
    const auto noted = co_await sql::note_success(*tx, std::move(params));
    if (!noted) co_return;
  } else {
    sql::NoteFailureParams params{.provider = std::string{name()},
                                  .failures_max = settings_.failures_max,
                                  .reason = legible(reason, detail_most),
                                  .rest_max_s = static_cast<double>(settings_.rest_most.count()),
                                  .rest_s = static_cast<double>(settings_.rest.count())};
    const auto noted = co_await sql::note_failure(*tx, std::move(params));
    if (!noted) co_return;
    if (noted->state == "open") log::error("provider_resting", {{"provider", name()}, {"failures", noted->failures}});
  }
  static_cast<void>(co_await tx->commit());
}

/// A failure that is not this item's: the provider is left alone for everybody, and the item waits.
Task<> Fal::stop_at(CompanyId as, const Failure& failure) {
  if (failure.blame == Blame::Busy) co_return fail(Code::ProviderPaused, failure.detail);
  if (failure.blame == Blame::Provider) co_await note(as, Sign::Failed, failure.detail);
  if (failure.blame != Blame::Account && failure.blame != Blame::Key) co_return Result<>{};
  log::error("provider_paused", {{"provider", name()}, {"why", failure.detail}});
  CO_TRY(db::Tx tx, co_await loop_.db.begin(as));
  sql::PauseParams params{.provider = std::string{name()},
                          .state = failure.blame == Blame::Key ? "key" : "locked",
                          .reason = legible(failure.detail, detail_most),
                          .probe_s = static_cast<double>(settings_.probe_after.count())};
  CO_CHECK(co_await sql::pause(tx, std::move(params)));
  CO_CHECK(co_await tx.commit());
  co_return fail(Code::ProviderPaused, failure.detail);
}

}  // namespace i2m::providers::fal
