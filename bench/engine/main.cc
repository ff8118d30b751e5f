// The engine's benchmark: bench/engine/README.md tells what it measures and how to read it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <opencv2/core.hpp>

#include "files.h"
#include "report.h"
#include "sheet.h"
#include "speed.h"
#include "table.h"

namespace {

using namespace i2m;

const std::vector<int> all_levels{1000, 5000, 10'000};

struct Options {
  std::filesystem::path work = "build/bench", furniture, photos;
  std::string list = "bench/engine/objects.txt", cutouts = "bench/engine/cutouts.txt", only, views = "AB", json, sheets;
  std::vector<std::string> backdrops, set;
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

std::vector<bench::Entry> entries_of(const Options& options) {
  const auto catalogue =
      bench::read_catalogues(options.furniture.empty() ? options.work / "furniture" : options.furniture);
  auto entries = bench::entries_in(options.list, catalogue);
  if (!entries) bench::give_up(entries.error().detail);
  std::erase_if(*entries, [&](const auto& e) { return !e.name().contains(options.only); });
  if (entries->empty()) bench::give_up("nothing of the list contains " + options.only);
  return std::move(*entries);
}

std::filesystem::path photos_of(const Options& options) {
  return options.photos.empty() ? options.work / "photos" : options.photos;
}

void write_text(const std::string& file, const std::string& text) {
  if (!file.empty()) bench::write_bytes(file, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

bench::Run run_of(const Options& options) {
  bench::Run run{.entries = entries_of(options), .views = options.views};
  run.work = options.work, run.photos = photos_of(options), run.threads = options.processes;
  run.wish.levels = options.levels;
  if (!options.backdrops.empty()) run.backdrops.clear();
  for (const auto& name : options.backdrops) run.backdrops.push_back(backdrop_of(name));
  for (const auto& each : options.set) {
    const auto equals = each.find('=');
    if (equals == std::string::npos ||
        !bench::take_argument(run.wish, each.substr(0, equals), each.substr(equals + 1))) {
      bench::give_up("what is " + each + "?");
    }
  }
  return run;
}

bench::MaskRun mask_run_of(const Options& options) {
  bench::MaskRun run{.entries = entries_of(options), .cutouts = options.cutouts, .work = options.work};
  run.photos = photos_of(options), run.threads = options.processes;
  if (!options.backdrops.empty()) run.backdrops.clear();
  for (const auto& name : options.backdrops) run.backdrops.push_back(backdrop_of(name));
  return run;
}

int conclude(const Options& options, const std::vector<bench::Row>& shapes, const std::vector<bench::MaskRow>& masks) {
  // What was promised was promised of the whole of one list.
  const bool promised = options.only.empty() && options.list == Options{}.list;
  const auto verdicts = promised ? bench::verdicts_of(shapes, masks) : std::vector<bench::Verdict>{};
  if (promised) fmt::print("\n{}", bench::verdict_table_of(verdicts));
  write_text(options.json, bench::json_of(verdicts, shapes, masks));
  return std::ranges::all_of(verdicts, [](const auto& v) { return v.reaches(v.must); }) ? 0 : 1;
}

int shapes(const Options& options) {
  const auto run = run_of(options);
  const auto rows = bench::run_shapes(run);
  fmt::print("{}", bench::table_of(rows));
  if (!options.sheets.empty()) bench::write_shape_sheets(rows, run, options.sheets);
  return conclude(options, rows, {});
}

int masks(const Options& options) {
  const auto rows = bench::run_masks(mask_run_of(options));
  fmt::print("{}", bench::mask_table_of(rows));
  if (!options.sheets.empty()) bench::write_mask_sheets(rows, options.work / "sheets", options.sheets);
  return conclude(options, {}, rows);
}

/// Everything that is promised, at every level: both views with alpha, view B as JPEG on white and with shadows, masks.
int report(Options options) {
  options.levels = all_levels;
  auto run = run_of(options);
  auto rows = bench::run_shapes(run);
  bench::write_shape_sheets(bench::of_level(rows, 5000), run, "shapes");
  run.views = "B";
  run.backdrops = {bench::Backdrop::White, bench::Backdrop::Shadow};
  std::ranges::move(bench::run_shapes(run), std::back_inserter(rows));
  const auto mask_rows = bench::run_masks(mask_run_of(options));
  bench::write_mask_sheets(mask_rows, options.work / "sheets", "masks");
  fmt::print("{}\n{}", bench::table_of(rows), bench::mask_table_of(mask_rows));
  return conclude(options, rows, mask_rows);
}

void add_common(CLI::App& app, Options& options) {
  app.add_option("--work", options.work, "folder for caches, pictures, models and sheets");
  app.add_option("--furniture", options.furniture, "folder of the unpacked catalogues (WORK/furniture)");
  app.add_option("--photos", options.photos, "folder of photographs for busy backdrops (WORK/photos)");
  app.add_option("--list", options.list, "file of objects");
  app.add_option("--only", options.only, "only objects whose name contains this");
  app.add_option("--backdrops", options.backdrops, "alpha white shadow colour table photo")->delimiter(',');
  app.add_option("--processes", options.processes, "how many at once")->check(CLI::Range(1, 16));
  app.add_option("--json", options.json, "file for the figures");
  app.add_option("--sheets", options.sheets, "name of contact sheets to draw in WORK/sheets");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "make") return bench::make_main({argv + 2, argv + argc});
  cv::setNumThreads(1);
  Options options;
  CLI::App cli{"Measures the embedded engine against objects whose shape is known.", "engine_bench"};
  cli.require_subcommand(1);
  CLI::App* shape = cli.add_subcommand("shape", "models against the objects that their pictures were rendered from");
  add_common(*shape, options);
  shape->add_option("--views", options.views, "A, B or AB");
  shape->add_option("--levels", options.levels, "triangles")->delimiter(',');
  shape->add_option("--set", options.set,
                    "parameters: shape=soft back=mirror depth=1.2 texture=512 learned=0 delight=1");
  CLI::App* mask = cli.add_subcommand("mask", "masks against cut-outs on five backdrops");
  add_common(*mask, options);
  mask->add_option("--cutouts", options.cutouts, "file of further cut-outs; an empty name for none");
  CLI::App* all = cli.add_subcommand("report", "everything that is promised, beside what was promised");
  add_common(*all, options);
  all->add_option("--cutouts", options.cutouts, "file of further cut-outs");
  CLI::App* speed = cli.add_subcommand("speed", "CPU time of any pictures at three levels");
  std::vector<std::filesystem::path> pictures;
  speed->add_option("picture", pictures, "PNG, JPEG or WebP files")->required();
  CLI11_PARSE(cli, argc, argv);
  if (speed->parsed()) {
    bench::print_speed(pictures, {.levels = all_levels}, options.work / "models");
    return 0;
  }
  if (all->parsed()) return report(options);
  return shape->parsed() ? shapes(options) : masks(options);
}
