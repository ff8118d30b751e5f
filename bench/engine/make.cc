#include "make.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <fstream>
#include <iostream>
#include <opencv2/imgproc.hpp>
#include <ranges>
#include <sstream>

#include "engine/measure.h"
#include "files.h"
#include "image/jpeg_write.h"
#include "mesh/json.h"

// What posix_spawn hands on.
extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace i2m::bench {
namespace {

template <class T, std::size_t N>
T named(const std::array<T, N>& all, const std::string& name) {
  for (const T each : all) {
    if (engine::name_of(each) == name) return each;
  }
  give_up("what is " + name + "?");
}

constexpr std::array shapes{engine::Shape::Auto, engine::Shape::Turned, engine::Shape::Soft, engine::Shape::Box,
                            engine::Shape::Flat};
constexpr std::array backs{engine::Back::Auto, engine::Back::Mirror, engine::Back::Smooth, engine::Back::Flip};

engine::Params params_of(const Wish& wish, int level) {
  const auto preset = level <= 1000   ? engine::Quality::Low
                      : level <= 5000 ? engine::Quality::Medium
                                      : engine::Quality::High;
  engine::Params params = engine::params_of(preset);
  params.triangles_max = level;
  params.shape = wish.shape;
  params.back = wish.back;
  params.depth = wish.depth;
  params.relief = wish.relief;
  params.learned = wish.learned;
  params.delight = wish.delight;
  if (wish.texture_px > 0) params.texture_px = wish.texture_px;
  return params;
}

double cpu_ms_now() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

// Not getrusage: what it tells was inherited from the parent at exec.
double peak_mb_now() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024;
  }
  give_up("/proc/self/status does not tell the peak");
}

// The first call of a process fills tables and loads pages that the product loads once.
void warm_up() {
  constexpr int side = 96, jpeg_quality = 90;
  cv::Mat disc(side, side, CV_8UC3, cv::Scalar::all(255));
  cv::circle(disc, {side / 2, side / 2}, side / 3, cv::Scalar(180, 40, 30), cv::FILLED);
  const auto jpeg = image::write_jpeg(disc, jpeg_quality);
  const auto model = engine::make_model(*jpeg, engine::params_of(engine::Quality::Low));
  if (!model) give_up("the engine does not make a disc: " + model.error().message);
}

std::string line_of(int level, const Result<engine::Model>& model, double cpu_ms) {
  if (!model) return fmt::format(R"({{"level":{},"refusal":"{}"}})", level, model.error().message);
  const engine::Report& r = model->report;
  std::string out = fmt::format(
      R"({{"level":{},"cpu_ms":{:.2f},"peak_mb":{:.1f},"shape":"{}","back":"{}","confidence":{:.3f},"pitch":{:.5f},)"
      R"("roll":{:.5f},"nearness":{:.5f},"grid":{},"triangles":{},"vertices":{},"from_alpha":{},"stage_ms":[)",
      level, cpu_ms, peak_mb_now(), engine::name_of(r.shape), engine::name_of(r.back), r.mask_confidence, r.pitch,
      r.roll, r.nearness, r.grid, r.triangles, r.vertices, r.mask_from_alpha ? 1 : 0);
  for (const float ms : r.stage_ms) out += fmt::format("{}{:.2f}", out.ends_with('[') ? "" : ",", ms);
  return out + "]}";
}

Made made_of(const std::string& line, const std::filesystem::path& folder, const std::string& name) {
  const auto json = mesh::Json::parse(line);
  if (!json) give_up("the child wrote " + line);
  const auto number = [&](const char* key) {
    const mesh::Json* value = json->find(key);
    return value == nullptr ? 0 : value->number;
  };
  Made out{.level = static_cast<int>(number("level")), .refusal = std::string(json->string("refusal"))};
  if (!out.refusal.empty()) return out;
  out.glb = folder / fmt::format("{}-{}.glb", name, out.level);
  out.cpu_ms = number("cpu_ms");
  out.peak_mb = number("peak_mb");
  engine::Report& r = out.report;
  r.shape = named(shapes, std::string(json->string("shape")));
  r.back = named(backs, std::string(json->string("back")));
  r.mask_confidence = static_cast<float>(number("confidence"));
  r.mask_from_alpha = number("from_alpha") != 0;
  r.pitch = static_cast<float>(number("pitch"));
  r.roll = static_cast<float>(number("roll"));
  r.nearness = static_cast<float>(number("nearness"));
  r.grid = static_cast<int>(number("grid"));
  r.triangles = static_cast<int>(number("triangles"));
  r.vertices = static_cast<int>(number("vertices"));
  const auto& stages = json->list("stage_ms");
  for (std::size_t k = 0; k < std::min(stages.size(), r.stage_ms.size()); ++k) {
    r.stage_ms.at(k) = static_cast<float>(stages[k].number);
  }
  return out;
}

