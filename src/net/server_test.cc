// The server in this process, spoken to over a socket byte by byte.
#include "net/server.h"

#include "support/given.h"

namespace i2m::net {
namespace {

using namespace std::chrono_literals;
using test::nap;
using test::RawClient;
using Clock = std::chrono::steady_clock;

struct Text {
  std::string text;
  static constexpr std::string_view schema_name = "Text";
  static constexpr auto fields() { return std::tuple{field("text", &Text::text, "What").longest(1 << 20)}; }
};

constexpr db::Query sleep_query{"test.sleep", "select pg_sleep(2)"};

Task<Text> echo(Ctx&, Text in) { co_return in; }
Task<Text> hello(Ctx&, Nothing) { co_return Text{"hello"}; }
Task<Text> slow(Ctx&, Nothing) {
  co_await nap(400ms);
  co_return Text{"slow"};
}
Task<Text> stuck(Ctx&, Nothing) {
  co_await nap(1h);
  co_return Text{"never"};
}
Task<Text> stuck_in_postgres(Ctx& ctx, Nothing) {
  db::Reader reader = ctx.reader();
  CO_CHECK(co_await reader.run(sleep_query, {}));
  co_return Text{"never"};
}
Task<Text> throws(Ctx&, Nothing) {
  throw std::bad_alloc{};
  co_return Text{};
}

Contract contract_of(std::string_view id, std::chrono::milliseconds deadline = 5s) {
  return {.id = id, .summary = "s", .tag = "t", .auth = Auth::Public, .body_bytes_max = 1000, .deadline = deadline};
}

class ServerTest : public test::ServerStage {
 protected:
  ServerTest() {
    router.add<Nothing, Text>(Method::Get, "/hello", contract_of("hello"), hello);
    router.add<Text, Text>(Method::Post, "/echo", contract_of("echo"), echo);
    router.add<Text, Text>(Method::Post, "/hasty", contract_of("hasty", 600ms), echo);
    router.add<Nothing, Text>(Method::Get, "/slow", contract_of("slow"), slow);
    router.add<Nothing, Text>(Method::Get, "/stuck", contract_of("stuck", 100ms), stuck);
    router.add<Nothing, Text>(Method::Get, "/stuck-in-postgres", contract_of("stuck_in_postgres", 100ms),
                              stuck_in_postgres);
    router.add<Nothing, Text>(Method::Get, "/throws", contract_of("throws"), throws);
    shared.settings.head_timeout = 500ms;
    shared.settings.idle_timeout = 10s;
    shared.settings.stall_timeout = 500ms;
  }

