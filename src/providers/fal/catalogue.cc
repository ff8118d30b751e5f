#include "providers/fal/catalogue.h"

#include <boost/json.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "models.gen.h"

namespace i2m::providers::fal {
namespace {

namespace json = boost::json;

/// Reads members and remembers the first that is not as it must be.
class Members {
 public:
  Members(const json::object& object, std::string& complaint) : object_{object}, complaint_{complaint} {}

  const json::value* find(std::string_view name) const { return object_.if_contains(name); }

  void text(std::string_view name, std::string& into) {
    const json::value* value = find(name);
    if (value == nullptr || !value->is_string() || value->get_string().empty()) return wrong(name, "a text");
    into = value->get_string();
  }
  /// Stays as it is where there is none.
  template <class N>
  void number(std::string_view name, N& into) {
    const json::value* value = find(name);
    if (value == nullptr) return;
    if (!value->is_int64() || value->get_int64() < 0) return wrong(name, "a whole number from 0 on");
    into = static_cast<N>(value->get_int64());
  }
  void texts(std::string_view name, std::vector<std::string>& into, bool needed = true) {
    const json::value* value = find(name);
    if (value == nullptr && !needed) return;
    if (value == nullptr || !value->is_array() || value->get_array().empty()) return wrong(name, "a list of texts");
    for (const json::value& each : value->get_array()) {
      if (!each.is_string()) return wrong(name, "a list of texts");
      into.emplace_back(each.get_string());
    }
  }
  std::optional<Members> object(std::string_view name, bool needed = true) {
    const json::value* value = find(name);
    if (value != nullptr && value->is_object()) return Members{value->get_object(), complaint_};
    if (value != nullptr || needed) wrong(name, "an object");
    return std::nullopt;
  }
  void each_object(std::string_view name, auto&& take) {
    const json::value* value = find(name);
    if (value == nullptr) return;
    if (!value->is_array()) return wrong(name, "a list");
    for (const json::value& each : value->get_array()) {
      if (!each.is_object()) return wrong(name, "a list of objects");
      take(Members{each.get_object(), complaint_});
    }
  }
  void wrong(std::string_view name, std::string_view must) {
    if (complaint_.empty()) complaint_ = fmt::format("\"{}\" must be {}.", name, must);
  }
  const json::object& raw() const { return object_; }