// Runs this program again and answers what it wrote.
std::string output_of(std::vector<std::string> arguments) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) give_up("no pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  posix_spawn_file_actions_addclose(&actions, ends[1]);
  std::vector<char*> argv;
  for (std::string& each : arguments) argv.push_back(each.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  const int failed = posix_spawn(&child, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (failed != 0) give_up("cannot start a child");
  std::string out;
  std::array<char, 4096> some{};
  for (ssize_t got = 0; (got = read(ends[0], some.data(), some.size())) > 0;) {
    out.append(some.data(), static_cast<std::size_t>(got));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) give_up(fmt::format("the child ended with {}: {}", status, fmt::join(arguments, " ")));
  return out;
}

}  // namespace

std::vector<std::string> arguments_of(const Wish& wish) {
  std::vector<std::string> out;
  for (const int level : wish.levels) out.insert(out.end(), {"level", std::to_string(level)});
  out.insert(out.end(), {"shape", std::string(engine::name_of(wish.shape)), "back",
                         std::string(engine::name_of(wish.back)), "depth", fmt::format("{}", wish.depth), "relief",
                         fmt::format("{}", wish.relief), "texture", std::to_string(wish.texture_px), "learned",
                         wish.learned ? "1" : "0", "delight", wish.delight ? "1" : "0"});
  return out;
}

bool take_argument(Wish& wish, const std::string& key, const std::string& value) {
  if (key == "level")
    wish.levels.push_back(std::stoi(value));
  else if (key == "shape")
    wish.shape = named(shapes, value);
  else if (key == "back")
    wish.back = named(backs, value);
  else if (key == "depth")
    wish.depth = std::stof(value);
  else if (key == "relief")
    wish.relief = std::stof(value);
  else if (key == "texture")
    wish.texture_px = std::stoi(value);
  else if (key == "learned")
    wish.learned = value != "0";
  else if (key == "delight")
    wish.delight = value != "0";
  else
    return false;
  return true;
}

std::vector<Made> make_in_child(const std::filesystem::path& picture, const std::filesystem::path& folder,
                                const std::string& name, const Wish& wish) {
  std::vector<std::string> arguments{"engine_bench", "make", picture, folder, name};
  std::ranges::copy(arguments_of(wish), std::back_inserter(arguments));
  std::istringstream lines(output_of(std::move(arguments)));
  std::vector<Made> out;
  for (std::string line; std::getline(lines, line);) out.push_back(made_of(line, folder, name));
  if (out.size() != wish.levels.size()) give_up("the child did not make every level of " + picture.string());
  return out;
}

int make_main(const std::vector<std::string>& arguments) {
  if (arguments.size() < 3) give_up("usage: engine_bench make PICTURE FOLDER NAME [KEY VALUE]...");
  Wish wish{.levels = {}};
  for (std::size_t i = 3; i + 1 < arguments.size(); i += 2) {
    if (!take_argument(wish, arguments[i], arguments[i + 1])) give_up("what is " + arguments[i] + "?");
  }
  const auto picture = engine::read_bytes(arguments[0]);
  warm_up();
  for (const int level : wish.levels) {
    const double begin = cpu_ms_now();
    const auto model = engine::make_model(picture, params_of(wish, level));
    const double cpu_ms = cpu_ms_now() - begin;
    if (model) {
      write_bytes(std::filesystem::path(arguments[1]) / fmt::format("{}-{}.glb", arguments[2], level), model->glb);
    }
    std::cout << line_of(level, model, cpu_ms) << '\n';
  }
  return 0;
}

}  // namespace i2m::bench
