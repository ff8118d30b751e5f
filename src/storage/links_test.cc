#include "storage/links.h"

#include <gtest/gtest.h>

#include <boost/url/parse.hpp>

namespace i2m::storage {
namespace {

constexpr Time now{std::chrono::seconds{1'800'000'000}};
constexpr std::chrono::seconds lifetime{900};
const Links::Key key_a{"a", std::string(32, 'a')};
const Links::Key key_b{"b", std::string(32, 'b')};

struct Parts {
  CompanyId company;
  FileId file;
  std::int64_t expires = 0;
  std::string key, signature;
};

class LinksTest : public testing::Test {
 protected:
  Parts parts_of(const Links::Link& signed_link) const {
    const auto url = *boost::urls::parse_origin_form(signed_link.url);
    const auto query = [&](const char* name) { return std::string{(*url.params().find(name)).value}; };
    const std::string path{url.encoded_path()};
    return {*CompanyId::parse(query("company")), *FileId::parse(path.substr(path.rfind('/') + 1)),
            std::stoll(query("expires")), query("key"), query("signature")};
  }
  static Result<> verify(const Links& links, const Parts& p, Time at = now) {
    return links.verify(p.company, p.file, p.expires, p.key, p.signature, at);
  }

  const Links links = *Links::of({key_a}, lifetime);
  const CompanyId company = CompanyId::make();
  const FileId file = FileId::make();
  const Links::Link link = links.sign(company, file, now);
  const Parts good = parts_of(link);
};

TEST_F(LinksTest, OpenTheOneFileOfTheOneCompany) {
  EXPECT_TRUE(link.url.starts_with("/api/v1/download/files/" + file.text() + "?"));
  EXPECT_EQ(link.expires, now + lifetime);
  EXPECT_EQ(good.company, company);
  EXPECT_EQ(good.file, file);
  EXPECT_TRUE(verify(links, good));
}

TEST_F(LinksTest, AlteredInAnythingAreInvalid) {
  const auto with = [&](auto change) {
    Parts p = good;
    change(p);
    return p;
  };
  const std::pair<const char*, Parts> rows[] = {
      {"another company", with([](Parts& p) { p.company = CompanyId::make(); })},
      {"another file", with([](Parts& p) { p.file = FileId::make(); })},
      {"company and file swapped", with([](Parts& p) { std::swap(p.company.value, p.file.value); })},
      {"a second longer", with([](Parts& p) { ++p.expires; })},
      {"a second shorter", with([](Parts& p) { --p.expires; })},
      {"for ever", with([](Parts& p) { p.expires = std::numeric_limits<std::int64_t>::max(); })},
      {"a negative time", with([](Parts& p) { p.expires = -p.expires; })},
      {"another key's name", with([](Parts& p) { p.key = "b"; })},
      {"no key's name", with([](Parts& p) { p.key = ""; })},
      {"no signature", with([](Parts& p) { p.signature = ""; })},
      {"a signature cut short", with([](Parts& p) { p.signature.pop_back(); })},
      {"a signature with more behind it", with([](Parts& p) { p.signature += "A"; })},
      {"a padded signature", with([](Parts& p) { p.signature += "="; })},
      {"one bit of the signature", with([](Parts& p) { p.signature[0] = static_cast<char>(p.signature[0] ^ 1); })},
      {"another link's signature",
       with([&](Parts& p) { p.signature = parts_of(links.sign(company, FileId::make(), now)).signature; })},
  };
  for (const auto& [name, parts] : rows) {
    const auto answer = verify(links, parts);
    ASSERT_FALSE(answer) << name;
    EXPECT_EQ(answer.error().code, Code::LinkInvalid) << name;
  }
}

TEST_F(LinksTest, ExpireToTheSecondAndNotBefore) {
  EXPECT_TRUE(verify(links, good, now + lifetime - std::chrono::seconds{1}));
  EXPECT_EQ(verify(links, good, now + lifetime).error().code, Code::LinkExpired);
}

TEST_F(LinksTest, AlteredAndExpiredAreInvalidRatherThanExpired) {
  Parts p = good;
  p.expires -= 10'000;
  EXPECT_EQ(verify(links, p).error().code, Code::LinkInvalid) << "who forges learns nothing";
}

TEST_F(LinksTest, OfTheOldKeyWorkWhileItIsKept) {
  const Links rotated = *Links::of({key_b, key_a}, lifetime);
  EXPECT_TRUE(verify(rotated, good));
  EXPECT_EQ(parts_of(rotated.sign(company, file, now)).key, "b");
  EXPECT_EQ(verify(*Links::of({key_b}, lifetime), good).error().code, Code::LinkInvalid);
}

TEST_F(LinksTest, SignedByAnotherSecretUnderTheSameNameAreInvalid) {
  const Links other = *Links::of({{"a", std::string(32, 'z')}}, lifetime);
  EXPECT_EQ(verify(links, parts_of(other.sign(company, file, now))).error().code, Code::LinkInvalid);
}

TEST(LinkKeys, RefuseNoneAndShortOnes) {
  EXPECT_EQ(Links::of({}, lifetime).error().field, "LINK_SECRET");
  EXPECT_EQ(Links::of({{"a", std::string(31, 'x')}}, lifetime).error().code, Code::Invalid);
  EXPECT_EQ(Links::of({key_a, {"b", ""}}, lifetime).error().code, Code::Invalid);
}

}  // namespace
}  // namespace i2m::storage
