// What every endpoint of the product promises, held against the very table that serve() offers.
#include <set>

#include "app.h"
#include "base/bounds.h"
#include "identity/identity.h"
#include "operations.h"
#include "support/given.h"

namespace i2m {
namespace {

namespace json = boost::json;

class Contracts : public test::ServerStage {
 protected:
  Contracts() {
    identity.attach(loop);
    identity::routes(router, identity);
    credits::routes(router);
    jobs::routes(router, jobs);
    operation_routes(router, metrics, shared);
    openapi_route(router);
  }

  /// A request that `endpoint` would take, but for its body.
  static std::string head_for(const net::Endpoint& endpoint, std::string_view headers) {
    std::string path = endpoint.pattern;
    for (std::size_t open = 0; (open = path.find('{')) != std::string::npos;) {
      path.replace(open, path.find('}') - open + 1, Uuid::make().text());
    }
    const bool upload = endpoint.request_type == "multipart/form-data";
    return fmt::format("{} {} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer member\r\nContent-Type: {}\r\n{}\r\n",
                       net::name_of(endpoint.method), path,
                       upload ? "multipart/form-data; boundary=b" : "application/json", headers);
  }
  static std::string code_of(const test::RawClient::Answer& answer) {
    json::error_code ec;
    const json::value parsed = json::parse(answer.body, ec);
    if (ec || !parsed.is_object() || !parsed.get_object().contains("errors"))
      return fmt::format("{}: {}", answer.status, answer.body.substr(0, 200));
    return std::string{parsed.at("errors").at(0).at("code").as_string()};
  }

