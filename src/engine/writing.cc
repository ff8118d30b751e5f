#include "engine/writing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <numeric>
#include <opencv2/imgproc.hpp>
#include <vector>

namespace i2m::engine {
namespace {

constexpr int side_px_max = 512;

struct Sign {
  cv::Rect box;
  float area = 0, stroke = 0;  // px; of the stroke its mean width
  cv::Vec3f ink, ground;       // mean colours, of the sign and of the rest of its box
  float middle() const { return static_cast<float>(box.y) + static_cast<float>(box.height) / 2; }
  float height() const { return static_cast<float>(box.height); }
};

// Twice the mean distance to the edge is half the width of a stroke.
float stroke_of(const cv::Mat& ink) {
  cv::Mat padded, distance;
  cv::copyMakeBorder(ink, padded, 1, 1, 1, 1, cv::BORDER_CONSTANT, cv::Scalar(0));
  cv::distanceTransform(padded, distance, cv::DIST_L2, 3);
  return static_cast<float>(4 * cv::mean(distance, padded)[0]) - 1;
}

cv::Vec3f mean_of(const cv::Mat& rgb, const cv::Mat& where) {
  const cv::Scalar mean = cv::mean(rgb, where);
  return {static_cast<float>(mean[0]), static_cast<float>(mean[1]), static_cast<float>(mean[2])};
}

// Letters, or several that touch: neither dust nor surfaces, drawn with a stroke thinner than they are high.
std::vector<Sign> signs_in(const cv::Mat& ink, const cv::Mat& rgb, const cv::Mat& edges, double sharp) {
  constexpr int height_min = 5, count_max = 3000;
  constexpr float height_max = 0.14F, wide_max = 7, fill_min = 0.1F, fill_max = 0.9F, bold = 0.45F;
  constexpr double sobel_scale = 8;
  constexpr double distinct = 40;  // of its colour from the ground's
  cv::Mat labels, stats, centres;
  const int count = cv::connectedComponentsWithStats(ink, labels, stats, centres, 8, CV_32S);
  std::vector<Sign> out;
  for (int i = 1; i < count && out.size() < count_max; ++i) {
    const int* s = stats.ptr<int>(i);
    Sign sign;
    sign.box = {s[cv::CC_STAT_LEFT], s[cv::CC_STAT_TOP], s[cv::CC_STAT_WIDTH], s[cv::CC_STAT_HEIGHT]};
    sign.area = static_cast<float>(s[cv::CC_STAT_AREA]);
    const float high = sign.height(), wide = static_cast<float>(sign.box.width);
    if (sign.box.height < height_min || high > height_max * static_cast<float>(ink.rows) || wide > wide_max * high) {
      continue;
    }
    const float fill = sign.area / (high * wide);
    if (fill < fill_min || fill > fill_max) continue;
    const cv::Mat drawn = labels(sign.box) == i;
    sign.stroke = stroke_of(drawn);
    sign.ink = mean_of(rgb(sign.box), drawn);
    sign.ground = mean_of(rgb(sign.box), ~ink(sign.box));
    cv::Mat core;
    cv::erode(drawn, core, cv::Mat::ones(3, 3, CV_8U), {-1, -1}, 1, cv::BORDER_CONSTANT, 0);
    const double slope = cv::mean(edges(sign.box), drawn & ~core)[0] / sobel_scale;
    if (sign.stroke < bold * high && slope > sharp && cv::norm(sign.ink - sign.ground) > distinct) out.push_back(sign);
  }
  return out;
}

bool follow(const Sign& a, const Sign& b) {
  constexpr float like = 1.8F, like_stroke = 1.9F, level = 0.45F, apart = 1.1F, within = 0.35F;
  constexpr double like_colour = 45;
  const float high = std::max(a.height(), b.height()), low = std::min(a.height(), b.height());
  if (high > like * low || std::abs(a.middle() - b.middle()) > level * high) return false;
  if (std::max(a.stroke, b.stroke) > like_stroke * std::min(a.stroke, b.stroke)) return false;
  if (cv::norm(a.ink - b.ink) > like_colour || cv::norm(a.ground - b.ground) > like_colour) return false;
  const auto gap = static_cast<float>(std::max(a.box.x, b.box.x) - std::min(a.box.br().x, b.box.br().x));
  return gap < apart * high && gap > -within * high;
}

// Signs that repeat are a pattern: spokes, keys, stitches.
bool differ(const std::vector<Sign>& row) {
  constexpr double variety = 0.13;
  std::vector<float> widths, areas;
  for (const Sign& s : row) {
    widths.push_back(static_cast<float>(s.box.width) / s.height());
    areas.push_back(s.area / (s.height() * s.height()));
  }
  cv::Scalar mean, spread;
  cv::meanStdDev(widths, mean, spread);
  const double by_width = spread[0] / mean[0];
  cv::meanStdDev(areas, mean, spread);
  return std::min(by_width, spread[0] / mean[0]) > variety;
}

std::vector<std::vector<Sign>> rows_of(const std::vector<Sign>& signs, std::size_t row_min) {
  std::vector<std::size_t> root(signs.size());
  std::iota(root.begin(), root.end(), 0U);
  const auto find = [&root](std::size_t i) {
    while (root[i] != i) i = root[i] = root[root[i]];
    return i;
  };
  for (std::size_t i = 0; i < signs.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (follow(signs[i], signs[k])) root[find(i)] = find(k);
    }
  }
  std::vector<std::vector<Sign>> groups(signs.size());
  for (std::size_t i = 0; i < signs.size(); ++i) groups[find(i)].push_back(signs[i]);
  std::erase_if(groups, [row_min](const auto& row) { return row.size() < row_min || (row_min > 2 && !differ(row)); });
  return groups;
}

void mark(const std::vector<Sign>& row, cv::Mat& writing) {
  constexpr float around = 0.2F;
  const auto block = [&](cv::Rect box) {
    const int by = cvCeil(around * static_cast<float>(box.height));
    cv::rectangle(writing, box + cv::Size(2 * by, 2 * by) - cv::Point(by, by), cv::Scalar(255), cv::FILLED);
  };
  for (std::size_t i = 0; i < row.size(); ++i) {
    block(row[i].box);
    for (std::size_t k = 0; k < i; ++k) {
      if (follow(row[i], row[k])) block(row[i].box | row[k].box);
    }
  }
}

// The places that are darker and those that are lighter than what is around them, and all that is needed to judge them.
struct Ink {
  cv::Mat rgb, edges;
  std::array<cv::Mat, 2> places;

