#include "sandbox/fal_gateway.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <charconv>

namespace i2m::sandbox::fal {
namespace json = boost::json;
namespace {

constexpr std::int64_t slow_ms = 2'000;
constexpr double ms_a_second = 1'000;
constexpr double least_start_timeout_s = 0.1;
constexpr int status_accepted = 202;

/// What of `faults` answers a call before anything has happened.
std::optional<Reply> broken_before(const Faults& faults) {
  for (const Planned& each : faults) {
    switch (each.fault) {
      case Fault::DropBefore: {
        Reply reply;
        reply.dropped = true;
        return reply;
      }
      case Fault::Html502:
        return html_reply(502);
      case Fault::Http401:
        return detail_reply(401, "No user found for Key ID and Secret");
      case Fault::Http403:
        return detail_reply(
            403, "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing.");
      case Fault::Http404:
        return detail_reply(404, "Path not found");
      case Fault::Http429:
        return json_reply(429,
                          json::object{{"detail", "Reached concurrent requests limit of 2"},
                                       {"type", "concurrent_requests_limit"},
                                       {"data", json::object{{"limit", 2}}}},
                          {{"x-fal-needs-retry", "1"}});
      case Fault::Http500:
        return detail_reply(500, "Internal Server Error");
      case Fault::Http503:
        return json_reply(503, json::object{{"detail", "Service Unavailable"}});
      case Fault::Http504:
        return html_reply(504);
      case Fault::UserTimeout:
        return json_reply(504, json::object{{"detail", "Request timed out"}, {"error_type", "request_timeout"}},
                          {{"x-fal-request-timeout-type", "user"}, {"x-fal-error-type", "request_timeout"}});
      default:
        break;
    }
  }
  return std::nullopt;
}

/// What of `faults` spoils an answer that has been made.
void break_after(const Faults& faults, Reply& reply) {
  for (const Planned& each : faults) {
    if (each.fault == Fault::DropAfter) reply.dropped = true;
    if (each.fault == Fault::SlowHeaders) reply.head_stalls = Milliseconds{each.number(slow_ms)};
    if (each.fault == Fault::WrongJsonType) reply.content_type = "text/plain";
    if (each.fault == Fault::TruncatedJson && reply.body)
      reply.body = bytes_of(reply.body->substr(0, reply.body->size() / 2));
    if (each.fault == Fault::Html502After) reply = html_reply(502);
  }
}

bool answer_breaks(const Faults& faults) {
  return find(faults, Fault::DropAfter) != nullptr || find(faults, Fault::Html502After) != nullptr ||
         find(faults, Fault::TruncatedJson) != nullptr;
}

bool needs_key(Step step) {
  return step <= Step::Initiate || step == Step::Token || step == Step::Pricing || step == Step::Usage ||
         step == Step::Billing;
}

bool truth_of(std::string_view header) { return header == "1" || header == "true" || header == "yes"; }

double seconds_in(const Request& request) {
  // The newer name wins.
  std::string_view text = request.header("x-fal-request-start-timeout");
  if (text.empty()) text = request.header("x-fal-request-timeout");
  double seconds = 0;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return seconds;
}

std::int64_t seed_in(const json::value& body) {
  if (!body.is_object()) return 0;
  for (const char* name : {"seed", "model_seed"}) {
    const json::value* seed = body.as_object().if_contains(name);
    if (seed != nullptr && seed->is_int64()) return seed->as_int64();
  }
  return 0;
}

/// Until `job` has changed; false after `most`.
Co<bool> waited(Job& job, Milliseconds most) {
  using boost::asio::experimental::awaitable_operators::operator||;
  Timer silence{job.changed.get_executor(), most};
  const auto first = co_await (job.changed.async_wait(awaiting) || silence.async_wait(awaiting));
  co_return first.index() == 0;
}

json::value parsed(const std::string& body) {
  boost::system::error_code ec;
  json::value value = json::parse(body, ec);
  return ec ? json::value{} : value;
}

}  // namespace

Gateway::Gateway(boost::asio::io_context& io, boost::asio::thread_pool& engine, const Options& options,
                 const Settings& settings, KeyRing keys)
    : io_{&io},
      options_{options},
      settings_{settings},
      keys_{std::move(keys)},
      client_{io},
      files_{settings_},
      storage_{files_, journal_, url_},
      webhooks_{io, settings_, keys_, client_},
      models_{io, engine, settings_, files_, client_, url_},
      queue_{io, settings_, models_, [this](JobRef job) { webhooks_.send(std::move(job)); }} {}

Co<Reply> Gateway::handle(Request request) {
  const Route route = route_of(request);
  if (route.step == Step::Control) co_return control(route, request);
  const std::int64_t seed = route.step == Step::Submit || route.step == Step::Run ? seed_in(parsed(request.body)) : 0;
  const Call call{route.step, route.endpoint, route.request_id};
  const Result<Faults> faults = plan_.take(call, request.header("x-sandbox-fault"), seed);
  if (!faults) co_return detail_reply(400, faults.error().message);
  std::string said;
  for (const Planned& each : *faults) said += (said.empty() ? "" : ",") + each.text();
  Reply reply;
  if (std::optional<Reply> broken = broken_before(*faults)) {
    reply = *std::move(broken);
  } else {
    if (std::optional<Reply> no = refused(route, request)) {
      reply = *std::move(no);
    } else {
      reply = co_await dispatch(route, request, *faults);
    }
    const bool known =
        std::ranges::any_of(reply.headers, [](const auto& each) { return each.first == "x-fal-request-id"; });
    if (!known && route.step < Step::Upload) {
      reply.headers.emplace_back("x-fal-request-id", route.request_id.empty() ? Uuid::make().text() : route.request_id);
    }
    break_after(*faults, reply);
  }
  journal_.record({SystemClock{}.now(), route.step, request.method, request.path, route.request_id,
                   reply.dropped ? 0 : reply.status, std::move(said)});
  co_return reply;
}

/// Who asks, and whether the account may. Nothing: go on.
std::optional<Reply> Gateway::refused(const Route& route, const Request& request) {
  const std::string_view header = request.header("authorization");
  if (!needs_key(route.step)) {
    if (header.starts_with("Key ")) journal_.violation("key_to_cdn", request.method, request.path);
    return std::nullopt;
  }
  if (header.empty()) {
    journal_.violation("no_authorization", request.method, request.path);
    return detail_reply(
        401, fmt::format("Cannot access application \"{}\". Authentication is required to access this application.",
                         app_of(route.endpoint)));
  }
  const std::string_view key = header.starts_with("Key ") ? header.substr(4) : std::string_view{};
  const std::size_t colon = key.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == key.size()) {
    return detail_reply(401, "Invalid Key Authorization header format. Expected '<key_id>:<key_secret>'.");
  }
  if (!options_.key.empty() && key != options_.key) return detail_reply(401, "No user found for Key ID and Secret");
  const bool spends = route.step == Step::Submit || route.step == Step::Run || route.step == Step::Initiate;
  if (spends && !lock_reason_.empty()) return detail_reply(403, "User is locked. Reason: " + lock_reason_);
  return std::nullopt;
}

