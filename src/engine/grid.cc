#include "engine/grid.h"

#include <opencv2/imgproc.hpp>

namespace i2m::engine {

cv::Mat signed_distance(const cv::Mat& mask) {
  cv::Mat inside, outside;
  cv::distanceTransform(mask, inside, cv::DIST_L2, cv::DIST_MASK_PRECISE);
  cv::distanceTransform(~mask, outside, cv::DIST_L2, cv::DIST_MASK_PRECISE);
  // Both count from the nearest pixel's middle; the edge lies half a pixel before it.
  for (int y = 0; y < mask.rows; ++y) {
    auto* in = inside.ptr<float>(y);
    const auto* out = outside.ptr<float>(y);
    for (int x = 0; x < mask.cols; ++x) in[x] = in[x] > 0 ? in[x] - 0.5F : 0.5F - out[x];
  }
  return inside;
}

Grid make_grid(const Subject& subject, int n) {
  Grid grid;
  grid.n = n;
  const cv::Size size{n, n};
  const int interpolation = subject.alpha.cols > n ? cv::INTER_AREA : cv::INTER_LINEAR;
  subject.alpha.convertTo(grid.coverage, CV_32F, 1.0 / 255);
  cv::resize(grid.coverage, grid.coverage, size, 0, 0, interpolation);
  // Half pixels of a few hundred are tenths of a cell: more would cost time and show nothing.
  constexpr int distance_side_px = 512;
  cv::Mat alpha = subject.alpha;
  if (alpha.cols > distance_side_px) {
    cv::resize(alpha, alpha, {distance_side_px, distance_side_px}, 0, 0, cv::INTER_AREA);
  }
  const cv::Mat distance = signed_distance(alpha > 127);
  cv::resize(distance * (static_cast<double>(n) / alpha.cols), grid.distance, size, 0, 0,
             alpha.cols > n ? cv::INTER_AREA : cv::INTER_LINEAR);
  cv::Mat grey;
  cv::cvtColor(subject.rgb, grey, cv::COLOR_RGB2GRAY);
  cv::resize(grey, grey, size, 0, 0, interpolation);
  grey.convertTo(grid.luminance, CV_32F, 1.0 / 255);
  double most = 0;
  cv::minMaxLoc(grid.distance, nullptr, &most);
  grid.radius = std::max(1.0F, static_cast<float>(most));
  const int area = cv::countNonZero(grid.distance > 0);
  const int rim = std::max(1, cv::countNonZero((grid.distance > 0) & (grid.distance <= 1)));
  grid.mean_width = 2 * static_cast<float>(area) / static_cast<float>(rim);
  return grid;
}

}  // namespace i2m::engine
