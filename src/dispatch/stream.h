#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/loop.h"

namespace i2m::dispatch {

/// The name of the Redis stream that carries items to the workers of `provider`.
std::string stream_of(const net::Loop& loop, std::string_view provider);

/// "Look at this item": no more is said, for the truth is its row.
struct Message {
  std::string id;
  CompanyId company;
  ItemId item;
};

/// A worker's end of the stream: a consumer group shared with its kind.
///
/// Errors of all: Code::Unavailable while Redis is away or has forgotten the group; call join() then.
class Inbox {
 public:
  Inbox(net::Loop& loop, redis::Settings redis, std::string_view provider);

  Task<> join();
  /// New messages, at most `count`; waits for one at most a second.
  Task<std::vector<Message>> read(int count);
  /// Messages that a worker took a minute ago and never acknowledged. Whether there is still something to do, the claim
  /// tells.
  Task<std::vector<Message>> adopt(int count);
  /// Acknowledges and removes. Failing is no harm: a message that comes again finds nothing to claim.
  Co<void> done(const Message& message);

 private:
  net::Loop& loop_;
  redis::Client reader_;  // blocks on the server, so it has a connection of its own
  std::string stream_;
  std::string consumer_;
};

}  // namespace i2m::dispatch