Co<Reply> Gateway::dispatch(const Route& route, const Request& request, const Faults& faults) {
  switch (route.step) {
    case Step::Submit:
      co_return co_await submit(route, request, faults);
    case Step::Run:
      co_return co_await run(route, request, faults);
    case Step::Status:
      co_return status(route, request);
    case Step::Stream:
      co_return status_stream(route, request);
    case Step::Result:
      co_return result(route);
    case Step::Cancel:
      co_return cancel(route);
    case Step::Initiate:
      co_return storage_.initiate(request);
    case Step::Token:
      co_return route.path.starts_with("/tokens") ? json_reply(201, json::value{Uuid::make().text()})
                                                  : storage_.token();
    case Step::Upload:
      if (route.path == "/files/upload") co_return storage_.post_upload(request);
      if (route.path == "/files/upload/multipart") co_return storage_.post_multipart(request);
      co_return storage_.upload(request);
    case Step::Part:
      co_return storage_.part(request);
    case Step::Complete:
      co_return storage_.complete(request);
    case Step::File:
      co_return storage_.download(request);
    case Step::Jwks:
      co_return json_reply(200, keys_.jwks());
    case Step::Pricing:
    case Step::Usage:
    case Step::Billing:
      co_return platform(route, request);
    default:
      co_return detail_reply(404, fmt::format("Path {} not found", route.path));
  }
}

