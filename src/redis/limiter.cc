#include "redis/limiter.h"

#include "base/ensure.h"

namespace i2m::redis {
namespace {

// The key holds the time, in microseconds, at which the quota will be whole again. A use moves it on by the use's share
// of the window, and is allowed as long as it then lies no further ahead than one window.
// ARGV: the use's share, the window, one unit's share, all in microseconds; the limit.
// Numbers stay below 2^53, so Lua's doubles are exact; Redis cuts what it returns to integers.
constexpr std::string_view source = R"(local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local share, window, unit, limit = ARGV[1] + 0, ARGV[2] + 0, ARGV[3] + 0, ARGV[4] + 0
local whole_at = (redis.call('GET', KEYS[1]) or 0) + 0
if whole_at < now then whole_at = now end
if whole_at > now + window then whole_at = now + window end
local room = now + window - whole_at
if share > room then
  return {0, limit, room / unit, (share - room + 999) / 1000, (whole_at - now + 999) / 1000}
end
whole_at = whole_at + share
local reset = math.ceil((whole_at - now) / 1000)
redis.call('SET', KEYS[1], whole_at, 'PX', reset)
return {1, limit, (room - share) / unit, 0, reset})";

const Client::Script& limiter_script() {
  static const Client::Script script = Client::script(std::string{source});
  return script;
}

std::vector<std::string> arguments(const Quota& quota, int cost) {
  ENSURE(cost >= 1 && quota.count >= 1);
  // A whole number of microseconds, rounded down: `count` uses must fit into the window to the last one.
  const std::int64_t unit = std::chrono::microseconds{quota.window}.count() / quota.count;
  ENSURE(unit >= 1);
  std::vector<std::string> out;
  out.reserve(4);
  for (const std::int64_t n : {unit * cost, unit * quota.count, unit, quota.count}) out.push_back(std::to_string(n));
  return out;
}

std::string key_of(const Quota& quota, std::string_view subject, std::string_view key_prefix) {
  std::string out;
  out.reserve(key_prefix.size() + quota.name.size() + 1 + subject.size());
  out.append(key_prefix).append(quota.name).append(1, ':').append(subject);
  return out;
}

}  // namespace

Command limiter_command(const Quota& quota, std::string_view subject, std::string_view key_prefix, int cost) {
  Command command{"EVALSHA", limiter_script().sha1, "1", key_of(quota, subject, key_prefix)};
  std::ranges::move(arguments(quota, cost), std::back_inserter(command));
  return command;
}

Result<Verdict> parse_verdict(const Reply& reply) {
  CHECK_OK(accepted(reply));
  const auto& of = reply.elements;
  const auto is_integer = [](const Reply& element) { return element.kind == Reply::Kind::Integer; };
  if (of.size() != 5 || !std::ranges::all_of(of, is_integer)) return fail(Code::Internal, "no limiter verdict");
  return Verdict{.allowed = of[0].integer == 1,
                 .limit = of[1].integer,
                 .remaining = of[2].integer,
                 .retry_after = std::chrono::milliseconds{of[3].integer},
                 .reset_after = std::chrono::milliseconds{of[4].integer}};
}

Command limiter_load_command() { return {"SCRIPT", "LOAD", limiter_script().source}; }

Task<Verdict> take(Client& client, Quota quota, std::string subject, std::string key_prefix, int cost) {
  std::vector<std::string> keys(1, key_of(quota, subject, key_prefix));
  CO_TRY(const Reply reply, co_await client.eval(limiter_script(), std::move(keys), arguments(quota, cost)));
  co_return parse_verdict(reply);
}

}  // namespace i2m::redis