 private:
  const json::object& object_;
  std::string& complaint_;
};

void read_input(Members input, Entry& out) {
  input.texts("pictures", out.picture_fields);
  if (const auto fixed = input.object("fixed", false)) out.fixed = fixed->raw();
  auto faces = input.object("face_limit", false);
  if (!faces) return;
  Entry::FaceLimit limit;
  faces->text("field", limit.field);
  faces->number("min", limit.min);
  faces->number("max", limit.max);
  if (limit.max > 0 && limit.min > limit.max) faces->wrong("max", "at least min");
  faces->each_object("choices", [&](Members each) {
    Entry::FaceLimit::Choice choice;
    each.number("faces", choice.faces);
    each.text("value", choice.value);
    limit.choices.push_back(std::move(choice));
  });
  std::ranges::sort(limit.choices, {}, &Entry::FaceLimit::Choice::faces);
  out.face_limit = std::move(limit);
}

void read_limits(Members limits, Entry& out) {
  limits.texts("formats", out.formats);
  limits.number("picture_bytes_max", out.picture_bytes_max);
  limits.number("picture_px_min", out.picture_px_min);
  limits.number("picture_px_max", out.picture_px_max);
  limits.number("pictures_min", out.pictures_min);
  limits.number("pictures_max", out.pictures_max);
}

void read_prices(Members& price, std::string_view name, std::vector<Entry::PriceRow>& into) {
  price.each_object(name, [&](Members each) {
    Entry::PriceRow row;
    if (each.find("micro_usd") == nullptr) each.wrong("micro_usd", "a whole number from 0 on");
    each.number("micro_usd", row.microusd);
    if (const auto when = each.object("when", false)) row.when = when->raw();
    each.texts("given", row.given, false);
    into.push_back(std::move(row));
  });
}

const json::value* at_path(const json::value& from, std::string_view path) {
  const json::value* value = &from;
  while (!path.empty() && value != nullptr) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    const std::string_view name = path.substr(0, dot);
    if (const json::object* object = value->if_object()) {
      value = object->if_contains(name);
    } else if (const json::array* list = value->if_array(); list != nullptr && name == "0" && !list->empty()) {
      value = &list->front();
    } else {
      value = nullptr;
    }
    path.remove_prefix(std::min(path.size(), dot + 1));
  }
  return value;
}

bool is_number(const json::value& value) { return value.is_int64() || value.is_double() || value.is_uint64(); }
double number_of(const json::value& value) {
  return value.is_double() ? value.get_double() : value.to_number<double>();
}

/// Why `value` is none that `schema` (type, enum, minimum, maximum) takes; empty when it is one.
std::string unfit(const json::object& schema, const json::value& value) {
  const json::value* type = schema.if_contains("type");
  const std::string_view word = type != nullptr && type->is_string() ? std::string_view{type->get_string()} : "";
  if (word == "boolean" && !value.is_bool()) return "must be true or false";
  if (word == "string" && !value.is_string()) return "must be a text";
  if (word == "integer" && !value.is_int64()) return "must be a whole number";
  if (word == "number" && !is_number(value)) return "must be a number";
  if (const json::value* choices = schema.if_contains("enum"); choices != nullptr && choices->is_array()) {
    const json::array& all = choices->get_array();
    if (std::ranges::find(all, value) == all.end()) return fmt::format("must be one of {}", json::serialize(all));
  }
  const json::value* least = schema.if_contains("minimum");
  if (least != nullptr && is_number(value) && number_of(value) < number_of(*least))
    return fmt::format("must be at least {}", json::serialize(*least));
  const json::value* most = schema.if_contains("maximum");
  if (most != nullptr && is_number(value) && number_of(value) > number_of(*most))
    return fmt::format("must be at most {}", json::serialize(*most));
  constexpr std::size_t text_bytes_max = 1024;
  if (value.is_string() && value.get_string().size() > text_bytes_max) return "is too long";
  return {};
}

const json::object& properties_of(const Entry& entry) {
  static const json::object none;
  const json::value* properties = entry.parameters.if_contains("properties");
  return properties != nullptr && properties->is_object() ? properties->get_object() : none;
}

json::value face_value(const Entry::FaceLimit& limit, int faces_max) {
  if (limit.choices.empty()) {
    if (limit.max > 0) faces_max = std::min(faces_max, limit.max);
    return std::max(faces_max, limit.min);
  }
  const Entry::FaceLimit::Choice* best = &limit.choices.front();  // the least, when even that is too many
  for (const auto& each : limit.choices) {
    if (each.faces <= faces_max) best = &each;
  }
  return json::string{best->value};
}

bool holds(const Entry::PriceRow& row, const json::object& input) {
  const bool equal = std::ranges::all_of(row.when, [&](const auto& each) {
    const json::value* sent = input.if_contains(each.key());
    return sent != nullptr && *sent == each.value();
  });
  const auto sent = [&](const std::string& field) { return input.contains(field); };
  return equal && (row.given.empty() || std::ranges::any_of(row.given, sent));
}

}  // namespace

Result<json::object> Entry::complete(const json::object& given) const {
  const json::object& properties = properties_of(*this);
  for (const auto& each : given) {
    const std::string field = fmt::format("parameters.{}", std::string_view{each.key()});
    const json::value* schema = properties.if_contains(each.key());
    if (schema == nullptr) return refuse(Code::Invalid, field, fmt::format("{} is no parameter of {}.", field, id));
    if (const std::string why = unfit(schema->get_object(), each.value()); !why.empty())
      return refuse(Code::Invalid, field, fmt::format("{} {}.", field, why));
  }
  json::object out;
  for (const auto& each : properties) {
    const json::value* set = given.if_contains(each.key());
    const json::value* otherwise = each.value().get_object().if_contains("default");
    if (set == nullptr) set = otherwise;
    if (set != nullptr && !set->is_null()) out[each.key()] = *set;
  }
  return out;
}

