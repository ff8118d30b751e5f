#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace i2m::mesh {

struct JsonMember;

/// A JSON value as a glTF file holds it; just enough to check one that came from outside, change it and write it.
class Json {
 public:
  enum class Kind : std::uint8_t { Null, Bool, Number, String, Array, Object };

  /// Strict RFC 8259 on UTF-8, with bounds: `depth_max` levels, `values_max` values. Nothing when the text breaks a
  /// rule.
  static std::optional<Json> parse(std::string_view text);
  static constexpr int depth_max = 64;
  static constexpr std::size_t values_max = 1'000'000;

  static Json of(double number);
  static Json of(std::string_view text);
  static Json of(bool truth);
  static Json of(const std::vector<double>& numbers);
  static Json array();
  static Json object();

  Kind kind = Kind::Null;
  bool truth = false;
  double number = 0;
  std::string text;
  std::vector<Json> items;
  std::vector<JsonMember> members;

  /// The member of that name, or null when there is none or this is not an object.
  const Json* find(std::string_view name) const;
  Json* find(std::string_view name);
  /// Replaces the member of that name or adds it behind the others; makes an object of what is none.
  Json& set(std::string_view name, Json value);
  void erase(std::string_view name);
  /// The array member of that name, made where there is none.
  std::vector<Json>& items_of(std::string_view name);
  /// The array member of that name; empty when there is none.
  const std::vector<Json>& list(std::string_view name) const;
  /// The member as a whole number from 0 to 2^53; nothing when it is anything else.
  std::optional<std::uint64_t> count(std::string_view name) const;
  /// The same, with `missing` when there is no such member.
  std::optional<std::uint64_t> count_or(std::string_view name, std::uint64_t missing) const;
  /// This value as a whole number.
  std::optional<std::uint64_t> whole() const;
  /// The string member, or "" when there is none.
  std::string_view string(std::string_view name) const;
};

struct JsonMember {
  std::string name;
  Json value;
};

/// The value as text, without spaces, members in their order. What `parse` has read comes back as the same values.
std::string write_json(const Json& json);

}  // namespace i2m::mesh
