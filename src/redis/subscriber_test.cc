#include <gmock/gmock.h>

#include "redis/redis_test_loop.h"

namespace i2m::redis {
namespace {

using namespace testing;
using ::testing::ElementsAre;

class PubSub : public RedisTest {
 protected:
  void SetUp() override {
    subscriber.subscribe("users");
    subscriber.subscribe("companies");
    ASSERT_TRUE(until([this] { return subscriber.current() && gaps == 1; }));
  }

  void publish(const std::string& channel, const std::string& payload) {
    must(client.run({"PUBLISH", channel, payload}));
  }
  bool heard(std::size_t count) {
    return until([this, count] { return messages.size() >= count; });
  }

  std::vector<std::string> messages;
  int gaps = 0;
  Client client{io, server.settings()};
  Subscriber subscriber{io, server.settings(),
                        [this](std::string_view channel, std::string_view payload) {
                          messages.push_back(fmt::format("{}={}", channel, payload));
                        },
                        [this] { ++gaps; }};
};

TEST_F(PubSub, BringsWhatIsPublishedInOrder) {
  publish("users", "1");
  publish("companies", std::string{"\0\n", 2});
  publish("others", "3");
  publish("users", "4");
  ASSERT_TRUE(heard(3));
  EXPECT_THAT(messages, ElementsAre("users=1", std::string{"companies=\0\n", 12}, "users=4"));
  EXPECT_EQ(gaps, 1);
}

TEST_F(PubSub, FollowsChangesOfWhatIsSubscribed) {
  subscriber.subscribe("late");
  subscriber.subscribe("late");
  EXPECT_FALSE(subscriber.current());
  ASSERT_TRUE(until([this] { return subscriber.current(); }));
  subscriber.unsubscribe("users");
  idle(50ms);
  publish("users", "unheard");
  publish("late", "heard");
  ASSERT_TRUE(heard(1));
  EXPECT_THAT(messages, ElementsAre("late=heard"));
  EXPECT_EQ(gaps, 1);
}

TEST_F(PubSub, SubscribesAgainAfterARestartAndTellsOfTheGap) {
  server.kill9();
  ASSERT_TRUE(until([this] { return !subscriber.current(); }, 1s));
  subscriber.subscribe("meanwhile");
  server.restart();
  ASSERT_TRUE(until([this] { return gaps == 2; }));
  EXPECT_TRUE(subscriber.current());
  ASSERT_TRUE(until([this] { return client.connected(); }));
  publish("companies", "5");
  publish("meanwhile", "6");
  ASSERT_TRUE(heard(2));
  EXPECT_THAT(messages, ElementsAre("companies=5", "meanwhile=6"));
}

TEST_F(PubSub, NoticesAServerThatFallsSilent) {
  server.freeze();
  EXPECT_TRUE(until([this] { return !subscriber.current(); }, 3s));
  server.thaw();
  EXPECT_TRUE(until([this] { return gaps == 2 && subscriber.current(); }));
}

TEST_F(PubSub, StaysUpWhileNothingIsSaid) {
  idle(2500ms);
  EXPECT_TRUE(subscriber.current());
  EXPECT_EQ(gaps, 1);
}

TEST_F(PubSub, NeedsNoGapCallback) {
  Subscriber plain{io, server.settings(), [](std::string_view, std::string_view) {}, {}};
  plain.subscribe("users");
  EXPECT_TRUE(until([&] { return plain.current(); }));
}

}  // namespace
}  // namespace i2m::redis
