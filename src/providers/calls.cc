#include "providers/calls.h"

#include <algorithm>

#include "base/crypto.h"
#include "providers/queries.gen.h"

namespace i2m::providers {

Task<Health> health_of(db::Tx& tx, std::string provider) {
  sql::HealthParams params{.provider = std::move(provider)};
  CO_TRY(const auto row, co_await sql::health(tx, std::move(params)));
  Health out;
  if (!row) co_return out;
  out.state = row->state;
  out.reason = row->reason.value_or("");
  out.may_probe = row->may_probe.value_or(false);
  out.limit_learned = row->limit_learned.value_or(0);
  co_return out;
}

int room_of(const Health& health, int window, int in_flight) {
  if (health.state != "ok") return health.may_probe && in_flight == 0 ? 1 : 0;
  const int most = health.limit_learned > 0 ? std::min(window, health.limit_learned) : window;
  return std::max(0, most - in_flight);
}

Task<std::int64_t> close_calls(db::Tx& tx) { co_return co_await sql::close_calls(tx); }

Task<std::optional<CallRef>> call_of_token(db::Reader reader, std::string_view token) {
  const Sha256 sum = sha256(token);
  sql::CallOfTokenParams params{.token_sha256 = {sum.begin(), sum.end()}};
  CO_TRY(const auto row, co_await sql::call_of_token(reader, std::move(params)));
  if (!row) co_return std::nullopt;
  co_return CallRef{row->call_id, row->company_id, row->item_id};
}

Task<bool> take_hook(db::Tx& tx, CallRef ref, std::string request_id, std::string output) {
  sql::HookCallParams params{.request_id = std::move(request_id),
                             .outcome = std::move(output),
                             .company_id = ref.company,
                             .call_id = ref.call};
  CO_TRY(const auto row, co_await sql::hook_call(tx, std::move(params)));
  co_return row.has_value();
}

std::string channel_of(CallId call) { return "call:" + call.text(); }

}  // namespace i2m::providers
