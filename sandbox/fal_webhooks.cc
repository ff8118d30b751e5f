#include "sandbox/fal_webhooks.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/json/serialize.hpp>

#include "sandbox/http_client.h"

namespace i2m::sandbox::fal {
namespace asio = boost::asio;
namespace json = boost::json;
namespace {

constexpr std::string_view user_id = "github|sandbox";
constexpr std::int64_t planned_wait_ms = 2'000;
constexpr std::int64_t planned_age_s = 3'600;
constexpr std::uint64_t answer_bytes_max = 1 << 20;
constexpr std::int64_t retry_ms_max = 600'000;

}  // namespace

std::string webhook_body(const Job& job) {
  json::object body{
      {"request_id", job.id}, {"gateway_request_id", job.gateway_id}, {"status", job.outcome.good() ? "OK" : "ERROR"}};
  if (!job.outcome.good()) body["error"] = job.outcome.error;
  if (find(job.faults, Fault::WebhookEmpty) != nullptr) {
    body["payload"] = nullptr;
    body["payload_error"] =
        "Response payload is not JSON serializable. Either return a JSON serializable object or use the "
        "queue endpoint to retrieve the response.";
  } else {
    body["payload"] = job.outcome.body;
  }
  return json::serialize(body);
}

void Webhooks::send(JobRef job) {
  if (job->webhook.empty() || find(job->faults, Fault::WebhookLost) != nullptr) return;
  asio::co_spawn(*io_, tell(std::move(job)), asio::detached);
}

void Webhooks::release_held() {
  for (const auto& each : held_) each->cancel();
  held_.clear();
}

Co<void> Webhooks::tell(JobRef job) {
  if (const Planned* late = find(job->faults, Fault::WebhookLate)) {
    Timer timer{*io_, Milliseconds{late->number(planned_wait_ms)}};
    co_await timer.async_wait(awaiting);
  }
  if (const Planned* disordered = find(job->faults, Fault::WebhookDisordered)) {
    const auto timer = std::make_shared<Timer>(*io_, Milliseconds{disordered->number(planned_wait_ms)});
    held_.push_back(timer);
    co_await timer->async_wait(awaiting);
    co_await deliver(job);
    co_return;
  }
  const Planned* duplicate = find(job->faults, Fault::WebhookDuplicate);
  for (std::int64_t copies = duplicate != nullptr ? duplicate->number(2) : 1; copies > 0; --copies)
    co_await deliver(job);
  release_held();
}

Co<void> Webhooks::deliver(JobRef job) {
  std::int64_t pause_ms = settings_->webhook_retry_ms;
  for (int number = 0; number <= settings_->webhook_retries; ++number) {
    const int status = co_await attempt(job, number);
    if (status >= 200 && status < 400) co_return;  // a redirect is a permanent failure
    Timer pause{*io_, Milliseconds{pause_ms}};
    co_await pause.async_wait(awaiting);
    pause_ms = std::min(2 * pause_ms, retry_ms_max);
  }
}

/// The status of the answer; 0 when there was none.
Co<int> Webhooks::attempt(JobRef job, int number) {
  if (number == 0 && find(job->faults, Fault::WebhookRotated) != nullptr) keys_->rotate(KeyRing::OldKeys::Drop);
  const bool old = find(job->faults, Fault::WebhookOld) != nullptr;
  const std::int64_t at = unix_seconds(SystemClock{}.now()) - (old ? planned_age_s : 0);
  const std::string timestamp = fmt::format("{}", at);
  const std::string body = webhook_body(*job);
  const Signed parts{job->id, user_id, timestamp, body};
  const bool forged = find(job->faults, Fault::WebhookForged) != nullptr;
  const std::string signature = forged ? SigningKey::random().sign(parts) : keys_->current().sign(parts);
  Outgoing message{.method = "POST", .url = job->webhook, .body = body};
  message.headers = {{"content-type", "application/json"},   {"user-agent", "fal-webhook"},
                     {"x-fal-webhook-request-id", job->id},  {"x-fal-webhook-user-id", std::string{user_id}},
                     {"x-fal-webhook-timestamp", timestamp}, {"x-fal-webhook-signature", signature}};
  message.timeout = Milliseconds{settings_->webhook_timeout_ms};
  message.answer_bytes_max = answer_bytes_max;
  ++job->webhooks_sent;
  const Result<Fetched> answer = co_await client_->exchange(std::move(message));
  const int status = answer ? answer->status : 0;
  attempts_.push_back(json::object{{"request_id", job->id},
                                   {"url", job->webhook},
                                   {"attempt", number},
                                   {"status", status},
                                   {"why", answer ? "" : answer.error().detail},
                                   {"forged", forged},
                                   {"old", old}});
  co_return status;
}

}  // namespace i2m::sandbox::fal
