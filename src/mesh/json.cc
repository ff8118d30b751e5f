#include "mesh/json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace i2m::mesh {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  bool document(Json& out) {
    if (!value(out, 0)) return false;
    skip_space();
    return rest_.empty();
  }

 private:
  void skip_space() {
    const auto end = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end);
  }

  bool take(char c) {
    skip_space();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool take_word(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  bool value(Json& out, int depth) {
    if (depth > Json::depth_max || ++values_ > Json::values_max) return false;
    skip_space();
    if (rest_.empty()) return false;
    switch (rest_.front()) {
      case '{':
        return object(out, depth);
      case '[':
        return array(out, depth);
      case '"':
        out.kind = Json::Kind::String;
        return string(out.text);
      case 't':
        out.kind = Json::Kind::Bool;
        out.truth = true;
        return take_word("true");
      case 'f':
        out.kind = Json::Kind::Bool;
        return take_word("false");
      case 'n':
        return take_word("null");
      default:
        return number(out);
    }
  }

  bool object(Json& out, int depth) {
    out.kind = Json::Kind::Object;
    if (!take('{')) return false;
    if (take('}')) return true;
    do {
      auto& [name, member] = out.members.emplace_back();
      skip_space();
      if (!string(name) || !take(':') || !value(member, depth + 1)) return false;
    } while (take(','));
    return take('}');
  }

  bool array(Json& out, int depth) {
    out.kind = Json::Kind::Array;
    if (!take('[')) return false;
    if (take(']')) return true;
    do {
      if (!value(out.items.emplace_back(), depth + 1)) return false;
    } while (take(','));
    return take(']');
  }

  // from_chars is laxer than JSON in nothing but leading zeros and a bare point, which are looked at first.
  bool number(Json& out) {
    out.kind = Json::Kind::Number;
    std::string_view digits = rest_.substr(rest_.starts_with('-') ? 1 : 0);
    if (digits.empty() || digits.front() < '0' || digits.front() > '9') return false;
    if (digits.size() > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9') return false;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), out.number);
    if (error != std::errc{} || end[-1] == '.' || !std::isfinite(out.number)) return false;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return true;
  }

  bool string(std::string& out) {
    if (rest_.empty() || rest_.front() != '"') return false;
    rest_.remove_prefix(1);
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        out.push_back(c);
      } else if (!escape(out)) {
        return false;
      }
    }
    return false;
  }

  bool escape(std::string& out) {
    if (rest_.empty()) return false;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    static constexpr std::string_view from = "\"\\/bfnrt", to = "\"\\/\b\f\n\r\t";
    if (const auto at = from.find(c); at != std::string_view::npos) {
      out.push_back(to[at]);
      return true;
    }
    if (c != 'u') return false;
    std::uint32_t unit = 0;
    if (!hex4(unit)) return false;
    if (unit >= 0xd800 && unit < 0xdc00) {
      std::uint32_t low = 0;
      if (!take_word("\\u") || !hex4(low) || low < 0xdc00 || low > 0xdfff) return false;
      unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    } else if (unit >= 0xdc00 && unit <= 0xdfff) {
      return false;
    }
    append_utf8(out, unit);
    return true;
  }

  bool hex4(std::uint32_t& out) {
    if (rest_.size() < 4) return false;
    const std::string_view digits = rest_.substr(0, 4);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out, 16);
    if (error != std::errc{} || end != digits.data() + digits.size()) return false;
    rest_.remove_prefix(4);
    return true;
  }

  static void append_utf8(std::string& out, std::uint32_t point) {
    const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
    if (point < 0x80) {
      put(point);
    } else if (point < 0x800) {
      put(0xc0 | point >> 6), put(0x80 | (point & 63));
    } else if (point < 0x10000) {
      put(0xe0 | point >> 12), put(0x80 | (point >> 6 & 63)), put(0x80 | (point & 63));
    } else {
      put(0xf0 | point >> 18), put(0x80 | (point >> 12 & 63)), put(0x80 | (point >> 6 & 63)), put(0x80 | (point & 63));
    }
  }

  std::string_view rest_;
  std::size_t values_ = 0;
};

