#include "engine/subject.h"

#include <numbers>

namespace i2m::engine {
namespace {

// The part of `from` under `window`, which may reach beyond it; the outside is `border`.
cv::Mat under(const cv::Mat& from, cv::Rect window, int border) {
  const cv::Rect inside = window & cv::Rect{0, 0, from.cols, from.rows};
  cv::Mat out;
  cv::copyMakeBorder(from(inside), out, inside.y - window.y, window.br().y - inside.br().y, inside.x - window.x,
                     window.br().x - inside.br().x, border, cv::Scalar::all(0));
  return out;
}

cv::Mat resized(const cv::Mat& from, int side_px) {
  if (from.cols == side_px) return from;
  cv::Mat out;
  cv::resize(from, out, {side_px, side_px}, 0, 0, from.cols > side_px ? cv::INTER_AREA : cv::INTER_CUBIC);
  return out;
}

}  // namespace

Subject cut_out(const image::Picture& picture, const cv::Mat& mask, int side_px, float roll) {
  cv::Rect box = cv::boundingRect(mask > 127);
  cv::Mat rgb = picture.rgb, alpha = mask;
  if (roll != 0) {
    // Turned about its own middle within a window that holds it at any angle.
    const int reach = cvCeil(std::hypot(box.width, box.height)) + 4;
    const cv::Point2d middle{box.x + box.width / 2.0, box.y + box.height / 2.0};
    cv::Mat turn = cv::getRotationMatrix2D(middle, static_cast<double>(roll) * 180 / std::numbers::pi, 1);
    turn.at<double>(0, 2) += reach / 2.0 - middle.x;
    turn.at<double>(1, 2) += reach / 2.0 - middle.y;
    cv::warpAffine(picture.rgb, rgb, turn, {reach, reach}, cv::INTER_LINEAR, cv::BORDER_REPLICATE);
    cv::warpAffine(mask, alpha, turn, {reach, reach}, cv::INTER_LINEAR, cv::BORDER_CONSTANT, cv::Scalar(0));
    box = cv::boundingRect(alpha > 127);
  }
  constexpr int margin_px = 2;  // whole pixels are few around a tiny object
  const int longest = std::max(box.width, box.height);
  const int side = std::max(longest + 2 * margin_px, cvRound(static_cast<float>(longest) / subject_share));
  const cv::Rect window{box.x + box.width / 2 - side / 2, box.y + box.height / 2 - side / 2, side, side};
  constexpr float resampled = 1.5F;  // px of the picture, by the mixture of neighbours
  return {.rgb = resized(under(rgb, window, cv::BORDER_REPLICATE), side_px),
          .alpha = resized(under(alpha, window, cv::BORDER_CONSTANT), side_px),
          .doubt_px = resampled * static_cast<float>(side_px) / static_cast<float>(side)};
}

}  // namespace i2m::engine
