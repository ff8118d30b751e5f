#include "engine/remainder.h"

#include <opencv2/imgproc.hpp>

#include "engine/inflate.h"

namespace i2m::engine {

cv::Mat remainder_of(const Grid& grid, const cv::Mat& core) {
  const cv::Mat mask = grid.distance > 0;
  const auto odd = [&](float share) { return 2 * std::max(1, cvRound(share * static_cast<float>(grid.n) / 2)) + 1; };
  const auto disc = [&](float share) { return cv::getStructuringElement(cv::MORPH_ELLIPSE, {odd(share), odd(share)}); };
  cv::Mat rest = mask & ~core;
  cv::morphologyEx(rest, rest, cv::MORPH_OPEN, disc(0.018F));
  cv::Mat labels, stats, centres;
  const int count = cv::connectedComponentsWithStats(rest, labels, stats, centres, 8, CV_32S);
  cv::Mat from_core;
  cv::distanceTransform(~core, from_core, cv::DIST_L2, cv::DIST_MASK_PRECISE);
  const int area_min = cvRound(0.006 * cv::countNonZero(mask));
  cv::Mat keep = cv::Mat::zeros(mask.size(), CV_8U);
  for (int i = 1; i < count; ++i) {
    if (stats.at<int>(i, cv::CC_STAT_AREA) < area_min) continue;
    double reach = 0;
    cv::minMaxLoc(from_core, nullptr, &reach, nullptr, nullptr, labels == i);
    if (reach >= 0.05 * grid.n) keep.setTo(255, labels == i);
  }
  if (cv::countNonZero(keep) == 0) return {};
  cv::Mat joined;
  cv::dilate(keep, joined, disc(0.12F));
  joined &= mask & (core | keep);
  // The part that was left over keeps the picture's outline; inside the body the mask's own edge is the cells'.
  cv::Mat distance = signed_distance(joined);
  cv::min(distance, grid.distance, distance);
  return inflate(distance, 0);
}

float sample(const cv::Mat& grid, float x, float y) {
  const int x0 = cvFloor(x), y0 = cvFloor(y);
  if (x0 < 0 || y0 < 0 || x0 + 1 >= grid.cols || y0 + 1 >= grid.rows) return -1;
  const float fx = x - static_cast<float>(x0), fy = y - static_cast<float>(y0);
  const float *a = grid.ptr<float>(y0) + x0, *b = grid.ptr<float>(y0 + 1) + x0;
  return (a[0] * (1 - fx) + a[1] * fx) * (1 - fy) + (b[0] * (1 - fx) + b[1] * fx) * fy;
}

}  // namespace i2m::engine