void write_text(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      constexpr std::string_view digits = "0123456789abcdef";
      out += "\\u00";
      out += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

// Whole numbers without an exponent: readers of indices insist on it.
void write_number(std::string& out, double number) {
  std::array<char, 40> text;
  constexpr double exact = 9007199254740992.0;
  const bool whole = std::abs(number) < exact && number == std::floor(number);
  const auto end = whole ? std::to_chars(text.data(), text.data() + text.size(), static_cast<std::int64_t>(number)).ptr
                         : std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  out.append(text.data(), end);
}

void write(std::string& out, const Json& json);

template <class List, class Each>
void write_list(std::string& out, char open, char close, const List& list, Each&& each) {
  out += open;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i > 0) out += ',';
    each(list[i]);
  }
  out += close;
}

void write(std::string& out, const Json& json) {
  switch (json.kind) {
    case Json::Kind::Null:
      out += "null";
      break;
    case Json::Kind::Bool:
      out += json.truth ? "true" : "false";
      break;
    case Json::Kind::Number:
      write_number(out, json.number);
      break;
    case Json::Kind::String:
      write_text(out, json.text);
      break;
    case Json::Kind::Array:
      write_list(out, '[', ']', json.items, [&](const Json& item) { write(out, item); });
      break;
    case Json::Kind::Object:
      write_list(out, '{', '}', json.members, [&](const JsonMember& member) {
        write_text(out, member.name);
        out += ':';
        write(out, member.value);
      });
      break;
  }
}

}  // namespace

std::string write_json(const Json& json) {
  std::string out;
  write(out, json);
  return out;
}

std::optional<Json> Json::parse(std::string_view text) {
  Json out;
  if (!Parser{text}.document(out)) return std::nullopt;
  return out;
}

Json Json::of(double number) {
  Json out;
  out.kind = Kind::Number;
  out.number = number;
  return out;
}

Json Json::of(std::string_view text) {
  Json out;
  out.kind = Kind::String;
  out.text = text;
  return out;
}

Json Json::of(bool truth) {
  Json out;
  out.kind = Kind::Bool;
  out.truth = truth;
  return out;
}

Json Json::of(const std::vector<double>& numbers) {
  Json out = array();
  for (const double n : numbers) out.items.push_back(of(n));
  return out;
}

Json Json::array() {
  Json out;
  out.kind = Kind::Array;
  return out;
}

Json Json::object() {
  Json out;
  out.kind = Kind::Object;
  return out;
}

Json* Json::find(std::string_view name) {
  for (auto& [key, value] : members) {
    if (key == name) return &value;
  }
  return nullptr;
}

Json& Json::set(std::string_view name, Json value) {
  if (kind != Kind::Object) *this = object();
  if (Json* found = find(name); found != nullptr) return *found = std::move(value);
  return members.emplace_back(std::string(name), std::move(value)).value;
}

void Json::erase(std::string_view name) {
  std::erase_if(members, [&](const JsonMember& member) { return member.name == name; });
}

std::vector<Json>& Json::items_of(std::string_view name) {
  Json* found = find(name);
  if (found == nullptr || found->kind != Kind::Array) found = &set(name, array());
  return found->items;
}

const Json* Json::find(std::string_view name) const {
  for (const auto& [key, value] : members) {
    if (key == name) return &value;
  }
  return nullptr;
}

const std::vector<Json>& Json::list(std::string_view name) const {
  static const std::vector<Json> empty;
  const Json* found = find(name);
  return found == nullptr ? empty : found->items;
}

std::optional<std::uint64_t> Json::whole() const {
  if (kind != Kind::Number || number < 0 || number > 9007199254740992.0 || number != std::floor(number)) {
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(number);
}

std::optional<std::uint64_t> Json::count(std::string_view name) const {
  const Json* found = find(name);
  return found == nullptr ? std::nullopt : found->whole();
}

std::optional<std::uint64_t> Json::count_or(std::string_view name, std::uint64_t missing) const {
  const Json* found = find(name);
  return found == nullptr ? std::optional{missing} : found->whole();
}

std::string_view Json::string(std::string_view name) const {
  const Json* found = find(name);
  return found == nullptr ? std::string_view{} : std::string_view{found->text};
}

}  // namespace i2m::mesh
