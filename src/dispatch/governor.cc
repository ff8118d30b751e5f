#include "dispatch/governor.h"

#include <algorithm>
#include <array>

#include "base/log.h"
#include "providers/calls.h"

namespace i2m::dispatch {
namespace {

constexpr std::array health_states{"ok", "open", "locked", "key"};
constexpr std::chrono::seconds call_off_slack{2};  // to write down what a call came to

}  // namespace

int Governor::window_of(const std::string& provider) const {
  const auto own = settings_.windows.find(provider);
  return own == settings_.windows.end() ? settings_.dispatch_window : own->second;
}

Task<std::int64_t> Governor::room(db::Tx& tx, const std::string& provider, std::int64_t in_flight) {
  CO_TRY(const providers::Health health, co_await providers::health_of(tx, provider));
  CO_TRY(const std::int64_t unfollowed, co_await providers::unfollowed_calls(tx, provider));
  // What was lost may take room, but not all of it for ever: it may never have been accepted.
  // And where the provider is being probed it must not keep that from happening.
  const std::int64_t lost = health.state == "ok" ? std::min<std::int64_t>(unfollowed, window_of(provider) / 2) : 0;
  co_return providers::room_of(health, window_of(provider), static_cast<int>(in_flight + lost));
}

Task<int> Governor::turn() {
  CO_CHECK(co_await close());
  CO_TRY(const int woken, co_await wake_answered());
  CO_TRY(const int given_up, co_await give_up_unsure());
  CO_CHECK(co_await learn());
  CO_CHECK(co_await report());
  co_return woken + given_up;
}

Task<> Governor::close() {
  CO_TRY(db::Tx tx, co_await system_.begin_system("close calls of items that have ended"));
  CO_TRY(const std::int64_t closed, co_await providers::close_calls(tx, settings_.call_off + call_off_slack));
  if (closed > 0) CO_CHECK(co_await tx.commit());
  co_return Result<>{};
}

/// Whoever brought the word died before he could tell the item, or was an operator.
Task<int> Governor::wake_answered() {
  CO_TRY(db::Tx tx, co_await system_.begin_system("unsure items whose word has come"));
  CO_TRY(const auto items, co_await providers::answered_items(tx));
  CO_CHECK(co_await tx.commit());
  int woken = 0;
  for (const providers::Waiting& each : items) {
    CO_TRY(const bool resumed, co_await jobs::resume(loop_, each.company, each.item));
    if (resumed) ++woken;
  }
  co_return woken;
}

/// What nobody has heard of in time. It stays booked to us, and its item fails; where the operator says so, it is
/// submitted once more instead, which may pay a second time.
Task<int> Governor::give_up_unsure() {
  CO_TRY(db::Tx looking, co_await system_.begin_system("calls that are unsure for too long"));
  CO_TRY(const auto calls, co_await providers::unsure_calls(looking, settings_.unsure));
  CO_CHECK(co_await looking.commit());
  int changed = 0;
  for (const providers::UnsureCall& call : calls) {
    const bool again = settings_.resubmit_unsure && call.submission == 1;
    log::error("call_abandoned", {{"call_id", call.call.text()},
                                  {"item_id", call.item.text()},
                                  {"cost_microusd", call.price_microusd},
                                  {"submitted_again", again}});
    Result<bool> done = false;
    if (again) {
      CO_TRY(db::Tx tx, co_await system_.begin_system("abandon a call, to submit its item again"));
      CO_TRY(const bool abandoned, co_await providers::abandon_call(tx, call.call));
      if (!abandoned) continue;  // its word came just now
      CO_CHECK(co_await tx.commit());
      done = co_await jobs::resume(loop_, call.company, call.item);
    } else {
      const jobs::ItemRef ref{call.company, call.item, call.attempt};
      done = co_await jobs::fail_item(loop_, ref, Code::OutcomeUnknown,
                                      "The provider's answer was lost, and none came after it. Your credits were "
                                      "returned; you may upload the picture again.");
    }
    if (done && *done) ++changed;
  }
  co_return changed;
}

Task<> Governor::learn() {
  CO_TRY(db::Tx tx, co_await system_.begin_system("what the providers' accounts run at once"));
  for (const auto& [provider, window] : settings_.windows) {
    CO_TRY(const std::optional<int> learned, co_await providers::learn_limit(tx, provider, window));
    if (learned) log::info("provider_limit", {{"provider", provider}, {"limit", *learned}});
  }
  co_return co_await tx.commit();
}

Task<> Governor::report() {
  CO_TRY(db::Tx tx, co_await system_.begin_system("how the providers are"));
  CO_TRY(const auto all, co_await providers::providers_now(tx));
  CO_CHECK(co_await tx.commit());
  for (const auto& [provider, window] : settings_.windows) {
    const auto at = std::ranges::find(all, provider, &providers::ProviderNow::provider);
    const providers::ProviderNow now = at == all.end() ? providers::ProviderNow{} : *at;
    const prometheus::Labels of{{"provider", provider}};
    for (const std::string state : health_states) {
      metrics_
          .gauge("provider_state", "1 for the state that the provider is in",
                 {{"provider", provider}, {"state", state}})
          .Set(state == now.health.state ? 1 : 0);
    }
    const int limit = now.health.limit_learned > 0 ? std::min(window, now.health.limit_learned) : window;
    metrics_.gauge("provider_limit", "Calls that the provider may have in progress", of).Set(limit);
    metrics_.gauge("provider_calls_live", "Calls that have not ended", of).Set(static_cast<double>(now.live));
    metrics_.gauge("provider_calls_unsure", "Calls whose answer was lost", of).Set(static_cast<double>(now.unsure));
    tell(provider, now.health);
  }
  co_return Result<>{};
}

/// An alert is a line of the log, once a change.
void Governor::tell(const std::string& provider, const providers::Health& health) {
  std::string& told = states_.try_emplace(provider, "ok").first->second;
  if (told == health.state) return;
  told = health.state;
  if (told == "ok") return log::info("provider_resumed", {{"provider", provider}});
  log::error("provider_alert", {{"provider", provider}, {"state", told}, {"reason", health.reason}});
}

}  // namespace i2m::dispatch
