#include "dispatch/stream.h"

#include <unistd.h>

#include <array>

namespace i2m::dispatch {
namespace {

constexpr std::string_view group = "workers";
constexpr std::chrono::milliseconds block{1000};
constexpr std::string_view abandoned_after_ms = "60000";

std::vector<Message> messages_of(const redis::Reply& entries) {
  std::vector<Message> out;
  for (const redis::Reply& entry : entries.elements) {
    if (entry.elements.size() != 2 || entry.elements[1].elements.size() != 4) continue;
    const auto& fields = entry.elements[1].elements;
    const auto company = CompanyId::parse(fields[1].text);
    const auto item = ItemId::parse(fields[3].text);
    if (company && item) out.push_back({entry.elements[0].text, *company, *item});
  }
  return out;
}

}  // namespace

std::string stream_of(const net::Loop& loop, std::string_view provider) {
  return fmt::format("{}items:{}", loop.prefix, provider);
}

Inbox::Inbox(net::Loop& loop, redis::Settings redis, std::string_view provider)
    : loop_{loop}, reader_{loop.io, std::move(redis)}, stream_{stream_of(loop, provider)} {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  consumer_ = fmt::format("{}-{}", host.data(), ::getpid());
}

Task<> Inbox::join() {
  redis::Command command{"XGROUP", "CREATE", stream_, std::string{group}, "0", "MKSTREAM"};
  const Result<redis::Reply> reply = co_await loop_.redis.run(std::move(command));
  if (!reply && !reply.error().detail.contains("BUSYGROUP")) co_return std::unexpected{reply.error()};
  co_return Result<>{};
}

Task<std::vector<Message>> Inbox::read(int count) {
  redis::Command command{"XREADGROUP",
                         "GROUP",
                         std::string{group},
                         consumer_,
                         "COUNT",
                         std::to_string(count),
                         "BLOCK",
                         std::to_string(block.count()),
                         "STREAMS",
                         stream_,
                         ">"};
  CO_TRY(const redis::Reply reply, co_await reader_.run_blocking(std::move(command), block * 3));
  if (reply.elements.empty() || reply.elements[0].elements.size() != 2) co_return std::vector<Message>{};
  co_return messages_of(reply.elements[0].elements[1]);
}

Task<std::vector<Message>> Inbox::adopt(int count) {
  redis::Command command{"XAUTOCLAIM", stream_, std::string{group},   consumer_, std::string{abandoned_after_ms},
                         "0",          "COUNT", std::to_string(count)};
  CO_TRY(const redis::Reply reply, co_await loop_.redis.run(std::move(command)));
  if (reply.elements.size() < 2) co_return std::vector<Message>{};
  co_return messages_of(reply.elements[1]);
}

Co<void> Inbox::done(const Message& message) {
  std::vector<redis::Command> commands;
  commands.push_back({"XACK", stream_, std::string{group}, message.id});
  commands.push_back({"XDEL", stream_, message.id});
  const auto ignored = co_await loop_.redis.run_all(std::move(commands));
  static_cast<void>(ignored);
}

}  // namespace i2m::dispatch
