#include "net/limits.h"

#include <cmath>

#include "base/log.h"

namespace i2m::net {
namespace {

constexpr std::size_t local_subjects_max = 10'000;

/// The same rule (GCRA), counted in this loop alone, for the few endpoints that must not be open while Redis is away.
Result<> take_locally(const redis::Quota& quota, const std::string& subject, int cost, Headers& headers) {
  using namespace std::chrono;
  thread_local std::unordered_map<std::string, steady_clock::time_point> arrivals;
  if (arrivals.size() > local_subjects_max) arrivals.clear();
  const auto now = steady_clock::now();
  const auto each = duration_cast<nanoseconds>(quota.window) / quota.count;
  auto& arrival = arrivals[std::string{quota.name} + subject];
  const auto next = std::max(arrival, now) + each * cost;
  if (next - now > quota.window) {
    const auto wait = ceil<seconds>(next - now - quota.window);
    headers.emplace_back("Retry-After", std::to_string(std::max<std::int64_t>(1, wait.count())));
    return fail(Code::RateLimited, "counted locally");
  }
  arrival = next;
  return {};
}

/// "NAME"<a>N<b>M
std::string quoted(std::string_view name, std::string_view a, std::int64_t n, std::string_view b, std::int64_t m) {
  std::string out;
  out.reserve(64);
  out += '"';
  out.append(name).append(1, '"').append(a).append(std::to_string(n)).append(b).append(std::to_string(m));
  return out;
}

}  // namespace

redis::Quota Limits::scaled(const redis::Quota& quota) const {
  redis::Quota out = quota;
  out.count = std::max<std::int64_t>(1, std::llround(static_cast<double>(quota.count) * scale_));
  return out;
}

Task<> Limits::take(Loop& loop, const Rate& rate, std::string subject, Headers& headers, int cost) {
  const redis::Quota quota = scaled(rate.quota);
  const Result<redis::Verdict> verdict = co_await redis::take(loop.redis, quota, subject, prefix_, cost);
  if (!verdict) {
    if (rate.without_redis == WithoutRedis::LimitLocally) co_return take_locally(quota, subject, cost, headers);
    co_return Result<>{};
  }
  const auto seconds = [](std::chrono::milliseconds ms) { return (ms.count() + 999) / 1000; };
  headers.reserve(headers.size() + 3);
  headers.emplace_back("RateLimit-Policy", quoted(quota.name, ";q=", quota.count, ";w=", quota.window.count()));
  headers.emplace_back("RateLimit",
                       quoted(quota.name, ";r=", verdict->remaining, ";t=", seconds(verdict->reset_after)));
  if (verdict->allowed) co_return Result<>{};
  headers.emplace_back("Retry-After", std::to_string(std::max<std::int64_t>(1, seconds(verdict->retry_after))));
  co_return fail(Code::RateLimited, fmt::format("{} of {}", quota.name, subject));
}

}  // namespace i2m::net
