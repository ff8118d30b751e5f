#include "engine/mask.h"

#include "engine/segment.h"

namespace i2m::engine {
namespace {

constexpr int side_px_min = 8;        // below this nobody could say what it shows
constexpr int object_px_min = 24;     // likewise for what is left after cutting out
constexpr int coarse_side_px = 320;   // where the outline is searched for
constexpr double speck_share = 0.02;  // parts below this share of the largest are dust
constexpr double clear_share = 0.01;  // transparency counts as a cut-out from here on
constexpr int clear_alpha = 16;

std::unexpected<Error> nothing(std::string message) { return refuse(Code::NoObjectFound, "files", std::move(message)); }

// Edge-aware enlargement of the coarse mask: inside a small window alpha is taken to be linear in the luminance, so the
// outline snaps to the picture's edges.
cv::Mat refine(const cv::Mat& coarse, const cv::Mat& rgb) {
  constexpr double eps = 1e-4, contrast = 1.8;
  constexpr int enlarge = 2, window = 2 * enlarge + 1;
  cv::Mat guide_full, guide, p;
  cv::cvtColor(rgb, guide_full, cv::COLOR_RGB2GRAY);
  const cv::Size size{std::min(coarse.cols * enlarge, rgb.cols), std::min(coarse.rows * enlarge, rgb.rows)};
  cv::resize(guide_full, guide, size, 0, 0, cv::INTER_AREA);
  guide.convertTo(guide, CV_32F, 1.0 / 255);
  coarse.convertTo(p, CV_32F, 1.0 / 255);
  cv::resize(p, p, size, 0, 0, cv::INTER_LINEAR);
  const auto mean = [](const cv::Mat& m) {
    cv::Mat out;
    cv::blur(m, out, {window, window}, {-1, -1}, cv::BORDER_REPLICATE);
    return out;
  };
  const cv::Mat mean_i = mean(guide), mean_p = mean(p);
  const cv::Mat cov = mean(guide.mul(p)) - mean_i.mul(mean_p);
  const cv::Mat var = mean(guide.mul(guide)) - mean_i.mul(mean_i);
  cv::Mat a, b;
  cv::divide(cov, var + eps, a);
  b = mean(mean_p - a.mul(mean_i));
  a = mean(a);
  cv::resize(a, a, rgb.size(), 0, 0, cv::INTER_LINEAR);
  cv::resize(b, b, rgb.size(), 0, 0, cv::INTER_LINEAR);
  guide_full.convertTo(guide_full, CV_32F, 1.0 / 255);
  const cv::Mat alpha = a.mul(guide_full) + b;
  cv::Mat out;
  alpha.convertTo(out, CV_8U, 255 * contrast, 255 * (0.5 - 0.5 * contrast));
  return out;
}

Result<Mask> from_transparency(const image::Picture& picture) {
  cv::Mat solid = picture.alpha > 127;
  if (keep_large_parts(solid, speck_share) < object_px_min) {
    return nothing(
        "This picture is almost entirely transparent; there is no object in it. Send one with the object visible.");
  }
  // Soft edges of what stays are kept, soft edges of what went are not.
  cv::Mat near;
  cv::dilate(solid, near, cv::getStructuringElement(cv::MORPH_ELLIPSE, {5, 5}));
  Mask mask;
  mask.from_alpha = true;
  cv::bitwise_and(picture.alpha, near, mask.alpha);
  return mask;
}

}  // namespace

int keep_large_parts(cv::Mat& mask, double share) {
  cv::Mat labels, stats, centres;
  const int count = cv::connectedComponentsWithStats(mask, labels, stats, centres, 8, CV_32S);
  int largest = 0;
  for (int i = 1; i < count; ++i) largest = std::max(largest, stats.at<int>(i, cv::CC_STAT_AREA));
  std::vector<std::uint8_t> keep(static_cast<std::size_t>(count), 0);
  for (int i = 1; i < count; ++i) {
    if (stats.at<int>(i, cv::CC_STAT_AREA) >= share * largest) keep[static_cast<std::size_t>(i)] = 255;
  }
  for (int y = 0; y < mask.rows; ++y) {
    const int* label = labels.ptr<int>(y);
    std::uint8_t* out = mask.ptr(y);
    for (int x = 0; x < mask.cols; ++x) out[x] = keep[static_cast<std::size_t>(label[x])];
  }
  return largest;
}

Result<Mask> find_object(const image::Picture& picture) {
  const int width = picture.rgb.cols, height = picture.rgb.rows;
  if (std::min(width, height) < side_px_min) {
    return nothing("This picture is only " + std::to_string(width) + " x " + std::to_string(height) +
                   " pixels; send one of at least 256 pixels a side.");
  }
  if (!picture.alpha.empty() && cv::countNonZero(picture.alpha < clear_alpha) >= clear_share * width * height) {
    return from_transparency(picture);
  }
  const double scale = std::min(1.0, static_cast<double>(coarse_side_px) / std::max(width, height));
  cv::Mat coarse;
  cv::resize(picture.rgb, coarse, {std::max(1, cvRound(width * scale)), std::max(1, cvRound(height * scale))}, 0, 0,
             cv::INTER_AREA);
  const Segment segment = segment_object(coarse);
  if (cv::countNonZero(segment.mask) < object_px_min) {
    return nothing(
        "We found no object in this picture. One thing in the middle of a plain background works best, "
        "or a PNG with a transparent background.");
  }
  Mask mask{refine(segment.mask, picture.rgb), segment.confidence, false};
  cv::Mat solid = mask.alpha > 127;
  if (keep_large_parts(solid, speck_share) < object_px_min) {
    return nothing("The object in this picture is too small to model; crop the picture closer to it.");
  }
  cv::dilate(solid, solid, cv::getStructuringElement(cv::MORPH_ELLIPSE, {5, 5}));
  cv::bitwise_and(mask.alpha, solid, mask.alpha);
  return mask;
}

}  // namespace i2m::engine
