#include "sandbox/fal_schema.h"

#include <boost/json/parse.hpp>

#include <charconv>

#include "base/ensure.h"
#include "fal_endpoints.gen.h"

namespace i2m::sandbox::fal {
namespace json = boost::json;
namespace {

constexpr std::int64_t thousand = 1'000;

std::optional<double> number_of(const json::value& value) {
  if (value.is_int64()) return static_cast<double>(value.as_int64());
  if (value.is_uint64()) return static_cast<double>(value.as_uint64());
  if (value.is_double()) return value.as_double();
  return std::nullopt;
}

bool is_whole(const json::value& value) {
  return value.is_int64() || value.is_uint64() ||
         (value.is_double() && std::floor(value.as_double()) == value.as_double());
}

bool flag(const json::object& field, std::string_view name) {
  const json::value* value = field.if_contains(name);
  return value != nullptr && value->is_bool() && value->as_bool();
}

/// Collects what is wrong with one field.
class Judge {
 public:
  Judge(const json::object& rules, json::array loc, const json::value& value, std::vector<Detail>& out)
      : rules_{rules}, loc_{std::move(loc)}, value_{value}, out_{out} {}

  void judge() {
    if (value_.is_null()) {
      if (!flag(rules_, "nullable")) wrong_type();
      return;
    }
    const std::string_view type = rules_.at("type").as_string();
    if (type == "urls" || type == "ints") return judge_list();
    if (type == "bool"    ? !value_.is_bool()
        : type == "int"   ? !is_whole(value_)
        : type == "float" ? !number_of(value_)
                          : !value_.is_string()) {
      return wrong_type();
    }
    if (value_.is_string()) {
      judge_length(value_.as_string().size(), "string_too_short", "string_too_long", "characters");
    }
    if (const auto number = number_of(value_)) judge_range(*number);
    judge_enum();
  }

 private:
  void wrong(std::string type, std::string msg, json::object ctx = {}) {
    out_.push_back(Detail{loc_, std::move(msg), std::move(type), std::move(ctx), value_});
  }

  void wrong_type() {
    const std::string_view type = rules_.at("type").as_string();
    if (type == "bool") return wrong("bool_type", "Input should be a valid boolean");
    if (type == "int") return wrong("int_type", "Input should be a valid integer");
    if (type == "float") return wrong("float_type", "Input should be a valid number");
    if (type == "urls" || type == "ints") return wrong("list_type", "Input should be a valid list");
    wrong("string_type", "Input should be a valid string");
  }

  void judge_list() {
    if (!value_.is_array()) return wrong_type();
    const bool urls = rules_.at("type").as_string() == "urls";
    judge_length(value_.as_array().size(), "sequence_too_short", "sequence_too_long", "items");
    std::int64_t index = 0;
    for (const json::value& item : value_.as_array()) {
      json::array loc = loc_;
      loc.emplace_back(index++);
      const json::object rules{{"type", urls ? "url" : "int"}};
      Judge{rules, loc, item, out_}.judge();
    }
  }

  void judge_length(std::size_t length, const char* too_short, const char* too_long, std::string_view what) {
    const json::value* least = rules_.if_contains("min_length");
    const json::value* most = rules_.if_contains("max_length");
    if (least != nullptr && std::cmp_less(length, least->as_int64())) {
      wrong(too_short, fmt::format("Input should have at least {} {}", least->as_int64(), what),
            {{"min_length", *least}});
    }
    if (most != nullptr && std::cmp_greater(length, most->as_int64())) {
      wrong(too_long, fmt::format("Input should have at most {} {}", most->as_int64(), what), {{"max_length", *most}});
    }
  }

