#include "shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "files.h"
#include "workers.h"

namespace i2m::bench {
namespace {

constexpr std::size_t made_points = 7000;  // as many as of the truth
constexpr double distance_of_nothing = 1;  // a refusal must not look like a good model

struct Task {
  const Entry* entry = nullptr;
  char view = 'A';
  Backdrop backdrop = Backdrop::Alpha;
};

std::vector<Row> rows_of(const Task& task, const Run& run) {
  const auto truth = case_of(*task.entry, task.view, run.work / "cache");
  if (!truth) give_up(task.entry->name() + ": " + truth.error().detail);
  const std::string name = fmt::format("{}-{}", truth->name, name_of(task.backdrop));
  const auto picture = write_on(truth->rgba, task.backdrop, run.photos, run.work / "pictures", name);
  std::vector<Row> out;
  for (const Made& made : make_in_child(picture, run.work / "models", name, run.wish)) {
    out.push_back(score(*truth, task.backdrop, made));
  }
  return out;
}

}  // namespace

Row score(const Case& truth, Backdrop backdrop, const Made& made) {
  Row row{.name = truth.name, .object = truth.object, .view = truth.view, .backdrop = backdrop, .made = made};
  if (!made.refusal.empty()) {
    row.fit.raw.distance = row.fit.aligned.distance = distance_of_nothing;
    return row;
  }
  const auto glb = engine::read_bytes(made.glb);
  const mesh::Mesh upright = engine::read_surface(glb);
  mesh::Mesh seen = engine::seen_by_camera(upright, made.report);
  row.glb_bytes = glb.size();
  row.edges = mesh::count_edges(upright);
  cv::Mat alpha;
  cv::extractChannel(truth.rgba, alpha, 3);
  row.outline = engine::outline_agreement(seen, alpha > 127, made.report.nearness);
  row.fit = engine::fit(engine::spread_points(seen, made_points), truth.truth);
  for (mesh::Vec3& p : seen.positions) p = row.fit.similarity(p);
  row.novel = agreement(novel_outlines(seen), truth.outlines);
  return row;
}

std::vector<Row> run_shapes(const Run& run) {
  std::filesystem::create_directories(run.work / "pictures");
  std::filesystem::create_directories(run.work / "models");
  std::vector<Task> tasks;
  for (const Backdrop backdrop : run.backdrops) {
    for (const char view : run.views) {
      for (const Entry& entry : run.entries) tasks.push_back({&entry, view, backdrop});
    }
  }
  std::vector<std::vector<Row>> rows(tasks.size());
  on_threads(run.threads, tasks.size(), [&](std::size_t i) {
    rows[i] = rows_of(tasks[i], run);
    return tasks[i].entry->id + "-" + tasks[i].view;
  });
  std::vector<Row> out;
  for (const auto& each : rows) out.insert(out.end(), each.begin(), each.end());
  return out;
}

std::vector<Row> of_level(const std::vector<Row>& rows, int level) {
  std::vector<Row> out;
  std::ranges::copy_if(rows, std::back_inserter(out), [&](const Row& row) { return row.made.level == level; });
  return out;
}

}  // namespace i2m::bench
