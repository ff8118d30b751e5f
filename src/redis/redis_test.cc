#include <gmock/gmock.h>

#include "redis/protocol.h"
#include "redis/redis_test_loop.h"

namespace i2m::redis {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using Kind = Reply::Kind;

class Commands : public RedisTest {
 protected:
  Client client{io, server.settings()};
};

Result<std::optional<Reply>> parse_bytewise(std::string_view bytes) {
  Parser parser;
  for (const char& byte : bytes) {
    CHECK_OK(parser.feed(std::string_view{&byte, 1}));
    TRY(std::optional<Reply> reply, parser.next());
    if (reply) return reply;
  }
  return std::nullopt;
}

TEST(RedisParser, ReadsAReplyThatComesByteByByte) {
  const auto reply = parse_bytewise("*3\r\n$3\r\na\r\n\r\n*2\r\n:-7\r\n*-1\r\n$-1\r\n");
  ASSERT_TRUE(reply && *reply);
  ASSERT_EQ((*reply)->elements.size(), 3u);
  EXPECT_EQ((*reply)->elements[0].text, "a\r\n");
  EXPECT_EQ((*reply)->elements[1].elements[0].integer, -7);
  EXPECT_EQ((*reply)->elements[1].elements[1].kind, Kind::Nil);
  EXPECT_EQ((*reply)->elements[2].kind, Kind::Nil);
}

TEST(RedisParser, RefusesWhatIsNoResp) {
  for (const char* bad : {"HTTP/1.1 400 Bad Request\r\n", "*99999999\r\n", "*-5\r\n"}) {
    const auto reply = parse_bytewise(bad);
    ASSERT_FALSE(reply) << bad;
    EXPECT_EQ(reply.error().code, Code::Unavailable);
  }
}

TEST_F(Commands, WaitForTheFirstConnectionRatherThanFail) {
  EXPECT_FALSE(client.connected());
  EXPECT_EQ(must(client.run({"PING"})).text, "PONG");
  EXPECT_TRUE(client.connected());
  EXPECT_EQ(client.run_id().size(), 40u);
}

TEST_F(Commands, AnswerInTheOrderOfAsking) {
  constexpr std::size_t count = 1000;
  std::vector<std::shared_ptr<std::optional<Result<Reply>>>> answers;
  for (std::size_t i = 0; i < count; ++i) answers.push_back(spawn(client.run({"ECHO", fmt::format("{}", i)})));
  ASSERT_TRUE(until([&] { return answers.back()->has_value(); }));
  for (std::size_t i = 0; i < count; ++i) {
    ASSERT_TRUE(*answers[i] && **answers[i]);
    EXPECT_EQ((**answers[i])->text, fmt::format("{}", i));
  }
}

TEST_F(Commands, OfOneTurnLeaveInOneWrite) {
  must(client.run({"CONFIG", "RESETSTAT"}));
  std::vector<std::shared_ptr<std::optional<Result<Reply>>>> answers;
  for (int i = 0; i < 100; ++i) answers.push_back(spawn(client.run({"ECHO", fmt::format("{}", i)})));
  ASSERT_TRUE(until([&] { return answers.back()->has_value(); }));
  const std::string stats = must(client.run({"INFO", "stats"})).text;
  EXPECT_THAT(stats, HasSubstr("total_reads_processed:2\r"));  // the hundred, and INFO
}

TEST_F(Commands, AnswerEveryKindOfReply) {
  const std::string binary{"\0\r\n$-1\r\n\xff", 9};
  EXPECT_EQ(must(client.run({"SET", "key", binary})).text, "OK");
  const Reply text = must(client.run({"GET", "key"}));
  EXPECT_EQ(text.kind, Kind::Text);
  EXPECT_EQ(text.text, binary);
  EXPECT_EQ(must(client.run({"GET", "no-such"})).kind, Kind::Nil);
  const Reply integer = must(client.run({"STRLEN", "key"}));
  EXPECT_EQ(integer.kind, Kind::Integer);
  EXPECT_EQ(integer.integer, 9);
  const Reply nested = must(client.run({"EVAL", "return {1, {'two', {3, false}}, {}}", "0"}));
  ASSERT_EQ(nested.elements.size(), 3u);
  EXPECT_EQ(nested.elements[0].integer, 1);
  EXPECT_EQ(nested.elements[1].elements[0].text, "two");
  EXPECT_EQ(nested.elements[1].elements[1].elements[0].integer, 3);
  EXPECT_EQ(nested.elements[1].elements[1].elements[1].kind, Kind::Nil);
  EXPECT_EQ(nested.elements[2].kind, Kind::Array);
  EXPECT_TRUE(nested.elements[2].elements.empty());
}

TEST_F(Commands, CarryValuesLargerThanAnyBuffer) {
  std::string large(5'000'000, 'x');
  large[4'000'000] = '\0';
  must(client.run({"SET", "large", large}));
  EXPECT_EQ(must(client.run({"GET", "large"})).text, large);
}

TEST_F(Commands, TurnErrorRepliesIntoErrors) {
  const Result<Reply> unknown = wait(client.run({"NOSUCH"}));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::Internal);
  EXPECT_THAT(unknown.error().detail, HasSubstr("unknown command"));
  must(client.run({"CONFIG", "SET", "maxmemory", "1"}));
  EXPECT_EQ(refused(client.run({"SET", "key", "value"})), Code::Unavailable);  // -OOM
}

