// What comes after a request was accepted: its status, its result, the model.
#include <boost/json.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "base/crypto.h"
#include "base/log.h"
#include "base/wait.h"
#include "providers/calls.h"
#include "providers/fal/call.h"
#include "providers/queries.gen.h"

namespace i2m::providers::fal {
namespace {

namespace json = boost::json;
using Milliseconds = std::chrono::milliseconds;

constexpr int http_ok = 200, http_accepted = 202, http_not_found = 404;
constexpr Milliseconds stream_timeout{15'000};  // then the status is asked for, and a new one opened
constexpr Milliseconds look_every{250};         // whether the worker wants us to stop
constexpr int downloads_max = 5, lost_looks_max = 3;
constexpr int downloads_at_once = 8;  // of up to model_bytes_max each, while hundreds of calls may be in flight
constexpr std::size_t outcome_bytes_max = 1 << 20;
constexpr std::string_view dropped =
    "The provider had dropped the model before it could be fetched. Your credits were returned.";

bool is_glb(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t header = 12, length_at = 8;
  if (bytes.size() < header || !as_text(bytes).starts_with("glTF")) return false;
  std::uint32_t length = 0;
  for (std::size_t i = header; i-- > length_at;) length = length << 8 | bytes[i];
  return length == bytes.size();
}

}  // namespace

bool may_download(std::string_view url, const std::vector<std::string>& hosts) {
  if (!net::check_outgoing(url)) return false;
  const auto parsed = boost::urls::parse_uri(url);
  const std::string host = parsed->host();
  return std::ranges::any_of(hosts, [&](std::string_view allowed) {
    if (!allowed.starts_with("*.")) return host == allowed;
    return host.size() > allowed.size() - 1 && host.ends_with(allowed.substr(1));
  });
}

Task<> Fal::follow(const Order& order, Call& call, Progress& progress) {
  Milliseconds pause = settings_.poll_first;
  int lost = 0;
  progress.stage = "waiting";
  bool rung = false;
  auto keep_at = std::chrono::steady_clock::now();
  while (true) {
    if (std::chrono::steady_clock::now() >= keep_at) {
      co_await slots_.keep(order.item);
      keep_at = std::chrono::steady_clock::now() + slots_.lease() / 3;
    }
    CO_CHECK(co_await call_off_in_time(order, call, progress));
    if (settings_.stream && !call.called_off) {
      co_await listen(order, call, progress);
      pause = settings_.poll_first;  // then the status is asked for once
    }
    if (!co_await rest(call, pause, progress, &rung)) break;
    if (std::exchange(rung, false)) {
      // A webhook has come: its output is in the row.
      CO_TRY(std::optional<Call> now, co_await live_call(order));
      if (now && now->id == call.id && now->state == "answered" && !call.entry->model_url(now->outcome).empty()) {
        call = *std::move(now);
        co_await note(order.company, Sign::Fetched, "");
        co_return Result<>{};
      }
    }
    pause = std::min(settings_.poll_most, pause * 3 / 2);
    const Result<net::FetchAnswer> answer = co_await ask("GET", call.request.status_url, ask_timeout);
    if (!answer) continue;
    lost = answer->status == http_not_found ? lost + 1 : 0;  // in a row: one look may come to where it is not known yet
    if (lost >= lost_looks_max) {
      // It may have been made, and paid for: nothing says that it failed, so nothing is submitted again.
      const Failure gone{.code = Code::ContractMissed,
                         .type = "request_lost",
                         .words = std::string{dropped},
                         .detail = "the provider knows no such request"};
      co_await end(order, call, "failed", gone, true);
      co_return error_of(gone);
    }
    if (answer->status != http_ok && answer->status != http_accepted) continue;
    const Result<Status> status = parse_status(answer->body);
    if (!status) {
      // No state that we know; but 200 is said of what has ended, and the result itself tells how.
      if (answer->status == http_ok) CO_CHECK(co_await take_result(order, call, false));
      if (call.state == "answered") co_return Result<>{};
      continue;
    }
    if (status->phase == Status::Phase::Running) co_await seen_running(order, call, progress);
    if (status->phase != Status::Phase::Completed) continue;
    CO_CHECK(co_await take_result(order, call, status->failure.has_value()));
    if (call.state == "answered") co_return Result<>{};
  }
  co_return fail(Code::Cancelled);
}

/// The status as it changes, until the request or the stream has ended; what it ended
/// with is then asked for as ever. A stream that breaks costs nothing but the next poll.
Co<void> Fal::listen(const Order& order, Call& call, Progress& progress) {
  struct Heard {
    std::string rest;
    bool running = false, completed = false;
  };
  constexpr std::size_t line_bytes_max = 1 << 20;  // logs are in it
  const auto heard = std::make_shared<Heard>();
  const auto on_data = [heard, &progress](std::string_view bytes) {
    heard->rest += bytes;
    for (std::size_t end = 0; (end = heard->rest.find('\n')) != std::string::npos;) {
      const std::string line = heard->rest.substr(0, end);
      heard->rest.erase(0, end + 1);
      if (!line.starts_with("data:")) continue;  // a comment keeps the line open
      const Result<Status> status = parse_status(std::string_view{line}.substr(5));
      if (!status) continue;
      heard->running = heard->running || status->phase == Status::Phase::Running;
      heard->completed = status->phase == Status::Phase::Completed;
      if (heard->running) progress.stage = "generating";
    }
    if (heard->rest.size() > line_bytes_max) heard->rest.clear();
    return !heard->completed && !progress.cancelled && !progress.unwanted;
  };
  net::FetchRequest request{
      .url = call.request.status_url + "/stream", .headers = headers(), .timeout = stream_timeout, .on_data = on_data};
  static_cast<void>(co_await fetcher_.fetch(std::move(request)));
  if (heard->running) co_await seen_running(order, call, progress);
}

/// What the account is seen to run at once is what its limit is learned from.
Co<void> Fal::seen_running(const Order& order, Call& call, Progress& progress) {
  if (!call.called_off) progress.stage = "generating";
  if (std::exchange(call.running, true)) co_return;
  call.since = std::chrono::steady_clock::now();
  Result<db::Tx> tx = co_await loop_.db.begin(order.company);
  if (!tx) co_return;
  sql::RunCallParams params{.company_id = order.company, .call_id = call.id};
  const Result<> noted = co_await sql::run_call(*tx, std::move(params));
  if (noted) static_cast<void>(co_await tx->commit());
}

/// What a completed request has come to. Neither a result nor a failure: it is asked again. `failed`: its status says
/// that it has.
Task<> Fal::take_result(const Order& order, Call& call, bool failed) {
  const Result<net::FetchAnswer> answer = co_await ask("GET", call.request.response_url, ask_timeout);
  if (!answer) co_return Result<>{};
  if (answer->status == http_ok) {
    boost::system::error_code torn;
    static_cast<void>(json::parse(answer->body, torn));
    if (torn) co_return Result<>{};  // cut off on its way
    if (call.entry->model_url(answer->body).empty()) {
      const Failure none{.blame = Blame::Order,
                         .code = Code::ContractMissed,
                         .type = "no_model",
                         .words = "The provider answered without a model; it was not charged.",
                         .detail = answer->body.substr(0, detail_most)};
      co_await end(order, call, "failed", none, true);
      co_return error_of(none);
    }
    if (answer->body.size() > outcome_bytes_max) co_return fail(Code::ContractMissed, "the result is too long");
    sql::AnswerCallParams params{.outcome = answer->body, .company_id = order.company, .call_id = call.id};
    CO_TRY(db::Tx tx, co_await loop_.db.begin(order.company));
    CO_CHECK(co_await sql::answer_call(tx, std::move(params)));
    CO_CHECK(co_await tx.commit());
    call.state = "answered";
    call.outcome = answer->body;
    co_await note(order.company, Sign::Fetched, "");
    co_return Result<>{};
  }
  Failure failure = judge(*answer);
  if (!tells(*answer, failure, failed)) co_return Result<>{};
  if (answer->status == http_not_found) {
    failure.code = Code::ContractMissed;
    failure.type = "result_expired";
    failure.words = dropped;
  }
  co_return co_await end_failed(order, call, std::move(failure), was_billed(*answer));
}

/// The request has ended without a model; what the item does next is in the error.
Task<> Fal::end_failed(const Order& order, const Call& call, Failure failure, bool billed) {
  if (failure.code == Code::Cancelled && call.called_off) {
    co_await end(order, call, "cancelled", failure, false);
    if (!call.late) co_return fail(Code::Cancelled, "cancelled by its owner");
    co_return refuse(Code::DeadlineExceeded, "", "It took too long at the provider. Your credits were returned.");
  }
  co_await end(order, call, "failed", failure, billed);
  if (failure.blame == Blame::Provider) co_await note(order.company, Sign::Failed, failure.detail);
  if (failure.code == Code::Cancelled) {  // not by us
    failure.code = Code::Unavailable;
    failure.words = "The provider stopped working on it. Your credits were returned.";
  }
  // What the provider says will fail again is not paid for again.
  if (failure.code == Code::Unavailable && !failure.again) {
    const bool waited = failure.type == "request_timeout";
    failure.code = waited ? Code::DeadlineExceeded : Code::AttemptsExhausted;
    if (waited) failure.words = "The provider could not begin with it in time. Your credits were returned.";
  }
  co_return error_of(failure);
}

Task<std::shared_ptr<void>> Fal::take_download(const Progress& progress) {
  while (*downloads_ >= downloads_at_once) {
    if (progress.cancelled) co_return fail(Code::Cancelled);
    Timer timer{loop_.io, look_every};
    co_await timer.async_wait(awaiting);
  }
  ++*downloads_;
  co_return std::shared_ptr<void>{nullptr, [downloads = downloads_](void*) { --*downloads; }};
}

Task<Made> Fal::download(const Order& order, const Call& call, Progress& progress) {
  progress.stage = "downloading";
  const std::string url = call.entry->model_url(call.outcome);
  if (!may_download(url, settings_.download_hosts))
    co_return fail(Code::ContractMissed, fmt::format("a result at {}, which is not allowed", url));
  CO_TRY(const std::shared_ptr<void> place, co_await take_download(progress));
  std::string why;
  const auto until = std::chrono::steady_clock::now() + settings_.download_timeout;
  for (int i = 0; i < downloads_max && !progress.cancelled; ++i) {
    if (i > 0 && !co_await rest(call, settings_.poll_first * (1 << i), progress)) break;
    const auto left = std::chrono::ceil<Milliseconds>(until - std::chrono::steady_clock::now());
    if (left <= Milliseconds{0}) break;
    net::FetchRequest request{.url = url, .timeout = left, .bytes_max = settings_.model_bytes_max};
    Result<net::FetchAnswer> answer = co_await fetcher_.fetch(std::move(request));
    if (!answer) {
      why = answer.error().detail;
      if (answer.error().code == Code::BodyTooLarge) co_return fail(Code::ContractMissed, why);
      continue;
    }
    if (answer->status != http_ok) {
      why = fmt::format("{} answers {}", url, answer->status);
      continue;
    }
    std::vector<std::uint8_t> glb(answer->body.begin(), answer->body.end());
    if (is_glb(glb)) {
      count("succeeded");
      co_return Made{std::move(glb), place};
    }
    why = fmt::format("{} bytes that are no whole GLB", glb.size());
  }
  if (progress.cancelled) co_return fail(Code::Cancelled);
  log::warn("model_not_fetched", {{"call_id", call.id.text()}, {"item_id", order.item.text()}, {"why", why}});
  if (std::chrono::steady_clock::now() >= until) {
    co_return refuse(Code::DeadlineExceeded, "",
                     "The model was made, but could not be fetched from the provider in time. Your credits were "
                     "returned.");
  }
  co_return fail(Code::ContractMissed, why);
}

Task<net::FetchAnswer> Fal::ask(std::string method, std::string url, Milliseconds timeout) {
  net::FetchRequest request{
      .method = std::move(method), .url = std::move(url), .headers = headers(), .timeout = timeout};
  co_return co_await fetcher_.fetch(std::move(request));
}

/// Waits, until a webhook has come for the call, or its owner has cancelled it, at most. False: the worker wants it to
/// stop.
Co<bool> Fal::rest(const Call& call, Milliseconds time, const Progress& progress, bool* webhook) {
  Timer timer{loop_.io};
  bool rung = false;
  const auto ring = [&](std::string_view payload) {
    if (payload.empty()) return;  // after a gap: nothing may have happened
    rung = true;
    timer.cancel();
  };
  const auto listening = loop_.notices.listen(channel_of(call.id), ring);
  const auto until = std::chrono::steady_clock::now() + time;
  const bool unwanted_before = progress.unwanted;
  while (!rung && !progress.cancelled && progress.unwanted == unwanted_before &&
         std::chrono::steady_clock::now() < until) {
    timer.expires_at(std::min(until, std::chrono::steady_clock::now() + look_every));
    co_await timer.async_wait(awaiting);
  }
  if (webhook != nullptr) *webhook = rung;
  co_return !progress.cancelled;
}

}  // namespace i2m::providers::fal