  void judge_range(double number) {
    const auto bound = [this](const char* name) -> std::optional<double> {
      const json::value* value = rules_.if_contains(name);
      return value == nullptr ? std::nullopt : number_of(*value);
    };
    if (const auto ge = bound("ge"); ge && number < *ge) {
      wrong("greater_than_equal", fmt::format("Input should be greater than or equal to {}", *ge),
            {{"ge", rules_.at("ge")}});
    }
    if (const auto gt = bound("gt"); gt && number <= *gt) {
      wrong("greater_than", fmt::format("Input should be greater than {}", *gt), {{"gt", rules_.at("gt")}});
    }
    if (const auto le = bound("le"); le && number > *le) {
      wrong("less_than_equal", fmt::format("Input should be less than or equal to {}", *le), {{"le", rules_.at("le")}});
    }
  }

  void judge_enum() {
    const json::value* allowed = rules_.if_contains("enum");
    if (allowed == nullptr) return;
    for (const json::value& each : allowed->as_array()) {
      if (each == value_ || (number_of(each) && number_of(each) == number_of(value_))) return;
    }
    std::string words;
    for (const json::value& each : allowed->as_array()) {
      if (!words.empty()) words += ", ";
      words += each.is_string() ? "'" + std::string{std::string_view{each.as_string()}} + "'" : json::serialize(each);
    }
    wrong("one_of", "Input should be one of " + words, {{"expected", *allowed}});
  }

