#include "net/fields.h"

#include <gtest/gtest.h>

namespace i2m::net {
namespace {

enum class Colour { Red, Green };
constexpr auto enum_names(Colour) { return std::array<std::string_view, 2>{"red", "green"}; }

struct Toy {
  std::string name;
  std::int32_t parts = 0;
  std::int64_t grams = 0;
  bool soft = false;
  Colour colour = Colour::Red;
  std::optional<std::string> note;
  static constexpr std::string_view schema_name = "Toy";
  static constexpr auto fields() {
    return std::tuple{field("name", &Toy::name, "Its name").longest(8).like("bear"),
                      field("parts", &Toy::parts, "How many"),
                      field("grams", &Toy::grams, "Its weight").range(1, 5000),
                      field("soft", &Toy::soft, "Whether"),
                      field("colour", &Toy::colour, "Which"),
                      field("note", &Toy::note, "What else")};
  }
};

constexpr std::string_view good = R"({"name":"bear","parts":3,"grams":500,"soft":true,"colour":"green","note":null})";

std::string with(std::string_view from, std::string_view to) {
  std::string out{good};
  return out.replace(out.find(from), from.size(), to);
}

/// "ok", or the refusal's code and the field it blames.
std::string read(std::string_view body) {
  Toy toy;
  const Result<> answer = read_body(toy, body);
  if (answer) return "ok";
  return answer.error().code == Code::Malformed ? "malformed"
         : answer.error().code == Code::Invalid ? "invalid " + answer.error().field
                                                : "?";
}

TEST(Fields, ReadEveryKind) {
  Toy toy;
  ASSERT_TRUE(read_body(toy, good));
  EXPECT_EQ(toy.name, "bear");
  EXPECT_EQ(toy.parts, 3);
  EXPECT_EQ(toy.grams, 500);
  EXPECT_TRUE(toy.soft);
  EXPECT_EQ(toy.colour, Colour::Green);
  EXPECT_FALSE(toy.note);
  EXPECT_EQ(to_json(toy), good) << "and print what they read";
}

TEST(Fields, RefuseByNameWhatIsWrong) {
  const std::pair<std::string, const char*> rows[] = {
      {with(R"("note":null)", R"("note":"x")"), "ok"},
      {with(R"(,"note":null)", ""), "ok"},
      {with(R"("name":"bear",)", ""), "invalid name"},
      {with(R"("bear")", "7"), "invalid name"},
      {with(R"("bear")", "null"), "invalid name"},
      {with(R"("bear")", R"(["bear"])"), "invalid name"},
      {with("bear", "12345678"), "ok"},
      {with("bear", "123456789"), "invalid name"},
      {with("bear", "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4x"), "invalid name"},
      {with("\"parts\":3", "\"parts\":\"3\""), "invalid parts"},
      {with("\"parts\":3", "\"parts\":3.0"), "invalid parts"},
      {with("\"parts\":3", "\"parts\":true"), "invalid parts"},
      {with("\"parts\":3", "\"parts\":-2147483648"), "ok"},
      {with("\"parts\":3", "\"parts\":2147483648"), "invalid parts"},
      {with("\"parts\":3", "\"parts\":4294967299"), "invalid parts"},
      {with("\"parts\":3", "\"parts\":99999999999999999999"), "invalid parts"},
      {with("500", "0"), "invalid grams"},
      {with("500", "1"), "ok"},
      {with("500", "5000"), "ok"},
      {with("500", "5001"), "invalid grams"},
      {with("true", "1"), "invalid soft"},
      {with("green", "blue"), "invalid colour"},
      {with("green", "Green"), "invalid colour"},
      {with(R"("green")", "1"), "invalid colour"},
      {with("note", "not"), "invalid not"},
      {with("{", R"({"admin":true,)"), "invalid admin"},
      {with("{", R"({"Name":"x",)"), "invalid Name"},
      {"", "malformed"},
      {"null", "malformed"},
      {"[]", "malformed"},
      {"\"bear\"", "malformed"},
      {"{", "malformed"},
      {std::string{good} + "x", "malformed"},
      {std::string{good} + "{}", "malformed"},
      {with("\"bear\"", "'bear'"), "malformed"},
      {with("null", "NaN"), "malformed"},
      {with("bear", "\xff"), "malformed"},
      {with("null", std::string(100, '[') + std::string(100, ']')), "malformed"},
  };
  for (const auto& [body, answer] : rows) EXPECT_EQ(read(body), answer) << body;
}

TEST(Fields, RefusalsSayWhatWouldBeRight) {
  Toy toy;
  EXPECT_EQ(read_body(toy, with("green", "blue")).error().message, "colour must be one of: red, green.");
  EXPECT_EQ(read_body(toy, with("500", "0")).error().message, "grams must be from 1 to 5000.");
  EXPECT_EQ(read_body(toy, with(R"("name":"bear",)", "")).error().message, "name is missing.");
}

template <class T>
std::string read_as(std::string_view text) {
  T out{};
  const Result<> answer = read_text(out, text, "x");
  if (!answer)
    return answer.error().code == Code::NotFound ? "not_found" : answer.error().code == Code::Invalid ? "invalid" : "?";
  return to_json(out);
}

TEST(Fields, OfAnAddressAreReadFromText) {
  EXPECT_EQ(read_as<std::int64_t>("-12"), "-12");
  for (const char* wrong : {"", " 1", "1 ", "+1", "1.5", "0x1", "9223372036854775808", "one"})
    EXPECT_EQ(read_as<std::int64_t>(wrong), "invalid") << wrong;
  EXPECT_EQ(read_as<std::int32_t>("2147483647"), "2147483647");
  EXPECT_EQ(read_as<std::int32_t>("2147483648"), "invalid");
  EXPECT_EQ(read_as<Colour>("green"), "\"green\"");
  EXPECT_EQ(read_as<Colour>(""), "invalid");
  const JobId id = JobId::make();
  EXPECT_EQ(read_as<JobId>(id.text()), "\"" + id.text() + "\"");
  EXPECT_EQ(read_as<JobId>("1"), "not_found") << "an id that cannot be is an id that is not there";
}

TEST(Fields, PrintWhatHttpAndJsonCanCarry) {
  EXPECT_EQ(to_json(std::string{"a\"\\\n\x01"}), R"("a\"\\\n\u0001")");
  EXPECT_EQ(to_json(0.5), "0.5");
  EXPECT_EQ(to_json(std::vector<std::int64_t>{}), "[]");
  EXPECT_EQ(to_json(std::optional<std::string>{}), "null");
  EXPECT_EQ(to_json(Time{std::chrono::seconds{0}}), "\"1970-01-01T00:00:00.000000Z\"");
}

TEST(Fields, DescribeThemselvesInTheSchema) {
  boost::json::object components;
  const auto reference = schema_of<std::vector<Toy>>(components);
  EXPECT_EQ(boost::json::serialize(reference), R"({"type":"array","items":{"$ref":"#/components/schemas/Toy"}})");
  const auto& properties = components.at("Toy").at("properties");
  EXPECT_EQ(properties.at("grams").at("minimum"), 1);
  EXPECT_EQ(properties.at("grams").at("maximum"), 5000);
  EXPECT_EQ(properties.at("parts").at("format"), "int32");
  EXPECT_EQ(boost::json::serialize(properties.at("colour").at("enum")), R"(["red","green"])");
  EXPECT_EQ(boost::json::serialize(properties.at("note").at("type")), R"(["string","null"])");
  EXPECT_EQ(properties.at("name").at("description"), "Its name");
  EXPECT_EQ(properties.at("name").at("example"), "bear");
}

}  // namespace
}  // namespace i2m::net
