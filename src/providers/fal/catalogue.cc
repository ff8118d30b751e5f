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
  Members(std::string_view file, const json::object& object) : file_{file}, object_{object} {}

  void text(std::string_view name, std::string& into, bool needed = true) {
    const json::value* value = object_.if_contains(name);
    if (value == nullptr && !needed) return;
    if (value == nullptr || !value->is_string() || value->get_string().empty()) return wrong(name, "a text");
    into = value->get_string();
  }
  template <class N>
  void number(std::string_view name, N& into, bool needed = true) {
    const json::value* value = object_.if_contains(name);
    if (value == nullptr && !needed) return;
    if (value == nullptr || !value->is_int64() || value->get_int64() < 0) return wrong(name, "a number from 0 on");
    into = static_cast<N>(value->get_int64());
  }
  void texts(std::string_view name, std::vector<std::string>& into) {
    const json::value* value = object_.if_contains(name);
    if (value == nullptr || !value->is_array() || value->get_array().empty()) return wrong(name, "a list of texts");
    for (const json::value& each : value->get_array()) {
      if (!each.is_string()) return wrong(name, "a list of texts");
      into.emplace_back(each.get_string());
    }
  }
  std::optional<Members> object(std::string_view name, bool needed = true) {
    const json::value* value = object_.if_contains(name);
    if (value != nullptr && value->is_object()) return Members{file_, value->get_object()};
    if (value != nullptr || needed) wrong(name, "an object");
    return std::nullopt;
  }
  void take(Members& other) {
    if (wrong_.empty()) wrong_ = other.wrong_;
  }
  void wrong(std::string_view name, std::string_view must) {
    if (wrong_.empty()) wrong_ = fmt::format("config/models, {}: \"{}\" must be {}.", file_, name, must);
  }
  const json::object& raw() const { return object_; }
  const std::string& complaint() const { return wrong_; }

 private:
  std::string_view file_;
  const json::object& object_;
  std::string wrong_;
};

const json::value* at_path(const json::value& from, std::string_view path) {
  const json::value* value = &from;
  while (!path.empty()) {
    const json::object* object = value->if_object();
    const std::size_t dot = std::min(path.find('.'), path.size());
    value = object == nullptr ? nullptr : object->if_contains(path.substr(0, dot));
    if (value == nullptr) return nullptr;
    path.remove_prefix(std::min(path.size(), dot + 1));
  }
  return value;
}

}  // namespace

std::string Entry::body(std::string_view picture_url, int faces) const {
  json::object out = fixed;
  if (image_is_list) {
    out[image_key] = json::array{json::string{picture_url}};
  } else {
    out[image_key] = json::string{picture_url};
  }
  if (!faces_key.empty()) out[faces_key] = std::clamp(faces, faces_min, faces_max);
  return json::serialize(out);
}

std::string Entry::model_url(std::string_view output) const {
  boost::system::error_code error;
  const json::value value = json::parse(output, error);
  if (error) return {};
  for (const std::string& path : model_paths) {
    const json::value* file = at_path(value, path);
    const json::object* object = file == nullptr ? nullptr : file->if_object();
    const json::value* url = object == nullptr ? nullptr : object->if_contains("url");
    if (url != nullptr && url->is_string() && !url->get_string().empty()) return std::string{url->get_string()};
  }
  return {};
}

Result<Entry> parse_entry(std::string_view name, std::string_view text) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object())
    return refuse(Code::Invalid, std::string{name}, fmt::format("config/models, {}: is no JSON object.", name));
  Entry out;
  Members all{name, value.get_object()};
  all.text("id", out.id);
  all.number("version", out.version);
  all.text("name", out.name);
  all.text("endpoint", out.endpoint);
  all.number("price_microusd", out.price_microusd);
  if (auto input = all.object("input")) {
    input->text("image", out.image_key);
    if (const json::value* list = input->raw().if_contains("image_is_list"))
      out.image_is_list = list->is_bool() && list->get_bool();
    if (auto faces = input->object("faces", false)) {
      faces->text("key", out.faces_key);
      faces->number("min", out.faces_min);
      faces->number("max", out.faces_max);
      if (out.faces_min > out.faces_max) faces->wrong("max", "at least min");
      input->take(*faces);
    }
    if (const json::value* fixed = input->raw().if_contains("fixed")) {
      fixed->is_object() ? void(out.fixed = fixed->get_object()) : input->wrong("fixed", "an object");
    }
    all.take(*input);
  }
  if (auto limits = all.object("picture")) {
    limits->texts("types", out.picture_types);
    limits->number("bytes_max", out.picture_bytes_max, false);
    limits->number("side_min", out.picture_side_min, false);
    limits->number("side_max", out.picture_side_max, false);
    all.take(*limits);
  }
  if (auto output = all.object("output")) {
    output->texts("model", out.model_paths);
    all.take(*output);
  }
  if (!all.complaint().empty()) return refuse(Code::Invalid, std::string{name}, all.complaint());
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
