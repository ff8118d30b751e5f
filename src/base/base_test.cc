#include <gtest/gtest.h>

#include <set>

#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/money.h"
#include "base/text.h"

namespace i2m {
namespace {

TEST(Uuid, ReadsBackWhatItPrints) {
  const Uuid id = Uuid::make();
  EXPECT_EQ(id.text().size(), 36u);
  EXPECT_EQ(Uuid::parse(id.text()), id);
}

TEST(Uuid, IsVersion7AndNeverTheSameTwice) {
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) {
    const std::string text = Uuid::make().text();
    EXPECT_EQ(text[14], '7');
    EXPECT_TRUE(seen.insert(text).second);
  }
}

TEST(Uuid, RefusesWhatIsNotOne) {
  for (const char* bad : {"", "0190", "0190a5b0-0000-7000-8000-00000000000", "0190a5b0-0000-7000-8000-0000000000000",
                          "0190a5b0x0000-7000-8000-000000000000", "g190a5b0-0000-7000-8000-000000000000",
                          "{190a5b0-0000-7000-8000-000000000000"}) {
    EXPECT_EQ(Uuid::parse(bad).error().code, Code::Invalid) << bad;
  }
}

TEST(Text, OfOthersIsMadeLegible) {
  EXPECT_EQ(legible("plain", 400), "plain");
  EXPECT_EQ(legible("caf\xc3\xa9", 5), "caf\xc3\xa9");
  EXPECT_EQ(legible("caf\xc3\xa9", 4), "caf");
  EXPECT_EQ(legible("caf\xe9!", 400), "caf?!");
  EXPECT_EQ(legible("cut \xe2\x82", 400), "cut ??");
  EXPECT_EQ(legible(std::string_view{"a\0b", 3}, 400), "a?b");
  EXPECT_EQ(legible("", 400), "");
}

TEST(Time, ReadsPostgresAndPrintsRfc3339) {
  EXPECT_EQ(to_rfc3339(*from_postgres("2026-11-22 10:20:30.123456+00")), "2026-11-22T10:20:30.123456Z");
  EXPECT_EQ(to_rfc3339(*from_postgres("2026-11-22 10:20:30.5+00")), "2026-11-22T10:20:30.500000Z");
  EXPECT_EQ(to_rfc3339(*from_postgres("1999-12-31 23:59:59+00")), "1999-12-31T23:59:59.000000Z");
  EXPECT_FALSE(from_postgres("2026-11-22 10:20:30+02"));
  EXPECT_FALSE(from_postgres("yesterday"));
}

TEST(Credits, NeverGoBelowZero) {
  EXPECT_EQ((35_cr).minus(35_cr), 0_cr);
  EXPECT_EQ((34_cr).minus(35_cr).error().code, Code::InsufficientCredits);
  EXPECT_EQ(Credits::of(-1).error().code, Code::Invalid);
  EXPECT_EQ(Credits::of(Credits::max + 1).error().code, Code::Invalid);
}

TEST(Log, QuotesWhatWouldBreakALine) {
  EXPECT_EQ(log::quote("a\"b\\c\nd\te\x01"), R"("a\"b\\c\nd\te\u0001")");
  EXPECT_EQ(log::quote("M\xc3\xb6"
                       "bel \xf0\x9f\xaa\x91"),
            "\"M\xc3\xb6"
            "bel \xf0\x9f\xaa\x91\"");
  EXPECT_EQ(log::quote("a\xff"
                       "b\xc3"),
            R"("a\ufffdb\ufffd")");
}

}  // namespace
}  // namespace i2m
