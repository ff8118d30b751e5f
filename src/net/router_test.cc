#include "net/router.h"

#include "support/run.h"

namespace i2m::net {
namespace {

struct Ask {
  std::string id;
  std::optional<std::int64_t> size;
  std::optional<std::string> text;
  static constexpr std::string_view schema_name = "Ask";
  static constexpr auto fields() {
    return std::tuple{field("id", &Ask::id, "Which").path(), field("size", &Ask::size, "How large").query(),
                      field("text", &Ask::text, "What").query()};
  }
};
struct Note {
  std::string text;
  static constexpr std::string_view schema_name = "Note";
  static constexpr auto fields() { return std::tuple{field("text", &Note::text, "What")}; }
};

Task<Note> tell(Ctx&, Ask in) {
  co_return Note{fmt::format("{} {} {}", in.id, in.size ? std::to_string(*in.size) : "-", in.text.value_or("-"))};
}
Task<Note> echo(Ctx&, Note in) { co_return in; }
Task<Note> nothing(Ctx& ctx, Nothing) { co_return Note{ctx.user().value.is_nil() ? "nobody" : "somebody"}; }
Task<Note> refuse_undeclared(Ctx&, Nothing) { co_return fail(Code::LinkExpired); }
Task<Note> refuse_declared(Ctx&, Nothing) { co_return fail(Code::NotFound); }

class WholeBody final : public Body {
 public:
  explicit WholeBody(std::string text) : text_{std::move(text)} {}
  Task<std::size_t> read(std::span<char> into) override {
    const std::size_t n = std::min(into.size(), text_.size());
    std::copy_n(text_.data(), n, into.data());
    text_.erase(0, n);
    co_return n;
  }

 private:
  std::string text_;
};

constexpr Contract contract_of(std::string_view id, Auth auth = Auth::Public) {
  return {.id = id, .summary = "s", .tag = "t", .auth = auth};
}

struct Given {
  Headers headers = {};
  std::string body = "";
};

class RouterTest : public testing::Test {
 protected:
  RouterTest() {
    router.add<Ask, Note>(Method::Get, "/things/{id}", contract_of("get_thing"), tell);
    router.add<Nothing, Note>(Method::Get, "/things", contract_of("list_things"), nothing);
    router.add<Note, Note>(Method::Post, "/things", contract_of("make_thing"), echo);
    router.add<Nothing, Note>(Method::Delete, "/things/{id}/parts", contract_of("drop_parts"), nothing);
    router.add<Nothing, Note>(Method::Get, "/mine", contract_of("mine", Auth::Member), nothing);
    router.add<Nothing, Note>(Method::Get, "/all", contract_of("all", Auth::Admin), nothing);
    Contract declared = contract_of("declared");
    declared.errors = {Code::NotFound};
    router.add<Nothing, Note>(Method::Get, "/declared", declared, refuse_declared);
    router.add<Nothing, Note>(Method::Get, "/undeclared", contract_of("undeclared"), refuse_undeclared);
  }

  Answer ask(Method method, std::string_view target, const Given& given = {}) {
    WholeBody body{given.body};
    Request request;
    request.method = method;
    const std::size_t question = std::min(target.find('?'), target.size());
    request.path = target.substr(0, question);
    request.query = target.substr(std::min(question + 1, target.size()));
    request.body = &body;
    request.header = [&given](std::string_view name) -> std::string_view {
      const auto found =
          std::ranges::find(given.headers, name, [](const auto& each) { return std::string_view{each.first}; });
      return found == given.headers.end() ? std::string_view{} : std::string_view{found->second};
    };
    Ctx ctx{loop, clock, request, "00000000-0000-7000-8000-000000000000"};
    return test::run_on(loop.io, router.handle(ctx, request));
  }
  /// The answer's text, or the refusal's code.
  std::string told(Method method, std::string_view target, const Given& given = {}) {
    const Answer answer = ask(method, target, given);
    const auto body = boost::json::parse(answer.body).as_object();
    if (body.at("status") == "success") return std::string{body.at("data").at("text").as_string()};
    return std::string{body.at("errors").at(0).at("code").as_string()};
  }
  std::string get(std::string_view target) { return told(Method::Get, target); }
  std::string blamed(std::string_view target) {
    return std::string{boost::json::parse(ask(Method::Get, target).body).at("errors").at(0).at("field").as_string()};
  }
  static std::string header_of(const Answer& answer, std::string_view name) {
    for (const auto& [key, value] : answer.headers) {
      if (key == name) return value;
    }
    return "";
  }