json::object Entry::input(const std::vector<std::string>& picture_urls, const json::object& set, int faces_max) const {
  json::object out = set;
  for (const auto& each : fixed) out[each.key()] = each.value();
  if (face_limit) out[face_limit->field] = face_value(*face_limit, faces_max);
  for (std::size_t i = 0; i < picture_fields.size(); ++i) {
    const std::string_view field = picture_fields[i];
    if (field.ends_with("[]")) {
      json::array list;
      for (const std::string& url : picture_urls) list.emplace_back(json::string{url});
      out[field.substr(0, field.size() - 2)] = std::move(list);
    } else if (i < picture_urls.size()) {
      out[field] = json::string{picture_urls[i]};
    }
  }
  return out;
}

std::int64_t Entry::price_microusd(const json::object& input) const {
  const auto first = std::ranges::find_if(base, [&](const PriceRow& row) { return holds(row, input); });
  std::int64_t sum = first == base.end() ? 0 : first->microusd;
  for (const PriceRow& row : extra) {
    if (holds(row, input)) sum += row.microusd;
  }
  return sum;
}

std::string Entry::model_url(std::string_view output) const {
  boost::system::error_code error;
  const json::value value = json::parse(output, error);
  if (error) return {};
  for (const std::string& path : mesh_paths) {
    const json::value* file = at_path(value, path);
    const json::object* object = file == nullptr ? nullptr : file->if_object();
    const json::value* url = object == nullptr ? nullptr : object->if_contains("url");
    if (url != nullptr && url->is_string() && !url->get_string().empty()) return std::string{url->get_string()};
  }
  return {};
}

Result<Entry> parse_entry(std::string_view name, std::string_view text) {
  const auto wrong = [&](std::string_view what) {
    return refuse(Code::Invalid, std::string{name}, fmt::format("config/models, {}: {}", name, what));
  };
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object()) return wrong("this is no JSON object.");
  std::string complaint;
  Entry out;
  Members all{value.get_object(), complaint};
  all.text("id", out.id);
  all.number("version", out.version);
  all.text("name", out.name);
  all.text("endpoint", out.endpoint);
  if (const auto input = all.object("input")) read_input(*input, out);
  if (const auto limits = all.object("limits")) read_limits(*limits, out);
  if (auto output = all.object("output")) output->texts("mesh", out.mesh_paths);
  if (auto price = all.object("price")) {
    read_prices(*price, "base", out.base);
    read_prices(*price, "extra", out.extra);
    if (out.base.empty() || !out.base.back().when.empty()) price->wrong("base", "a list whose last row always holds");
  }
  if (const auto parameters = all.object("parameters")) {
    out.parameters = parameters->raw();
    for (const auto& each : properties_of(out)) {
      if (!each.value().is_object()) all.wrong(each.key(), "an object");
    }
  }
  if (!complaint.empty()) return wrong(complaint);
  return out;
}

Result<Catalogue> Catalogue::load(const std::string& folder) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const auto& [name, text] : carried_models) files.emplace_back(name, text);
  std::error_code error;
  if (!folder.empty()) {
    for (const auto& each : std::filesystem::directory_iterator{folder, error}) {
      if (each.path().extension() != ".json") continue;
      std::ifstream file{each.path(), std::ios::binary};
      std::string text{std::istreambuf_iterator<char>{file}, {}};
      const std::string name = each.path().filename();
      // A file of the same name stands for the one carried.
      const auto same = std::ranges::find(files, name, &std::pair<std::string, std::string>::first);
      same != files.end() ? void(same->second = std::move(text)) : void(files.emplace_back(name, std::move(text)));
    }
    if (error) return refuse(Code::Invalid, "MODELS_DIR", fmt::format("MODELS_DIR: {}: {}.", folder, error.message()));
  }
  std::ranges::sort(files);
  Catalogue out;
  for (const auto& [name, text] : files) {
    TRY(Entry entry, parse_entry(name, text));
    if (out.find(entry.id) != nullptr)
      return refuse(Code::Invalid, name,
                    fmt::format("config/models, {}: the id {} is taken by another file.", name, entry.id));
    out.entries_.push_back(std::move(entry));
  }
  return out;
}

const Entry* Catalogue::find(std::string_view id) const {
  const auto at = std::ranges::find(entries_, id, &Entry::id);
  return at == entries_.end() ? nullptr : &*at;
}

}  // namespace i2m::providers::fal