  static std::string get(std::string_view path) { return fmt::format("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", path); }
  static std::string post(std::string_view path, std::string_view headers, std::string_view body) {
    return fmt::format("POST {} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{}\r\n{}", path, headers,
                       body);
  }
  static std::string code_of(const RawClient::Answer& answer) {
    boost::system::error_code ec;
    const auto parsed = boost::json::parse(answer.body, ec);
    if (ec || parsed.at("errors").as_array().empty()) return "";
    return std::string{parsed.at("errors").at(0).at("code").as_string()};
  }
};

TEST_F(ServerTest, AnswersOneRequestAfterTheOtherOnOneConnection) {
  serve();
  RawClient one = client();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(one.ask(get("/hello")).status, 200);
  const auto echoed = one.ask(post("/echo", "Content-Length: 12\r\n", R"({"text":"x"})"));
  EXPECT_EQ(echoed.status, 200);
  EXPECT_NE(echoed.body.find(R"("data":{"text":"x"})"), std::string::npos) << echoed.body;
  EXPECT_NE(echoed.head.find("X-Request-Id: "), std::string::npos);
  EXPECT_NE(echoed.head.find("X-Content-Type-Options: nosniff"), std::string::npos);
}

TEST_F(ServerTest, RequestsSentAtOnceAreAnsweredInOrder) {
  serve();
  RawClient one = client();
  ASSERT_TRUE(one.send(get("/hello") + post("/echo", "Content-Length: 12\r\n", R"({"text":"2"})") + get("/nowhere") +
                       get("/hello")));
  EXPECT_EQ(one.answer().status, 200);
  EXPECT_NE(one.answer().body.find("\"2\""), std::string::npos);
  EXPECT_EQ(one.answer().status, 404);
  EXPECT_EQ(one.answer().status, 200);
}

TEST_F(ServerTest, ARequestSentByteByByteIsAnswered) {
  serve();
  RawClient one = client();
  for (const char c : post("/echo", "Content-Length: 12\r\n", R"({"text":"x"})")) ASSERT_TRUE(one.send({&c, 1}));
  EXPECT_EQ(one.answer().status, 200);
}

TEST_F(ServerTest, HeadIsAnsweredWithoutABody) {
  serve();
  RawClient one = client();
  ASSERT_TRUE(one.send("HEAD /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
  std::string head = one.answer().head;  // its length is the body's, which does not come
  EXPECT_TRUE(head.empty() || head.starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(one.closes_within(2s));
}

TEST_F(ServerTest, ChunkedBodiesAreReadHoweverTheyAreCut) {
  serve();
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  for (const char* body :
       {"c\r\n{\"text\":\"x\"}\r\n0\r\n\r\n", "5\r\n{\"tex\r\n7\r\nt\":\"x\"}\r\n0\r\n\r\n",
        "C;ext=1\r\n{\"text\":\"x\"}\r\n00\r\n\r\n", "c\r\n{\"text\":\"x\"}\r\n0\r\nTrailer: y\r\n\r\n"}) {
    RawClient one = client();
    EXPECT_EQ(one.ask(post("/echo", chunked, body)).status, 200) << body;
    EXPECT_EQ(one.ask(get("/hello")).status, 200) << "what stood behind the chunks: " << body;
  }
}

TEST_F(ServerTest, ChunksThatTwoReadersMightReadInTwoWaysAreRefusedAndTheConnectionEnds) {
  serve();
  for (const char* body :
       {"c x\r\n{\"text\":\"x\"}\r\n0\r\n\r\n", "0xc\r\n{\"text\":\"x\"}\r\n0\r\n\r\n", "c\n{\"text\":\"x\"}\n0\n\n",
        "-1\r\n{\"text\":\"x\"}\r\n0\r\n\r\n", "b\r\n{\"text\":\"x\"}\r\n0\r\n\r\n",
        "\r\n{\"text\":\"x\"}\r\n0\r\n\r\n", "fffffffffffffffff\r\n{\"text\":\"x\"}\r\n0\r\n\r\n",
        "c;a\nb\r\n{\"text\":\"x\"}\r\n0\r\n\r\n", "+c\r\n{\"text\":\"x\"}\r\n0\r\n\r\n"}) {
    RawClient one = client();
    const auto answer = one.ask(post("/echo", "Transfer-Encoding: chunked\r\n", body) + get("/hello"));
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_NE(answer.head.find("Connection: close"), std::string::npos) << body;
    EXPECT_EQ(one.answer().status, 0) << "the rest was taken for a request: " << body;
  }
}

TEST_F(ServerTest, AHeadThatIsNoneIsRefusedAndTheConnectionEnds) {
  serve();
  for (const std::string& text : {std::string{"garbage\r\n\r\n"},
                                  post("/echo", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
                                  post("/echo", "Content-Length: 0\r\nContent-Length: 5\r\n", "hello"),
                                  std::string{"GET /hello HTTP/1.1\nHost: a\n\n"}}) {
    RawClient one = client();
    const auto answer = one.ask(text);
    EXPECT_EQ(answer.status, 400) << text;
    EXPECT_EQ(code_of(answer), "malformed") << text;
    EXPECT_TRUE(one.closes_within(3s)) << text;
  }
}

TEST_F(ServerTest, ABodyOneByteTooLargeIsRefusedAndOneThatFitsIsNot) {
  serve();
  const auto body_of = [](std::size_t bytes) {
    return fmt::format(R"({{"text":"{}"}})", std::string(bytes - 11, 'x'));
  };
  EXPECT_EQ(ask(post("/echo", "Content-Length: 1000\r\n", body_of(1000))).status, 200);
  EXPECT_EQ(code_of(ask(post("/echo", "Content-Length: 1001\r\n", body_of(1001)))), "body_too_large");
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  EXPECT_EQ(ask(post("/echo", chunked, "3e8\r\n" + body_of(1000) + "\r\n0\r\n\r\n")).status, 200);
  EXPECT_EQ(code_of(ask(post("/echo", chunked, "3e9\r\n" + body_of(1001) + "\r\n0\r\n\r\n"))), "body_too_large");
}

TEST_F(ServerTest, WhoAsksBeforeSendingIsToldToGoOnOrNot) {
  serve();
  RawClient one = client();
  EXPECT_EQ(one.ask(post("/echo", "Expect: 100-continue\r\nContent-Length: 12\r\n", "")).status, 100);
  EXPECT_EQ(one.ask(R"({"text":"x"})").status, 200);
  RawClient other = client();
  EXPECT_EQ(other.ask(post("/echo", "Expect: 100-continue\r\nContent-Length: 1001\r\n", "")).status, 413);
}

// --- What the sweeper ends

TEST_F(ServerTest, ASlowHeadIsClosed) {
  serve();
  RawClient one = client();
  const auto began = Clock::now();
  ASSERT_TRUE(one.send("GET /hello HTT"));
  EXPECT_TRUE(one.closes_within(3s));
  EXPECT_GE(Clock::now() - began, 400ms);
}

TEST_F(ServerTest, AHeadThatTricklesInIsClosedToo) {
  serve();
  RawClient one = client();
  bool open = true;
  const auto began = Clock::now();
  for (int i = 0; i < 40 && open; ++i) {
    open = one.send("G") && !one.closes_within(100ms);
  }
  EXPECT_FALSE(open);
  EXPECT_LT(Clock::now() - began, 3s);
}

TEST_F(ServerTest, ABodyThatStallsIsClosed) {
  serve();
  RawClient one = client();
  ASSERT_TRUE(one.send(post("/echo", "Content-Length: 12\r\n", "{")));
  EXPECT_TRUE(one.closes_within(3s));
}

TEST_F(ServerTest, ABodyThatTricklesInEndsAtTheEndpointsDeadline) {
  serve();
  RawClient one = client();
  ASSERT_TRUE(one.send(post("/hasty", "Content-Length: 100\r\n", "")));
  const auto began = Clock::now();
  bool open = true;
  for (int i = 0; i < 50 && open; ++i) open = one.send("x") && !one.closes_within(100ms);
  EXPECT_LT(Clock::now() - began, 3s) << "a byte now and then holds a handler for ever";
}

TEST_F(ServerTest, AHandlerPastItsDeadlineIsAnswered504) {
  serve();
  RawClient one = client();
  const auto answer = one.ask(get("/stuck"));
  EXPECT_EQ(answer.status, 504);
  EXPECT_EQ(code_of(answer), "deadline_exceeded");
  EXPECT_EQ(one.ask(get("/hello")).status, 200) << "and the connection is still good";
}

TEST_F(ServerTest, AHandlerThatWaitsForPostgresPastItsDeadlineIsAnswered504Too) {
  serve();
  const auto answer = ask(get("/stuck-in-postgres"));
  EXPECT_EQ(answer.status, 504) << answer.body;
  EXPECT_EQ(code_of(answer), "deadline_exceeded");
}

TEST_F(ServerTest, AHandlerThatThrowsCostsItsConnectionAlone) {
  serve();
  RawClient bystander = client();
  EXPECT_EQ(bystander.ask(get("/hello")).status, 200);
  const int status = ask(get("/throws")).status;
  EXPECT_TRUE(status == 0 || status == 500) << status;
  EXPECT_EQ(bystander.ask(get("/hello")).status, 200);
}

TEST_F(ServerTest, BeyondItsConnectionsTheNextIsClosed) {
  shared.settings.connections_max = 2;
  serve();
  RawClient one = client(), two = client();
  EXPECT_EQ(one.ask(get("/hello")).status, 200);
  EXPECT_EQ(two.ask(get("/hello")).status, 200);
  RawClient three = client();
  EXPECT_TRUE(three.closes_within(2s));
  EXPECT_EQ(one.ask(get("/hello")).status, 200);
}

TEST_F(ServerTest, AnAddressThatIsTakenIsAClearError) {
  serve();
  Shared other;
  other.router = &router;
  other.settings.port = server->port();
  const auto refused = Server::listen({&loop}, other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Unavailable);
  EXPECT_NE(refused.error().detail.find(std::to_string(server->port())), std::string::npos);
}

// --- Stopping

TEST_F(ServerTest, DrainingEndsWhatIsInFlightAndClosesWhatIsIdle) {
  serve();
  RawClient idle = client(), busy = client();
  EXPECT_EQ(idle.ask(get("/hello")).status, 200);
  ASSERT_TRUE(busy.send(get("/slow")));
  std::this_thread::sleep_for(100ms);
  const auto began = Clock::now();
  drain();
  EXPECT_LT(Clock::now() - began, 4s);
  const auto answer = busy.answer();
  EXPECT_EQ(answer.status, 200) << "it was in flight";
  EXPECT_NE(answer.head.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(busy.closes_within(1s));
  EXPECT_TRUE(idle.closes_within(1s));
  EXPECT_THROW(client(), std::runtime_error) << "nobody new is let in";
}

TEST_F(ServerTest, WhileItDrainsAKeptConnectionIsAnsweredOnceMore) {
  shared.settings.drain_linger = 1500ms;
  serve();
  RawClient kept = client();
  EXPECT_EQ(kept.ask(get("/hello")).status, 200);
  std::thread drainer{[this] { drain(); }};
  std::this_thread::sleep_for(300ms);
  const auto answer = kept.ask(get("/hello"));
  EXPECT_EQ(answer.status, 200) << "a proxy had sent it before it knew";
  EXPECT_NE(answer.head.find("Connection: close"), std::string::npos);
  drainer.join();
}

TEST_F(ServerTest, WhatDoesNotEndIsCutInTheEnd) {
  shared.settings.drain_timeout = 300ms;
  shared.settings.head_timeout = 1h;
  serve();
  RawClient one = client();
  ASSERT_TRUE(one.send("GET /he"));
  std::this_thread::sleep_for(100ms);
  const auto began = Clock::now();
  drain();
  EXPECT_LT(Clock::now() - began, 2s);
}

}  // namespace
}  // namespace i2m::net
