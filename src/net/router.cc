#include "net/router.h"

#include <boost/system/system_error.hpp>

#include "base/ensure.h"
#include "base/log.h"

namespace i2m::net {
namespace {

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> out;
  std::size_t at = 1;
  while (at <= path.size()) {
    const std::size_t slash = std::min(path.find('/', at), path.size());
    out.emplace_back(path.substr(at, slash - at));
    at = slash + 1;
  }
  return out;
}

bool matches(const Endpoint& endpoint, const std::vector<std::string>& segments, std::vector<std::string>& values) {
  if (endpoint.segments.size() != segments.size()) return false;
  values.clear();
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (endpoint.segments[i].starts_with('{')) {
      values.push_back(segments[i]);
    } else if (endpoint.segments[i] != segments[i]) {
      return false;
    }
  }
  return true;
}

bool same_method(Method asked, Method offered) {
  return asked == offered || (asked == Method::Head && offered == Method::Get);
}

// What any endpoint may answer without listing it.
bool always_possible(Code code) {
  switch (code) {
    case Code::Invalid:
    case Code::Malformed:
    case Code::MediaTypeUnsupported:
    case Code::BodyTooLarge:
    case Code::RateLimited:
    case Code::TokenMissing:
    case Code::TokenInvalid:
    case Code::TokenExpired:
    case Code::AccountInactive:
    case Code::Forbidden:
    case Code::DeadlineExceeded:
    case Code::Cancelled:  // by the deadline: the session then answers DeadlineExceeded
    case Code::Unavailable:
    case Code::Draining:
    case Code::Internal:
      return true;
    default:
      return false;
  }
}

void log_refusal(const Ctx& ctx, const Endpoint& endpoint, const Error& error) {
  const int status = meaning(error.code).status;
  const auto level = status >= 500 ? log::Level::Error : log::Level::Info;
  log::write(level, "refused",
             {{"request_id", ctx.request_id()},
              {"endpoint", endpoint.contract.id},
              {"status", status},
              {"code", meaning(error.code).name},
              {"field", error.field},
              {"detail", error.detail},
              {"company_id", ctx.company().value.is_nil() ? "" : ctx.company().text()},
              {"at", fmt::format("{}:{}", error.at.file_name(), error.at.line())}});
}

}  // namespace

Endpoint& Router::insert(Method method, std::string pattern, Contract contract, Handler handler) {
  auto endpoint = std::make_unique<Endpoint>(Endpoint{
      method, pattern, split_path(pattern), std::move(contract), std::move(handler), {}, {}, "application/json", {}});
  const bool open = pattern.find('{') != std::string::npos;
  metrics_->add_endpoint(endpoint->contract.id);
  if (open) {
    open_.push_back(endpoint.get());
  } else {
    fixed_[pattern].push_back(endpoint.get());
  }
  endpoints_.push_back(std::move(endpoint));
  return *endpoints_.back();
}

const Endpoint* Router::find(Request& request) const {
  if (const auto found = fixed_.find(request.path); found != fixed_.end()) {
    for (const Endpoint* each : found->second) {
      if (same_method(request.method, each->method)) return each;
    }
    return nullptr;
  }
  const std::vector<std::string> segments = split_path(request.path);
  for (const Endpoint* each : open_) {
    if (same_method(request.method, each->method) && matches(*each, segments, request.path_values)) return each;
  }
  return nullptr;
}

Answer Router::missing(Ctx& ctx, const Request& request) const {
  std::string allowed;
  const std::vector<std::string> segments = split_path(request.path);
  std::vector<std::string> unused;
  for (const auto& each : endpoints_) {
    if (!matches(*each, segments, unused)) continue;
    allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", name_of(each->method));
  }
  if (allowed.empty())
    return refusal(ctx, request, Error{Code::NotFound, "", "There is nothing at this address.", "", {}});
  ctx.headers.emplace_back("Allow", allowed);
  return refusal(ctx, request, Error{Code::MethodNotAllowed, "", "", "", {}});
}

Co<Answer> Router::handle(Ctx& ctx, Request& request) const {
  const Endpoint* endpoint = find(request);
  if (endpoint == nullptr) {
    const bool page = pages_ && (request.method == Method::Get || request.method == Method::Head) &&
                      !request.path.starts_with("/api/");
    Answer out = page ? co_await pages_(ctx, request) : missing(ctx, request);
    for (auto& header : ctx.headers) out.headers.push_back(std::move(header));
    co_return out;
  }
  const auto started = std::chrono::steady_clock::now();
  Answer out = co_await answer(ctx, request, *endpoint);
  for (auto& header : ctx.headers) out.headers.push_back(std::move(header));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  metrics_->observe(endpoint->contract.id, out.status, took.count());
  co_return out;
}

