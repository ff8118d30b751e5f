#include "net/problem.h"

#include <gmock/gmock.h>
#include <boost/json.hpp>

#include <set>

#include "base/code.h"

namespace i2m::net {
namespace {

template <class F>
void for_each_code(F visit) {
  for (std::uint8_t i = 0; i < code_count; ++i) visit(static_cast<Code>(i));
}

TEST(Problems, EachCodeHasItsRow) {
  for_each_code([](Code code) {
    const Meaning& row = meaning(code);  // aborts when the row is another code's
    EXPECT_GE(row.status, 400) << row.name;
    EXPECT_LE(row.status, 599) << row.name;
    EXPECT_FALSE(row.words.empty()) << row.name;
    EXPECT_TRUE(row.words.ends_with('.') || row.words.ends_with("...")) << row.words;
  });
}

TEST(Problems, NamesAreUniqueAndSnakeCase) {
  std::set<std::string_view> seen;
  for_each_code([&](Code code) {
    const std::string_view name = meaning(code).name;
    EXPECT_TRUE(seen.insert(name).second) << name;
    EXPECT_THAT(std::string{name}, testing::MatchesRegex("[a-z][a-z]*(_[a-z]+)*"));
    EXPECT_EQ(code_named(name), code);
  });
  EXPECT_EQ(code_named("no_such_code"), Code::Internal);
}

TEST(Problems, AnEnvelopeIsOneJsonTextWhateverIsInIt) {
  const Error error{Code::InsufficientCredits, "files\"", "needs \"70\"\n", "secret detail", {}};
  const auto parsed = boost::json::parse(error_envelope(error, {}, "id")).as_object();
  EXPECT_EQ(parsed.at("status"), "error");
  EXPECT_TRUE(parsed.at("data").is_null());
  EXPECT_EQ(parsed.at("message"), "needs \"70\"\n");
  EXPECT_EQ(parsed.at("request_id"), "id");
  ASSERT_EQ(parsed.at("errors").as_array().size(), 1u);
  EXPECT_EQ(parsed.at("errors").at(0).at("code"), "insufficient_credits");
  EXPECT_EQ(parsed.at("errors").at(0).at("field"), "files\"");
}

TEST(Problems, TheDetailIsForTheLogAlone) {
  const Error error{Code::Internal, "", "", "secret detail", {}};
  EXPECT_EQ(error_envelope(error, {}, "id").find("secret"), std::string::npos);
  EXPECT_EQ(problem_json(error, {}, "id").find("secret"), std::string::npos);
  EXPECT_EQ(words_of(error), meaning(Code::Internal).words);
}

TEST(Problems, SeveralAreListedUnderOneHeadline) {
  const std::vector<Problem> problems{{Code::FileEmpty, "a.png", "Empty."}, {Code::FileTruncated, "b.png", "Cut."}};
  for (const bool rfc : {false, true}) {
    const Error headline{Code::NothingAccepted, "", "", "", {}};
    const auto parsed =
        boost::json::parse(rfc ? problem_json(headline, problems, "id") : error_envelope(headline, problems, "id"))
            .as_object();
    ASSERT_EQ(parsed.at("errors").as_array().size(), 2u);
    EXPECT_EQ(parsed.at("errors").at(0).at("code"), "file_empty");
    EXPECT_EQ(parsed.at("errors").at(1).at("field"), "b.png");
  }
}

TEST(Problems, AsRfc9457CarryTheSameCode) {
  const auto parsed = boost::json::parse(problem_json(Error{Code::NotFound, "", "", "", {}}, {}, "7")).as_object();
  EXPECT_EQ(parsed.at("type"), "urn:image2model:error:not_found");
  EXPECT_EQ(parsed.at("status"), 404);
  EXPECT_EQ(parsed.at("code"), "not_found");
  EXPECT_EQ(parsed.at("instance"), "urn:request:7");
}

TEST(Problems, ASuccessHasNoErrors) {
  const auto parsed = boost::json::parse(success_envelope(R"({"x":1})", "Done.")).as_object();
  EXPECT_EQ(parsed.at("status"), "success");
  EXPECT_EQ(parsed.at("data").at("x"), 1);
  EXPECT_TRUE(parsed.at("errors").as_array().empty());
}

}  // namespace
}  // namespace i2m::net
