#include "engine/segment.h"

#include <opencv2/imgproc.hpp>
#include <optional>

#include "engine/background.h"
#include "engine/mask.h"
#include "engine/salient.h"

namespace i2m::engine {
namespace {

cv::Mat ellipse(int side) { return cv::getStructuringElement(cv::MORPH_ELLIPSE, {side, side}); }

struct Region {
  int area = 0;
  bool touches_border = false;
  double sum = 0, squares = 0;
};

// Background is what can be reached from the border, and large even holes that look just like it.
cv::Mat flood(const cv::Mat& candidate, const cv::Mat& distance, float threshold) {
  cv::Mat labels;
  const int count = cv::connectedComponents(candidate, labels, 4, CV_32S);
  std::vector<Region> regions(static_cast<std::size_t>(count));
  int object = 0;
  for (int y = 0; y < labels.rows; ++y) {
    for (int x = 0; x < labels.cols; ++x) {
      const int label = labels.at<int>(y, x);
      if (label == 0) ++object;
      auto& region = regions[static_cast<std::size_t>(label)];
      const double d = static_cast<double>(distance.at<float>(y, x));
      ++region.area, region.sum += d, region.squares += d * d;
      if (x == 0 || y == 0 || x == labels.cols - 1 || y == labels.rows - 1) region.touches_border = true;
    }
  }
  std::vector<std::uint8_t> background(regions.size());
  for (std::size_t i = 1; i < regions.size(); ++i) {
    const Region& r = regions[i];
    const double mean = r.sum / r.area, variance = r.squares / r.area - mean * mean;
    const bool hole = r.area > 0.001 * object && mean < 0.4 * static_cast<double>(threshold) && variance < 5;
    background[i] = r.touches_border || hole ? 255 : 0;
  }
  cv::Mat out(labels.size(), CV_8U);
  for (int y = 0; y < labels.rows; ++y) {
    for (int x = 0; x < labels.cols; ++x) {
      out.at<std::uint8_t>(y, x) = background[static_cast<std::size_t>(labels.at<int>(y, x))];
    }
  }
  return out;
}

struct Seen {
  cv::Mat lab, slope, distance;
  Background background;
  float threshold = 0;
};

cv::Mat flooded_object(const Seen& seen, const ShadowLimits& limits) {
  constexpr int regrow_px = 5;
  cv::Mat even;
  cv::GaussianBlur(seen.distance, even, {3, 3}, 0.8);
  const cv::Mat plain = even < seen.threshold;
  const cv::Mat shadow = shadow_of(seen.lab, seen.background, limits);
  // Eroded, a thin passage of shadow-like pixels cannot leak the flood into the object; grown back where it got.
  cv::Mat safe;
  cv::erode(shadow, safe, cv::Mat::ones(5, 5, CV_8U));
  cv::Mat out = flood(plain | safe, seen.distance, seen.threshold);
  for (int i = 0; i < regrow_px; ++i) {
    cv::Mat grown;
    cv::dilate(out, grown, cv::getStructuringElement(cv::MORPH_CROSS, {3, 3}));
    out |= grown & shadow;
  }
  cv::bitwise_not(out, out);
  cv::morphologyEx(out, out, cv::MORPH_OPEN, cv::Mat::ones(3, 3, CV_8U));
  keep_large_parts(out, 0.04);
  return out;
}

double mean_or(double otherwise, const cv::Mat& values, const cv::Mat& where) {
  return cv::countNonZero(where) > 0 ? cv::mean(values, where)[0] : otherwise;
}

// Takes deep shadows off the object. `core` is what is left when all that could be shadow is gone; of the difference,
// a part is shadow when it ends more softly towards the ground than where the object stands in it. The lit side of a
// pale thing is the other way round: it ends sharply at its outline and runs on into the rest.
void drop_shadows(cv::Mat& object, const cv::Mat& core, const cv::Mat& slope) {
  constexpr double strong = 12, soft = 5;                                  // slopes, Lab units a pixel
  constexpr double least_share = 0.002, most_share = 0.6, low_from = 0.7;  // of the object's area and height
  const cv::Mat extra = object & ~core;
  cv::Mat labels, stats, centres, edge;
  const int count = cv::connectedComponentsWithStats(extra, labels, stats, centres, 4, CV_32S);
  cv::dilate(cv::min(slope, strong), edge, cv::Mat::ones(3, 3, CV_8U));
  const int limit = std::max(8, cvRound(least_share * cv::countNonZero(object)));
  const cv::Rect all{0, 0, object.cols, object.rows};
  const cv::Mat ground = ~object;
  const cv::Rect extent = cv::boundingRect(object);
  const double low = extent.y + low_from * extent.height, most = most_share * cv::countNonZero(object);
  for (int i = 1; i < count; ++i) {
    const int area = stats.at<int>(i, cv::CC_STAT_AREA);
    if (area < limit || area > most || centres.at<double>(i, 1) < low) continue;
    const cv::Rect box = cv::Rect{stats.at<int>(i, cv::CC_STAT_LEFT) - 1, stats.at<int>(i, cv::CC_STAT_TOP) - 1,
                                  stats.at<int>(i, cv::CC_STAT_WIDTH) + 2, stats.at<int>(i, cv::CC_STAT_HEIGHT) + 2} &
                         all;
    const cv::Mat part = labels(box) == i;
    cv::Mat around;
    cv::dilate(part, around, cv::Mat::ones(3, 3, CV_8U));
    const double outer = mean_or(0, edge(box), around & ground(box));
    const double inner = mean_or(soft, edge(box), around & core(box));
    if (inner > outer) object(box).setTo(0, part);
  }
}

// GrabCut from a trimap; nothing when one of its sides is empty, which it cannot work from.
std::optional<cv::Mat> grab_cut(const cv::Mat& rgb, cv::Mat trimap, int rounds) {
  const cv::Mat object = (trimap == cv::GC_FGD) | (trimap == cv::GC_PR_FGD);
  const int pixels = cv::countNonZero(object);
  constexpr int mixture = 5;  // colours a side, as OpenCV has it; its k-means wants as many samples
  if (pixels < mixture || static_cast<int>(trimap.total()) - pixels < mixture) return std::nullopt;
  cv::Mat background_model, object_model;
  cv::grabCut(rgb, trimap, {}, background_model, object_model, rounds, cv::GC_INIT_WITH_MASK);
  return (trimap == cv::GC_FGD) | (trimap == cv::GC_PR_FGD);
}

void fill_pin_holes(cv::Mat& mask) {
  const int limit = std::max(1, cvRound(0.002 * cv::countNonZero(mask)));
  cv::Mat labels, stats, centres;
  const int count = cv::connectedComponentsWithStats(~mask, labels, stats, centres, 4, CV_32S);
  for (int i = 1; i < count; ++i) {
    if (stats.at<int>(i, cv::CC_STAT_AREA) < limit) mask.setTo(255, labels == i);
  }
}

cv::Mat sharpen(const cv::Mat& rgb, const cv::Mat& mask, const cv::Mat& distance, float threshold, bool complex) {
  const int band = std::max(3, cvRound(0.012 * std::max(rgb.cols, rgb.rows)));
  cv::Mat wide, core;
  cv::dilate(mask, wide, ellipse(2 * band + 1));
  cv::erode(mask, core, ellipse(2 * band + 1));
  cv::Mat trimap(mask.size(), CV_8U, cv::Scalar(cv::GC_BGD));
  trimap.setTo(cv::GC_PR_BGD, wide);
  trimap.setTo(cv::GC_PR_FGD, mask);
  trimap.setTo(cv::GC_FGD, core & (distance > 1.6F * threshold));
  const auto cut = grab_cut(rgb, trimap, complex ? 4 : 1);
  const int before = cv::countNonZero(mask), after = cut ? cv::countNonZero(*cut) : 0;
  cv::Mat out = after < 1.6 * before && after > 0.5 * before ? *cut : mask.clone();
  fill_pin_holes(out);
  keep_large_parts(out, 0.04);
  return out;
}

cv::Mat centred_object(const cv::Mat& rgb) {
  constexpr int side_px = 208;
  const double scale = std::min(1.0, static_cast<double>(side_px) / std::max(rgb.cols, rgb.rows));
  cv::Mat small;
  cv::resize(rgb, small, {std::max(4, cvRound(rgb.cols * scale)), std::max(4, cvRound(rgb.rows * scale))}, 0, 0,
             cv::INTER_AREA);
  const int frame = std::max(1, cvRound(0.035 * std::max(small.cols, small.rows)));
  const cv::Rect inner{frame, frame, small.cols - 2 * frame, small.rows - 2 * frame};
  if (inner.width < 2 || inner.height < 2) return cv::Mat::zeros(rgb.size(), CV_8U);
  cv::Mat middle = cv::Mat::zeros(small.size(), CV_8U);
  cv::ellipse(middle, cv::Point{small.cols / 2, small.rows / 2}, cv::Size{inner.width / 2, inner.height / 2}, 0, 0, 360,
              cv::Scalar(255), cv::FILLED);
  cv::Mat trimap(small.size(), CV_8U, cv::Scalar(cv::GC_BGD));
  trimap(inner).setTo(cv::GC_PR_BGD);
  trimap.setTo(cv::GC_PR_FGD, middle & salient_in(to_lab(small)));
  cv::Mat out = grab_cut(small, trimap, 4).value_or(cv::Mat::zeros(small.size(), CV_8U));
  cv::resize(out, out, rgb.size(), 0, 0, cv::INTER_LINEAR);
  out = out > 127;
  cv::morphologyEx(out, out, cv::MORPH_OPEN, cv::Mat::ones(3, 3, CV_8U));
  fill_pin_holes(out);
  keep_large_parts(out, 0.04);
  return out;
}

cv::Mat outline_of(const cv::Mat& mask) {
  cv::Mat inner;
  cv::erode(mask, inner, cv::Mat::ones(3, 3, CV_8U), {-1, -1}, 1, cv::BORDER_CONSTANT, cv::Scalar(255));
  return mask & ~inner;
}

float border_share(const cv::Mat& mask) {
  const int covered = cv::countNonZero(mask.row(0)) + cv::countNonZero(mask.row(mask.rows - 1)) +
                      cv::countNonZero(mask.col(0)) + cv::countNonZero(mask.col(mask.cols - 1));
  return static_cast<float>(covered) / static_cast<float>(2 * (mask.rows + mask.cols));
}

// How well the outline lies on edges of the picture: about 1 when all of it does, below 0 when none of it.
float outline_score(const cv::Mat& mask, const cv::Mat& slope) {
  const cv::Mat outline = outline_of(mask);
  const int pixels = cv::countNonZero(outline);
  if (pixels == 0) return -1;
  constexpr double strong = 12, visible = 2;
  const double mean = cv::mean(cv::min(slope, strong), outline)[0] / strong;
  const double share = static_cast<double>(cv::countNonZero((slope > visible) & outline)) / pixels;
  return static_cast<float>(0.5 * mean + 0.5 * share) - 0.5F * border_share(mask);
}

// How far the area of `mask` falls short of its convex hull's: 1 for a disc, little for crumbs all over the picture.
double solidity(const cv::Mat& mask) {
  std::vector<std::vector<cv::Point>> outlines;
  cv::findContours(mask, outlines, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_NONE);
  std::vector<cv::Point> points, hull;
  for (const auto& outline : outlines) points.insert(points.end(), outline.begin(), outline.end());
  cv::convexHull(points, hull);
  cv::Mat filled = cv::Mat::zeros(mask.size(), CV_8U);
  cv::fillConvexPoly(filled, hull, cv::Scalar(255));
  return static_cast<double>(cv::countNonZero(mask)) / std::max(1, cv::countNonZero(filled));
}

// How likely the mask agrees with the truth to nine tenths, by signs that go with it: an even ground, nothing else that
// stands out from it, an outline of one piece that lies on edges. Weights fitted on the benchmark's tuning objects;
// docs/decisions/0012-masks.md has the figures.
float confidence_of(const cv::Mat& mask, const Seen& seen) {
  constexpr double strong = 12, spread_most = 8, rest_most = 2, contrast_most = 3;
  cv::Mat inner;
  cv::erode(mask, inner, cv::Mat::ones(3, 3, CV_8U));
  const cv::Mat rim = outline_of(inner), outline = outline_of(mask);
  const double threshold = static_cast<double>(seen.threshold), area = cv::countNonZero(mask);
  if (cv::countNonZero(rim) == 0) return 0;
  const double spread = std::min(static_cast<double>(seen.background.mad), spread_most) / spread_most;
  const double rest =
      std::min(cv::countNonZero(~mask & (seen.distance > 0.5 * threshold)) / area, rest_most) / rest_most;
  const double edge = cv::mean(cv::min(seen.slope, strong), outline)[0] / strong;
  const double contrast = std::min(cv::mean(seen.distance, rim)[0] / threshold, contrast_most) / contrast_most;
  const double sum = -2.3 - 2.8 * spread - 2.0 * rest + 3.5 * solidity(mask) + 1.9 * edge + contrast;
  return static_cast<float>(1 / (1 + std::exp(-sum)));
}

// What stands out from the border or from the middle: whichever is more likely right. Where the border is too busy for
// a smooth field only the middle is asked; where it is even and the outline good, the middle is not.
cv::Mat standing_out(const cv::Mat& rgb, const Seen& seen) {
  constexpr float good_outline = 0.77F;
  constexpr float busy = 2, hopeless = 5;  // the border's spread about the smooth field, Lab units
  const float spread = seen.background.mad;
  if (spread > hopeless) return centred_object(rgb);
  cv::Mat a = flooded_object(seen, faint_shadow);
  drop_shadows(a, flooded_object(seen, deep_shadow), seen.slope);
  cv::morphologyEx(a, a, cv::MORPH_OPEN, cv::Mat::ones(3, 3, CV_8U));
  if (cv::countNonZero(a) > 0) a = sharpen(rgb, a, seen.distance, seen.threshold, seen.background.complex());
  if (spread < busy && outline_score(a, seen.slope) >= good_outline) return a;
  cv::Mat b = centred_object(rgb);
  return confidence_of(b, seen) > confidence_of(a, seen) ? b : a;
}

// The network's word, its doubts settled by the picture's colours.
cv::Mat settled(const cv::Mat& rgb, const cv::Mat& likely) {
  constexpr double sure = 0.9, rather = 0.5;
  const int band = std::max(2, cvRound(0.008 * std::max(rgb.cols, rgb.rows)));
  cv::Mat mask = likely > rather, wide, core;
  cv::dilate(mask, wide, ellipse(2 * band + 1));
  cv::erode(mask, core, ellipse(2 * band + 1));
  cv::Mat trimap(mask.size(), CV_8U, cv::Scalar(cv::GC_BGD));
  trimap.setTo(cv::GC_PR_BGD, wide | (likely > 1 - sure));
  trimap.setTo(cv::GC_PR_FGD, mask);
  trimap.setTo(cv::GC_FGD, core & (likely > sure));
  const int before = cv::countNonZero(mask);
  const auto cut = grab_cut(rgb, trimap, 1);
  const int after = cut ? cv::countNonZero(*cut) : 0;
  if (after < 1.3 * before && after > 0.7 * before) mask = *cut;
  fill_pin_holes(mask);
  keep_large_parts(mask, 0.04);
  return mask;
}

float certainty(const cv::Mat& likely, const cv::Mat& mask) {
  if (cv::countNonZero(mask) == 0) return 0;
  return static_cast<float>(2 * cv::mean(likely, mask)[0] - 1);
}

// The parts of `changed` that touch the brush: a stroke says something about where it lies, not about like colours at
// the picture's other end.
cv::Mat touched(const cv::Mat& changed, const cv::Mat& brush) {
  cv::Mat labels, reach;
  cv::dilate(brush, reach, cv::Mat::ones(3, 3, CV_8U));
  const int count = cv::connectedComponents(changed | brush, labels, 8, CV_32S);
  std::vector<std::uint8_t> keep(static_cast<std::size_t>(count), 0);
  for (int y = 0; y < labels.rows; ++y) {
    for (int x = 0; x < labels.cols; ++x) {
      if (reach.at<std::uint8_t>(y, x) != 0) keep[static_cast<std::size_t>(labels.at<int>(y, x))] = 255;
    }
  }
  keep[0] = 0;
  cv::Mat out(labels.size(), CV_8U);
  for (int y = 0; y < labels.rows; ++y) {
    for (int x = 0; x < labels.cols; ++x) {
      out.at<std::uint8_t>(y, x) = keep[static_cast<std::size_t>(labels.at<int>(y, x))];
    }
  }
  return out;
}

// Does as the brushes say, and to what is like it around them.
cv::Mat obeying(const cv::Mat& rgb, const cv::Mat& mask, const cv::Mat& said) {
  const cv::Mat object = said == said_object, ground = said == said_ground;
  cv::Mat trimap(mask.size(), CV_8U, cv::Scalar(cv::GC_PR_BGD));
  trimap.setTo(cv::GC_PR_FGD, mask);
  trimap.setTo(cv::GC_FGD, object);
  trimap.setTo(cv::GC_BGD, ground);
  const cv::Mat cut = grab_cut(rgb, trimap, 2).value_or(mask);
  const cv::Mat grown = mask | touched(cut & ~mask, object);
  // A stroke that would take in the ground all around has met no edge: then it means itself.
  constexpr float leaked = 0.1F;
  cv::Mat out = (border_share(grown) > border_share(mask) + leaked ? mask : grown) | object;
  out &= ~(touched(mask & ~cut, ground) | ground);
  return out;
}

}  // namespace

Segment segment_object(const cv::Mat& rgb, const SegmentHelp& help) {
  Seen seen;
  seen.lab = to_lab(rgb);
  seen.background = model_background(seen.lab);
  seen.distance = distance_to(seen.background, seen.lab);
  seen.threshold = threshold_of(seen.distance, seen.background);
  Segment out{.mask = cv::Mat::zeros(rgb.size(), CV_8U)};
  double furthest = 0;
  cv::minMaxLoc(seen.distance, nullptr, &furthest);
  seen.slope = slope_of(seen.lab);
  if (!help.likely.empty()) {
    out.mask = settled(rgb, help.likely);
  } else if (furthest >= static_cast<double>(seen.threshold)) {
    out.mask = standing_out(rgb, seen);
  }
  if (!help.said.empty()) out.mask = obeying(rgb, out.mask, help.said);
  out.confidence = help.likely.empty() ? confidence_of(out.mask, seen) : certainty(help.likely, out.mask);
  return out;
}

}  // namespace i2m::engine
