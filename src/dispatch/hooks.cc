#include "dispatch/hooks.h"

#include "base/log.h"
#include "jobs/jobs.h"
#include "providers/calls.h"
#include "providers/fal/protocol.h"

namespace i2m::dispatch {

using providers::fal::Hook;
using providers::fal::SignedBy;

namespace {
constexpr std::size_t body_bytes_max = 1 << 20;
constexpr net::Rate calls{.quota = {"fal_hooks", 6000, std::chrono::seconds{60}}, .by = net::RateBy::Client};

/// In the call's row first; then whoever waits for it is told.
Task<> take(net::Loop& loop, const providers::CallRef& call, Hook hook) {
  CO_TRY(db::Tx tx, co_await loop.db.begin(call.company));
  CO_TRY(const bool ours, co_await providers::take_hook(tx, call, hook.request_id, std::move(hook.output)));
  if (!ours) co_return fail(Code::Conflict, "this call has another request id");
  CO_CHECK(co_await tx.commit());
  CO_TRY(const bool resumed, co_await jobs::resume(loop, call.company, call.item));
  if (resumed) log::info("item_resolved", {{"item_id", call.item.text()}, {"request_id", hook.request_id}});
  redis::Command notice = loop.notices.notice(providers::channel_of(call.call), "hook");
  static_cast<void>(co_await loop.redis.run(std::move(notice)));  // lost, the next poll finds it
  co_return Result<>{};
}

}  // namespace

struct Hooks::HookIn {
  std::string token;
  static constexpr std::string_view schema_name = "HookIn";
  static constexpr auto fields() {
    return std::tuple{net::field("token", &HookIn::token, "What the call was given as its secret").path()};
  }
};

void Hooks::attach(net::Loop& loop) { loops_.push_back(std::make_unique<PerLoop>(loop, jwks_url_, clock_)); }

Task<net::Answer> Hooks::receive(net::Ctx& ctx, const HookIn& in) {
  const net::Request& request = ctx.request();
  const SignedBy said{.request_id = std::string{request.header("x-fal-webhook-request-id")},
                      .user_id = std::string{request.header("x-fal-webhook-user-id")},
                      .timestamp = std::string{request.header("x-fal-webhook-timestamp")},
                      .signature = std::string{request.header("x-fal-webhook-signature")}};
  CO_TRY(const std::string body, co_await net::read_json_text(request, body_bytes_max));  // as it came: it is signed
  CO_TRY(const auto call, co_await providers::call_of_token(ctx.loop().db.reader(CompanyId{}), in.token));
  if (!call) co_return fail(Code::NotFound);  // before the signature: a guess must not cost us a verification
  CO_CHECK(co_await loops_.at(static_cast<std::size_t>(ctx.loop().index))->keys.verify(said, body));
  CO_TRY(Hook hook, providers::fal::parse_hook(body));
  CO_CHECK(co_await take(ctx.loop(), *call, std::move(hook)));
  net::Answer out;
  out.body = R"({"status":"success"})";
  co_return out;
}

void Hooks::routes(net::Router& router) {
  router.add_raw<HookIn>(net::Method::Post, "/api/v1/hooks/fal/{token}",
                         {.id = "receive_fal_hook",
                          .summary = "For the provider FAL.AI alone: a request has ended",
                          .tag = "hooks",
                          .auth = net::Auth::Public,
                          .rate = calls,
                          .body_bytes_max = body_bytes_max,
                          .deadline = std::chrono::seconds{15},
                          .errors = {Code::NotFound, Code::LinkInvalid, Code::LinkExpired, Code::Malformed,
                                     Code::MediaTypeUnsupported, Code::Conflict, Code::Unavailable}},
                         [this](net::Ctx& ctx, HookIn in) { return receive(ctx, in); });
}

}  // namespace i2m::dispatch
