#include "engine/depth.h"

#include <opencv2/imgproc.hpp>

namespace i2m::engine {
namespace {

constexpr float covered_from = 0.4F;  // the share of a cell from which on the network has learnt to speak of it
constexpr float perspective_max = 1;

using Shape4 = std::vector<int>;

bool fits(const Network& network) {
  const int side = network.input_shape()[2], cells = side / 2;
  return network.input_shape() == Shape4{1, 4, side, side} &&
         network.output_shapes() == std::vector{Shape4{1, 2, cells, cells}, Shape4{1, 2, 1, 1}};
}

cv::Mat input_of(const Subject& subject, int side) {
  cv::Mat alpha, rgb;
  cv::resize(subject.alpha, alpha, {side, side}, 0, 0, cv::INTER_AREA);
  cv::resize(subject.rgb, rgb, {side, side}, 0, 0, cv::INTER_AREA);
  const std::array<int, 4> shape{1, 4, side, side};
  cv::Mat input(4, shape.data(), CV_32F);
  for (int y = 0; y < side; ++y) {
    const auto* a = alpha.ptr<std::uint8_t>(y);
    const auto* c = rgb.ptr<cv::Vec3b>(y);
    for (int x = 0; x < side; ++x) {
      const float cover = static_cast<float>(a[x]) / 255;
      for (int k = 0; k < 3; ++k) {
        input.ptr<float>(0, k, y)[x] = (static_cast<float>(c[x][k]) / 127.5F - 1) * cover;
      }
      input.ptr<float>(0, 3, y)[x] = cover;
    }
  }
  return input;
}

// What the network says of the background means nothing: there, the nearest cells of the object go on.
void continue_outwards(cv::Mat& map, cv::Mat known) {
  const cv::Mat ones = cv::Mat::ones(3, 3, CV_32F);
  while (cv::countNonZero(known) < static_cast<int>(known.total())) {
    cv::Mat sum, weight;
    cv::filter2D(map.mul(known), sum, CV_32F, ones, {-1, -1}, 0, cv::BORDER_CONSTANT);
    cv::filter2D(known, weight, CV_32F, ones, {-1, -1}, 0, cv::BORDER_CONSTANT);
    const cv::Mat fresh = (known == 0) & (weight > 0);
    if (cv::countNonZero(fresh) == 0) return;
    cv::Mat mean;
    cv::divide(sum, weight, mean);
    mean.copyTo(map, fresh);
    known.setTo(1, fresh);
  }
}

}  // namespace

Result<Depth> guess_depth(const Subject& subject, const Network& network) {
  if (!fits(network)) return refuse(Code::Invalid, "", "the depth network's inputs or outputs are not those expected");
  const int side = network.input_shape()[2], cells = side / 2;
  const std::vector<cv::Mat> out = network.run(input_of(subject, side));
  const auto plane = [&](int k) {
    return cv::Mat(cells, cells, CV_32F, const_cast<float*>(out[0].ptr<float>(0, k))).clone();
  };
  cv::Mat cover;
  cv::resize(subject.alpha, cover, {cells, cells}, 0, 0, cv::INTER_AREA);
  cv::Mat known;
  cv::Mat(cover >= static_cast<double>(covered_from) * 255).convertTo(known, CV_32F, 1.0 / 255);
  Depth depth;
  depth.front = plane(0);
  cv::Mat thickness = cv::max(plane(1), 0.0);
  continue_outwards(depth.front, known.clone());
  continue_outwards(thickness, known);
  depth.back = depth.front - thickness;
  const auto* whole = out[1].ptr<float>();
  depth.sin_pitch = std::clamp(whole[0], -1.0F, 1.0F);
  depth.perspective = std::clamp(whole[1], 0.0F, perspective_max);
  return depth;
}

}  // namespace i2m::engine
