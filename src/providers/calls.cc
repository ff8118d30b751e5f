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

Task<std::int64_t> unfollowed_calls(db::Tx& tx, std::string provider) {
  sql::UnfollowedCallsParams params{.provider = std::move(provider)};
  CO_TRY(const auto row, co_await sql::unfollowed_calls(tx, std::move(params)));
  co_return row.calls;
}

Task<std::optional<int>> learn_limit(db::Tx& tx, std::string provider, int window) {
  constexpr double waited_s = 10;   // in the queue, while others run: the account's limit is reached
  constexpr double relearn_s = 60;  // until a limit that was learned is doubted
  sql::LearnLimitParams params{
      .waited_s = waited_s, .provider = std::move(provider), .relearn_s = relearn_s, .limit_max = window};
  CO_TRY(const auto row, co_await sql::learn_limit(tx, std::move(params)));
  if (!row) co_return std::nullopt;
  co_return row->limit_learned;
}

Task<std::vector<ProviderNow>> providers_now(db::Tx& tx) {
  CO_TRY(const auto healths, co_await sql::providers_health(tx));
  CO_TRY(const auto counts, co_await sql::live_counts(tx));
  std::vector<ProviderNow> out;
  for (const auto& each : healths) {
    out.push_back({.provider = each.provider, .health = {}});
    out.back().health.state = each.state;
    out.back().health.reason = each.reason.value_or("");
    out.back().health.limit_learned = each.limit_learned.value_or(0);
  }
  for (const auto& each : counts) {
    auto at = std::ranges::find(out, each.provider, &ProviderNow::provider);
    if (at == out.end()) at = out.insert(out.end(), {.provider = each.provider, .health = {}});
    at->live = each.live;
    at->unsure = each.unsure;
  }
  co_return out;
}

Task<std::vector<UnsureCall>> unsure_calls(db::Tx& tx, std::chrono::seconds age) {
  constexpr std::int64_t at_once_max = 100;
  sql::UnsureCallsParams params{.age_s = static_cast<double>(age.count()), .limit = at_once_max};
  CO_TRY(const auto rows, co_await sql::unsure_calls(tx, std::move(params)));
  std::vector<UnsureCall> out;
  for (const auto& row : rows) {
    out.push_back({.call = row.call_id,
                   .company = row.company_id,
                   .item = row.item_id,
                   .attempt = row.attempt,
                   .submission = row.submission,
                   .price_microusd = row.price_microusd});
  }
  co_return out;
}

Task<std::vector<Waiting>> answered_items(db::Tx& tx) {
  CO_TRY(const auto rows, co_await sql::answered_items(tx));
  std::vector<Waiting> out;
  for (const auto& row : rows) out.push_back({row.company_id, row.item_id});
  co_return out;
}

Task<bool> abandon_call(db::Tx& tx, CallId call) {
  sql::AbandonCallParams params{.call_id = call};
  CO_TRY(const std::int64_t rows, co_await sql::abandon_call(tx, std::move(params)));
  co_return rows > 0;
}

Task<std::int64_t> close_calls(db::Tx& tx, std::chrono::seconds grace) {
  sql::CloseCallsParams params{.grace_s = static_cast<double>(grace.count())};
  co_return co_await sql::close_calls(tx, std::move(params));
}

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