  explicit Ink(const Subject& subject) {
    constexpr int contrast = 16;      // of 255
    constexpr int surroundings = 24;  // of the side: how wide they are
    const int side = std::min(side_px_max, subject.rgb.cols);
    cv::Mat grey, light, inside, around, weight, dx, dy;
    cv::resize(subject.rgb, rgb, {side, side}, 0, 0, cv::INTER_AREA);
    cv::resize(subject.alpha, inside, {side, side}, 0, 0, cv::INTER_AREA);
    cv::erode(inside > 250, inside, cv::Mat::ones(3, 3, CV_8U));
    cv::cvtColor(rgb, grey, cv::COLOR_RGB2GRAY);
    cv::bitwise_and(grey, inside, light);
    const int width = side / surroundings | 1;
    cv::blur(light, around, {width, width});
    cv::blur(inside, weight, {width, width});
    cv::divide(around, weight, around, 255);
    places = {(around - light > contrast) & inside, (light - around > contrast) & inside};
    cv::Sobel(grey, dx, CV_16S, 1, 0);
    cv::Sobel(grey, dy, CV_16S, 0, 1);
    // The longer of the two slopes and half the other: the length within a tenth.
    dx = cv::abs(dx), dy = cv::abs(dy);
    edges = cv::max(dx, dy) + cv::min(dx, dy) / 2;
  }

  // Rows of signs with edges as sharp as that (mean slope along the outline, of 255 a pixel: shadows and folds have
  // none).
  std::vector<std::vector<Sign>> rows(std::size_t row_min, double sharp) const {
    std::vector<std::vector<Sign>> out;
    for (const cv::Mat& place : places)
      std::ranges::move(rows_of(signs_in(place, rgb, edges, sharp), row_min), std::back_inserter(out));
    return out;
  }
};

}  // namespace

cv::Mat find_writing(const Subject& subject) {
  constexpr std::size_t surely = 4, likely = 2;  // signs in a row
  constexpr double sharp = 24, fairly_sharp = 14;
  const Ink ink(subject);
  if (ink.rows(surely, sharp).empty()) return {};
  cv::Mat writing = cv::Mat::zeros(ink.rgb.size(), CV_8U);
  // Where something is written there is more of it, in shorter rows.
  for (const auto& row : ink.rows(likely, fairly_sharp)) mark(row, writing);
  cv::resize(writing, writing, subject.rgb.size(), 0, 0, cv::INTER_NEAREST);
  return writing;
}

}  // namespace i2m::engine
