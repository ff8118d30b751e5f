// The engine's benchmark: bench/engine/README.md tells what it measures and how to read it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <opencv2/core.hpp>

#include "files.h"
#include "table.h"

namespace {

using namespace i2m;

struct Options {
  std::filesystem::path furniture = "build/bench/furniture", work = "build/bench", photos = "build/bench/photos";
  std::string list = "bench/engine/objects.txt", only, views = "AB", json;
  std::vector<std::string> backdrops{"alpha"}, set;
  std::vector<int> levels{5000};
  int processes = 2;
};

bench::Backdrop backdrop_of(const std::string& name) {
  if (name == bench::name_of(bench::Backdrop::Alpha)) return bench::Backdrop::Alpha;
  for (const auto each : bench::solid_backdrops) {
    if (bench::name_of(each) == name) return each;
  }
  bench::give_up("there is no backdrop " + name);
}

bench::Run run_of(const Options& options) {
  const auto catalogue = bench::read_catalogues(options.furniture);
  auto entries = bench::entries_in(options.list, catalogue);
  if (!entries) bench::give_up(entries.error().detail);
  bench::Run run{.entries = std::move(*entries), .views = options.views};
  if (!options.only.empty())
    std::erase_if(run.entries, [&](const auto& e) { return !e.name().contains(options.only); });
  if (run.entries.empty()) bench::give_up("nothing of the list contains " + options.only);
  run.backdrops.clear();
  for (const auto& name : options.backdrops) run.backdrops.push_back(backdrop_of(name));
  run.wish.levels = options.levels;
  for (const auto& each : options.set) {
    const auto equals = each.find('=');
    if (equals == std::string::npos ||
        !bench::take_argument(run.wish, each.substr(0, equals), each.substr(equals + 1))) {
      bench::give_up("what is " + each + "?");
    }
  }
  run.work = options.work;
  run.photos = options.photos;
  run.threads = options.processes;
  return run;
}

int shapes(const Options& options) {
  const auto rows = bench::run_shapes(run_of(options));
  fmt::print("{}", bench::table_of(rows));
  const std::string json = bench::json_of(rows);
  if (!options.json.empty()) {
    bench::write_bytes(options.json, {reinterpret_cast<const std::uint8_t*>(json.data()), json.size()});
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "make") return bench::make_main({argv + 2, argv + argc});
  cv::setNumThreads(1);
  Options options;
  CLI::App cli{"Measures the embedded engine against objects whose shape is known.", "engine_bench"};
  cli.require_subcommand(1);
  CLI::App* shape = cli.add_subcommand("shape", "models against the objects that their pictures were rendered from");
  shape->add_option("--furniture", options.furniture, "folder of the unpacked catalogues");
  shape->add_option("--photos", options.photos, "folder of photographs for busy backdrops");
  shape->add_option("--work", options.work, "folder for caches, pictures, models and sheets");
  shape->add_option("--list", options.list, "file of objects");
  shape->add_option("--only", options.only, "only objects whose name contains this");
  shape->add_option("--views", options.views, "A, B or AB");
  shape->add_option("--backdrops", options.backdrops, "alpha white shadow colour table photo")->delimiter(',');
  shape->add_option("--levels", options.levels, "triangles")->delimiter(',');
  shape->add_option("--set", options.set, "parameters: shape=soft back=mirror depth=1.2 texture=512");
  shape->add_option("--processes", options.processes, "models made at once")->check(CLI::Range(1, 16));
  shape->add_option("--json", options.json, "file for the figures");
  CLI11_PARSE(cli, argc, argv);
  return shapes(options);
}
