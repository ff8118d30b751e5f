#include "cli/model.h"

#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>

#include "cli/arguments.h"
#include "cli/convert_options.h"
#include "cli/files.h"
#include "cli/formats.h"
#include "cli/outputs.h"
#include "cli/pictures.h"
#include "cli/report.h"
#include "image/png_write.h"
#include "mesh/check.h"
#include "mesh/json.h"
#include "mesh/render.h"
#include "mesh/rewrite.h"

namespace i2m::cli {
namespace {

using mesh::Json;

constexpr std::size_t model_bytes_max = 512U << 20;
constexpr int frames_max = 360;

constexpr const char* footer = R"(
Exit codes: 0 done; 1 a file could not be used, or not all could be written; 2 wrong arguments, nothing was done;
3 this machine cannot decode pictures behind walls (see --walls).)";

struct Options {
  std::string in, out, preview, turntable, size;
  std::size_t triangles = 0;
  int frames = 36, pixels = 512;
  bool compress = false, solid = false, json = false, transparent = false;
  image::Walls walls = image::Walls::Required;
};

Result<> write_picture(const mesh::Picture& picture, const std::string& path) {
  TRY(const auto png, image::write_png(picture.rgba, picture.width, picture.height));
  return write_file(path, png);
}

std::string frame(const Options& o, int i) {
  std::string number = std::to_string(i);
  number.insert(0, 3 - number.size(), '0');
  return o.turntable + "/frame_" + number + ".png";
}

// Nothing that it reads or writes is lost under something else that it writes.
Result<> claim_outputs(const Options& o) {
  Outputs outputs;
  for (const Output& file : {Output{"--out", o.out}, {"--preview", o.preview}}) {
    if (!file.path.empty()) CHECK_OK(outputs.claim(o.in, file));
  }
  if (o.turntable.empty()) return {};
  for (int i = 0; i < o.frames; ++i) CHECK_OK(outputs.claim(o.in, {"--turntable", frame(o, i)}));
  return {};
}

Result<> draw(const mesh::Scene& scene, const image::Decoder& decoder, const Options& o) {
  if (o.preview.empty() && o.turntable.empty()) return {};
  const mesh::Renderer renderer(scene, decode_pictures(scene, decoder));
  mesh::View view{.width = o.pixels, .height = o.pixels, .transparent = o.transparent};
  if (!o.preview.empty()) {
    constexpr float a_little_from_the_side = 25;
    mesh::View aside = view;
    aside.yaw = a_little_from_the_side;
    CHECK_OK(write_picture(renderer.draw(aside), o.preview));
  }
  if (o.turntable.empty()) return {};
  std::error_code error;
  std::filesystem::create_directories(o.turntable, error);
  if (error) return refuse(Code::Unavailable, "out", "cannot make the folder " + o.turntable + ": " + error.message());
  for (int i = 0; i < o.frames; ++i) CHECK_OK(write_picture(renderer.draw_turn(view, i, o.frames), frame(o, i)));
  return {};
}

Json numbers(mesh::Vec3 v) {
  return Json::of({static_cast<double>(v.x), static_cast<double>(v.y), static_cast<double>(v.z)});
}

Json report_of(const mesh::ModelCheck& c) {
  Json out = Json::object();
  const auto count = [](Json& to, std::string_view name, std::size_t value) {
    to.set(name, Json::of(static_cast<double>(value)));
  };
  count(out, "triangles", c.triangles), count(out, "vertices", c.vertices), count(out, "parts", c.parts);
  count(out, "materials", c.materials), count(out, "images", c.images);
  out.set("size_m", numbers(c.bounds.max - c.bounds.min));
  out.set("min", numbers(c.bounds.min));
  out.set("max", numbers(c.bounds.max));
  out.set("closed", Json::of(c.closed()));
  out.set("printable", Json::of(c.faults.none()));
  Json& faults = out.set("faults", Json::object());
  count(faults, "open_edges", c.faults.open_edges), count(faults, "crowded_edges", c.faults.crowded_edges);
  count(faults, "twisted_edges", c.faults.twisted_edges), count(faults, "pinched_vertices", c.faults.pinched_vertices);
  count(faults, "degenerate_triangles", c.faults.degenerate_triangles);
  count(faults, "duplicate_triangles", c.faults.duplicate_triangles);
  count(faults, "folded_edges", c.faults.folded_edges);
  count(faults, "triangles_against_normals", c.triangles_against_normals);
  count(out, "parts_without_normals", c.parts_without_normals);
  count(out, "parts_without_texture", c.parts_without_texture);
  Json& range = out.set("texture_range", Json::array());
  for (const float f : {c.texture_min.x, c.texture_min.y, c.texture_max.x, c.texture_max.y}) {
    range.items.push_back(Json::of(static_cast<double>(f)));
  }
  return out;
}

void print_text(const std::string& path, const mesh::ModelCheck& c) {
  const mesh::Vec3 size = c.bounds.max - c.bounds.min;
  std::printf("%s: %zu triangles, %zu vertices, %zu parts, %zu materials, %zu pictures, %.3g x %.3g x %.3g m\n",
              path.c_str(), c.triangles, c.vertices, c.parts, c.materials, c.images, static_cast<double>(size.x),
              static_cast<double>(size.y), static_cast<double>(size.z));
  const mesh::Faults& f = c.faults;
  if (f.none()) {
    std::printf("closed and sound\n");
  } else {
    std::printf(
        "%zu open, %zu crowded, %zu twisted, %zu folded edges; %zu pinched vertices; %zu degenerate, %zu double "
        "triangles\n",
        f.open_edges, f.crowded_edges, f.twisted_edges, f.folded_edges, f.pinched_vertices, f.degenerate_triangles,
        f.duplicate_triangles);
  }
  if (c.triangles_against_normals > 0) {
    std::printf("%zu triangles face away from their normals\n", c.triangles_against_normals);
  }
}

Result<> run(const Options& o, const image::Decoder& decoder) {
  const std::optional<Format> format = o.out.empty() ? std::nullopt : format_of(o.out);
  TRY(Bytes glb, read_file(o.in, model_bytes_max));
  TRY(mesh::Scene scene, mesh::read_scene(glb));
  Json rewriting;
  if (o.triangles > 0) {
    TRY(mesh::Rewritten made, mesh::rewrite_glb(glb, {.triangles_max = o.triangles}));
    glb = std::move(made.glb);
    TRY(scene, mesh::read_scene(glb));
    rewriting.set("triangles_before", Json::of(static_cast<double>(made.triangles_before)));
    rewriting.set("triangles", Json::of(static_cast<double>(made.triangles)));
    rewriting.set("reached", Json::of(made.reached));
    rewriting.set("normals_remade", Json::of(made.normals_remade));
    if (!made.reached) {
      std::fprintf(stderr, "image2model model: %zu triangles are as few as its seams, borders and parts allow\n",
                   made.triangles);
    }
  }
  if (!o.size.empty() || o.compress) {
    mesh::Rewrite wish{.compress = o.compress};
    if (!o.size.empty()) {
      TRY(const Size size, size_of(o.size));
      TRY(wish.scale, scale_for(size, bounds_of(scene)));
    }
    TRY(mesh::Rewritten made, mesh::rewrite_glb(glb, wish));
    glb = std::move(made.glb);
    TRY(scene, mesh::read_scene(glb));
  }
  const mesh::ModelCheck checked = mesh::check(scene);
  CHECK_OK(draw(scene, decoder, o));
  std::size_t bytes = glb.size();
  if (format) {
    TRY(const Bytes out, bytes_of(*format, scene, glb, decoder, o.solid ? Surface::Strict : Surface::AsItIs));
    CHECK_OK(write_file(o.out, out));
    bytes = out.size();
  }
  if (!o.json) {
    print_text(o.in, checked);
    return {};
  }
  Json report = report_of(checked);
  report.set("bytes", Json::of(static_cast<double>(bytes)));
  if (rewriting.kind == Json::Kind::Object) report.set("rewritten", std::move(rewriting));
  std::printf("%s\n", mesh::write_json(report).c_str());
  return {};
}

int misused(const std::string& what) {
  std::fprintf(stderr, "image2model model: %s\n", what.c_str());
  return exit_usage;
}

// Whether the options make sense together.
Result<> check(const Options& o) {
  const auto wrong = [](std::string what) { return refuse(Code::Invalid, "", std::move(what)); };
  const std::optional<Format> format = format_of(o.out);
  if (!o.out.empty() && !format) return wrong("--out must end in .glb, .zip, .stl or .usdz");
  if (o.compress && format != Format::Glb) return wrong("--compress needs -o FILE.glb");
  if (o.solid && format != Format::Stl) return wrong("--print (or --solid) needs -o FILE.stl");
  if (!o.size.empty()) CHECK_OK(size_of(o.size));
  CHECK_OK(claim_outputs(o));
  return must_be_png({"--preview", o.preview});
}

}  // namespace

