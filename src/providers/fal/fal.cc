#include "providers/fal/fal.h"

#include <boost/json.hpp>
#include <boost/url/encode.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <boost/url/url_view.hpp>

#include <random>

#include "base/crypto.h"
#include "base/log.h"
#include "base/wait.h"
#include "providers/calls.h"
#include "providers/queries.gen.h"

namespace i2m::providers::fal {
namespace {

namespace json = boost::json;
using Milliseconds = std::chrono::milliseconds;

constexpr int http_ok = 200, http_accepted = 202, http_bad_request = 400, http_not_found = 404;
constexpr Milliseconds submit_timeout{60'000}, ask_timeout{30'000}, transfer_timeout{600'000};
constexpr Milliseconds write_again{500};  // a database that is away while there is something to remember
constexpr int downloads_max = 5, lost_looks_max = 3;
constexpr std::size_t token_bytes = 24, detail_most = 400, outcome_bytes_max = 1 << 20;
constexpr Milliseconds look_every{250};  // whether the worker wants us to stop
// What begins a request must leave soon after its row was written: a process that was stopped in between must not wake
// up and pay after others have drawn their conclusions.
constexpr std::chrono::seconds leave_within{5};

std::string random_token() {
  std::array<unsigned char, token_bytes> bytes{};
  std::random_device device;  // the system's generator
  for (unsigned char& each : bytes) each = static_cast<unsigned char>(device());
  return base64url(as_text(bytes));
}

std::vector<std::uint8_t> hash_of(std::string_view token) {
  const Sha256 sum = sha256(token);
  return {sum.begin(), sum.end()};
}

std::string_view media_type_of(std::span<const std::uint8_t> picture) {
  const std::string_view head = as_text(picture.first(std::min<std::size_t>(picture.size(), 4)));
  return head.starts_with("\x89PNG") ? "image/png" : head.starts_with("RIFF") ? "image/webp" : "image/jpeg";
}

std::string_view ending_of(std::string_view media_type) { return media_type.substr(media_type.find('/') + 1); }

std::string member(std::string_view text, std::string_view name) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  const json::object* object = error ? nullptr : value.if_object();
  const json::value* found = object == nullptr ? nullptr : object->if_contains(name);
  return found != nullptr && found->is_string() ? std::string{found->get_string()} : std::string{};
}

std::string escaped(std::string_view text) { return boost::urls::encode(text, boost::urls::unreserved_chars); }

Result<json::object> input_of(const Entry& entry, const Order& order, const std::string& picture_url) {
  boost::system::error_code error;
  const json::value given = json::parse(order.parameters.empty() ? "{}" : order.parameters, error);
  if (error || !given.is_object()) return fail(Code::Internal, "the item's parameters are no JSON object");
  TRY(const json::object set, entry.complete(given.get_object()));
  return entry.input({picture_url}, set, order.triangles_max);
}

std::unexpected<Error> error_of(const Failure& failure) {
  auto out = fail(failure.code, failure.detail);
  out.error().message = failure.words;
  return out;
}

bool is_glb(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t header = 12;
  if (bytes.size() < header || !as_text(bytes).starts_with("glTF")) return false;
  std::uint32_t length = 0;
  for (int i = 3; i >= 0; --i) length = length << 8 | bytes[static_cast<std::size_t>(8 + i)];
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

struct Fal::Call {
  CallId id;
  const Entry* entry = nullptr;
  std::int64_t price_microusd = 0;
  Request request;
  std::string state;
  std::string outcome;
  bool running = false;  // seen in progress
};

Fal::Fal(net::Loop& loop, net::Fetcher& fetcher, const Catalogue& catalogue, Settings settings, net::Metrics& metrics)
    : loop_{loop}, fetcher_{fetcher}, catalogue_{catalogue}, settings_{std::move(settings)}, metrics_{metrics} {}

Task<Made> Fal::make(const Order& order, Progress& progress) {
  CO_TRY(std::optional<Call> call, co_await live_call(order));
  if (!call) {
    CO_TRY(call, co_await submit(order, progress));
  } else if (call->state == "submitting" || call->state == "unsure") {
    // Whoever sent it died before the answer was written down. It may have been accepted: never again.
    co_await doubt(order, *call, "the worker that submitted it is gone");
    co_return fail(Code::OutcomeUnknown, "the answer to the submit was lost");
  }
  if (call->state == "accepted") {
    const Result<> followed = co_await follow(order, *call, progress);
    if (!followed && followed.error().code == Code::Cancelled) co_await cancel_if_ended(order, *call);
    CO_CHECK(followed);
  }
  if (call->state != "answered" && call->state != "succeeded") {
    co_await cancel_if_ended(order, *call);
    co_return fail(Code::Cancelled, "the item had ended by then");
  }
  co_return co_await download(order, *call, progress);
}

Task<std::optional<Fal::Call>> Fal::live_call(const Order& order) {
  db::Reader reader = loop_.db.reader(order.company);
  sql::LiveCallParams params{.company_id = order.company, .item_id = order.item};
  CO_TRY(const auto row, co_await sql::live_call(reader, std::move(params)));
  if (!row) co_return std::nullopt;
  Call out{.id = row->call_id,
           .entry = catalogue_.find(row->model),
           .price_microusd = row->price_microusd,
           .request = {},
           .state = row->state,
           .outcome = {}};
  if (out.entry == nullptr) co_return fail(Code::ProviderRefused, "the catalogue has lost " + row->model);
  if (row->request_id) {
    out.request = request_of(settings_.hosts, row->endpoint, *row->request_id);
    if (row->status_url) out.request.status_url = *row->status_url;
    if (row->response_url) out.request.response_url = *row->response_url;
    if (row->cancel_url) out.request.cancel_url = *row->cancel_url;
  }
  if (row->outcome) out.outcome = *row->outcome;
  co_return out;
}

Task<Fal::Call> Fal::submit(const Order& order, Progress& progress) {
  progress.stage = "uploading";
  const Entry* entry = catalogue_.find(order.model);
  if (entry == nullptr) co_return fail(Code::ProviderRefused, fmt::format("no model {} in the catalogue", order.model));
  const std::string token = random_token();
  CO_TRY(const std::string picture, co_await upload(order));
  if (progress.cancelled) co_return fail(Code::Cancelled);
  progress.stage = "submitting";
  const auto began = std::chrono::steady_clock::now();
  CO_TRY(const json::object input, input_of(*entry, order, picture));
  CO_TRY(Call call, co_await begin(order, token, entry->price_microusd(input)));
  if (std::chrono::steady_clock::now() - began > leave_within || progress.cancelled) {
    const Failure late{.type = "not_sent", .detail = "not sent: the worker was too slow, or asked to stop"};
    co_await end(order, call, "refused", late, false);
    co_return fail(progress.cancelled ? Code::Cancelled : Code::Unavailable, late.detail);
  }
  net::FetchRequest request{.method = "POST",
                            .url = fmt::format("{}/{}", settings_.hosts.queue, call.entry->endpoint),
                            .headers = headers(),
                            .body = json::serialize(input),
                            .timeout = submit_timeout,
                            .once = true};
  if (!settings_.webhook_base.empty())
    request.url += "?fal_webhook=" + escaped(fmt::format("{}/{}", settings_.webhook_base, token));
  const std::string start = std::to_string(settings_.start_timeout.count());
  request.headers.emplace_back("X-Fal-Request-Start-Timeout", start);
  request.headers.emplace_back("X-Fal-Request-Timeout", start);  // the older name of the same
  const Result<net::FetchAnswer> answer = co_await fetcher_.fetch(std::move(request));

  if (!answer && answer.error().code == Code::Unavailable) {  // surely not received
    const Failure none{.type = "unreachable", .detail = answer.error().detail};
    co_await end(order, call, "refused", none, false);
    co_await note(order.company, false, none.detail);
    co_return std::unexpected{answer.error()};
  }
  if (!answer) {
    co_await doubt(order, call, answer.error().detail);
    co_return std::unexpected{answer.error()};
  }
  if (answer->status / 100 == 2) {
    Result<Request> accepted = parse_submitted(answer->body, settings_.hosts, call.entry->endpoint);
    if (!accepted) {
      co_await doubt(order, call, accepted.error().detail);
      co_return std::unexpected{accepted.error()};
    }
    CO_CHECK(co_await accept(order, call, *std::move(accepted)));
    co_await note(order.company, true, "");
    co_return call;
  }
  const Failure failure = judge(*answer);
  constexpr int client_fault = 4, timed_out = 408, closed = 499;
  const bool refused = answer->status / 100 == client_fault && answer->status != timed_out && answer->status != closed;
  if (!refused) {
    // A gateway that lost its backend does not say whether the request had gone through.
    co_await doubt(order, call, failure.detail);
    co_return fail(Code::OutcomeUnknown, failure.detail);
  }
  co_await end(order, call, "refused", failure, false);
  CO_CHECK(co_await stop_at(order.company, failure));
  co_return error_of(failure);
}

Task<Fal::Call> Fal::begin(const Order& order, std::string token, std::int64_t price_microusd) {
  const Entry* entry = catalogue_.find(order.model);
  CO_TRY(db::Tx tx, co_await loop_.db.begin(order.company));
  sql::CallsMadeParams asked{.company_id = order.company, .item_id = order.item};
  CO_TRY(const auto made, co_await sql::calls_made(tx, std::move(asked)));
  if (made.paid >= settings_.submissions_max)
    co_return fail(Code::AttemptsExhausted, fmt::format("{} calls have been paid for", made.paid));
  Call out{.id = CallId::make(),
           .entry = entry,
           .price_microusd = price_microusd,
           .request = {},
           .state = "submitting",
           .outcome = {}};
  sql::BeginCallParams params{.call_id = out.id,
                              .company_id = order.company,
                              .provider = std::string{name()},
                              .model = entry->id,
                              .model_version = entry->version,
                              .endpoint = entry->endpoint,
                              .submission = made.last + 1,
                              .token_sha256 = hash_of(token),
                              .price_microusd = price_microusd,
                              .item_id = order.item,
                              .attempt = order.attempt};
  CO_TRY(const std::int64_t begun, co_await sql::begin_call(tx, std::move(params)));
  if (begun == 0) co_return fail(Code::Cancelled, "the item is not this worker's any more");
  CO_CHECK(co_await tx.commit());
  co_return out;
}

Task<std::string> Fal::upload(const Order& order) {
  const std::string_view type = media_type_of(order.picture);
  const json::object named{{"content_type", type}, {"file_name", fmt::format("picture.{}", ending_of(type))}};
  net::FetchRequest initiate{
      .method = "POST",
      .url = settings_.hosts.rest + "/storage/upload/initiate?storage_type=fal-cdn-v3",
      .headers = headers(),
      .body = json::serialize(named),
      .timeout = ask_timeout,
  };
  const Result<net::FetchAnswer> answer = co_await fetcher_.fetch(std::move(initiate));
  if (!answer) {
    co_await note(order.company, false, answer.error().detail);
    co_return fail(Code::Unavailable, answer.error().detail);
  }
  if (answer->status / 100 != 2) {
    const Failure failure = judge(*answer);
    CO_CHECK(co_await stop_at(order.company, failure));
    co_return error_of(failure);
  }
  const std::string put_url = member(answer->body, "upload_url"), file_url = member(answer->body, "file_url");
  if (put_url.empty() || file_url.empty()) co_return fail(Code::Unavailable, "the storage named no address");
  net::FetchRequest put{.method = "PUT",
                        .url = put_url,
                        .headers = {{"Content-Type", std::string{type}}},
                        .body = std::string{as_text(order.picture)},
                        .timeout = transfer_timeout};
  const Result<net::FetchAnswer> stored = co_await fetcher_.fetch(std::move(put));
  if (!stored) co_return fail(Code::Unavailable, stored.error().detail);
  if (stored->status / 100 != 2) co_return fail(Code::Unavailable, judge(*stored).detail);
  co_return file_url;
}

/// The request's id is what the money was paid for: it is written down before anything else, however long that takes.
Task<> Fal::accept(const Order& order, Call& call, Request request) {
  while (true) {
    sql::AcceptCallParams params{.request_id = request.id,
                                 .status_url = request.status_url,
                                 .response_url = request.response_url,
                                 .cancel_url = request.cancel_url,
                                 .company_id = order.company,
                                 .call_id = call.id};
    Result<db::Tx> tx = co_await loop_.db.begin(order.company);
    Result<std::optional<sql::AcceptCallRow>> written;
    if (tx) written = co_await sql::accept_call(*tx, std::move(params));
    Result<> committed = tx ? Result<>{} : std::unexpected{tx.error()};
    if (tx && written) committed = co_await tx->commit();
    if (committed && written) {
      // A webhook may have been quicker, or the item has ended and its call was closed: the row decides.
      call.request = std::move(request);
      if (!*written) co_return fail(Code::Conflict, "the call is known under another request id");
      call.state = (*written)->state;
      call.outcome = (*written)->outcome.value_or("");
      co_return Result<>{};
    }
    log::warn("call_not_written", {{"call_id", call.id.text()}, {"request_id", request.id}});
    Timer timer{loop_.io, write_again};
    co_await timer.async_wait(awaiting);
  }
}

Task<> Fal::follow(const Order& order, Call& call, Progress& progress) {
  Milliseconds pause = settings_.poll_first;
  int lost = 0;
  progress.stage = "waiting";
  bool rung = false;
  while (co_await rest(call, pause, progress, &rung)) {
    if (std::exchange(rung, false)) {
      // A webhook has come: its output is in the row.
      CO_TRY(std::optional<Call> now, co_await live_call(order));
      if (now && now->id == call.id && now->state == "answered" && !call.entry->model_url(now->outcome).empty()) {
        now->running = call.running;
        call = *std::move(now);
        co_await note(order.company, true, "");
        co_return Result<>{};
      }
    }
    pause = std::min(settings_.poll_most, pause * 3 / 2);
    const Result<net::FetchAnswer> answer = co_await ask("GET", call.request.status_url, ask_timeout);
    if (!answer) continue;
    if (answer->status == http_not_found && ++lost >= lost_looks_max) {
      const Failure gone{
          .code = Code::Unavailable, .type = "request_lost", .detail = "the provider knows no such request"};
      co_await end(order, call, "failed", gone, true);
      co_return error_of(gone);
    }
    if (answer->status != http_ok && answer->status != http_accepted) continue;
    const Result<Status> status = parse_status(answer->body);
    if (!status) continue;
    if (status->phase == Status::Phase::Running) co_await seen_running(order, call, progress);
    if (status->phase != Status::Phase::Completed) continue;
    CO_CHECK(co_await take_result(order, call));
    if (call.state == "answered") co_return Result<>{};
  }
  co_return fail(Code::Cancelled);
}

/// What the account is seen to run at once is what its limit is learned from.
Co<void> Fal::seen_running(const Order& order, Call& call, Progress& progress) {
  progress.stage = "generating";
  if (std::exchange(call.running, true)) co_return;
  Result<db::Tx> tx = co_await loop_.db.begin(order.company);
  if (!tx) co_return;
  sql::RunCallParams params{.company_id = order.company, .call_id = call.id};
  const Result<> noted = co_await sql::run_call(*tx, std::move(params));
  if (noted) static_cast<void>(co_await tx->commit());
}

/// What a completed request has come to. Neither a result nor a failure: it is asked again.
Task<> Fal::take_result(const Order& order, Call& call) {
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
    co_await note(order.company, true, "");
    co_return Result<>{};
  }
  Failure failure = judge(*answer);
  if (answer->status == http_bad_request && failure.type == "http_400") co_return Result<>{};  // "still in progress"
  if (answer->status == http_not_found) {
    failure.type = "result_expired";
    failure.words = "The provider had dropped the model before it could be fetched. Your credits were returned.";
  }
  const bool account = failure.blame == Blame::Account || failure.blame == Blame::Key || failure.blame == Blame::Busy;
  const bool ingress = answer->header("x-fal-request-id").empty() && answer->status / 100 == 5;
  if (account || ingress) co_return Result<>{};  // says nothing about this request
  const bool billed = answer->status / 100 != 5 && answer->header("x-fal-billable-units") != "0";
  co_await end(order, call, "failed", failure, billed);
  if (failure.blame == Blame::Provider) co_await note(order.company, false, failure.detail);
  co_return error_of(failure);
}

/// We were told to stop. Where the item is over (past its deadline, cancelled), so is the request: what has not begun
/// is not billed then.
Co<void> Fal::cancel_if_ended(const Order& order, const Call& call) {
  db::Reader reader = loop_.db.reader(order.company);
  sql::ItemEndedParams params{.company_id = order.company, .item_id = order.item};
  const auto item = co_await sql::item_ended(reader, std::move(params));
  if (!item || !*item || !(*item)->ended) co_return;
  const Result<net::FetchAnswer> answer = co_await ask("PUT", call.request.cancel_url, ask_timeout);
  log::info("call_cancelled", {{"call_id", call.id.text()}, {"answer", answer ? answer->status : 0}});
}

Task<Made> Fal::download(const Order& order, const Call& call, Progress& progress) {
  progress.stage = "downloading";
  const std::string url = call.entry->model_url(call.outcome);
  if (!may_download(url, settings_.download_hosts))
    co_return fail(Code::ContractMissed, fmt::format("a result at {}, which is not allowed", url));
  std::string why;
  for (int i = 0; i < downloads_max && !progress.cancelled; ++i) {
    if (i > 0 && !co_await rest(call, settings_.poll_first * (1 << i), progress)) break;
    net::FetchRequest request{.url = url, .timeout = transfer_timeout, .bytes_max = settings_.model_bytes_max};
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
      co_return Made{std::move(glb)};
    }
    why = fmt::format("{} bytes that are no whole GLB", glb.size());
  }
  if (progress.cancelled) co_return fail(Code::Cancelled);
  log::warn("model_not_fetched", {{"call_id", call.id.text()}, {"item_id", order.item.text()}, {"why", why}});
  co_return fail(Code::ContractMissed, why);
}

Task<net::FetchAnswer> Fal::ask(std::string method, std::string url, Milliseconds timeout) {
  net::FetchRequest request{
      .method = std::move(method), .url = std::move(url), .headers = headers(), .timeout = timeout};
  co_return co_await fetcher_.fetch(std::move(request));
}

Co<void> Fal::doubt(const Order& order, const Call& call, std::string why) {
  log::error("call_unsure", {{"call_id", call.id.text()}, {"item_id", order.item.text()}, {"why", why}});
  count("unsure");
  Result<db::Tx> tx = co_await loop_.db.begin(order.company);
  if (!tx) co_return;  // it stays 'submitting', which is read as the same
  sql::DoubtCallParams params{.detail = why, .company_id = order.company, .call_id = call.id};
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
                            .error_type = failure.type,
                            .error_detail = failure.detail.substr(0, detail_most),
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

Co<void> Fal::note(CompanyId as, bool good, std::string reason) {
  Result<db::Tx> tx = co_await loop_.db.begin(as);
  if (!tx) co_return;
  Result<> done;
  if (good) {
    sql::NoteSuccessParams params{.provider = std::string{name()}};
    const auto noted = co_await sql::note_success(*tx, std::move(params));
    if (!noted) co_return;
  } else {
    sql::NoteFailureParams params{.provider = std::string{name()},
                                  .failures_max = settings_.failures_max,
                                  .reason = std::move(reason),
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
  if (failure.blame == Blame::Provider) co_await note(as, false, failure.detail);
  if (failure.blame != Blame::Account && failure.blame != Blame::Key) co_return Result<>{};
  log::error("provider_paused", {{"provider", name()}, {"why", failure.detail}});
  CO_TRY(db::Tx tx, co_await loop_.db.begin(as));
  sql::PauseParams params{.provider = std::string{name()},
                          .state = failure.blame == Blame::Key ? "key" : "locked",
                          .reason = failure.detail.substr(0, detail_most),
                          .probe_s = static_cast<double>(settings_.probe_after.count())};
  CO_CHECK(co_await sql::pause(tx, std::move(params)));
  CO_CHECK(co_await tx.commit());
  co_return fail(Code::ProviderPaused, failure.detail);
}

/// Waits, until a webhook has come for the call at most. False: the worker wants it to stop.
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
  while (!rung && !progress.cancelled && std::chrono::steady_clock::now() < until) {
    timer.expires_at(std::min(until, std::chrono::steady_clock::now() + look_every));
    co_await timer.async_wait(awaiting);
  }
  if (webhook != nullptr) *webhook = rung;
  co_return !progress.cancelled;
}

std::vector<std::pair<std::string, std::string>> Fal::headers() const {
  return {
      {"Authorization", "Key " + settings_.key}, {"Accept", "application/json"}, {"Content-Type", "application/json"}};
}

}  // namespace i2m::providers::fal