  identity::Passwords passwords{{.operations = 1, .memory_bytes = 8u << 20, .threads = 1, .waiting_max = 4}};
  identity::Identity identity{
      *identity::TokenKeys::of({{"1", std::string(32, 'k')}}, "image2model"), passwords, limits, clock, {}};
  const storage::Links links = *storage::Links::of({{"1", std::string(32, 'l')}}, std::chrono::seconds{900});
  jobs::Jobs jobs{store, links, limits, {}};
};

TEST_F(Contracts, EveryEndpointRefusesABodyThatIsOneByteTooLarge) {
  serve();
  for (const auto& endpoint : router.endpoints()) {
    // It says so before it sends, and no byte of it is read.
    const std::string length = fmt::format("Content-Length: {}\r\n", endpoint->contract.body_bytes_max + 1);
    test::RawClient one = client();
    EXPECT_EQ(code_of(one.ask(head_for(*endpoint, length))), "body_too_large") << endpoint->contract.id;
  }
}

TEST_F(Contracts, WhoReadsABodyRefusesOneByteTooManyThatWasNotAnnounced) {
  serve();
  int readers = 0;
  for (const auto& endpoint : router.endpoints()) {
    if (!endpoint->request_schema || endpoint->contract.body_bytes_max > 1_MiB) continue;
    ++readers;
    const std::size_t bytes = endpoint->contract.body_bytes_max + 1;
    test::RawClient one = client();
    one.send(head_for(*endpoint, "Transfer-Encoding: chunked\r\n") + fmt::format("{:x}\r\n", bytes) +
             std::string(bytes, ' ') + "\r\n0\r\n\r\n");
    EXPECT_EQ(code_of(one.answer()), "body_too_large") << endpoint->contract.id;
  }
  EXPECT_GT(readers, 0);
}

TEST_F(Contracts, AnUploadThatIsOneByteTooLargeLeavesNothingBehind) {
  serve();
  const auto before = folder.files();
  for (const auto& endpoint : router.endpoints()) {
    if (endpoint->request_type != "multipart/form-data") continue;
    test::RawClient one = client();
    const std::size_t bytes = 11_MiB;  // of one file; the batch may be larger
    const std::string head = "--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.png\"\r\n\r\n";
    one.send(head_for(*endpoint, fmt::format("Content-Length: {}\r\n", head.size() + bytes + 9)));
    one.send(head);
    one.send(std::string(bytes, 'x'));
    one.send("\r\n--b--\r\n");
    EXPECT_EQ(code_of(one.answer()), "file_too_large");
    EXPECT_EQ(folder.files(), before);
    EXPECT_EQ(value("select count(*) from job_history"), "0");
  }
}

TEST_F(Contracts, EveryEndpointThatAsksWhoRefusesWhoDoesNotSay) {
  serve();
  for (const auto& endpoint : router.endpoints()) {
    const net::Auth auth = endpoint->contract.auth.value;
    if (auth != net::Auth::Member && auth != net::Auth::Admin) continue;
    std::string request = head_for(*endpoint, "Content-Length: 0\r\n");
    request.replace(request.find("Bearer member"), 13, "Bearer forged");
    EXPECT_EQ(code_of(ask(request)), "token_invalid") << endpoint->contract.id;
    request.replace(request.find("Authorization"), 13, "X-Nothing-123");
    EXPECT_EQ(code_of(ask(request)), "token_missing") << endpoint->contract.id;
  }
}

TEST_F(Contracts, NoRefusalWasOneThatItsContractDoesNotList) {
  serve();
  for (const auto& endpoint : router.endpoints()) {
    for (const char* headers : {"Content-Length: 0\r\n", "Content-Length: 2\r\n"}) {
      test::RawClient one = client();
      one.ask(head_for(*endpoint, headers) + (std::string_view{headers}.contains('2') ? "{}" : ""));
    }
  }
  const std::string text = ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").body;
  for (const auto& endpoint : router.endpoints()) {
    EXPECT_NE(text.find(fmt::format("http_undeclared_refusals_total{{endpoint=\"{}\"}} 0", endpoint->contract.id)),
              std::string::npos)
        << endpoint->contract.id;
  }
}

TEST_F(Contracts, IdsAndAddressesAreUniqueAndEverythingIsBounded) {
  std::set<std::string_view> ids;
  std::set<std::string> places;
  for (const auto& endpoint : router.endpoints()) {
    const net::Contract& contract = endpoint->contract;
    EXPECT_TRUE(ids.insert(contract.id).second) << contract.id;
    EXPECT_TRUE(places.insert(std::string{net::name_of(endpoint->method)} + endpoint->pattern).second) << contract.id;
    EXPECT_FALSE(contract.summary.empty()) << contract.id;
    EXPECT_GT(contract.deadline.count(), 0) << contract.id;
    EXPECT_TRUE(contract.rate || contract.tag == "Operations") << contract.id << " has no rate limit";
    if (contract.rate && contract.rate->by == net::RateBy::User)
      EXPECT_NE(contract.auth.value, net::Auth::Public) << contract.id;
  }
}

// --- The document that is made of the table

void for_each_reference(const json::value& value, const std::function<void(std::string_view)>& visit) {
  if (value.is_object()) {
    for (const auto& [key, inner] : value.get_object()) {
      if (key == "$ref") visit(inner.as_string());
      for_each_reference(inner, visit);
    }
  } else if (value.is_array()) {
    for (const json::value& inner : value.get_array()) for_each_reference(inner, visit);
  }
}

TEST(OpenApi, EveryReferenceResolvesAndEverySchemaIsUsed) {
  const json::value document = json::parse(app::openapi());
  std::set<std::string> used;
  for_each_reference(document, [&](std::string_view reference) {
    ASSERT_TRUE(reference.starts_with("#/"));
    json::error_code ec;
    EXPECT_NE(document.find_pointer(reference.substr(1), ec), nullptr) << reference;
    used.emplace(reference.substr(reference.rfind('/') + 1));
  });
  EXPECT_FALSE(used.empty());
  for (const auto& [name, schema] : document.at("components").at("schemas").as_object()) {
    EXPECT_TRUE(schema.is_object()) << name;
    EXPECT_TRUE(used.contains(name)) << name << " is used by nobody";
  }
}

TEST(OpenApi, SaysEveryPathParameterAndEveryRefusal) {
  const json::value document = json::parse(app::openapi());
  EXPECT_EQ(document.at("openapi"), "3.1.0");
  std::set<std::string> operations;
  for (const auto& [path, methods] : document.at("paths").as_object()) {
    for (const auto& [method, operation] : methods.as_object()) {
      EXPECT_TRUE(operations.emplace(operation.at("operationId").as_string()).second) << path;
      const auto& responses = operation.at("responses").as_object();
      EXPECT_TRUE(responses.contains("500")) << path;
      const bool secured = !operation.at("security").as_array().empty();
      EXPECT_EQ(secured, responses.contains("401") && operation.at("operationId") != "login") << path;
      std::size_t in_path = 0;
      if (operation.as_object().contains("parameters")) {
        for (const json::value& parameter : operation.at("parameters").as_array())
          in_path += parameter.at("in") == "path";
      }
      EXPECT_EQ(in_path, static_cast<std::size_t>(std::ranges::count(std::string_view{path}, '{'))) << path;
    }
  }
  EXPECT_TRUE(operations.contains("create_batch"));
}

TEST(OpenApi, IsTheSameEachTime) { EXPECT_EQ(app::openapi(), app::openapi()); }

}  // namespace
}  // namespace i2m
