#include "credits/cache.h"

#include "base/wait.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace i2m::credits::cache {
namespace {

constexpr std::string_view value_ttl_ms = "300000";
constexpr int later_tries_max = 300;              // one a second, as long as a value lives
constexpr std::string_view bar_ttl_ms = "10000";  // longer than a transaction can take: its statements end after 3 s

std::string value_key(net::Loop& loop, CompanyId company) {
  std::string out;
  out.reserve(128);
  out.append(loop.prefix).append("balance:").append(loop.redis.run_id()).append(1, ':').append(company.text());
  return out;
}
std::string bar_key(net::Loop& loop, CompanyId company) {
  return fmt::format("{}balance-bar:{}:{}", loop.prefix, loop.redis.run_id(), company.text());
}

// Before the first connection the server's run_id, and with it every key, is not known: the first command waits for it.
Co<void> know_server(net::Loop& loop) {
  if (!loop.redis.run_id().empty()) co_return;
  redis::Command ping{"PING"};
  const auto ignored = co_await loop.redis.run(std::move(ping));
  static_cast<void>(ignored);
}

// KEYS: bar, value. ARGV: mark.
const redis::Client::Script& bar_script() {
  static const redis::Client::Script script = redis::Client::script(R"(
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    redis.call('DEL', KEYS[2])
    return 1)");
  return script;
}

// KEYS: bar, value. ARGV: mark, version, value, ttl.
const redis::Client::Script& put_script() {
  static const redis::Client::Script script = redis::Client::script(R"(
    local bar = redis.call('GET', KEYS[1])
    if bar then
      if bar ~= ARGV[1] then return 0 end
      redis.call('DEL', KEYS[1])
    end
    local old = redis.call('GET', KEYS[2])
    if old and tonumber(string.match(old, '^%d+')) > tonumber(ARGV[2]) then return 0 end
    redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
    return 1)");
  return script;
}

std::optional<Balance> decoded(std::string_view text) {
  std::array<std::int64_t, 3> numbers{};
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (std::int64_t& number : numbers) {
    const auto [next, error] = std::from_chars(at, end, number);
    if (error != std::errc{}) return std::nullopt;
    at = next == end ? end : next + 1;
  }
  const Result<Credits> available = Credits::of(numbers[1]);
  const Result<Credits> held = Credits::of(numbers[2]);
  if (!available || !held) return std::nullopt;
  return Balance{*available, *held, numbers[0]};
}

}  // namespace

Co<std::string> bar(net::Loop& loop, CompanyId company) {
  co_await know_server(loop);
  std::string mark = Uuid::make().text();
  std::vector<std::string> keys{bar_key(loop, company), value_key(loop, company)};
  std::vector<std::string> args{mark, std::string{bar_ttl_ms}};
  const auto reply = co_await loop.redis.eval(bar_script(), std::move(keys), std::move(args));
  co_return reply ? mark : std::string{};
}

namespace {
Co<void> keep_barring(net::Loop& loop, CompanyId company) {
  Timer timer{loop.io};
  for (int i = 0; i < later_tries_max; ++i) {
    // Not put(): by then somebody may have committed a newer one, which the bar has just taken away.
    if (const std::string mark = co_await bar(loop, company); !mark.empty()) co_return;
    timer.expires_after(std::chrono::seconds{1});
    co_await timer.async_wait(boost::asio::use_awaitable_t<Executor>{});
  }
}
}  // namespace

void bar_later(net::Loop& loop, CompanyId company) {
  boost::asio::co_spawn(loop.io, keep_barring(loop, company), boost::asio::detached);
}

Co<void> put(net::Loop& loop, CompanyId company, Balance balance, std::string mark) {
  co_await know_server(loop);
  std::vector<std::string> keys{bar_key(loop, company), value_key(loop, company)};
  std::vector<std::string> args{
      std::move(mark), std::to_string(balance.version),
      fmt::format("{} {} {}", balance.version, balance.available.count(), balance.held.count()),
      std::string{value_ttl_ms}};
  // An outage costs the next reader a look into PostgreSQL, nothing else.
  const auto ignored = co_await loop.redis.eval(put_script(), std::move(keys), std::move(args));
  static_cast<void>(ignored);
}

Co<std::optional<Balance>> get(net::Loop& loop, CompanyId company) {
  co_await know_server(loop);
  redis::Command command{"GET", value_key(loop, company)};
  const Result<redis::Reply> reply = co_await loop.redis.run(std::move(command));
  if (!reply || reply->kind != redis::Reply::Kind::Text) co_return std::nullopt;
  co_return decoded(reply->text);
}

}  // namespace i2m::credits::cache
