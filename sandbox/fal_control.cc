// The control endpoints under /_sandbox/ and the platform's own figures: what tests ask and set.
#include <boost/json/parse.hpp>

#include <map>

#include "sandbox/fal_gateway.h"

namespace i2m::sandbox::fal {
namespace json = boost::json;
namespace {

constexpr double nano_usd = 1e9;

json::array faults_by_seed() {
  json::array out;
  std::int64_t seed = magic_seed_first;
  for (const std::string& each : spelled_faults()) out.push_back(json::object{{"fault", each}, {"seed", seed++}});
  return out;
}

Reply no(const Error& error) {
  return json_reply(400, json::object{{"detail", error.message}, {"field", error.field}});
}

std::vector<std::string> endpoint_ids(const Request& request) {
  std::vector<std::string> out;
  const std::string list = request.parameter("endpoint_id").value_or("");
  for (std::size_t from = 0; from < list.size();) {
    const std::size_t end = std::min(list.find(',', from), list.size());
    out.push_back(list.substr(from, end - from));
    from = end + 1;
  }
  return out;
}

json::object pricing(const Request& request) {
  json::array prices;
  for (const std::string& id : endpoint_ids(request)) {
    const Endpoint* endpoint = find_endpoint(id);
    if (endpoint == nullptr) continue;
    prices.push_back(json::object{
        {"endpoint_id", id}, {"unit_price", endpoint->unit_usd()}, {"unit", "units"}, {"currency", "USD"}});
  }
  return {{"prices", std::move(prices)}, {"next_cursor", nullptr}, {"has_more", false}};
}

json::object usage(const std::vector<JobRef>& accepted) {
  std::map<std::string, double> units;
  for (const JobRef& job : accepted) units[job->endpoint->id()] += job->outcome.billable_units;
  json::array results;
  for (const auto& [id, quantity] : units) {
    const double price = find_endpoint(id)->unit_usd();
    results.push_back(json::object{{"endpoint_id", id},
                                   {"unit", "units"},
                                   {"quantity", quantity},
                                   {"unit_price", price},
                                   {"cost", quantity * price},
                                   {"currency", "USD"}});
  }
  return {{"summary", std::move(results)}, {"next_cursor", nullptr}, {"has_more", false}};
}

/// One event for each request that was charged.
json::object billing_events(const std::vector<JobRef>& accepted) {
  json::array events;
  for (const JobRef& job : accepted) {
    if (job->outcome.billable_units == 0) continue;
    events.push_back(json::object{{"request_id", job->id},
                                  {"endpoint_id", job->endpoint->id()},
                                  {"timestamp", to_rfc3339(job->accepted_at)},
                                  {"output_units", job->outcome.billable_units},
                                  {"unit_price", job->endpoint->unit_usd()},
                                  {"percent_discount", nullptr},
                                  {"cost_estimate_nano_usd", std::llround(job->charged_usd() * nano_usd)}});
  }
  return {{"billing_events", std::move(events)}, {"next_cursor", nullptr}, {"has_more", false}};
}

}  // namespace

Reply Gateway::platform(const Route& route, const Request& request) {
  if (route.step == Step::Pricing) return json_reply(200, pricing(request));
  if (route.step == Step::Usage) return json_reply(200, usage(queue_.accepted()));
  return json_reply(200, billing_events(queue_.accepted()));
}

Reply Gateway::control(const Route& route, const Request& request) {
  const std::string name = route.path.substr(std::min(route.path.size(), std::string_view{"/_sandbox/"}.size()));
  if (request.method == "GET") {
    if (name == "ledger") return json_reply(200, ledger_of(queue_.accepted()));
    if (name == "requests") return json_reply(200, requests_of(queue_.accepted()));
    if (name == "calls") return json_reply(200, journal_.calls(request.parameter("step").value_or("")));
    if (name == "violations") return json_reply(200, journal_.violations());
    if (name == "webhooks") return json_reply(200, json::object{{"attempts", webhooks_.attempts()}});
    if (name == "settings") return json_reply(200, json_of(settings_));
    if (name == "faults") return json_reply(200, json::object{{"planned", plan_.json()}, {"known", faults_by_seed()}});
    return detail_reply(404, "There is no such control.");
  }
  if (request.method == "DELETE" && name == "faults") {
    plan_.clear();
    return json_reply(200, json::object{});
  }
  if (request.method == "DELETE" && name == "calls") {
    journal_.clear();
    webhooks_.clear();
    return json_reply(200, json::object{});
  }
  if (request.method != "POST") return detail_reply(405, "GET, POST or DELETE");
  boost::system::error_code ec;
  const json::value body = request.body.empty() ? json::value{json::object{}} : json::parse(request.body, ec);
  if (ec || !(body.is_object() || body.is_array())) return detail_reply(400, "The body must be a JSON object.");
  if (body.is_object()) return changed(route, body.as_object());
  for (const json::value& each : body.as_array()) {
    const Reply reply =
        each.is_object() ? changed(route, each.as_object()) : detail_reply(400, "A list of objects, please.");
    if (reply.status != 200) return reply;
  }
  return json_reply(200, json::object{});
}

/// One POST's object. A list of them is a POST each.
Reply Gateway::changed(const Route& route, const json::object& body) {
  const std::string name = route.path.substr(std::string_view{"/_sandbox/"}.size());
  if (name == "settings") {
    if (const Result<> done = change(settings_, body); !done) return no(done.error());
    queue_.pump();
    return json_reply(200, json_of(settings_));
  }
  if (name == "faults") {
    if (const Result<> done = plan_.add(body); !done) return no(done.error());
    return json_reply(200, json::object{{"planned", plan_.json()}});
  }
  if (name == "lock") {
    const json::value* reason = body.if_contains("reason");
    lock_reason_ = reason != nullptr && reason->is_string()
                       ? std::string{reason->as_string().c_str()}
                       : "Exhausted balance. Top up your balance at fal.ai/dashboard/billing.";
    return json_reply(200, json::object{{"locked", lock_reason_}});
  }
  if (name == "unlock") {
    lock_reason_.clear();
    return json_reply(200, json::object{{"locked", nullptr}});
  }
  if (name == "rotate") {
    const json::value* keep = body.if_contains("keep_old");
    keys_.rotate(keep != nullptr && keep->is_bool() && keep->as_bool() ? KeyRing::OldKeys::Keep
                                                                       : KeyRing::OldKeys::Drop);
    return json_reply(200, keys_.jwks());
  }
  if (name == "release") {
    queue_.release();
    return json_reply(200, json::object{});
  }
  return detail_reply(404, "There is no such control.");
}

}  // namespace i2m::sandbox::fal