/// A new request in the queue, or why there is none.
std::variant<JobRef, Reply> Gateway::accepted(const Route& route, const Request& request, const Faults& faults) {
  const Endpoint* endpoint = find_endpoint(route.endpoint);
  if (endpoint == nullptr) {
    const std::string app = app_of(route.endpoint);
    if (find_app(app) == nullptr) return detail_reply(404, fmt::format("Application \"{}\" not found", app));
    return detail_reply(404, fmt::format("Path {} not found", route.path.substr(app.size() + 1)));
  }
  const json::value input = parsed(request.body);
  if (input.is_null())
    return json_reply(422, refused_by_model({Detail{{"body"}, "JSON decode error", "json_invalid"}}).body);
  if (const auto longest = request.parameter("fal_max_queue_length")) {
    std::int64_t most = 0;
    std::from_chars(longest->data(), longest->data() + longest->size(), most);
    if (queue_.length(endpoint->app()) > most) {
      return json_reply(429, json::object{{"detail", fmt::format("The queue is longer than {}", most)}},
                        {{"x-fal-needs-retry", "1"}});
    }
  }
  auto job = std::make_shared<Job>(*io_);
  job->endpoint = endpoint;
  job->input = input;
  std::ranges::copy_if(faults, std::back_inserter(job->faults),
                       [](const Planned& each) { return !breaks_one_call(each.fault); });
  job->webhook = request.parameter("fal_webhook").value_or("");
  job->low_priority = request.header("x-fal-queue-priority") == "low";
  job->platform_retries = !truth_of(request.header("x-fal-no-retry"));
  job->stored = request.header("x-fal-store-io") != "0";
  job->answer_lost = answer_breaks(faults);
  if (const double seconds = seconds_in(request); seconds > least_start_timeout_s) {
    job->start_within_ms = static_cast<std::int64_t>(seconds * ms_a_second);
  }
  job->lifecycle = lifecycle_of(request.header("x-fal-object-lifecycle-preference"));
  if (job->lifecycle.null) journal_.violation("null_lifecycle", request.method, request.path);
  return job;
}

Co<Reply> Gateway::submit(const Route& route, const Request& request, const Faults& faults) {
  std::variant<JobRef, Reply> taken = accepted(route, request, faults);
  if (auto* const no = std::get_if<Reply>(&taken)) co_return std::move(*no);
  const JobRef job = std::get<JobRef>(taken);
  json::object body = urls_of(*job);
  queue_.submit(job);
  body["status"] = "IN_QUEUE";
  body["gateway_request_id"] = job->gateway_id;
  body["logs"] = nullptr;
  body["metrics"] = json::object{};
  body["queue_position"] = queue_.position(*job);
  co_return json_reply(200, body, {{"x-fal-request-id", job->id}});
}

Co<Reply> Gateway::run(const Route& route, const Request& request, const Faults& faults) {
  if (queue_.running() >= settings_.concurrency) {
    co_return json_reply(
        429,
        json::object{{"detail", fmt::format("Reached concurrent requests limit of {}", settings_.concurrency)},
                     {"type", "concurrent_requests_limit"},
                     {"data", json::object{{"limit", settings_.concurrency}}}},
        {{"x-fal-needs-retry", "1"}});
  }
  std::variant<JobRef, Reply> taken = accepted(route, request, faults);
  if (auto* const no = std::get_if<Reply>(&taken)) co_return std::move(*no);
  const JobRef job = std::get<JobRef>(taken);
  job->direct = true;
  job->platform_retries = false;
  queue_.submit(job);
  while (job->state != JobState::Completed) co_await job->changed.async_wait(awaiting);
  Route to_result = route;
  to_result.endpoint = job->endpoint->app();
  to_result.request_id = job->id;
  co_return result(to_result);
}

JobRef Gateway::found(const Route& route) const {
  JobRef job = queue_.find_result(route.request_id);
  if (job && route.endpoint != job->endpoint->app() && route.endpoint != job->endpoint->id()) return nullptr;
  return job;
}

json::object Gateway::urls_of(const Job& job) const {
  const std::string base = fmt::format("{}/{}/requests/{}", url_, job.endpoint->app(), job.id);
  return {{"request_id", job.id},
          {"response_url", base},
          {"status_url", base + "/status"},
          {"cancel_url", base + "/cancel"}};
}

