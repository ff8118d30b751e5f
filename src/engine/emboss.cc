#include "engine/emboss.h"

#include <opencv2/imgproc.hpp>

namespace i2m::engine {

cv::Mat emboss(const Grid& grid, float relief) {
  constexpr double surroundings = 0.03, contrast_max = 0.25, fade = 0.04;  // of the side; luminance; of the side
  if (relief <= 0) return {};
  const auto n = static_cast<double>(grid.n);
  cv::Mat around, out;
  cv::GaussianBlur(grid.luminance, around, {0, 0}, surroundings * n);
  out = cv::max(cv::min(grid.luminance - around, contrast_max), -contrast_max);
  const cv::Mat inwards = cv::max(cv::min(grid.distance / (fade * n), 1.0), 0.0);
  out = out.mul(inwards) * (static_cast<double>(emboss_reach * relief) * n / contrast_max);
  cv::GaussianBlur(out, out, {0, 0}, 1);
  return out;
}

}  // namespace i2m::engine