  const json::object& rules_;
  json::array loc_;
  const json::value& value_;
  std::vector<Detail>& out_;
};

// "150K Triangle" says 150 000, "2M Triangle" two million.
std::optional<std::int64_t> faces_in_words(std::string_view words) {
  std::int64_t count = 0;
  const auto [rest, ec] = std::from_chars(words.data(), words.data() + words.size(), count);
  if (ec != std::errc{}) return std::nullopt;
  const std::string_view unit{rest, words.data() + words.size()};
  if (unit.starts_with('K')) count *= thousand;
  if (unit.starts_with('M')) count *= thousand * thousand;
  return count;
}

std::vector<Endpoint> parsed() {
  std::vector<Endpoint> out;
  const json::value file = json::parse(endpoints_json);
  for (const auto& [id, spec] : file.as_object()) out.emplace_back(std::string{id}, spec.as_object());
  return out;
}

}  // namespace

Endpoint::Endpoint(std::string id, json::object spec) : id_{std::move(id)}, app_{app_of(id_)}, spec_{std::move(spec)} {}

std::vector<Detail> Endpoint::wrong_with(const json::value& input) const {
  std::vector<Detail> out;
  if (!input.is_object()) {
    out.push_back(Detail{{"body"}, "Input should be a valid dictionary", "model_attributes_type", {}, input});
    return out;
  }
  const json::object& given = input.as_object();
  for (const auto& [name, rules] : spec_.at("inputs").as_object()) {
    const json::object& field = rules.as_object();
    const json::value* value = given.if_contains(name);
    if (value != nullptr) {
      Judge{field, {"body", name}, *value, out}.judge();
    } else if (flag(field, "required")) {
      out.push_back(Detail{{"body", name}, "Field required", "missing", {}, input});
    }
  }
  if (const json::value* rules = spec_.if_contains("rules"); rules != nullptr && out.empty()) {
    for (const json::value& each : rules->as_array()) {
      const json::object& rule = each.as_object();
      const std::string_view name = rule.at("field").as_string();
      const json::value* value = given.if_contains(name);
      if (value != nullptr && holds(rule, given)) {
        const json::object range{{"type", "int"}, {"nullable", true}, {"le", rule.at("le")}};
        Judge{range, {"body", name}, *value, out}.judge();
      }
    }
  }
  return out;
}

json::object Endpoint::with_defaults(const json::object& input) const {
  json::object out = input;
  for (const auto& [name, rules] : spec_.at("inputs").as_object()) {
    const json::value* otherwise = rules.as_object().if_contains("default");
    if (otherwise != nullptr && !out.contains(name)) out[name] = *otherwise;
  }
  return out;
}

std::vector<Endpoint::PictureUrl> Endpoint::pictures(const json::object& input) const {
  std::vector<PictureUrl> out;
  for (const auto& [name, rules] : spec_.at("inputs").as_object()) {
    const std::string_view type = rules.as_object().at("type").as_string();
    const json::value* value = input.if_contains(name);
    if (value == nullptr || name.starts_with("texture_")) continue;
    if (type == "url" && value->is_string())
      out.push_back({std::string{name}, std::string{value->as_string().c_str()}});
    if (type != "urls" || !value->is_array()) continue;
    for (const json::value& each : value->as_array()) {
      if (each.is_string()) out.push_back({std::string{name}, std::string{each.as_string().c_str()}});
    }
  }
  return out;
}

std::optional<std::int64_t> Endpoint::face_limit(const json::object& input) const {
  const json::value* field = spec_.if_contains("faces");
  if (field == nullptr) return std::nullopt;
  const json::object full = with_defaults(input);
  const json::value* value = full.if_contains(field->as_string());
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return faces_in_words(value->as_string());
  const auto number = number_of(*value);
  if (!number) return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

/// `when`: the fields have these values. `given`: one of these fields has a value of its own.
bool Endpoint::holds(const json::object& rule, const json::object& given) const {
  const json::object full = with_defaults(given);
  if (const json::value* when = rule.if_contains("when")) {
    for (const auto& [name, value] : when->as_object()) {
      const json::value* is = full.if_contains(name);
      if (is == nullptr || (*is != value && !(number_of(*is) && number_of(*is) == number_of(value)))) return false;
    }
  }
  if (const json::value* fields = rule.if_contains("given")) {
    return std::ranges::any_of(fields->as_array(), [&](const json::value& name) {
      const json::value* is = given.if_contains(name.as_string());
      return is != nullptr && !is->is_null();
    });
  }
  return true;
}

double Endpoint::price_usd(const json::object& input) const {
  const json::object& price = spec_.at("price").as_object();
  double usd = 0;
  for (const json::value& each : price.at("base").as_array()) {
    if (!holds(each.as_object(), input)) continue;
    usd = *number_of(each.as_object().at("usd"));
    break;
  }
  if (const json::value* extra = price.if_contains("extra")) {
    for (const json::value& each : extra->as_array()) {
      if (holds(each.as_object(), input)) usd += *number_of(each.as_object().at("usd"));
    }
  }
  return usd;
}

double Endpoint::unit_usd() const {
  double least = 0;
  for (const json::value& each : spec_.at("price").as_object().at("base").as_array()) {
    const double usd = *number_of(each.as_object().at("usd"));
    least = least == 0 ? usd : std::min(least, usd);
  }
  return least;
}

json::value Endpoint::output(const json::object& input) const {
  for (const json::value& each : spec_.at("outputs").as_array()) {
    if (holds(each.as_object(), input)) return each.as_object().at("body");
  }
  return json::object{};
}

std::optional<std::int64_t> Endpoint::bound(std::string_view name) const {
  const json::value* value = spec_.if_contains(name);
  if (value == nullptr) return std::nullopt;
  return value->as_int64();
}

const std::vector<Endpoint>& endpoints() {
  static const std::vector<Endpoint> all = parsed();
  return all;
}

const Endpoint* find_endpoint(std::string_view id) {
  const auto found = std::ranges::find(endpoints(), id, &Endpoint::id);
  return found == endpoints().end() ? nullptr : &*found;
}

const Endpoint* find_app(std::string_view app) {
  const auto found = std::ranges::find(endpoints(), app, &Endpoint::app);
  return found == endpoints().end() ? nullptr : &*found;
}

std::string app_of(std::string_view id) {
  const bool in_namespace = id.starts_with("workflows/") || id.starts_with("comfy/");
  std::size_t end = std::string_view::npos;
  std::size_t from = 0;
  for (int segments = in_namespace ? 3 : 2; segments > 0; --segments) {
    end = id.find('/', from);
    if (end == std::string_view::npos) break;
    from = end + 1;
  }
  return std::string{id.substr(0, end)};
}

}  // namespace i2m::sandbox::fal
