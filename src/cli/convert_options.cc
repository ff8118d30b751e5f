#include "cli/convert_options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <map>
#include <system_error>
#include <tuple>

#include "cli/arguments.h"
#include "cli/report.h"

namespace i2m::cli {
namespace {

using engine::Back, engine::Quality, engine::Shape;

constexpr const char* footer = R"(
Examples:
  image2model convert mug.jpg -o mug.glb
  image2model convert mug.jpg -o mug.glb --preview mug-model.png --mask mug-cut-out.png
  image2model convert mug.jpg -o mug.glb --all-presets          mug-low.glb, mug-medium.glb, mug-high.glb
  image2model convert *.jpg -o models/ --json | jq -r '[.out, .triangles] | @tsv'

The mask is the picture with its background gone: mend it in any image program and convert that instead.

Exit codes: 0 done; 1 a picture or a file could not be used (the others were converted); 2 wrong arguments;
3 this machine cannot decode pictures behind walls (see --walls).)";

template <class T>
using Words = std::map<std::string, T>;

// An option that takes one of these words; what it means is looked up after parsing.
template <class T>
CLI::Option* choice(CLI::App& app, const std::string& name, std::string& word, const Words<T>& words,
                    const std::string& help) {
  std::vector<std::string> names;
  for (const auto& [text, value] : words) names.push_back(text);
  return app.add_option(name, word, help)->check(CLI::IsMember(names))->default_str(word);
}

// CLI11's IsMember answers what is no number with that alone.
std::string texture_sides(const std::string& text) {
  for (const char* side : {"512", "1024", "2048"}) {
    if (text == side) return {};
  }
  return "must be 512, 1024 or 2048, not " + text;
}

// "0.1,0.25,0.9": between `least` and `most` numbers. Empty when it is anything else.
std::vector<float> numbers_of(const std::string& text, std::size_t least, std::size_t most) {
  std::vector<float> out;
  const char *at = text.data(), *const end = text.data() + text.size();
  while (true) {
    float number = 0;
    const auto [rest, error] = std::from_chars(at, end, number);
    if (error != std::errc{} || !std::isfinite(number)) return {};
    out.push_back(number);
    if (rest == end) break;
    if (*rest != ',') return {};
    at = rest + 1;
  }
  return out.size() >= least && out.size() <= most ? out : std::vector<float>{};
}

struct HintWords {
  std::string box;
  std::vector<std::string> include, exclude;
};

// Shares of the picture, as engine/hints.h has them; whether they make sense together the engine says.
Result<> read_hints(const HintWords& words, engine::Hints& hints) {
  const auto wrong = [](const std::string& what, const char* how) {
    return refuse(Code::Invalid, "", what + " must be " + how + ", in shares of the picture from 0 to 1");
  };
  if (!words.box.empty()) {
    const auto n = numbers_of(words.box, 4, 4);
    if (n.empty()) return wrong("--box", "left,top,right,bottom");
    hints.box = {.left = n[0], .top = n[1], .right = n[2], .bottom = n[3]};
  }
  for (const auto& [name, texts, dabs] :
       {std::tuple{"--include", &words.include, &hints.include}, {"--exclude", &words.exclude, &hints.exclude}}) {
    for (const std::string& text : *texts) {
      constexpr float usual_radius = 0.02F;
      const auto n = numbers_of(text, 2, 3);
      if (n.empty()) return wrong(name, "x,y or x,y,radius");
      dabs->push_back({.x = n[0], .y = n[1], .radius = n.size() > 2 ? n[2] : usual_radius});
    }
  }
  return engine::check(hints);
}

int wrong(const std::string& what) {
  std::fprintf(stderr, "image2model convert: %s\n", what.c_str());
  return exit_usage;
}

}  // namespace

