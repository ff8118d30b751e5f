#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/task.h"

struct pg_result;

namespace i2m::db {

/// One statement of a queries.sql file. Made by tools/sqlgen only; the name is also the metric label and the name of
/// the prepared statement.
struct Query {
  std::string_view name;  // "credits.reserve"
  std::string_view sql;   // with $1, $2, ...
};

/// The parameters of one execution, in text form, null where the optional is empty.
class Params {
 public:
  Params& add(std::string_view text);
  Params& add(const Uuid& id);
  Params& add(std::int64_t n);
  Params& add(std::int32_t n);
  Params& add(double x);
  Params& add(bool b);
  Params& add(Time t);
  Params& add(std::span<const std::uint8_t> bytes);       // bytea
  Params& add(const std::vector<std::string>& texts);     // text[]
  Params& add(const std::vector<Uuid>& ids);              // uuid[]
  Params& add(const std::vector<std::int64_t>& numbers);  // bigint[]
  template <class T>
  Params& add(const std::optional<T>& maybe) {
    return maybe ? add(*maybe) : null();
  }
  Params& null();

  std::span<const std::optional<std::string>> values() const { return values_; }

 private:
  std::vector<std::optional<std::string>> values_;
};

/// What a statement answered. Owns its memory; a view from it lives as long as it does.
class Rows {
 public:
  Rows() = default;
  explicit Rows(pg_result* owned);
  int size() const;
  /// Rows that an insert, update or delete touched.
  std::int64_t affected() const;
  bool is_null(int row, int column) const;
  std::string_view text(int row, int column) const;

  // One column, decoded. A value that does not fit its type is a bug of the generator: it aborts.
  template <class T>
  T get(int row, int column) const;

 private:
  std::shared_ptr<pg_result> result_;
};

/// Something that runs a query: a Tx, or a Reader for a single read.
template <class T>
concept Runner = requires(T& r, const Query& q, Params p) {
  { r.run(q, std::move(p)) } -> std::same_as<Task<Rows>>;
};

/// The constraint whose violation caused `error`; empty when it was something else.
std::string_view violated_constraint(const Error& error);

}  // namespace i2m::db
