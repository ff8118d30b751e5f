// What is not wanted any more, or takes too long: it is cancelled at the provider, which may finish it all the same.
#include "base/log.h"
#include "base/wait.h"
#include "providers/fal/call.h"
#include "providers/queries.gen.h"

namespace i2m::providers::fal {
namespace {

using Clock = std::chrono::steady_clock;

// The provider itself gives up what it could not begin in time; we only where it does not.
constexpr std::chrono::seconds start_grace{5};
constexpr int http_ok = 200;

}  // namespace

/// A turn of follow(): calls the call off where it is time to, and says when the time for that is over, too.
Task<> Fal::call_off_in_time(const Order& order, Call& call, Progress& progress) {
  const auto now = Clock::now();
  if (!call.called_off) {
    const auto most = call.running ? settings_.run_timeout : settings_.start_timeout + start_grace;
    call.late = now > call.since + most;
    if (!call.late && !progress.unwanted) co_return Result<>{};
    call.called_off = now;
    progress.stage = "cancelling";
  }
  if (!call.cancel_heard) call.cancel_heard = co_await ask_to_cancel(call);
  if (now < *call.called_off + settings_.cancel_timeout) co_return Result<>{};
  const Failure lasts{.code = call.late ? Code::DeadlineExceeded : Code::Cancelled,
                      .type = "not_ended",
                      .words =
                          "It took too long at the provider, and could not be stopped there. Your credits were "
                          "returned.",
                      .detail = "cancelled, and still not ended: taken as paid"};
  co_await end(order, call, "abandoned", lasts, true);
  co_return error_of(lasts);
}

/// False: nobody has heard it, so it has to be said again.
Co<bool> Fal::ask_to_cancel(const Call& call) {
  const Result<net::FetchAnswer> answer = co_await ask("PUT", call.request.cancel_url, ask_timeout);
  constexpr int server_fault = 5;
  const bool heard = answer && answer->status / 100 != server_fault;
  log::info("call_cancelled",
            {{"call_id", call.id.text()}, {"late", call.late}, {"answer", answer ? answer->status : 0}});
  co_return heard;
}

/// We were told to stop. Where the item is over (it is past its deadline), so is the request; what it comes to is asked
/// for so that the books know what was paid.
Co<void> Fal::let_go(const Order& order, const Call& call) {
  db::Reader reader = loop_.db.reader(order.company);
  sql::ItemEndedParams params{.company_id = order.company, .item_id = order.item};
  const auto item = co_await sql::item_ended(reader, std::move(params));
  if (!item || !*item || !(*item)->ended) co_return;
  bool heard = false;
  const auto until = Clock::now() + settings_.cancel_timeout;
  const Progress alone;  // nobody tells us to stop any more
  while (Clock::now() < until) {
    if (!heard) heard = co_await ask_to_cancel(call);
    const Result<net::FetchAnswer> looked = co_await ask("GET", call.request.status_url, ask_timeout);
    const Result<Status> status = looked ? parse_status(looked->body) : std::unexpected{looked.error()};
    if (status && status->phase == Status::Phase::Completed) {
      const Result<net::FetchAnswer> result = co_await ask("GET", call.request.response_url, ask_timeout);
      if (result && result->status == http_ok) {
        const Failure made{.type = "item_ended", .detail = "it was made, and its item had ended"};
        co_await end(order, call, "abandoned", made, true);
        co_return;
      }
      const Failure failure = result ? judge(*result) : Failure{};
      if (result && tells(*result, failure, status->failure.has_value())) {
        co_await end(order, call, failure.code == Code::Cancelled ? "cancelled" : "failed", failure,
                     was_billed(*result));
        co_return;
      }
    }
    co_await rest(call, settings_.poll_first, alone);
  }
}

}  // namespace i2m::providers::fal