json::object Gateway::status_json(const Job& job, bool logs) const {
  json::object out{{"status", name_of(job.state)}};
  if (find(job.faults, Fault::UnknownState) != nullptr && job.state == JobState::Completed) out["status"] = "FAILED";
  for (auto& [name, value] : urls_of(job)) out[name] = value;
  out["logs"] = logs && job.state != JobState::Queued ? json::value(job.logs) : json::value(nullptr);
  out["metrics"] = json::object{};
  if (job.state == JobState::Queued) out["queue_position"] = queue_.position(job);
  if (job.state != JobState::Completed) return out;
  const std::chrono::duration<double> took = job.completed_at - job.started_at;
  if (job.started_at != SteadyTime{}) out["metrics"] = json::object{{"inference_time", took.count()}};
  if (!job.outcome.good()) {
    out["error"] = job.outcome.error;
    out["error_type"] = job.outcome.error_type;
  }
  return out;
}

void Gateway::poll_noted(Job& job, const Request& request) {
  const SteadyTime now = std::chrono::steady_clock::now();
  if (settings_.poll_floor_ms > 0 && job.polled_at != SteadyTime{} &&
      now - job.polled_at < Milliseconds{settings_.poll_floor_ms}) {
    const auto pause = std::chrono::duration_cast<Milliseconds>(now - job.polled_at);
    journal_.violation("polled_too_fast", request.method, request.path, fmt::format("after {} ms", pause.count()));
  }
  job.polled_at = now;
}

Reply Gateway::status(const Route& route, const Request& request) {
  const JobRef job = found(route);
  if (!job) return json_reply(404, json::object{{"status", "NOT_FOUND"}});
  poll_noted(*job, request);
  const bool logs = truth_of(request.parameter("logs").value_or("0"));
  return json_reply(job->state == JobState::Completed ? 200 : status_accepted, status_json(*job, logs),
                    {{"x-fal-request-id", job->id}});
}

Reply Gateway::status_stream(const Route& route, const Request& request) {
  const JobRef job = found(route);
  if (!job) return json_reply(404, json::object{{"status", "NOT_FOUND"}});
  const bool logs = truth_of(request.parameter("logs").value_or("0"));
  Reply reply;
  reply.headers = {{"cache-control", "no-store"}, {"x-fal-request-id", job->id}};
  reply.stream = [this, job, logs](EventSink& sink) { return follow(job, logs, sink); };
  return reply;
}

Co<void> Gateway::follow(JobRef job, bool logs, EventSink& sink) {
  std::string last;
  while (true) {
    const std::string now = json::serialize(status_json(*job, logs));
    const bool ended = job->state == JobState::Completed;
    std::string event = "data: " + now + "\n\n";
    if (now != last && !co_await sink.write(std::move(event))) co_return;
    if (ended) co_return;
    last = now;
    const bool changed = co_await waited(*job, Milliseconds{settings_.stream_comment_ms});
    std::string comment = ": ping\n\n";
    if (!changed && !co_await sink.write(std::move(comment))) co_return;
  }
}

Reply Gateway::result(const Route& route) {
  const JobRef job = found(route);
  if (!job) return json_reply(404, json::object{{"status", "NOT_FOUND"}});
  if (job->state != JobState::Completed) {
    return json_reply(400, json::object{{"detail", "Request is still in progress"}}, {{"x-fal-request-id", job->id}});
  }
  Headers headers = job->outcome.headers;
  headers.emplace_back("x-fal-request-id", job->id);
  headers.emplace_back("x-fal-billable-units", fmt::format("{}", job->outcome.billable_units));
  return json_reply(job->outcome.status, job->outcome.body, std::move(headers));
}

Reply Gateway::cancel(const Route& route) {
  const JobRef job = found(route);
  if (!job) return json_reply(404, json::object{{"status", "NOT_FOUND"}});
  if (queue_.cancel(job) == Queue::Cancel::AlreadyCompleted) {
    return json_reply(400, json::object{{"status", "ALREADY_COMPLETED"}}, {{"x-fal-request-id", job->id}});
  }
  return json_reply(status_accepted, json::object{{"status", "CANCELLATION_REQUESTED"}},
                    {{"x-fal-request-id", job->id}});
}

}  // namespace i2m::sandbox::fal
