#include "cli/convert.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/bounds.h"
#include "engine/engine.h"

namespace i2m::cli {
namespace {

using engine::Back, engine::Model, engine::Params, engine::Progress, engine::Quality, engine::Report, engine::Shape,
    engine::Stage;

constexpr int exit_ok = 0, exit_failed = 1, exit_usage = 2;

struct Options {
  std::string in, out;
  Quality quality = Quality::Medium;
  int triangles = 0, texture = 0;
  Shape shape = Shape::Auto;
  Back back = Back::Auto;
  float depth = 1;
  bool json = false;
};

int complain(const std::string& what) {
  std::fprintf(stderr, "image2model convert: %s\n", what.c_str());
  return exit_failed;
}

// Reads one byte more than is allowed at most, to tell "too large" from "just fits".
Result<std::vector<std::uint8_t>> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return refuse(Code::NotFound, "in", "cannot open " + path);
  std::vector<std::uint8_t> bytes(bounds::file_bytes_max + 1);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (file.bad()) return refuse(Code::NotFound, "in", "cannot read " + path);
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  if (bytes.size() > bounds::file_bytes_max) {
    return refuse(Code::FileTooLarge, "in",
                  path + " is larger than " + std::to_string(bounds::file_bytes_max >> 20) + " MiB; save it smaller");
  }
  return bytes;
}

bool write_all(int fd, const std::vector<std::uint8_t>& bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

// Whole or not at all: readers of `path` see the old file or the new one.
bool write_file(const std::string& path, const std::vector<std::uint8_t>& bytes) {
  std::string temporary = path + ".XXXXXX";
  const int fd = ::mkstemp(temporary.data());
  if (fd < 0) return false;
  constexpr mode_t usual = 0644;  // mkstemp makes files for the owner alone
  const bool written = write_all(fd, bytes) && ::fchmod(fd, usual) == 0 && ::fsync(fd) == 0;
  if (::close(fd) == 0 && written && std::rename(temporary.c_str(), path.c_str()) == 0) return true;
  const int why = errno;
  ::unlink(temporary.c_str());
  errno = why;
  return false;
}

void print_json(const Model& model, const std::string& path) {
  const Report& r = model.report;
  std::string stages;
  float total = 0;
  for (std::size_t i = 0; i < engine::stage_count; ++i) {
    total += r.stage_ms[i];
    stages +=
        (i == 0 ? "\"" : ",\"") + std::string(name_of(static_cast<Stage>(i))) + "\":" + std::to_string(r.stage_ms[i]);
  }
  std::string name;
  for (const char c : path) {
    if (static_cast<unsigned char>(c) < 0x20) continue;
    if (c == '"' || c == '\\') name += '\\';
    name += c;
  }
  const auto text = [](std::string_view s) { return std::string(s); };
  std::printf(
      "{\"out\":\"%s\",\"bytes\":%zu,\"triangles\":%d,\"vertices\":%d,\"shape\":\"%s\",\"back\":\"%s\","
      "\"pitch\":%.4f,\"roll\":%.4f,\"grid\":%d,\"mask_from_alpha\":%s,\"mask_confidence\":%.3f,"
      "\"picture\":{\"type\":\"%s\",\"width\":%u,\"height\":%u},\"total_ms\":%.1f,\"stage_ms\":{%s}}\n",
      name.c_str(), model.glb.size(), r.triangles, r.vertices, text(name_of(r.shape)).c_str(),
      text(name_of(r.back)).c_str(), static_cast<double>(r.pitch), static_cast<double>(r.roll), r.grid,
      r.mask_from_alpha ? "true" : "false", static_cast<double>(r.mask_confidence),
      text(name_of(r.picture.type)).c_str(), r.picture.width, r.picture.height, static_cast<double>(total),
      stages.c_str());
}

void print_text(const Model& model, const std::string& path) {
  constexpr float doubtful = 0.35F;
  const Report& r = model.report;
  std::printf("%s: %d triangles, %zu kB, %s\n", path.c_str(), r.triangles, model.glb.size() / 1000,
              std::string(name_of(r.shape)).c_str());
  if (r.mask_confidence < doubtful) {
    std::fprintf(stderr,
                 "The object does not stand out clearly; a plain background or a transparent PNG works best.\n");
  }
}

template <class T>
using Words = std::map<std::string, T>;

// An option that takes one of these words; what it means is looked up after parsing.
template <class T>
void choice(CLI::App& app, const std::string& name, std::string& word, const Words<T>& words, const std::string& help) {
  std::vector<std::string> names;
  for (const auto& [text, value] : words) names.push_back(text);
  app.add_option(name, word, help)->check(CLI::IsMember(names))->default_str(word);
}

int run(const Options& o) {
  Params params = engine::params_of(o.quality);
  if (o.triangles != 0) params.triangles_max = o.triangles;
  if (o.texture != 0) params.texture_px = o.texture;
  params.shape = o.shape;
  params.back = o.back;
  params.depth = o.depth;
  const auto bytes = read_file(o.in);
  if (!bytes) return complain(bytes.error().message);
  Progress progress;
  if (::isatty(STDERR_FILENO) != 0) {
    progress = [](Stage stage, float fraction) {
      std::fprintf(stderr, "\r\033[K%3.0f %% %s", static_cast<double>(fraction) * 100,
                   std::string(name_of(stage)).c_str());
      return true;
    };
  }
  const auto model = engine::make_model(*bytes, params, progress);
  if (progress) std::fprintf(stderr, "\r\033[K");
  if (!model) {
    const Error& e = model.error();
    return complain(o.in + ": " + (e.message.empty() ? "internal error: " + e.detail : e.message));
  }
  if (!write_file(o.out, model->glb)) return complain("cannot write " + o.out + ": " + std::strerror(errno));
  o.json ? print_json(*model, o.out) : print_text(*model, o.out);
  return exit_ok;
}

}  // namespace

int convert_main(int argc, char** argv) {
  const Words<Quality> qualities{{"low", Quality::Low}, {"medium", Quality::Medium}, {"high", Quality::High}};
  Words<Shape> shapes;
  for (const Shape s : {Shape::Auto, Shape::Turned, Shape::Soft, Shape::Box, Shape::Flat})
    shapes.emplace(name_of(s), s);
  Words<Back> backs;
  for (const Back b : {Back::Auto, Back::Mirror, Back::Smooth, Back::Flip}) backs.emplace(name_of(b), b);

  Options o;
  std::string quality = "medium", shape = "auto", back = "auto";
  CLI::App app{"Makes a textured 3D model (GLB) of the thing in a picture, on this machine.", "image2model convert"};
  app.add_option("picture", o.in, "PNG, JPEG or WebP; a plain or transparent background works best")->required();
  app.add_option("-o,--out", o.out, "the GLB to write")->required();
  choice(app, "--quality", quality, qualities, "low 1000, medium 5000, high 10000 triangles");
  app.add_option("--triangles", o.triangles, "at most so many triangles, instead of the quality's")
      ->check(CLI::Range(engine::triangles_min, engine::triangles_most));
  choice(app, "--shape", shape, shapes, "what the object is like");
  choice(app, "--back", back, backs, "what the unseen side shows");
  app.add_option("--depth", o.depth, "stretches the model towards the viewer")
      ->check(CLI::Range(engine::depth_min, engine::depth_most));
  app.add_option("--texture", o.texture, "side of the texture in pixels, instead of the quality's")
      ->check(CLI::Range(engine::texture_px_min, engine::texture_px_most));
  app.add_flag("--json", o.json, "print what was done as JSON");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? exit_ok : exit_usage;
  }
  // Not a number passes CLI11's range check.
  if (!std::isfinite(o.depth)) return complain("--depth must be a number"), exit_usage;
  o.quality = qualities.at(quality);
  o.shape = shapes.at(shape);
  o.back = backs.at(back);
  return run(o);
}

}  // namespace i2m::cli
