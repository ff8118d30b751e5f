#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "db/pool.h"
#include "sqlgen/parse.h"
#include "sqlgen/testdata/sample/queries.gen.h"
#include "support/database.h"
#include "support/run.h"

namespace i2m::sqlgen {
namespace {

namespace sql = i2m::sample::sql;

std::string read(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

std::string mistake_of(std::string_view text) {
  const auto parsed = parse("f.sql", text);
  return parsed ? "none" : parsed.error().detail;
}

// The SQL and the parameters of one query.
std::string rewritten(const std::string& sql) {
  const auto parsed = parse("f.sql", "-- name: q :exec\n" + sql);
  if (!parsed) return parsed.error().detail;
  std::string out = parsed->at(0).sql + " |";
  for (const Parameter& p : parsed->at(0).parameters) out += " " + p.name + (p.nullable ? "?" : "");
  return out;
}

TEST(SqlgenParse, NumbersParametersByFirstAppearance) {
  EXPECT_EQ(rewritten("select @b, @a, @b"), "select $1, $2, $1 | b a");
  EXPECT_EQ(rewritten("select @a::text, @a?::text;"), "select $1::text, $1::text | a?");
  EXPECT_EQ(rewritten("x >=@a and (@b)=@c"), "x >=$1 and ($2)=$3 | a b c");
}

TEST(SqlgenParse, LeavesTextsNamesCommentsAndOperatorsAlone) {
  for (const char* sql : {"select '@a'", "select 'it''s @a'", "select E'\\'@a'", "select \"@a\"", "select $$@a$$",
                          "select $x$ $$ @a $x$", "select 1 -- @a", "select /* @a /* @b */ @c */ 1", "select a @> b",
                          "select a <@ b", "select a @@ b", "select j @? '$.a'", "select j ? 'a'"}) {
    EXPECT_EQ(rewritten(sql), std::string{sql} + " |");
  }
}

TEST(SqlgenParse, RefusesWhatIsUnclear) {
  EXPECT_EQ(mistake_of("select 1"), "f.sql:1: expected '-- name: <name> :<shape>'");
  EXPECT_EQ(mistake_of("\n-- name: Bad :one\nselect 1"), "f.sql:2: 'Bad' is not a name for a query");
  EXPECT_EQ(mistake_of("-- name: delete :one\nselect 1"), "f.sql:1: 'delete' is not a name for a query");
  EXPECT_EQ(mistake_of("-- name: q :some\nselect 1"), "f.sql:1: q: say :one, :optional, :many, :exec or :affected");
  EXPECT_EQ(mistake_of("-- name: q :one\n-- why\n\n"), "f.sql:1: q: there is no SQL");
  EXPECT_EQ(mistake_of("-- name: q :one\n-- why\nselect 1,\n $1"), "f.sql:4: q: write @name, not $1");
  EXPECT_EQ(mistake_of("-- name: q :one\nselect a<@b"), "f.sql:2: q: put a space before or behind this @");
  EXPECT_EQ(mistake_of("-- name: q :one\nselect @A"), "f.sql:2: q: a parameter's name is in lower case");
  EXPECT_EQ(mistake_of("-- name: q :one\nselect @class"), "f.sql:2: q: @class is a keyword of C++");
  EXPECT_EQ(mistake_of("-- name: q :one\nselect 1;\n-- name: q :one\nselect 1"),
            "f.sql:3: q: there is another of this name");
}

TEST(SqlgenParse, KeepsTheCommentsAsDocumentation) {
  const auto parsed =
      parse("f.sql", "-- name: a :one\n-- Why.\n--\n-- More.\nselect 1;\n\n-- name: b :exec\nselect 2\n");
  ASSERT_TRUE(parsed);
  ASSERT_EQ(parsed->size(), 2u);
  EXPECT_EQ(parsed->at(0).doc, (std::vector<std::string>{"Why.", "", "More."}));
  EXPECT_EQ(parsed->at(0).sql, "select 1");
  EXPECT_EQ(parsed->at(0).sql_line, 5);
  EXPECT_EQ(parsed->at(1).line, 7);
}

// The real program against a real database, in a folder of its own.
class Sqlgen : public test::Loop {
 protected:
  Sqlgen() {
    database.exec(read(TESTDATA "/schema.sql"));
    std::filesystem::create_directories(folder);
  }
  ~Sqlgen() override { std::filesystem::remove_all(folder.parent_path()); }

  int sqlgen(const std::string& options, const std::filesystem::path& file) const {
    const std::string line = fmt::format("{} --db '{}' {} {} 2>{}", SQLGEN, database.superuser_conninfo(), options,
                                         file.string(), (folder / "said").string());
    const int status = std::system(line.c_str());
    return WEXITSTATUS(status);
  }
  /// What it says of one query, after the file's name.
  std::string complaint(const std::string& query) const {
    std::ofstream{folder / "queries.sql"} << query;
    EXPECT_EQ(sqlgen("", folder / "queries.sql"), 1);
    const std::string said = read(folder / "said");
    const auto colon = said.find("queries.sql:");
    return colon == said.npos ? said : said.substr(colon + 12, said.find('\n') - colon - 12);
  }

  test::TestDatabase database;
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("sqlgen_" + database.name()) / "sample";
};

TEST_F(Sqlgen, MakesTheCommittedHeaderAnew) {
  std::filesystem::copy_file(TESTDATA "/sample/queries.sql", folder / "queries.sql");
  ASSERT_EQ(sqlgen("", folder / "queries.sql"), 0) << read(folder / "said");
  EXPECT_EQ(read(folder / "queries.gen.h"), read(TESTDATA "/sample/queries.gen.h"));
}

TEST_F(Sqlgen, CheckTellsWhereAGeneratedFileIsOutOfDate) {
  std::filesystem::copy_file(TESTDATA "/sample/queries.sql", folder / "queries.sql");
  EXPECT_EQ(sqlgen("--check", folder / "queries.sql"), 1);
  EXPECT_NE(read(folder / "said").find("queries.gen.h is missing: run ./dev gen"), std::string::npos);
  std::filesystem::copy_file(TESTDATA "/sample/queries.gen.h", folder / "queries.gen.h");
  EXPECT_EQ(sqlgen("--check", folder / "queries.sql"), 0) << read(folder / "said");
  std::string changed = read(folder / "queries.gen.h");
  changed.replace(changed.find("#pragma once"), 12, "#pragma  once");
  std::ofstream{folder / "queries.gen.h"} << changed;
  EXPECT_EQ(sqlgen("--check", folder / "queries.sql"), 1);
  EXPECT_NE(read(folder / "said").find("queries.gen.h:3 is out of date: run ./dev gen"), std::string::npos);
  EXPECT_EQ(read(folder / "queries.gen.h"), changed);
}

TEST_F(Sqlgen, MistakesNameFileLineAndQuery) {
  EXPECT_EQ(complaint("-- name: q :one\nselect 1 as one,\n  nothing\n  from sample.things"),
            "3: q: column \"nothing\" does not exist");
  EXPECT_EQ(complaint("-- name: q :one\nselect 1"), "1: q: column 1 is named '?column?': give it a name with as");
  EXPECT_EQ(complaint("-- name: q :one\nselect 1.5 as price"),
            "1: q: column price is of type numeric, which has no C++ type: cast it");
  EXPECT_EQ(complaint("-- name: q :exec\nselect @price::numeric"),
            "1: q: parameter @price is of type numeric, which has no C++ type: cast it");
  EXPECT_EQ(complaint("-- name: q :one\nselect 1 as a, 2 as a"), "1: q: two columns are named a");
  EXPECT_EQ(complaint("-- name: q :one\ndelete from sample.things"), "1: q: answers no columns: say :exec");
}

TEST_F(Sqlgen, RefusesAWrongCommandLine) {
  EXPECT_EQ(WEXITSTATUS(std::system(SQLGEN " 2>/dev/null")), 2);
  EXPECT_EQ(sqlgen("--chek", "x.sql"), 2);
  EXPECT_EQ(sqlgen("", folder / "none.sql"), 1);
}

Task<std::int64_t> add_find_rename(db::Pool& pool, CompanyId company) {
  CO_TRY(db::Tx tx, co_await pool.begin(company));
  sql::AddThingParams thing{
      .id = Uuid::make(), .company_id = company, .name = "a", .note = std::nullopt, .tags = {"x", "y"}};
  const Uuid id = thing.id;
  CO_TRY(const sql::AddThingRow added, co_await sql::add_thing(tx, std::move(thing)));
  EXPECT_EQ(added.id, id);
  EXPECT_EQ(added.note, std::nullopt);
  EXPECT_EQ(added.small, 3);
  sql::FindThingParams wanted{.company_id = company, .name = "a"};
  CO_TRY(const std::optional<sql::FindThingRow> found, co_await sql::find_thing(tx, wanted));
  EXPECT_EQ(found->company_id, company);
  EXPECT_EQ(found->tags, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(found->facts, R"({"a@b": 1})");
  wanted.name = "b";
  CO_TRY(const auto none, co_await sql::find_thing(tx, wanted));
  EXPECT_FALSE(none);
  sql::RenameThingsParams renaming{.new_name = "c", .company_id = company, .name = "a"};
  CO_TRY(const std::int64_t renamed, co_await sql::rename_things(tx, std::move(renaming)));
  CO_CHECK(co_await tx.commit());
  co_return renamed;
}

Task<std::vector<sql::ListThingsRow>> list(db::Pool& pool, CompanyId company) {
  db::Reader reader = pool.reader(company);
  sql::ListThingsParams page{.company_id = company, .after = std::nullopt, .limit = 10};
  co_return co_await sql::list_things(reader, std::move(page));
}

Task<> remove_all(db::Pool& pool, CompanyId company) {
  CO_TRY(db::Tx tx, co_await pool.begin(company));
  CO_CHECK(co_await sql::remove_all(tx));
  co_return co_await tx.commit();
}

TEST_F(Sqlgen, WhatItMakesRunsInATransactionAndInAReader) {
  db::Pool pool{io, db::Settings{.conninfo = database.app_conninfo()}};
  const CompanyId company = CompanyId::make();
  const auto renamed = run(add_find_rename(pool, company));
  ASSERT_TRUE(renamed) << renamed.error().detail;
  EXPECT_EQ(*renamed, 1);
  const auto listed = run(list(pool, company));
  ASSERT_TRUE(listed) << listed.error().detail;
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_EQ(listed->at(0).name, "c");
  EXPECT_EQ(listed->at(0).total, 1);
  EXPECT_EQ(listed->at(0).note_length, std::nullopt);
  EXPECT_TRUE(listed->at(0).last_made_at.has_value());
  EXPECT_TRUE(run(remove_all(pool, company)));
  EXPECT_EQ(run(list(pool, company))->size(), 0u);
}

}  // namespace
}  // namespace i2m::sqlgen
