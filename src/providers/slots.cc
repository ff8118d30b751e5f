#include "providers/slots.h"

#include <algorithm>

#include "base/log.h"
#include "providers/queries.gen.h"

namespace i2m::providers {
namespace {

using redis::Client;

// A list that Redis was told is believed for so long, then PostgreSQL is asked again.
constexpr std::chrono::milliseconds told_for{60'000};

// KEYS: the places taken, by when their lease ends; whether this server was told. ARGV: the item, how many there are,
// the lease. -1: not told. The time is Redis' own, so that machines need not agree on it.
constexpr std::string_view take_source = R"(local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('EXISTS', KEYS[2]) == 0 then return -1 end
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= ARGV[2] + 0 then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
return 1)";

// ARGV: the lease, how long to believe it, the items in flight. What others have taken meanwhile stays.
constexpr std::string_view tell_source = R"(local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 3, #ARGV do redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i]) end
redis.call('SET', KEYS[2], '1', 'PX', ARGV[2])
return 1)";

constexpr std::string_view keep_source = R"(local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1], ARGV[2])
return 1)";

const Client::Script& take_script() {
  static const Client::Script script = Client::script(std::string{take_source});
  return script;
}
const Client::Script& tell_script() {
  static const Client::Script script = Client::script(std::string{tell_source});
  return script;
}
const Client::Script& keep_script() {
  static const Client::Script script = Client::script(std::string{keep_source});
  return script;
}

}  // namespace

Slots::Slots(net::Loop& loop, std::string provider, int most, std::chrono::milliseconds lease)
    : loop_{loop},
      provider_{std::move(provider)},
      taken_key_{loop.prefix + "slots:" + provider_},
      told_key_{taken_key_ + ":told"},
      most_{most},
      lease_{lease} {}

Task<bool> Slots::take(CompanyId company, ItemId item) {
  owed_.erase(item);
  if (!owed_.empty()) co_await give_back(*owed_.begin());
  constexpr int tries = 2;  // the second after Redis was told
  for (int i = 0; i < tries; ++i) {
    std::vector<std::string> keys{taken_key_, told_key_};
    std::vector<std::string> args{item.text(), std::to_string(most_), std::to_string(lease_.count())};
    const Result<redis::Reply> reply = co_await loop_.redis.eval(take_script(), std::move(keys), std::move(args));
    if (!reply) co_return true;
    if (reply->integer >= 0) co_return reply->integer == 1;
    CO_CHECK(co_await tell(company));
  }
  co_return true;
}

/// What is in flight, as PostgreSQL knows it.
Task<std::set<ItemId>> Slots::in_flight(CompanyId company) {
  db::Reader reader = loop_.db.reader(company);
  sql::ItemsInFlightParams params{.provider = provider_};
  CO_TRY(const auto rows, co_await sql::items_in_flight(reader, std::move(params)));
  std::set<ItemId> out;
  for (const auto& row : rows) out.insert(row.item_id);
  co_return out;
}

Task<> Slots::tell(CompanyId company) {
  CO_TRY(const std::set<ItemId> before, co_await in_flight(company));
  std::vector<std::string> keys{taken_key_, told_key_};
  std::vector<std::string> args{std::to_string(lease_.count()), std::to_string(told_for.count())};
  for (const ItemId item : before) args.push_back(item.text());
  const Result<redis::Reply> told = co_await loop_.redis.eval(tell_script(), std::move(keys), std::move(args));
  if (told) log::info("slots_told", {{"provider", provider_}, {"in_flight", before.size()}});
  // One that ended between the question and the telling has given back a place that it got only now.
  CO_TRY(const std::set<ItemId> after, co_await in_flight(company));
  for (const ItemId item : before) {
    if (!after.contains(item)) co_await give_back(item);
  }
  co_return Result<>{};
}

Co<void> Slots::keep(ItemId item) {
  std::vector<std::string> keys{taken_key_};
  std::vector<std::string> args{std::to_string(lease_.count()), item.text()};
  static_cast<void>(co_await loop_.redis.eval(keep_script(), std::move(keys), std::move(args)));
}

Co<void> Slots::give_back(ItemId item) {
  owed_.insert(item);
  redis::Command command{"ZREM", taken_key_};
  for (const ItemId each : owed_) command.push_back(each.text());
  const std::set<ItemId> told = owed_;
  const Result<redis::Reply> done = co_await loop_.redis.run(std::move(command));
  if (!done) co_return;  // with the next one; should this worker die before, their leases end
  for (const ItemId each : told) owed_.erase(each);
}

Task<bool> begin_room(db::Tx& tx, std::string provider, int most) {
  sql::CallsInFlightParams params{.provider = std::move(provider)};
  CO_TRY(const auto now, co_await sql::calls_in_flight(tx, std::move(params)));
  const std::int64_t lost = std::min<std::int64_t>(now.lost, most / 2);
  co_return now.followed + lost < most;
}

}  // namespace i2m::providers
