#include "cases.h"

#include <opencv2/imgproc.hpp>

#include "engine/measure.h"
#include "files.h"

namespace i2m::bench {
namespace {

// Part of every cached file's name: what changes the pictures or clouds changes it.
constexpr const char* cache_version = "3";
constexpr std::size_t truth_points = 7000;
constexpr int side_view_px = 192;
constexpr std::array<View, 3> side_views{{{-75, 15}, {20, 15}, {150, 15}}};

struct CacheFiles {
  std::filesystem::path picture, cloud, outlines, sides;
};

CacheFiles files_of(const Entry& entry, char view, const std::filesystem::path& cache) {
  const std::string stem = entry.library + "-" + entry.id + "-" + view + "-" + cache_version;
  return {cache / (stem + ".png"), cache / (stem + ".f32"), cache / (stem + "-outlines.png"),
          cache / (stem + "-sides.png")};
}

cv::Mat row_of(std::span<const cv::Mat> pictures) {
  cv::Mat out;
  cv::hconcat(pictures.data(), pictures.size(), out);
  return out;
}

// The cloud is written last: where it lies, the rest is whole.
Result<> render(const Entry& entry, View view, const CacheFiles& files) {
  TRY(Object object, load_object(entry.model, entry.rotation));
  normalise(object);
  write_png(files.picture, picture_of(object, view, picture_px));
  std::array<cv::Mat, side_views.size()> sides;
  for (std::size_t k = 0; k < sides.size(); ++k) sides.at(k) = picture_of(object, side_views.at(k), side_view_px);
  write_png(files.sides, row_of(sides));
  const auto points = visible_points(object, view, truth_points);
  turn(object, rotation_of(view));
  write_png(files.outlines, row_of(novel_outlines(object.surface())));
  const std::filesystem::path unfinished = files.cloud.string() + ".part";
  write_cloud(unfinished, points);
  std::filesystem::rename(unfinished, files.cloud);
  return {};
}

}  // namespace

Result<Case> case_of(const Entry& entry, char view, const std::filesystem::path& cache) {
  std::filesystem::create_directories(cache);
  const CacheFiles files = files_of(entry, view, cache);
  if (!std::filesystem::exists(files.cloud)) CHECK_OK(render(entry, view == 'A' ? view_a : view_b, files));
  Case out{.name = entry.id + "-" + view, .object = entry.id, .view = view, .rgba = read_png(files.picture)};
  out.truth = engine::read_cloud(files.cloud);
  out.sides = read_png(files.sides);
  cv::Mat outlines;
  cv::extractChannel(read_png(files.outlines), outlines, 0);
  for (std::size_t k = 0; k < novel_views; ++k) {
    out.outlines.at(k) =
        outlines.colRange(static_cast<int>(k) * outlines.rows, static_cast<int>(k + 1) * outlines.rows);
  }
  return out;
}

}  // namespace i2m::bench
