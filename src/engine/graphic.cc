#include "engine/graphic.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>

namespace i2m::engine {
namespace {

constexpr int side = 160;

struct Look {
  cv::Mat lab, inside;
  double area = 1;

  explicit Look(const Subject& subject) {
    cv::Mat rgb, alpha, shrunk;
    cv::resize(subject.rgb, rgb, {side, side}, 0, 0, cv::INTER_AREA);
    cv::resize(subject.alpha, alpha, {side, side}, 0, 0, cv::INTER_AREA);
    cv::medianBlur(rgb, rgb, 3);
    rgb.convertTo(lab, CV_32FC3, 1.0 / 255);
    cv::cvtColor(lab, lab, cv::COLOR_RGB2Lab);
    cv::erode(alpha > 250, inside, cv::Mat::ones(3, 3, CV_8U));
    area = std::max(1, cv::countNonZero(inside));
  }
};

// The share of still places among those that are no edge. Across a modelled surface the colour creeps.
float stillness(const Look& look) {
  constexpr int reach = 3;
  constexpr double still_below = 1.2, edge_from = 7;  // Lab units
  double still = 0, creeping = 0;
  for (int y = reach; y + reach < side; ++y) {
    for (int x = reach; x + reach < side; ++x) {
      if (look.inside.at<std::uint8_t>(y, x) == 0) continue;
      double most = 0;
      for (const auto& [dx, dy] : {std::pair{reach, 0}, {0, reach}, {-reach, 0}, {0, -reach}}) {
        if (look.inside.at<std::uint8_t>(y + dy, x + dx) == 0) continue;
        most = std::max(most, cv::norm(look.lab.at<cv::Vec3f>(y, x) - look.lab.at<cv::Vec3f>(y + dy, x + dx)));
      }
      if (most < still_below) {
        still += 1;
      } else if (most < edge_from) {
        creeping += 1;
      }
    }
  }
  return static_cast<float>(still / std::max(1.0, still + creeping));
}

// The share of the area within the six commonest colours, each with what lies next to it.
float share_of_few(const Look& look) {
  constexpr int cells = 18, colours = 6;
  constexpr float unit = 12;   // Lab units
  constexpr float zero = 110;  // a and b below which nothing is
  std::vector<int> count(std::size_t{cells} * cells * cells);
  const auto at_cell = [&count](int l, int a, int b) -> int& {
    const auto row = static_cast<std::size_t>(l) * cells + static_cast<std::size_t>(a);
    return count[row * cells + static_cast<std::size_t>(b)];
  };
  const auto cell = [](float v) { return std::clamp(static_cast<int>(v / unit), 0, cells - 1); };
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      if (look.inside.at<std::uint8_t>(y, x) == 0) continue;
      const auto& p = look.lab.at<cv::Vec3f>(y, x);
      ++at_cell(cell(p[0]), cell(p[1] + zero), cell(p[2] + zero));
    }
  }
  int sum = 0;
  for (int i = 0; i < colours; ++i) {
    const auto at = static_cast<int>(std::ranges::max_element(count) - count.begin());
    const int l = at / (cells * cells), a = at / cells % cells, b = at % cells;
    for (int dl = std::max(0, l - 1); dl <= std::min(cells - 1, l + 1); ++dl) {
      for (int da = std::max(0, a - 1); da <= std::min(cells - 1, a + 1); ++da) {
        for (int db = std::max(0, b - 1); db <= std::min(cells - 1, b + 1); ++db) {
          sum += std::exchange(at_cell(dl, da, db), 0);
        }
      }
    }
  }
  return static_cast<float>(sum / look.area);
}

// Ragged, of one strong colour, and as light at the rim as in the middle.
bool is_leaf(const Look& look, const cv::Scalar& spread, double chroma) {
  constexpr double even = 7.9, ragged_from = 0.2, ragged_to = 0.4, dents = 0.78, towards_middle = -0.2, strong = 25;
  if (spread[0] > even || chroma < strong) return false;
  std::vector<std::vector<cv::Point>> outlines;
  cv::findContours(look.inside, outlines, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_NONE);
  std::vector<cv::Point> all, hull;
  double length = 0;
  for (const auto& outline : outlines) {
    length += cv::arcLength(outline, true);
    all.insert(all.end(), outline.begin(), outline.end());
  }
  if (all.size() < 3) return false;
  cv::convexHull(all, hull);
  const double round = 4 * std::numbers::pi * look.area / (length * length);
  if (round < ragged_from || round > ragged_to || look.area > dents * cv::contourArea(hull)) return false;
  cv::Mat depth, light;
  cv::distanceTransform(look.inside, depth, cv::DIST_L2, 3);
  cv::extractChannel(look.lab, light, 0);
  cv::Scalar depth_mean, depth_spread;
  cv::meanStdDev(depth, depth_mean, depth_spread, look.inside);
  const double together = cv::mean(depth.mul(light), look.inside)[0] - depth_mean[0] * cv::mean(light, look.inside)[0];
  return together < towards_middle * depth_spread[0] * spread[0];
}

}  // namespace

Graphic find_graphic(const Subject& subject) {
  constexpr float few_from = 0.93F;
  // Light makes greys, and shades of one colour: where there is no more to see than that, everything has to stand
  // still.
  constexpr float still_from = 0.75F, still_if_shades = 0.9F, still_if_grey = 0.97F;
  constexpr float grey_below = 8, plain = 0.05F, shades_to = 0.35F;
  constexpr float dark_below = 20, dark_spread_max = 3;  // on black things there is no shading to be seen
  const Look look(subject);
  cv::Scalar mean, spread;
  cv::meanStdDev(look.lab, mean, spread, look.inside);
  Graphic out;
  out.lightness = static_cast<float>(mean[0]);
  out.chroma = static_cast<float>(std::hypot(mean[1], mean[2]));
  out.colour = static_cast<float>(std::hypot(spread[1], spread[2]));
  out.still = stillness(look);
  out.few = share_of_few(look);
  const bool grey = std::max(out.colour, out.chroma) < grey_below;
  const bool dark = out.lightness < dark_below && out.colour > dark_spread_max;
  const bool shades = out.colour > plain * out.chroma && out.colour < shades_to * out.chroma;
  const float still = grey || dark ? still_if_grey : shades ? still_if_shades : still_from;
  const bool drawn = out.few > few_from && out.still > still && !(dark && grey);
  out.found = drawn || is_leaf(look, spread, static_cast<double>(out.chroma));
  return out;
}

}  // namespace i2m::engine