std::expected<ConvertOptions, int> parse_convert(int argc, char** argv) {
  const Words<Quality> qualities{{"low", Quality::Low}, {"medium", Quality::Medium}, {"high", Quality::High}};
  const Words<image::Walls> walls{{"required", image::Walls::Required}, {"limits", image::Walls::Limits}};
  Words<Shape> shapes;
  for (const Shape s : {Shape::Auto, Shape::Turned, Shape::Soft, Shape::Box, Shape::Flat})
    shapes.emplace(name_of(s), s);
  Words<Back> backs;
  for (const Back b : {Back::Auto, Back::Mirror, Back::Smooth, Back::Flip}) backs.emplace(name_of(b), b);

  ConvertOptions o;
  o.params.triangles_max = o.params.texture_px = 0;
  HintWords hints;
  std::string quality = "medium", shape = "auto", back = "auto", wall = "required", size;
  bool anyway = false;
  CLI::App app{"Makes textured 3D models (GLB) of the things in pictures, on this machine.", "image2model convert"};
  app.footer(footer);
  app.add_option("picture", o.pictures, "PNG, JPEG or WebP; a plain or transparent background works best")->required();
  app.add_option("-o,--out", o.out,
                 "what to write: .glb, .zip (OBJ), .stl, .usdz; a folder where there are several pictures")
      ->required();
  CLI::Option* const one = choice(app, "--quality", quality, qualities, "low 1000, medium 5000, high 10000 triangles");
  app.add_flag("--all-presets", o.all_presets, "all three qualities, from one look at the picture")->excludes(one);
  app.add_option("--triangles", o.params.triangles_max, "at most so many triangles, instead of the quality's")
      ->check(CLI::Range(engine::triangles_min, engine::triangles_most));
  choice(app, "--shape", shape, shapes, "what the object is like");
  choice(app, "--back", back, backs, "what the unseen side shows");
  app.add_option("--depth", o.params.depth, "stretches the model towards the viewer")
      ->check(CLI::Range(engine::depth_min, engine::depth_most));
  app.add_option("--relief", o.params.relief,
                 "how far light and dark places of the front stand out (not of turned things and boxes)")
      ->check(CLI::Range(0.0F, engine::relief_most));
  app.add_option(
         "--texture", o.params.texture_px,
         "side of the texture in pixels, instead of the quality's: 512, 1024 or 2048 (low 512, medium 1024, high "
         "1024, or 2048 where the object has 1600)")
      ->check(texture_sides);
  app.add_flag("--delight", o.params.delight, "take the strongest of the light and shadow out of the texture");
  app.add_flag("--solid", o.params.printable)->group("");  // as `model` called it
  app.add_flag("--print", o.params.printable, "a strict 2-manifold, for printing");
  app.add_option("--size", size,
                 "the real size of one side: height=0.3m, width=30cm, depth=250mm; longest=1m unless said");
  app.add_option("--box", hints.box, "the object lies within left,top,right,bottom (shares of the picture, 0 to 1)");
  app.add_option("--include", hints.include, "belongs to the object: x,y or x,y,radius; may be given often");
  app.add_option("--exclude", hints.exclude, "does not belong to it, likewise");
  app.add_flag("--trust-alpha", o.params.hints.trust_alpha, "the picture's own transparency is right, however faint");
  app.add_option("--preview", o.preview, "a PNG of the model to write, seen from the front's right");
  app.add_option("--mask", o.mask, "a PNG to write: the picture with its background gone");
  app.add_option("--mask-preview", o.mask_preview, "a PNG to write: what was taken for the object, outlined");
  app.add_flag("--anyway", anyway, "make a model even where the object is a guess");
  app.add_flag("--json", o.json, "one JSON object a model on standard output, and one for each picture refused");
  app.add_flag("--progress", o.progress, "say what is being done, also where standard error is no terminal");
  choice(app, "--walls", wall, walls,
         "around the decoder: required refuses without a filter of system calls, limits does without");
  app.add_flag_callback("--walls-limits", [&wall] { wall = "limits"; })->group("");  // as `model` called it
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return std::unexpected{app.exit(e) == 0 ? exit_ok : exit_usage};
  }
  if (const auto empty = empty_option(app)) return std::unexpected{wrong(*empty)};
  // Not a number passes CLI11's range check.
  if (!std::isfinite(o.params.depth)) return std::unexpected{wrong("--depth must be a number")};
  if (!std::isfinite(o.params.relief)) return std::unexpected{wrong("--relief must be a number")};
  if (!size.empty()) {
    const auto read = size_of(size);
    if (!read) return std::unexpected{wrong(read.error().message)};
    o.size = *read;
  }
  if (const auto read = read_hints(hints, o.params.hints); !read) {
    return std::unexpected{wrong(sentence_of(read.error()))};
  }
  if (o.all_presets && o.params.triangles_max != 0) {
    return std::unexpected{wrong("--all-presets and --triangles exclude each other")};
  }
  o.quality = qualities.at(quality);
  o.params.shape = shapes.at(shape);
  o.params.back = backs.at(back);
  o.walls = walls.at(wall);
  if (anyway) o.params.confidence_min = 0;
  return o;
}

}  // namespace i2m::cli
