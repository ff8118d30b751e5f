// Made by tools/sqlgen from queries.sql; `./dev gen` makes it anew. Do not edit.
// clang-format off
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/task.h"
#include "db/query.h"

namespace i2m::sample::sql {

inline constexpr db::Query add_thing_query{"sample.add_thing", R"sql(insert into sample.things (id, company_id, name, note, tags)
values ($1, $2, $3, $4, $5)
returning id, made_at, note, small, weight)sql"};
struct AddThingParams {
  Uuid id;
  CompanyId company_id;
  std::string name;
  std::optional<std::string> note;
  std::vector<std::string> tags;
};
struct AddThingRow {
  Uuid id;
  Time made_at;
  std::optional<std::string> note;
  std::int32_t small;
  double weight;
};
inline AddThingRow add_thing_row(const db::Rows& rows, int row) {
  return {
      .id = rows.get<Uuid>(row, 0),
      .made_at = rows.get<Time>(row, 1),
      .note = rows.get<std::optional<std::string>>(row, 2),
      .small = rows.get<std::int32_t>(row, 3),
      .weight = rows.get<double>(row, 4),
  };
}
/// Adds a thing; the database chooses the rest.
///
/// Errors: Code::Conflict when the id is taken.
template <db::Runner R>
Task<AddThingRow> add_thing(R& run, AddThingParams params) {
  db::Params values;
  values.add(params.id);
  values.add(params.company_id);
  values.add(params.name);
  values.add(params.note);
  values.add(params.tags);
  CO_TRY(const db::Rows rows, co_await run.run(add_thing_query, std::move(values)));
  CO_CHECK(db::exactly_one(rows, add_thing_query));
  co_return add_thing_row(rows, 0);
}

inline constexpr db::Query find_thing_query{"sample.find_thing", R"sql(select id, company_id, name, note, count, facts, picture, tags, made_at
  from sample.things
 where company_id = $1 and name = $2  -- not @commented)sql"};
struct FindThingParams {
  CompanyId company_id;
  std::string name;
};
struct FindThingRow {
  Uuid id;
  CompanyId company_id;
  std::string name;
  std::optional<std::string> note;
  std::int32_t count;
  std::string facts;
  std::optional<std::vector<std::uint8_t>> picture;
  std::vector<std::string> tags;
  Time made_at;
};
inline FindThingRow find_thing_row(const db::Rows& rows, int row) {
  return {
      .id = rows.get<Uuid>(row, 0),
      .company_id = rows.get<CompanyId>(row, 1),
      .name = rows.get<std::string>(row, 2),
      .note = rows.get<std::optional<std::string>>(row, 3),
      .count = rows.get<std::int32_t>(row, 4),
      .facts = rows.get<std::string>(row, 5),
      .picture = rows.get<std::optional<std::vector<std::uint8_t>>>(row, 6),
      .tags = rows.get<std::vector<std::string>>(row, 7),
      .made_at = rows.get<Time>(row, 8),
  };
}
template <db::Runner R>
Task<std::optional<FindThingRow>> find_thing(R& run, FindThingParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.name);
  CO_TRY(const db::Rows rows, co_await run.run(find_thing_query, std::move(values)));
  CO_TRY(const bool found, db::at_most_one(rows, find_thing_query));
  if (!found) co_return std::nullopt;
  co_return find_thing_row(rows, 0);
}

inline constexpr db::Query list_things_query{"sample.list_things", R"sql(select name, count(*) over () as "total!", length(note) as note_length, made_at as "last_made_at?"
  from sample.things
 where company_id = $1 and ($2::timestamptz is null or made_at > $2)
   and facts @> '{"a@b": 1}' and note is distinct from '@name'
 order by made_at desc
 limit $3::int8)sql"};
struct ListThingsParams {
  CompanyId company_id;
  std::optional<Time> after;
  std::int64_t limit;
};
struct ListThingsRow {
  std::string name;
  std::int64_t total;
  std::optional<std::int32_t> note_length;
  std::optional<Time> last_made_at;
};
inline ListThingsRow list_things_row(const db::Rows& rows, int row) {
  return {
      .name = rows.get<std::string>(row, 0),
      .total = rows.get<std::int64_t>(row, 1),
      .note_length = rows.get<std::optional<std::int32_t>>(row, 2),
      .last_made_at = rows.get<std::optional<Time>>(row, 3),
  };
}
/// One page, the newest first.
template <db::Runner R>
Task<std::vector<ListThingsRow>> list_things(R& run, ListThingsParams params) {
  db::Params values;
  values.add(params.company_id);
  values.add(params.after);
  values.add(params.limit);
  CO_TRY(const db::Rows rows, co_await run.run(list_things_query, std::move(values)));
  std::vector<ListThingsRow> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) out.push_back(list_things_row(rows, row));
  co_return out;
}

inline constexpr db::Query rename_things_query{"sample.rename_things", R"sql(update sample.things set name = $1 where company_id = $2 and name = $3)sql"};
struct RenameThingsParams {
  std::string new_name;
  CompanyId company_id;
  std::string name;
};
template <db::Runner R>
Task<std::int64_t> rename_things(R& run, RenameThingsParams params) {
  db::Params values;
  values.add(params.new_name);
  values.add(params.company_id);
  values.add(params.name);
  CO_TRY(const db::Rows rows, co_await run.run(rename_things_query, std::move(values)));
  co_return rows.affected();
}

inline constexpr db::Query remove_all_query{"sample.remove_all", R"sql(delete from sample.things)sql"};
template <db::Runner R>
Task<> remove_all(R& run) {
  db::Params values;
  CO_CHECK(co_await run.run(remove_all_query, std::move(values)));
  co_return Result<>{};
}

}  // namespace i2m::sample::sql