  static Task<Principal> who_is(Loop&, std::string_view token) {
    Principal who{UserId::make(), CompanyId::make(), token == "admin" ? Role::Admin : Role::Member};
    const bool known = token == "admin" || token == "member";
    if (!known) co_return fail(Code::TokenInvalid);
    co_return who;
  }

  SystemClock clock;
  Metrics metrics;
  Limits limits{"x", 1};
  // Nothing here asks PostgreSQL or Redis.
  Loop loop{0, db::Settings{.conninfo = "host=/nowhere"}, redis::Settings{.port = 1}, "x:"};
  Router router{who_is, limits, metrics};
};

TEST_F(RouterTest, FindsByMethodAndPath) {
  EXPECT_EQ(get("/things"), "nobody");
  EXPECT_EQ(get("/things/7"), "7 - -");
  EXPECT_EQ(told(Method::Delete, "/things/7/parts"), "nobody");
  EXPECT_EQ(told(Method::Head, "/things/7"), "7 - -") << "whoever may GET may HEAD";
}

TEST_F(RouterTest, WhatIsNotThereIsNotFound) {
  for (const char* target : {"/", "/thing", "/things/", "/Things", "/things/7/", "/things/7/parts/8", "//things",
                             "/things/7/x", "", "things"}) {
    const Answer answer = ask(Method::Get, target);
    EXPECT_TRUE(answer.status == 404 || std::string_view{target} == "/things/") << target;
  }
}

TEST_F(RouterTest, AnotherMethodIsToldWhichThereAre) {
  const Answer answer = ask(Method::Put, "/things");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(header_of(answer, "Allow"), "GET, POST");
  EXPECT_EQ(header_of(ask(Method::Post, "/things/7"), "Allow"), "GET");
  EXPECT_EQ(ask(Method::Get, "/things/7/parts").status, 405);
  EXPECT_EQ(header_of(ask(Method::Other, "/things"), "Allow"), "GET, POST") << "TRACE, OPTIONS and the like";
}

TEST_F(RouterTest, ParametersAreReadFromTheAddress) {
  EXPECT_EQ(get("/things/7?size=5&text=a%20b"), "7 5 a b");
  EXPECT_EQ(get("/things/7?text=a+b%2Bc"), "7 - a b+c");
  EXPECT_EQ(get("/things/7?text="), "7 - ");
  EXPECT_EQ(get("/things/7?text"), "7 - ");
  EXPECT_EQ(get("/things/7?&&text=x&"), "7 - x");
  EXPECT_EQ(get("/things/7?text=a=b"), "7 - a=b");
  EXPECT_EQ(get("/things/7?t%65xt=x"), "7 - x");
}

TEST_F(RouterTest, ParametersThatAreWrongAreRefusedByName) {
  EXPECT_EQ(get("/things/7?size=x"), "invalid");
  EXPECT_EQ(blamed("/things/7?size=x"), "size");
  EXPECT_EQ(blamed("/things/7?size=1&size=2"), "size");
  EXPECT_EQ(blamed("/things/7?size=1&si%7ae=2"), "size") << "the same in another spelling";
  EXPECT_EQ(blamed("/things/7?colour=red"), "colour");
  EXPECT_EQ(blamed("/things/7?id=8"), "id") << "the path's may not be given in the query";
  EXPECT_EQ(blamed("/things?x=1"), "x");
  EXPECT_EQ(get("/things/7?text=%zz"), "malformed");
  EXPECT_EQ(get("/things/7?text=%4"), "malformed");
  EXPECT_EQ(get("/things/7?text=%00"), "malformed");
}

TEST_F(RouterTest, ABodyIsTakenByItsType) {
  const auto post = [&](std::string type, std::string body) {
    return told(Method::Post, "/things", {{{"content-type", std::move(type)}}, std::move(body)});
  };
  EXPECT_EQ(post("application/json", R"({"text":"x"})"), "x");
  EXPECT_EQ(post("application/json; charset=utf-8", R"({"text":"x"})"), "x");
  EXPECT_EQ(post("text/plain", R"({"text":"x"})"), "media_type_unsupported");
  EXPECT_EQ(post("", R"({"text":"x"})"), "media_type_unsupported");
  EXPECT_EQ(post("application/json", ""), "malformed");
  EXPECT_EQ(post("application/json", R"({"text":7})"), "invalid");
}

TEST_F(RouterTest, WhoMayNotIsRefusedBeforeTheHandlerRuns) {
  const auto mine = [&](const char* target, std::string header) {
    return told(Method::Get, target, {{{"authorization", std::move(header)}}});
  };
  EXPECT_EQ(get("/mine"), "token_missing");
  for (const char* header : {"", "Bearer", "Bearer ", "Basic member", "Bearermember", "member"})
    EXPECT_EQ(mine("/mine", header), "token_missing") << header;
  EXPECT_EQ(mine("/mine", "Bearer forged"), "token_invalid");
  EXPECT_EQ(mine("/mine", "Bearer member"), "somebody");
  EXPECT_EQ(mine("/mine", "bEARER member"), "somebody");
  EXPECT_EQ(mine("/all", "Bearer member"), "forbidden");
  EXPECT_EQ(mine("/all", "Bearer admin"), "somebody");
  EXPECT_EQ(mine("/things", "Bearer forged"), "nobody") << "a public address asks nobody who he is";
  EXPECT_EQ(header_of(ask(Method::Get, "/mine"), "WWW-Authenticate"), "Bearer");
}

TEST_F(RouterTest, ABodyThatSaysItIsTooLargeIsRefusedUnread) {
  WholeBody body{"never read"};
  Request request;
  request.method = Method::Post;
  request.path = "/things";
  request.body = &body;
  request.header = [](std::string_view) { return std::string_view{}; };
  request.body_bytes = bounds::json_body_bytes_max + 1;
  Ctx ctx{loop, clock, request, "id"};
  EXPECT_EQ(test::run_on(loop.io, router.handle(ctx, request)).status, 413);
}

TEST_F(RouterTest, ARefusalThatTheContractDoesNotListIsCounted) {
  EXPECT_EQ(get("/declared"), "not_found");
  EXPECT_EQ(metrics.text().find("http_undeclared_refusals_total{endpoint=\"declared\"} 1"), std::string::npos);
  EXPECT_EQ(get("/undeclared"), "link_expired");
  EXPECT_NE(metrics.text().find("http_undeclared_refusals_total{endpoint=\"undeclared\"} 1"), std::string::npos);
  EXPECT_NE(metrics.text().find("http_requests_total{class=\"4xx\",endpoint=\"declared\"} 1"), std::string::npos)
      << metrics.text();
}

TEST_F(RouterTest, WhoAsksForRfc9457GetsIt) {
  const Answer answer = ask(Method::Get, "/nowhere", {{{"accept", "application/problem+json"}}});
  EXPECT_EQ(answer.content_type, "application/problem+json");
  EXPECT_EQ(boost::json::parse(answer.body).at("code"), "not_found");
}

TEST(PercentDecoding, IsStrict) {
  EXPECT_EQ(percent_decoded("a%2Fb%c3%A4"), "a/b\xc3\xa4");
  EXPECT_EQ(percent_decoded("a+b"), "a+b") << "a plus is a blank in a query only";
  for (const char* wrong : {"%", "%4", "%zz", "%00", "%-1", "% 1", "a%"})
    EXPECT_EQ(percent_decoded(wrong).error().code, Code::Malformed) << wrong;
}

}  // namespace
}  // namespace i2m::net