int model_main(int argc, char** argv) {
  Options o;
  CLI::App app{"Looks at a 3D model (GLB), draws it, simplifies it, writes it in other formats.", "image2model model"};
  app.footer(footer);
  app.add_option("model", o.in, "a binary glTF 2.0 file, of whatever origin")->required();
  app.add_option("-o,--out", o.out,
                 "what to write: .glb, .zip (OBJ, MTL and pictures), .stl (millimetres, z up), .usdz");
  app.add_option("--simplify", o.triangles, "at most so many triangles, pictures and their seams kept")
      ->check(CLI::Range(std::size_t{4}, std::size_t{100'000'000}));
  app.add_option("--size", o.size, "the real size of one side: height=0.3m, width=30cm or depth=250mm");
  app.add_flag("--compress", o.compress, "with .glb: meshopt compression, smaller but not for every viewer");
  app.add_flag("--print", o.solid, "with .stl: a strict 2-manifold for printing");
  app.add_flag("--solid", o.solid)->group("");  // the same, as it was called
  app.add_option("--preview", o.preview, "a picture of it (PNG)");
  CLI::Option* const turntable =
      app.add_option("--turntable", o.turntable, "a folder for pictures from all sides (frame_000.png, ...)");
  app.add_option("--frames", o.frames, "how many of them")->check(CLI::Range(1, frames_max))->needs(turntable);
  app.add_option("--pixels", o.pixels, "side of the pictures")->check(CLI::Range(mesh::view_px_min, mesh::view_px_max));
  app.add_flag("--transparent", o.transparent, "no background in the pictures");
  app.add_flag("--json", o.json, "print what was found and done as JSON");
  std::string wall = "required";
  app.add_option("--walls", wall,
                 "around the decoder of its pictures: required refuses without a filter of system calls, limits does "
                 "without")
      ->check(CLI::IsMember({"required", "limits"}))
      ->default_str(wall);
  app.add_flag_callback("--walls-limits", [&wall] { wall = "limits"; })->group("");  // the same, as it was called
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? exit_ok : exit_usage;
  }
  if (const auto empty = empty_option(app)) return misused(*empty);
  o.walls = wall == "limits" ? image::Walls::Limits : image::Walls::Required;
  if (const auto made_sense = check(o); !made_sense) return misused(made_sense.error().message);
  const auto decoder = image::Decoder::open({.walls = o.walls});  // its pictures are strangers', too
  if (!decoder) {
    misused(machine_words(decoder.error()));
    return exit_machine;
  }
  Result<> done = run(o, *decoder);
  if (done) done = finish_output();
  if (done) return exit_ok;
  std::fprintf(stderr, "image2model model: %s: %s\n", o.in.c_str(), sentence_of(done.error()).c_str());
  return exit_failed;
}

}  // namespace i2m::cli