TEST_F(Commands, OfABatchFailOneByOne) {
  std::vector<Command> batch{{"SET", "key", "text"}, {"INCR", "key"}, {"GET", "key"}};
  const auto replies = wait(client.run_all(std::move(batch)));
  ASSERT_TRUE(replies);
  ASSERT_EQ(replies->size(), 3u);
  EXPECT_TRUE(accepted((*replies)[0]));
  EXPECT_EQ((*replies)[1].kind, Kind::Error);
  EXPECT_EQ(accepted((*replies)[1]).error().code, Code::Internal);
  EXPECT_EQ((*replies)[2].text, "text");
  const auto none = wait(client.run_all({}));
  EXPECT_TRUE(none && none->empty());
}

TEST_F(Commands, EvalLoadsAScriptThatTheServerHasLost) {
  const auto script = Client::script("return {KEYS[1], ARGV[1], ARGV[2]}");
  EXPECT_EQ(Client::script("return 1").sha1, "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
  for (int i = 0; i < 2; ++i) {
    must(client.run({"SCRIPT", "FLUSH"}));
    const Reply reply = must(client.eval(script, {"k"}, {"a", "b"}));
    ASSERT_EQ(reply.elements.size(), 3u);
    EXPECT_EQ(reply.elements[2].text, "b");
    EXPECT_EQ(must(client.run({"SCRIPT", "EXISTS", script.sha1})).elements[0].integer, 1);
  }
}

TEST_F(Commands, BlockingOnesWaitLongerThanTheTimeout) {
  must(client.run({"XGROUP", "CREATE", "jobs", "workers", "$", "MKSTREAM"}));
  Client blocked{io, server.settings()};
  const Command read{"XREADGROUP", "GROUP", "workers", "me", "BLOCK", "600", "STREAMS", "jobs", ">"};
  EXPECT_EQ(must(blocked.run_blocking(read, 5s)).kind, Kind::Nil);

  const auto answer = spawn(blocked.run_blocking(read, 5s));
  idle(300ms);
  EXPECT_FALSE(answer->has_value());
  must(client.run({"XADD", "jobs", "*", "id", "42"}));
  ASSERT_TRUE(until([&] { return answer->has_value(); }));
  ASSERT_TRUE(**answer);
  const Reply& entry = (**answer)->elements.at(0).elements.at(1).elements.at(0);
  EXPECT_EQ(entry.elements.at(1).elements.at(1).text, "42");

  const Command for_ever{"XREADGROUP", "GROUP", "workers", "me", "BLOCK", "0", "STREAMS", "jobs", ">"};
  EXPECT_EQ(refused(blocked.run_blocking(for_ever, 100ms)), Code::Unavailable);
  EXPECT_TRUE(until([&] { return blocked.connected(); }));
}

TEST_F(Commands, BeyondPendingMaxAreRefusedAtOnce) {
  Settings settings = server.settings();
  settings.pending_max = 3;
  Client small{io, settings};
  const auto first = spawn(small.run({"ECHO", "1"}));
  const auto all = spawn(small.run_all({{"ECHO", "2"}, {"ECHO", "3"}}));
  const auto fourth = spawn(small.run({"ECHO", "4"}));
  ASSERT_TRUE(until([&] { return fourth->has_value(); }));
  EXPECT_FALSE(first->has_value());
  EXPECT_EQ((*fourth)->error().code, Code::Unavailable);
  ASSERT_TRUE(until([&] { return all->has_value(); }));
  EXPECT_TRUE(**first && **all);
  EXPECT_EQ(must(small.run({"ECHO", "5"})).text, "5");
}

TEST_F(Commands, ACancelledWaitLeavesTheClientInOrder) {
  must(client.run({"PING"}));
  boost::asio::cancellation_signal signal;
  bool ended = false;
  std::exception_ptr thrown;
  auto on_end = [&](std::exception_ptr error, Result<Reply>) {
    thrown = error;
    ended = true;
  };
  boost::asio::co_spawn(io.get_executor(), client.run({"INCR", "counter"}),
                        boost::asio::bind_cancellation_slot(signal.slot(), on_end));
  const auto after = spawn(client.run({"ECHO", "mine"}));
  io.poll_one();  // one turn each: sent, not answered
  io.poll_one();
  signal.emit(boost::asio::cancellation_type::terminal);
  ASSERT_TRUE(until([&] { return ended && after->has_value(); }));
  EXPECT_TRUE(thrown);
  ASSERT_TRUE(**after);
  EXPECT_EQ((**after)->text, "mine");
  EXPECT_EQ(must(client.run({"GET", "counter"})).text, "1");  // the command itself was sent
}

TEST_F(Commands, ADestroyedClientAnswersThemUnavailable) {
  auto doomed = std::make_unique<Client>(io, server.settings());
  must(doomed->run({"PING"}));
  const auto answer = spawn(doomed->run_blocking({"BLPOP", "nothing", "0"}, 60s));
  idle(20ms);
  doomed.reset();
  ASSERT_TRUE(until([&] { return answer->has_value(); }, 100ms));
  EXPECT_EQ((*answer)->error().code, Code::Unavailable);
}

TEST_F(Commands, MayStillWaitWhenTheLoopGoes) {
  auto brief = std::make_unique<boost::asio::io_context>();
  auto inner = std::make_unique<Client>(*brief, server.settings());
  boost::asio::co_spawn(brief->get_executor(), inner->run_blocking({"BLPOP", "nothing", "0"}, 60s),
                        boost::asio::detached);
  brief->run_for(50ms);
  inner.reset();
  brief.reset();  // with the coroutine's frame: ASan would tell of a leak or a use after
}

Co<> wait_for_ever(boost::asio::io_context& loop, Settings settings) {
  Client own{loop, std::move(settings)};
  const Command wait{"BLPOP", "nothing", "0"};
  for (;;) co_await own.run_blocking(wait, 60s);
}

TEST_F(Commands, MayWaitInACoroutineThatOwnsItsClientWhenTheLoopGoes) {
  auto brief = std::make_unique<boost::asio::io_context>();
  boost::asio::co_spawn(brief->get_executor(), wait_for_ever(*brief, server.settings()), boost::asio::detached);
  brief->run_for(50ms);
  brief.reset();  // client and frame own each other's way out: a leak, were nobody told
}

}  // namespace
}  // namespace i2m::redis
