#include "engine/salient.h"

#include <opencv2/imgproc.hpp>

namespace i2m::engine {
namespace {

struct Barrier {
  cv::Mat value;
  cv::Mat low, high;  // of the values along the best path found so far
  cv::Mat cost;       // their difference
};

// Once over the picture, each pixel looking at the two neighbours it has passed.
void sweep(Barrier& b, int step) {
  const int first_x = step > 0 ? 1 : b.value.cols - 2, end_x = step > 0 ? b.value.cols - 1 : 0;
  const int first_y = step > 0 ? 1 : b.value.rows - 2, end_y = step > 0 ? b.value.rows - 1 : 0;
  for (int y = first_y; y != end_y; y += step) {
    for (int x = first_x; x != end_x; x += step) {
      const float v = b.value.at<float>(y, x);
      for (const cv::Point from : {cv::Point{x - step, y}, cv::Point{x, y - step}}) {
        const float low = std::min(b.low.at<float>(from), v), high = std::max(b.high.at<float>(from), v);
        if (high - low >= b.cost.at<float>(y, x)) continue;
        b.cost.at<float>(y, x) = high - low;
        b.low.at<float>(y, x) = low, b.high.at<float>(y, x) = high;
      }
    }
  }
}

// How much one channel changes at least on the way from the border to each pixel.
cv::Mat barrier_of(const cv::Mat& value) {
  constexpr int rounds = 2;
  constexpr double far = 1e6;
  Barrier b{value, value.clone(), value.clone(), cv::Mat(value.size(), CV_32F, cv::Scalar(far))};
  for (const cv::Mat& edge : {b.cost.row(0), b.cost.row(b.cost.rows - 1), b.cost.col(0), b.cost.col(b.cost.cols - 1)}) {
    cv::Mat(edge).setTo(0);
  }
  for (int round = 0; round < rounds; ++round) {
    sweep(b, 1);
    sweep(b, -1);
  }
  return b.cost;
}

}  // namespace

cv::Mat salient_in(const cv::Mat& lab) {
  constexpr double spread = 0.35;  // of the picture's sides: how far from its middle things are
  constexpr double lenient = 0.8;
  cv::Mat calm;
  cv::GaussianBlur(lab, calm, {}, 1);
  std::vector<cv::Mat> channels;
  cv::split(calm, channels);
  cv::Mat sum = cv::Mat::zeros(lab.size(), CV_32F);
  for (const cv::Mat& channel : channels) sum += barrier_of(channel);
  const cv::Mat across = cv::getGaussianKernel(lab.cols, spread * lab.cols, CV_32F),
                down = cv::getGaussianKernel(lab.rows, spread * lab.rows, CV_32F);
  sum = sum.mul(down * across.t());
  double most = 0;
  cv::minMaxLoc(sum, nullptr, &most);
  cv::Mat bins, unused;
  sum.convertTo(bins, CV_8U, most > 0 ? 255 / most : 0);
  const double threshold = cv::threshold(bins, unused, 0, 255, cv::THRESH_BINARY | cv::THRESH_OTSU);
  return bins > lenient * threshold;
}

}  // namespace i2m::engine
