#include <gtest/gtest.h>

#include <limits>

#include "db/notes_fixture.h"

namespace i2m::db {
namespace {

constexpr Query echo{"values.echo",
                     "select $1::uuid, $2::bigint, $3::int, $4::bool, $5::float8, $6::text, $7::timestamptz, $8::bytea,"
                     " $9::text[], $10::uuid[], $11::bigint[], $12::text"};

Task<Rows> rows_of(Pool& pool, const Query& query, Params params) {
  Reader reader = pool.reader(CompanyId{});
  co_return co_await reader.run(query, std::move(params));
}

class Values : public test::Loop {
 protected:
  test::TestDatabase database;
  Pool pool{io, Settings{.conninfo = database.app_conninfo()}};
};

TEST_F(Values, EveryTypeComesBackAsItWasSent) {
  const CompanyId id = CompanyId::make();
  const Time time = *from_postgres("2026-11-22 10:20:30.123456+00");
  const std::vector<std::uint8_t> bytes{0, 1, 0x7f, 0xff};
  const std::vector<std::string> texts{"", "plain", "NULL", "a,b", "{}", "q\"uote", "back\\slash", " \t\n", "Ä"};
  const std::vector<Uuid> ids{Uuid::make(), Uuid::make()};
  const std::vector<std::int64_t> numbers{std::numeric_limits<std::int64_t>::min(), 0, 7};
  Params params;
  params.add(id).add(std::numeric_limits<std::int64_t>::max()).add(std::int32_t{-5}).add(true).add(0.1);
  params.add("text").add(time).add(bytes).add(texts).add(ids).add(numbers).add(std::optional<std::string>{});
  const auto rows = run(rows_of(pool, echo, params));
  ASSERT_TRUE(rows) << rows.error().detail;
  EXPECT_EQ(rows->get<CompanyId>(0, 0), id);
  EXPECT_EQ(rows->get<Uuid>(0, 0), id.value);
  EXPECT_EQ(rows->get<std::int64_t>(0, 1), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(rows->get<std::int32_t>(0, 2), -5);
  EXPECT_EQ(rows->get<bool>(0, 3), true);
  EXPECT_EQ(rows->get<double>(0, 4), 0.1);
  EXPECT_EQ(rows->get<std::string>(0, 5), "text");
  EXPECT_EQ(rows->get<Time>(0, 6), time);
  EXPECT_EQ(rows->get<std::vector<std::uint8_t>>(0, 7), bytes);
  EXPECT_EQ(rows->get<std::vector<std::string>>(0, 8), texts);
  EXPECT_EQ(rows->get<std::vector<Uuid>>(0, 9), ids);
  EXPECT_EQ(rows->get<std::vector<std::int64_t>>(0, 10), numbers);
  EXPECT_EQ(rows->get<std::optional<std::string>>(0, 11), std::nullopt);
  EXPECT_EQ(rows->get<std::optional<CompanyId>>(0, 0), id);
  EXPECT_EQ(rows->size(), 1);
}

TEST_F(Values, EmptyArraysAndBytesComeBackEmpty) {
  Params params;
  for (int i = 0; i < 7; ++i) params.null();
  params.add(std::vector<std::uint8_t>{}).add(std::vector<std::string>{}).add(std::vector<Uuid>{});
  params.add(std::vector<std::int64_t>{}).add("");
  const auto rows = run(rows_of(pool, echo, params));
  ASSERT_TRUE(rows) << rows.error().detail;
  EXPECT_TRUE(rows->is_null(0, 0));
  EXPECT_TRUE(rows->get<std::vector<std::uint8_t>>(0, 7).empty());
  EXPECT_TRUE(rows->get<std::vector<std::string>>(0, 8).empty());
  EXPECT_TRUE(rows->get<std::vector<Uuid>>(0, 9).empty());
  EXPECT_TRUE(rows->get<std::vector<std::int64_t>>(0, 10).empty());
  EXPECT_EQ(rows->get<std::string>(0, 11), "");
}

TEST_F(Values, NullOfATypeThatHasNoneAborts) {
  Params params;
  for (int i = 0; i < 12; ++i) params.null();
  const auto rows = run(rows_of(pool, echo, params));
  ASSERT_TRUE(rows);
  EXPECT_DEATH(rows->get<std::string>(0, 5), "");
  EXPECT_DEATH(rows->get<std::string>(1, 0), "");
}

TEST(Params, TakesALiteralForATextAndNotForABool) {
  Params params;
  params.add("yes").add(std::string{"no"}).add(false);
  EXPECT_EQ(params.values()[0], "yes");
  EXPECT_EQ(params.values()[1], "no");
  EXPECT_EQ(params.values()[2], "f");
}

}  // namespace
}  // namespace i2m::db
