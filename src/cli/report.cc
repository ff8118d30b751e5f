#include "cli/report.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <system_error>

#include <fmt/format.h>

namespace i2m::cli {
namespace {

// Whether every byte belongs to a whole UTF-8 sequence; overlong ones are not looked for.
bool is_utf8(std::string_view text) {
  std::size_t following = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool continues = (byte & 0xc0) == 0x80;
    if (continues != (following > 0)) return false;
    if (continues) {
      --following;
    } else if (byte >= 0x80) {
      following = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
    }
  }
  return following == 0;
}

// Names of files may be any bytes: what is not UTF-8 is taken for Latin-1.
std::string json_text(std::string_view text) {
  const bool utf8 = is_utf8(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || (!utf8 && static_cast<unsigned char>(c) >= 0x80)) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

// 1234567 as people write it.
std::string counted(std::size_t n) {
  std::string digits = std::to_string(n);
  constexpr std::size_t group = 3;
  for (std::size_t at = digits.size(); at > group; at -= group) digits.insert(at - group, 1, ',');
  return digits;
}

std::string kilobytes(std::size_t bytes) {
  constexpr std::size_t kb = 1000;
  return counted((bytes + kb / 2) / kb) + " kB";
}

std::string seconds(float ms) { return fmt::format("{:.2f} s", static_cast<double>(ms) / 1000); }

std::string metres(const mesh::Vec3& size) { return fmt::format("{:.3g} x {:.3g} x {:.3g} m", size.x, size.y, size.z); }

std::string mask_words(const Look& look) {
  if (look.from_alpha) return "cut out by its transparency";
  const char* const how = look.confidence < engine::doubtful_confidence ? "a guess" : "stands out";
  return fmt::format("{} (confidence {:.2f})", how, look.confidence);
}

std::string what_it_is(const engine::Report& report) {
  constexpr double degrees = 57.29578;
  std::string out = fmt::format("{}, {} back", name_of(report.shape), name_of(report.back));
  if (report.pitch != 0)
    out += fmt::format(", seen from {:.0f} degrees above", static_cast<double>(report.pitch) * degrees);
  return out;
}

float total_ms(const Look& look, const Made& made) { return look.decode_ms + look.mask_ms + made.ms; }

void put(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

std::string file_name(const std::string& path) { return std::filesystem::path(path).filename(); }

// "hints.include[3]", the engine's name for it, is "--include number 4: " here; empty for what is no option.
std::string option_of(std::string_view field) {
  constexpr std::string_view hints = "hints.";
  if (!field.starts_with(hints)) return "";
  field.remove_prefix(hints.size());
  std::string name{field.substr(0, field.find('['))};
  std::ranges::replace(name, '_', '-');
  std::size_t index = 0;
  const std::string_view number = field.substr(std::min(name.size() + 1, field.size()));
  const bool numbered = std::from_chars(number.data(), number.data() + number.size(), index).ec == std::errc{};
  return "--" + name + (numbered ? " number " + std::to_string(index + 1) : "") + ": ";
}

}  // namespace

std::string_view name_of(engine::Quality quality) {
  switch (quality) {
    case engine::Quality::Low:
      return "low";
    case engine::Quality::Medium:
      return "medium";
    case engine::Quality::High:
      return "high";
  }
  return "";
}

std::string sentence_of(const Error& error) {
  if (error.code == Code::Cancelled) return "cancelled";
  return error.message.empty() ? "internal error: " + error.detail : option_of(error.field) + error.message;
}

std::string machine_words(const Error& error) {
  constexpr std::string_view setting = "set DECODE_WALLS=limits";
  std::string words = error.message;
  const std::size_t at = words.find(setting);
  return at == std::string::npos ? words : words.replace(at, setting.size(), "give --walls limits");
}

void print_json(const Look& look, const Made& made) {
  const engine::Report& r = made.report;
  std::string stages, hints;
  for (std::size_t i = 0; i < engine::stage_count; ++i) {
    stages += fmt::format("{}\"{}\":{:.3f}", i == 0 ? "" : ",", name_of(static_cast<engine::Stage>(i)), r.stage_ms[i]);
  }
  for (const std::string& hint : look.hints) hints += (hints.empty() ? "" : ",") + json_text(hint);
  put(fmt::format(
      R"({{"in":{},"out":{},"bytes":{},"quality":{},"triangles":{},"vertices":{},"shape":"{}","back":"{}",)"
      R"("texture_px":{},"pitch":{:.4f},"roll":{:.4f},"grid":{},"size_m":[{:.5g},{:.5g},{:.5g}],"mask_from_alpha":{},)"
      R"("mask_confidence":{:.3f},"mask_covered":{:.3f},)",
      json_text(look.path), json_text(made.out), made.bytes,
      made.preset ? json_text(name_of(made.quality)) : std::string("null"), r.triangles, r.vertices, name_of(r.shape),
      name_of(r.back), r.texture_px, r.pitch, r.roll, r.grid, made.size.x, made.size.y, made.size.z, look.from_alpha,
      look.confidence, look.covered));
  put(fmt::format(R"("picture":{{"type":"{}","width":{},"height":{}}},"decode":{{"cpu_ms":{:.2f},"filtered":{}}},)"
                  R"("total_ms":{:.1f},"stage_ms":{{{}}},"hints":[{}]}})"
                  "\n",
                  name_of(look.info.type), look.upright_width(), look.upright_height(), look.decode_cpu_ms,
                  look.filtered, total_ms(look, made), stages, hints));
}

void print_json_refusal(const std::string& path, const std::string& sentence) {
  put(fmt::format("{{\"in\":{},\"error\":{}}}\n", json_text(path), json_text(sentence)));
}

void print_text(const Look& look, const Made& made) {
  const engine::Report& r = made.report;
  put(fmt::format("{}\n", made.out));
  put(fmt::format("  model    {} triangles, {}, {}\n", counted(static_cast<std::size_t>(r.triangles)),
                  kilobytes(made.bytes), metres(made.size)));
  put(fmt::format("  shape    {}\n", what_it_is(r)));
  put(fmt::format("  object   {}, {:.0f} % of {} x {} pixels\n", mask_words(look),
                  static_cast<double>(look.covered) * 100, look.upright_width(), look.upright_height()));
  put(fmt::format("  time     {}\n", seconds(total_ms(look, made))));
}

void print_line(const Look& look, const Made& made) {
  constexpr std::size_t name_columns = 32;
  put(fmt::format("{:<{}}  {:>7} triangles  {:>9}  {:>7}  {}\n", file_name(made.out), name_columns,
                  counted(static_cast<std::size_t>(made.report.triangles)), kilobytes(made.bytes),
                  seconds(total_ms(look, made)), what_it_is(made.report)));
}

void print_table(const Look& look, const std::vector<Made>& made) {
  const engine::Report& first = made.front().report;
  put(fmt::format("{}: {}; object {}; {}\n", file_name(look.path), what_it_is(first), mask_words(look),
                  metres(made.front().size)));
  put(fmt::format("  {:<8} {:>9} {:>9} {:>10} {:>8}  {}\n", "quality", "triangles", "vertices", "size", "time",
                  "file"));
  for (const Made& m : made) {
    put(fmt::format("  {:<8} {:>9} {:>9} {:>10} {:>8}  {}\n", name_of(m.quality),
                    counted(static_cast<std::size_t>(m.report.triangles)),
                    counted(static_cast<std::size_t>(m.report.vertices)), kilobytes(m.bytes), seconds(m.ms), m.out));
  }
  put(fmt::format("  and {} once to decode the picture and cut the object out\n",
                  seconds(look.decode_ms + look.mask_ms)));
}

void print_hints(const Look& look) {
  for (const std::string& hint : look.hints) std::fprintf(stderr, "note: %s: %s\n", look.path.c_str(), hint.c_str());
}

Progress::Style Progress::style_for(bool asked) {
  const char* const terminal = std::getenv("TERM");
  const bool moves = ::isatty(STDERR_FILENO) != 0 && terminal != nullptr && std::string_view(terminal) != "dumb";
  return moves ? Style::Bar : asked ? Style::Lines : Style::Silent;
}

void Progress::begin(std::string path) {
  path_ = std::move(path);
  ++picture_;
  said_.clear();
}

void Progress::at(std::string_view stage, float fraction) {
  if (style_ == Style::Silent) return;
  const double share = std::clamp(static_cast<double>(fraction), 0.0, 1.0);
  const std::string which = pictures_ > 1 ? fmt::format(" ({} of {})", picture_, pictures_) : "";
  if (style_ == Style::Lines) {
    std::fprintf(stderr, "%s%s: %3.0f %% %s\n", path_.c_str(), which.c_str(), share * 100, std::string(stage).c_str());
    return;
  }
  constexpr std::size_t width = 28;
  const auto filled = static_cast<std::size_t>(share * width);
  const std::string bar = std::string(filled, '#') + std::string(width - filled, '.');
  const std::string line = fmt::format("{} {:3.0f} % {:<9}{}{}", bar, share * 100, stage, file_name(path_), which);
  if (line == said_) return;
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  said_ = line;
}

void Progress::clear() {
  if (style_ == Style::Bar && !said_.empty()) std::fprintf(stderr, "\r\033[K");
  said_.clear();
}

}  // namespace i2m::cli
