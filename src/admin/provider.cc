#include "admin/provider.h"

#include <boost/json.hpp>

#include <cmath>
#include <iostream>
#include <map>

#include "base/clock.h"
#include "net/fetch.h"
#include "providers/queries.gen.h"
#include "settings.h"

namespace i2m::admin {
namespace {

namespace json = boost::json;
namespace sql = providers::sql;

constexpr int http_ok = 200;
constexpr int pages_max = 1000;
constexpr double nano_per_micro = 1000;

std::string text_at(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string{value->get_string()} : std::string{};
}

/// What the provider says each request has cost, in millionths of a dollar.
struct Bill {
  std::map<std::string, std::int64_t> microusd;
  std::string next;
  bool more = false;
};

Result<> read_page(Bill& bill, std::string_view text) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  const json::object* page = error ? nullptr : value.if_object();
  const json::value* events = page == nullptr ? nullptr : page->if_contains("billing_events");
  if (events == nullptr || !events->is_array()) return fail(Code::Unavailable, "the provider's bill makes no sense");
  for (const json::value& each : events->get_array()) {
    const json::object* event = each.if_object();
    const json::value* cost = event == nullptr ? nullptr : event->if_contains("cost_estimate_nano_usd");
    if (cost == nullptr || !cost->is_number()) continue;
    bill.microusd[text_at(*event, "request_id")] += std::llround(cost->to_number<double>() / nano_per_micro);
  }
  bill.next = text_at(*page, "next_cursor");
  const json::value* more = page->if_contains("has_more");
  bill.more = more != nullptr && more->is_bool() && more->get_bool() && !bill.next.empty();
  return {};
}

Task<Bill> bill_of(net::Loop& loop, std::int64_t days) {
  const Settings settings = Settings::from_environment();
  CO_TRY(const std::string key, settings.required("FAL_KEY"));
  const std::string& base = settings.text("FAL_API_URL");
  CO_CHECK(net::check_outgoing(base));
  net::Fetcher fetcher{loop.io, "image2model"};
  const Time from = SystemClock{}.now() - std::chrono::days{days};
  Bill bill;
  for (int page = 0; page < pages_max; ++page) {
    net::FetchRequest request{.url = fmt::format("{}/v1/models/billing-events?start={}", base, to_rfc3339(from)),
                              .headers = {{"Authorization", "Key " + key}, {"Accept", "application/json"}},
                              .bytes_max = std::size_t{64} << 20};
    if (!bill.next.empty()) request.url += "&cursor=" + bill.next;
    const Result<net::FetchAnswer> answer = co_await fetcher.fetch(std::move(request));
    if (!answer) co_return fail(Code::Unavailable, answer.error().detail);
    if (answer->status != http_ok)
      co_return fail(Code::Unavailable, fmt::format("the bill answers {}", answer->status));
    CO_CHECK(read_page(bill, answer->body));
    if (!bill.more) break;
  }
  co_return bill;
}

}  // namespace

Task<Answer> provider_status(net::Loop& loop, Options) {
  CO_TRY(db::Tx tx, co_await loop.db.begin_system("admin provider status"));
  CO_TRY(const auto healths, co_await sql::providers_health(tx));
  CO_TRY(const auto counts, co_await sql::call_counts(tx));
  json::array providers, calls;
  for (const auto& each : healths) {
    json::object row{{"provider", each.provider}, {"state", each.state}, {"since", to_rfc3339(each.since)}};
    row["reason"] = each.reason ? json::value(*each.reason) : json::value(nullptr);
    row["probe_at"] = each.probe_at ? json::value(to_rfc3339(*each.probe_at)) : json::value(nullptr);
    row["failures"] = each.failures;
    row["limit_learned"] = each.limit_learned ? json::value(*each.limit_learned) : json::value(nullptr);
    providers.push_back(std::move(row));
  }
  for (const auto& each : counts) {
    calls.push_back(json::object{{"provider", each.provider},
                                 {"state", each.state},
                                 {"calls", each.calls},
                                 {"price_microusd", each.price_microusd},
                                 {"cost_microusd", each.cost_microusd}});
  }
  co_return Answer{{"providers", std::move(providers)}, {"calls", std::move(calls)}};
}