Co<Answer> Router::answer(Ctx& ctx, Request& request, const Endpoint& endpoint) const {
  const Result<> allowed = co_await gate(ctx, request, endpoint);
  Answer out;
  if (!allowed) {
    out = refusal(ctx, request, allowed.error());
  } else {
    out = co_await endpoint.handler(ctx, request);
  }
  if (ctx.refused) {
    log_refusal(ctx, endpoint, *ctx.refused);
    const auto& listed = endpoint.contract.errors;
    if (!always_possible(ctx.refused->code) && std::ranges::find(listed, ctx.refused->code) == listed.end()) {
      metrics_->count_undeclared(endpoint.contract.id);
      log::warn("refusal_not_in_contract",
                {{"endpoint", endpoint.contract.id}, {"code", meaning(ctx.refused->code).name}});
    }
  }
  co_return out;
}

Task<> Router::gate(Ctx& ctx, Request& request, const Endpoint& endpoint) const {
  const Contract& contract = endpoint.contract;
  // What says how large it is need not be read to be refused, nor by an endpoint that would never read it.
  if (request.body_bytes > contract.body_bytes_max) co_return fail(Code::BodyTooLarge);
  if (contract.auth.value == Auth::Member || contract.auth.value == Auth::Admin) {
    const std::string_view header = request.header("authorization");
    constexpr std::string_view scheme = "Bearer ";
    if (header.size() <= scheme.size() ||
        !std::ranges::equal(header.substr(0, scheme.size()), scheme, [](char a, char b) {
          return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
        })) {
      co_return fail(Code::TokenMissing);
    }
    CO_TRY(const Principal who, co_await authenticate_(ctx.loop(), header.substr(scheme.size())));
    ctx.act_as(who);
    if (contract.auth.value == Auth::Admin && who.role != Role::Admin) co_return fail(Code::Forbidden);
  }
  if (contract.rate) {
    std::string subject = contract.rate->by == RateBy::User ? ctx.user().text() : request.client;
    CO_CHECK(co_await limits_->take(ctx.loop(), *contract.rate, std::move(subject), ctx.headers));
  }
  co_return Result<>{};
}

Answer refusal(Ctx& ctx, const Request& request, const Error& error) {
  Answer out;
  out.status = meaning(error.code).status;
  const std::string_view accept = request.header ? request.header("accept") : std::string_view{};
  if (accept.find("application/problem+json") != std::string_view::npos) {
    out.content_type = "application/problem+json";
    out.body = problem_json(error, ctx.problems, ctx.request_id());
  } else {
    out.body = error_envelope(error, ctx.problems, ctx.request_id());
  }
  if (out.status == 401) out.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (out.status == 503) out.headers.emplace_back("Retry-After", "2");
  ctx.refused = error;
  return out;
}

Result<std::vector<QueryValue>> query_values(std::string_view query) {
  std::vector<QueryValue> out;
  while (!query.empty()) {
    const std::size_t amp = std::min(query.find('&'), query.size());
    std::string pair{query.substr(0, amp)};
    query.remove_prefix(std::min(amp + 1, query.size()));
    if (pair.empty()) continue;
    std::ranges::replace(pair, '+', ' ');  // in a query alone
    const std::string_view both = pair;
    const std::size_t equals = std::min(both.find('='), both.size());
    TRY(std::string name, percent_decoded(both.substr(0, equals)));
    TRY(std::string value, percent_decoded(both.substr(std::min(equals + 1, both.size()))));
    if (std::ranges::find(out, name, &QueryValue::name) != out.end()) {
      return refuse(Code::Invalid, name, fmt::format("The parameter {} is given twice.", name));
    }
    out.push_back({std::move(name), std::move(value)});
  }
  return out;
}

Task<std::string> read_json_text(const Request& request, std::size_t bytes_max) {
  const std::string_view type = request.header("content-type");
  std::string_view kind = type.substr(0, std::min(type.find(';'), type.size()));
  while (kind.ends_with(' ') || kind.ends_with('\t')) kind.remove_suffix(1);
  const auto lower = [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); };
  if (!std::ranges::equal(kind, std::string_view{"application/json"}, {}, lower)) {
    co_return refuse(Code::MediaTypeUnsupported, "Content-Type", "Send the body as application/json.");
  }
  std::string out;
  std::array<char, 4096> piece;
  while (true) {
    CO_TRY(const std::size_t n, co_await request.body->read(piece));
    if (n == 0) co_return out;
    if (out.size() + n > bytes_max) co_return fail(Code::BodyTooLarge);
    out.append(piece.data(), n);
  }
}

Result<std::string> percent_decoded(std::string_view text) {
  const auto hex = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 1 < text.size() ? hex(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex(text[i + 2]) : -1;
      if (high < 0 || low < 0 || high * 16 + low == 0)
        return refuse(Code::Malformed, "", "The address is not percent-encoded properly.");
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

std::string_view name_of(Method method) {
  static constexpr std::array<std::string_view, 7> names{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OTHER"};
  return names[static_cast<std::size_t>(method)];
}

}  // namespace i2m::net
