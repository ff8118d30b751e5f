// A call's beginning: a place, the row, the submit, and what was answered.
#include <boost/json.hpp>
#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>

#include <random>

#include "base/crypto.h"
#include "base/log.h"
#include "base/offload.h"
#include "base/wait.h"
#include "providers/fal/call.h"
#include "providers/fal/picture.h"
#include "providers/queries.gen.h"

namespace i2m::providers::fal {
namespace {

namespace json = boost::json;
using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds submit_timeout{60'000};
constexpr Milliseconds write_again{500};  // a database that is away while there is something to remember
constexpr std::size_t token_bytes = 24;
constexpr Milliseconds place_lease{30'000}, place_wait{5'000}, place_again{200};
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

std::string escaped(std::string_view text) { return boost::urls::encode(text, boost::urls::unreserved_chars); }

Result<json::object> input_of(const Entry& entry, const Order& order, const std::string& picture_url) {
  boost::system::error_code error;
  const json::value given = json::parse(order.parameters.empty() ? "{}" : order.parameters, error);
  if (error || !given.is_object()) return fail(Code::Internal, "the item's parameters are no JSON object");
  TRY(const json::object set, entry.complete(given.get_object()));
  return entry.input({picture_url}, set, order.triangles_max);
}

}  // namespace

Fal::Fal(net::Loop& loop, net::Fetcher& fetcher, boost::asio::thread_pool& files, image::Decoder decoder,
         const Catalogue& catalogue, Settings settings, net::Metrics& metrics)
    : loop_{loop},
      fetcher_{fetcher},
      files_{files},
      decoder_{std::move(decoder)},
      catalogue_{catalogue},
      settings_{std::move(settings)},
      metrics_{metrics},
      slots_{loop, "fal", settings_.concurrency, place_lease} {}

Task<Made> Fal::make(Order& order, Progress& progress) {
  CO_TRY(std::optional<Call> call, co_await live_call(order));
  if (!call) {
    CO_TRY(call, co_await submit(order, progress));
  } else if (call->state == "submitting" || call->state == "unsure") {
    // Whoever sent it died before the answer was written down. It may have been accepted: never again.
    co_await doubt(order, *call, "the worker that submitted it is gone");
    co_return fail(Code::OutcomeUnknown, "the answer to the submit was lost");
  }
  // It is at the provider by now, and what follows takes minutes.
  order.picture = std::vector<std::uint8_t>{};
  Result<> followed;
  if (call->state == "accepted") {
    followed = co_await follow(order, *call, progress);
    if (!followed && followed.error().code == Code::Cancelled && progress.cancelled) co_await let_go(order, *call);
  }
  // Told to stop, the call goes on without us, and keeps its place until somebody follows it again.
  if (!progress.cancelled || call->state != "accepted") co_await slots_.give_back(order.item);
  CO_CHECK(followed);
  if (call->state != "answered" && call->state != "succeeded") {
    co_await let_go(order, *call);
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
  // Its time at the provider goes on while nobody follows it.
  out.running = row->running_s.has_value();
  const std::chrono::duration<double> spent{row->running_s.value_or(row->accepted_s.value_or(0))};
  out.since -= std::chrono::duration_cast<std::chrono::steady_clock::duration>(spent);
  co_return out;
}

Task<Fal::Call> Fal::submit(const Order& order, Progress& progress) {
  if (progress.unwanted) co_return fail(Code::Cancelled);
  progress.stage = "uploading";
  const Entry* entry = catalogue_.find(order.model);
  if (entry == nullptr) co_return fail(Code::ProviderRefused, fmt::format("no model {} in the catalogue", order.model));
  // Decoding is no work for the loop. What the model takes as it is, is sent as it is.
  const auto fit = [this, entry, picture = std::span{order.picture}] { return fit_picture(*entry, decoder_, picture); };
  CO_TRY(const auto fitted, co_await offload(files_, fit));
  CO_TRY(const std::string picture, co_await upload(order, *(fitted ? &*fitted : &order.picture)));
  CO_CHECK(co_await take_place(order, progress));
  progress.stage = "submitting";
  Result<Call> call = co_await begin_and_send(order, progress, picture);
  // What is not accepted needs no place; what may be is counted by its row.
  if (!call) co_await slots_.give_back(order.item);
  co_return call;
}

/// Waits a little where the account has no place free: the dispatcher sends what fits, and a call that is being
/// followed again may have come between.
Task<> Fal::take_place(const Order& order, const Progress& progress) {
  const auto until = std::chrono::steady_clock::now() + place_wait;
  while (!progress.cancelled && !progress.unwanted) {
    CO_TRY(const bool taken, co_await slots_.take(order.company, order.item));
    if (taken) co_return Result<>{};
    if (std::chrono::steady_clock::now() > until) co_return fail(Code::ProviderPaused, "the account has no place free");
    Timer timer{loop_.io, place_again};
    co_await timer.async_wait(awaiting);
  }
  co_return fail(Code::Cancelled);
}

Task<Fal::Call> Fal::begin_and_send(const Order& order, const Progress& progress, const std::string& picture_url) {
  const Entry* entry = catalogue_.find(order.model);
  const std::string token = random_token();
  const auto began = std::chrono::steady_clock::now();
  CO_TRY(const json::object input, input_of(*entry, order, picture_url));
  CO_TRY(Call call, co_await begin(order, token, entry->price_microusd(input)));
  const bool stop = progress.cancelled || progress.unwanted;
  if (stop || std::chrono::steady_clock::now() - began > leave_within) {
    const Failure late{.type = "not_sent", .detail = "not sent: the worker was too slow, or asked to stop"};
    co_await end(order, call, "refused", late, false);
    co_return fail(stop ? Code::Cancelled : Code::Unavailable, late.detail);
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
  Result<net::FetchAnswer> answer = co_await fetcher_.fetch(std::move(request));
  co_return co_await judge_submit(order, std::move(call), std::move(answer));
}

/// What the answer to a submit means: accepted, surely not accepted, or nobody knows.
Task<Fal::Call> Fal::judge_submit(const Order& order, Call call, Result<net::FetchAnswer> answer) {
  if (!answer && answer.error().code == Code::Unavailable) {  // surely not received
    const Failure none{.type = "unreachable", .detail = answer.error().detail};
    co_await end(order, call, "refused", none, false);
    co_await note(order.company, Sign::Failed, none.detail);
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
    co_await note(order.company, Sign::Accepted, "");
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
  CO_TRY(const bool room, co_await begin_room(tx, std::string{name()}, settings_.concurrency));
  if (!room) co_return fail(Code::ProviderPaused, "the account has no place free");
  sql::CallsMadeParams asked{.company_id = order.company, .item_id = order.item};
  CO_TRY(const auto made, co_await sql::calls_made(tx, std::move(asked)));
  // Its worker died after it had written down how the call ended, and before the item had.
  if (made.made > 0)
    co_return refuse(Code::AttemptsExhausted, "",
                     "An earlier try may have been made at the provider, and did not get here. Your credits were "
                     "returned.");
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
    // Not for want of a database: the provider gave two requests one id. It stays in doubt, and booked to us.
    if (tx && !written && written.error().code == Code::Conflict) co_return std::unexpected{written.error()};
    log::warn("call_not_written", {{"call_id", call.id.text()}, {"request_id", request.id}});
    Timer timer{loop_.io, write_again};
    co_await timer.async_wait(awaiting);
  }
}

std::vector<std::pair<std::string, std::string>> Fal::headers() const {
  return {
      {"Authorization", "Key " + settings_.key}, {"Accept", "application/json"}, {"Content-Type", "application/json"}};
}

}  // namespace i2m::providers::fal
