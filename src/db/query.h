#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/task.h"

struct pg_result;

namespace i2m::db {

/// One statement of a queries.sql file. Made by tools/sqlgen only; the name is also the metric label and the name of
/// the prepared statement. Both views outlive the process: a connection keeps them.
struct Query {
  std::string_view name;  // "credits.reserve"
  std::string_view sql;   // with $1, $2, ...
};

/// The parameters of one execution, in text form, null where the optional is empty.
class Params {
 public:
  /// A text that holds a NUL byte, which PostgreSQL has no room for, makes the execution answer Code::Invalid.
  Params& add(std::string_view text);
  Params& add(const Uuid& id);
  template <class Tag>
  Params& add(const Id<Tag>& id) {
    return add(id.value);
  }
  Params& add(std::int64_t n);
  Params& add(std::int32_t n);
  Params& add(double x);
  // Exactly bool: a character pointer would otherwise rather become true than a text.
  template <std::same_as<bool> Bool>
  Params& add(Bool b) {
    return add(b ? std::string_view{"t"} : std::string_view{"f"});
  }
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

namespace detail {
// One value from PostgreSQL's text form. Aborts when it does not fit.
void decode(std::string_view text, Uuid& out);
void decode(std::string_view text, std::int64_t& out);
void decode(std::string_view text, std::int32_t& out);
void decode(std::string_view text, bool& out);
void decode(std::string_view text, double& out);
void decode(std::string_view text, std::string& out);
void decode(std::string_view text, Time& out);
void decode(std::string_view text, std::vector<std::uint8_t>& out);
void decode(std::string_view text, std::vector<std::string>& out);
void decode(std::string_view text, std::vector<Uuid>& out);
void decode(std::string_view text, std::vector<std::int64_t>& out);

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_id = false;
template <class Tag>
inline constexpr bool is_id<Id<Tag>> = true;
}  // namespace detail

/// What a statement answered. Owns its memory; a view from it lives as long as it does.
class Rows {
 public:
  Rows() = default;
  explicit Rows(pg_result* owned);
  int size() const;
  /// Rows that an insert, update or delete touched.
  std::int64_t affected() const;
  /// What the server says it did: "COMMIT", "UPDATE 1".
  std::string_view command() const;
  bool is_null(int row, int column) const;
  std::string_view text(int row, int column) const;

  /// One column, decoded. A value that does not fit its type is a bug of the generator: it aborts.
  template <class T>
  T get(int row, int column) const {
    if constexpr (detail::is_optional<T>) {
      if (is_null(row, column)) return std::nullopt;
      return get<typename T::value_type>(row, column);
    } else if constexpr (detail::is_id<T>) {
      return T{get<Uuid>(row, column)};
    } else {
      T out{};
      detail::decode(present(row, column), out);
      return out;
    }
  }

 private:
  std::string_view present(int row, int column) const;

  std::shared_ptr<pg_result> result_;
};

/// Something that runs a query: a Tx, or a Reader for a single read.
template <class T>
concept Runner = requires(T& r, const Query& q, Params p) {
  { r.run(q, std::move(p)) } -> std::same_as<Task<Rows>>;
};

/// That an answer has one row. Errors: Code::NotFound for none; Code::Internal for several, which is a bug.
Result<> exactly_one(const Rows& rows, const Query& query);
/// The same where none is an answer too: true when there is a row. Errors: Code::Internal for several.
Result<bool> at_most_one(const Rows& rows, const Query& query);

/// The constraint whose violation caused `error`; empty when it was something else.
std::string_view violated_constraint(const Error& error);

}  // namespace i2m::db
