#pragma once

#include <boost/json.hpp>

#include <array>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/money.h"

namespace i2m::net {

/// Where a field of a request comes from. Answers only have Body.
enum class In { Body, Path, Query };

/// One member of a request or answer struct: it drives parsing, refusal messages, serialising and the OpenAPI schema.
template <class T, class M>
struct Field {
  std::string_view name;
  M T::* member;
  std::string_view doc;
  In in = In::Body;
  std::size_t length_max = 1024;  // of a string, in bytes
  std::int64_t min = std::numeric_limits<std::int64_t>::min();
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  std::string_view example = {};

  constexpr Field path() const {
    return with([](Field& f) { f.in = In::Path; });
  }
  constexpr Field query() const {
    return with([](Field& f) { f.in = In::Query; });
  }
  constexpr Field longest(std::size_t bytes) const {
    return with([=](Field& f) { f.length_max = bytes; });
  }
  constexpr Field range(std::int64_t low, std::int64_t high) const {
    return with([=](Field& f) { f.min = low, f.max = high; });
  }
  constexpr Field like(std::string_view text) const {
    return with([=](Field& f) { f.example = text; });
  }

 private:
  template <class F>
  constexpr Field with(F change) const {
    Field copy = *this;
    change(copy);
    return copy;
  }
};

template <class T, class M>
constexpr Field<T, M> field(std::string_view name, M T::* member, std::string_view doc) {
  return Field<T, M>{name, member, doc};
}

template <class T>
concept Described = requires {
  T::fields();
  T::schema_name;
};
template <class T>
concept NamedEnum = std::is_enum_v<T> && requires { enum_names(T{}); };
template <class T>
constexpr bool is_optional = false;
template <class T>
constexpr bool is_optional<std::optional<T>> = true;
template <class T>
constexpr bool is_list = false;
template <class T>
constexpr bool is_list<std::vector<T>> = true;
template <class T>
constexpr bool is_id = false;
template <class Tag>
constexpr bool is_id<Id<Tag>> = true;

/// A request without input, an answer without data.
struct Nothing {
  static constexpr std::string_view schema_name = "Nothing";
  static constexpr auto fields() { return std::tuple{}; }
};

template <NamedEnum E>
constexpr std::string_view name_of(E value) {
  return enum_names(value)[static_cast<std::size_t>(value)];
}

template <class T, class F>
constexpr void for_each_field(F&& visit) {
  std::apply([&](const auto&... each) { (visit(each), ...); }, T::fields());
}

// --- Serialising: straight into the answer's text.

template <class T>
void append_json(std::string& out, const T& value) {
  if constexpr (std::same_as<T, std::string> || std::same_as<T, std::string_view>) {
    out += log::quote(value);
  } else if constexpr (std::same_as<T, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (std::integral<T>) {
    out += std::to_string(value);
  } else if constexpr (std::floating_point<T>) {
    fmt::format_to(std::back_inserter(out), "{:.6g}", value);
  } else if constexpr (std::same_as<T, Credits>) {
    out += std::to_string(value.count());
  } else if constexpr (std::same_as<T, Time>) {
    out += log::quote(to_rfc3339(value));
  } else if constexpr (is_id<T>) {
    out += log::quote(value.text());
  } else if constexpr (NamedEnum<T>) {
    out += log::quote(name_of(value));
  } else if constexpr (std::same_as<T, boost::json::object>) {
    out += boost::json::serialize(value);
  } else if constexpr (is_optional<T>) {
    if (value) {
      append_json(out, *value);
    } else {
      out += "null";
    }
  } else if constexpr (is_list<T>) {
    out += '[';
    bool first = true;
    for (const auto& element : value) {
      if (!first) out += ',';
      first = false;
      append_json(out, element);
    }
    out += ']';
  } else {
    static_assert(Described<T>);
    out += '{';
    bool first = true;
    for_each_field<T>([&](const auto& f) {
      if (!first) out += ',';
      first = false;
      out += '"';
      out += f.name;
      out += "\":";
      append_json(out, value.*f.member);
    });
    out += '}';
  }
}

template <class T>
std::string to_json(const T& value) {
  std::string out;
  append_json(out, value);
  return out;
}

// --- Parsing. Each refusal names the field and says what would be right.

template <class T>
Result<> read_text(T& out, std::string_view text, std::string_view name);
template <class T, class F>
Result<> read_json(T& out, const boost::json::value& json, const F& f);

template <NamedEnum E>
std::string choices() {
  std::string out;
  for (const std::string_view each : enum_names(E{})) {
    if (!out.empty()) out += ", ";
    out += each;
  }
  return out;
}

/// From a path segment or a query value.
template <class T>
Result<> read_text(T& out, std::string_view text, std::string_view name) {
  if constexpr (is_optional<T>) {
    typename T::value_type inner{};
    CHECK_OK(read_text(inner, text, name));
    out = std::move(inner);
  } else if constexpr (std::same_as<T, std::string>) {
    out = text;
  } else if constexpr (is_id<T>) {
    auto id = T::parse(text);
    // A malformed id and an unknown one are the same to whoever asks: there is no such thing.
    if (!id) return fail(Code::NotFound, fmt::format("{} is not an id", name));
    out = *id;
  } else if constexpr (std::integral<T>) {
    std::int64_t n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc{} || end != text.data() + text.size() || !std::in_range<T>(n)) {
      return refuse(Code::Invalid, std::string{name}, fmt::format("{} must be a whole number.", name));
    }
    out = static_cast<T>(n);
  } else {
    static_assert(NamedEnum<T>);
    const auto names = enum_names(T{});
    const auto at = std::ranges::find(names, text);
    if (at == names.end()) {
      return refuse(Code::Invalid, std::string{name}, fmt::format("{} must be one of: {}.", name, choices<T>()));
    }
    out = static_cast<T>(at - names.begin());
  }
  return {};
}

template <class T, class F>
Result<> read_json(T& out, const boost::json::value& json, const F& f) {
  const auto wrong = [&](std::string_view expected) {
    return refuse(Code::Invalid, std::string{f.name}, fmt::format("{} must be {}.", f.name, expected));
  };
  if constexpr (is_optional<T>) {
    if (json.is_null()) return out.reset(), Result<>{};
    typename T::value_type inner{};
    CHECK_OK(read_json(inner, json, f));
    out = std::move(inner);
  } else if constexpr (std::same_as<T, std::string>) {
    if (!json.is_string()) return wrong("a text");
    if (json.get_string().size() > f.length_max) return wrong(fmt::format("at most {} bytes long", f.length_max));
    out = std::string{json.get_string()};
  } else if constexpr (std::same_as<T, bool>) {
    if (!json.is_bool()) return wrong("true or false");
    out = json.get_bool();
  } else if constexpr (std::integral<T>) {
    if (!json.is_int64() || !std::in_range<T>(json.get_int64())) return wrong("a whole number");
    if (json.get_int64() < f.min || json.get_int64() > f.max) return wrong(fmt::format("from {} to {}", f.min, f.max));
    out = static_cast<T>(json.get_int64());
  } else if constexpr (NamedEnum<T>) {
    if (!json.is_string()) return wrong(fmt::format("one of: {}", choices<T>()));
    return read_text(out, std::string_view{json.get_string()}, f.name);
  } else {
    static_assert(is_id<T>);
    if (!json.is_string()) return wrong("an id");
    return read_text(out, std::string_view{json.get_string()}, f.name);
  }
  return {};
}

/// A whole JSON body. A missing required field, a field of the wrong type and one that is not known are each refused by
/// name.
template <Described T>
Result<> read_body(T& out, std::string_view body) {
  boost::system::error_code ec;
  boost::json::parse_options options;
  options.max_depth = 8;
  const boost::json::value root = boost::json::parse(body, ec, {}, options);
  if (ec || !root.is_object()) return refuse(Code::Malformed, "", "The body is not a JSON object.");
  const boost::json::object& object = root.get_object();
  Result<> verdict;
  std::size_t known = 0;
  for_each_field<T>([&](const auto& f) {
    if (f.in != In::Body || !verdict) return;
    auto& member = out.*f.member;
    const auto* value = object.if_contains(f.name);
    if (value != nullptr) {
      ++known;
      verdict = read_json(member, *value, f);
    } else if (!is_optional<std::remove_cvref_t<decltype(member)>>) {
      verdict = refuse(Code::Invalid, std::string{f.name}, fmt::format("{} is missing.", f.name));
    }
  });
  if (!verdict || known == object.size()) return verdict;
  for (const auto& [key, value] : object) {
    bool found = false;
    for_each_field<T>([&](const auto& f) { found = found || (f.in == In::Body && f.name == std::string_view{key}); });
    if (!found)
      return refuse(Code::Invalid, std::string{key},
                    fmt::format("{} is not a field of this request.", std::string_view{key}));
  }
  return verdict;
}

// --- OpenAPI 3.1 schemas.

/// `components` collects every named schema that `T` needs.
template <class T>
boost::json::value schema_of(boost::json::object& components) {
  namespace json = boost::json;
  if constexpr (is_optional<T>) {
    json::value inner = schema_of<typename T::value_type>(components);
    if (inner.get_object().contains("$ref"))
      return json::object{{"oneOf", json::array{inner, json::object{{"type", "null"}}}}};
    const json::value type = inner.get_object()["type"];
    inner.get_object()["type"] = json::array{type, "null"};
    return inner;
  } else if constexpr (std::same_as<T, json::object>) {
    return json::object{{"type", "object"}};
  } else if constexpr (std::same_as<T, std::string>) {
    return json::object{{"type", "string"}};
  } else if constexpr (std::same_as<T, bool>) {
    return json::object{{"type", "boolean"}};
  } else if constexpr (std::integral<T>) {
    return json::object{{"type", "integer"}, {"format", sizeof(T) == 8 ? "int64" : "int32"}};
  } else if constexpr (std::floating_point<T>) {
    return json::object{{"type", "number"}};
  } else if constexpr (std::same_as<T, Credits>) {
    return json::object{{"type", "integer"},
                        {"format", "int64"},
                        {"minimum", 0},
                        {"description", "Credits: 1 credit = 0.01 US dollar"}};
  } else if constexpr (std::same_as<T, Time>) {
    return json::object{{"type", "string"}, {"format", "date-time"}};
  } else if constexpr (is_id<T>) {
    return json::object{{"type", "string"}, {"format", "uuid"}};
  } else if constexpr (NamedEnum<T>) {
    json::array names;
    for (const std::string_view each : enum_names(T{})) names.emplace_back(json::string{each});
    return json::object{{"type", "string"}, {"enum", names}};
  } else if constexpr (is_list<T>) {
    return json::object{{"type", "array"}, {"items", schema_of<typename T::value_type>(components)}};
  } else {
    static_assert(Described<T>);
    const json::object reference{{"$ref", "#/components/schemas/" + std::string{T::schema_name}}};
    if (components.contains(T::schema_name)) return reference;
    components[T::schema_name] = nullptr;  // a type that contains itself ends here
    json::object properties;
    json::array required;
    for_each_field<T>([&](const auto& f) {
      if (f.in != In::Body) return;
      using Member = std::remove_cvref_t<decltype(std::declval<T>().*f.member)>;
      json::object property = schema_of<Member>(components).get_object();
      if (!property.contains("description")) property["description"] = f.doc;
      if (!f.example.empty()) property["example"] = f.example;
      if (f.min != std::numeric_limits<std::int64_t>::min()) property["minimum"] = f.min, property["maximum"] = f.max;
      properties[f.name] = std::move(property);
      // In an answer every member is always there; what may be empty says so by its type.
      required.emplace_back(json::string{f.name});
    });
    json::object schema{{"type", "object"}, {"properties", properties}};
    if (!required.empty()) schema["required"] = required;
    components[T::schema_name] = std::move(schema);
    return reference;
  }
}

}  // namespace i2m::net