Task<Answer> provider_unsure(net::Loop& loop, Options) {
  constexpr std::int64_t shown_max = 1000;
  CO_TRY(db::Tx tx, co_await loop.db.begin_system("admin provider unsure"));
  sql::UnsureCallsParams params{.age_s = 0, .limit = shown_max};
  CO_TRY(const auto rows, co_await sql::unsure_calls(tx, std::move(params)));
  json::array calls;
  for (const auto& each : rows) {
    calls.push_back(json::object{{"call_id", each.call_id.text()},
                                 {"company_id", each.company_id.text()},
                                 {"item_id", each.item_id.text()},
                                 {"provider", each.provider},
                                 {"endpoint", each.endpoint},
                                 {"submission", each.submission},
                                 {"price_microusd", each.price_microusd},
                                 {"submitted_at", to_rfc3339(each.submitted_at)},
                                 {"deadline_at", to_rfc3339(each.deadline_at)},
                                 {"why", each.error_detail.value_or("")}});
  }
  co_return Answer{{"calls", std::move(calls)}};
}

Task<Answer> provider_resolve(net::Loop& loop, Options in) {
  if (in.request_id.empty() == !in.not_accepted)
    co_return refuse(Code::Invalid, "request-id", "Say either --request-id ID or --not-accepted.");
  const Result<CallId> parsed = CallId::parse(in.call);
  if (!parsed) co_return refuse(Code::Invalid, "call", "--call must be an id of `admin provider unsure`.");
  const CallId call = *parsed;
  ItemId item;
  CO_TRY(db::Tx tx, co_await loop.db.begin_system("admin provider resolve"));
  if (in.not_accepted) {
    sql::ResolveRefusedParams params{.call_id = call};
    CO_TRY(const auto row, co_await sql::resolve_refused(tx, std::move(params)));
    if (!row) co_return refuse(Code::NotFound, "call", "No call of that id is unsure.");
    item = row->item_id;
  } else {
    sql::ResolveAcceptedParams params{.request_id = in.request_id, .call_id = call};
    CO_TRY(const auto row, co_await sql::resolve_accepted(tx, std::move(params)));
    if (!row) co_return refuse(Code::NotFound, "call", "No call of that id is unsure.");
    item = row->item_id;
  }
  CO_CHECK(co_await tx.commit());
  // The scheduler sees within a second that there is an answer, and the item goes on.
  co_return Answer{{"call_id", call.text()}, {"item_id", item.text()}, {"accepted", !in.not_accepted}};
}

Task<Answer> provider_reconcile(net::Loop& loop, Options in) {
  CO_TRY(const Bill bill, co_await bill_of(loop, in.days));
  CO_TRY(db::Tx tx, co_await loop.db.begin_system("admin provider reconcile"));
  sql::CallsSinceParams params{.provider = "fal", .days = static_cast<std::int32_t>(in.days)};
  CO_TRY(const auto calls, co_await sql::calls_since(tx, std::move(params)));
  std::map<std::string, std::int64_t> unclaimed = bill.microusd;
  std::int64_t booked = 0, billed = 0;
  json::array differ, lost;
  for (const auto& [request, microusd] : bill.microusd) billed += microusd;
  for (const auto& each : calls) {
    booked += each.cost_microusd;
    const std::string request = each.request_id.value_or("");
    json::object row{{"call_id", each.call_id.text()},
                     {"state", each.state},
                     {"request_id", request},
                     {"booked_microusd", each.cost_microusd}};
    if (request.empty()) {
      if (each.cost_microusd > 0) lost.push_back(std::move(row));
      continue;
    }
    const auto at = unclaimed.find(request);
    const std::int64_t said = at == unclaimed.end() ? 0 : at->second;
    if (at != unclaimed.end()) unclaimed.erase(at);
    if (said == each.cost_microusd) continue;
    row["billed_microusd"] = said;
    differ.push_back(std::move(row));
  }
  json::array unknown;
  for (const auto& [request, microusd] : unclaimed)
    unknown.push_back(json::object{{"request_id", request}, {"billed_microusd", microusd}});
  co_return Answer{{"days", in.days},
                   {"calls", calls.size()},
                   {"booked_microusd", booked},
                   {"billed_microusd", billed},
                   {"billed_otherwise", std::move(differ)},
                   {"billed_without_a_call", std::move(unknown)},
                   {"booked_without_a_request", std::move(lost)}};
}

}  // namespace i2m::admin
