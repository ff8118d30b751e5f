#include "engine/segment.h"

#include <opencv2/imgproc.hpp>
#include <optional>

#include "engine/mask.h"

namespace i2m::engine {
namespace {

// Distances and thresholds are CIE Lab units: 1 is about what an eye can tell apart, L runs from 0 to 100.
constexpr float ring_share = 0.02F;
constexpr int fit_rounds = 5;
constexpr int ring_colours = 6;

cv::Mat to_lab(const cv::Mat& rgb) {
  cv::Mat lab;
  rgb.convertTo(lab, CV_32FC3, 1.0 / 255);
  cv::cvtColor(lab, lab, cv::COLOR_RGB2Lab);
  return lab;
}

float median(std::vector<float> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

cv::Mat ellipse(int side) { return cv::getStructuringElement(cv::MORPH_ELLIPSE, {side, side}); }

struct Background {
  cv::Mat lab;                     // what the background would be everywhere
  float inliers = 0;               // share of the ring that agrees with it
  float mad = 0;                   // median distance of the ring from it
  std::vector<cv::Vec3f> colours;  // the ring's main colours, when one smooth field does not explain it
  bool complex() const { return inliers < 0.72F || mad > 7; }
  float ring_limit() const { return std::clamp(4 * mad + 1.5F, 4.0F, 13.0F); }
};

struct RingPixel {
  std::array<double, 6> basis;  // 1, x, y, x^2, xy, y^2 with x and y from -1 to 1
  cv::Vec3f lab;
};

std::array<double, 6> basis_at(int x, int y, cv::Size size) {
  const double u = 2.0 * (x + 0.5) / size.width - 1, v = 2.0 * (y + 0.5) / size.height - 1;
  return {1, u, v, u * u, u * v, v * v};
}

std::vector<RingPixel> ring_of(const cv::Mat& lab) {
  const int width = std::max(2, cvRound(ring_share * static_cast<float>(std::max(lab.cols, lab.rows))));
  std::vector<RingPixel> ring;
  for (int y = 0; y < lab.rows; ++y) {
    for (int x = 0; x < lab.cols; ++x) {
      if (std::min({x, y, lab.cols - 1 - x, lab.rows - 1 - y}) >= width) continue;
      ring.push_back({basis_at(x, y, lab.size()), lab.at<cv::Vec3f>(y, x)});
    }
  }
  return ring;
}

using Field = cv::Matx<double, 6, 3>;

cv::Vec3f value_of(const Field& field, const std::array<double, 6>& basis) {
  cv::Vec3d sum;
  for (int k = 0; k < 6; ++k) {
    for (int c = 0; c < 3; ++c) sum[c] += field(k, c) * basis[static_cast<std::size_t>(k)];
  }
  return cv::Vec3f(sum);
}

std::vector<float> distances(const std::vector<RingPixel>& ring, const Field& field) {
  std::vector<float> out;
  out.reserve(ring.size());
  for (const auto& p : ring) out.push_back(static_cast<float>(cv::norm(p.lab - value_of(field, p.basis))));
  return out;
}

// Weighted least squares, the weights falling to nothing for what lies far off: an object that touches the border does
// not bend the field.
Field fit_field(const std::vector<RingPixel>& ring) {
  Field field = Field::zeros();
  for (int c = 0; c < 3; ++c) {
    std::vector<float> channel;
    for (const auto& p : ring) channel.push_back(p.lab[c]);
    field(0, c) = static_cast<double>(median(std::move(channel)));
  }
  for (int round = 0; round < fit_rounds; ++round) {
    const auto distance = distances(ring, field);
    const float reach = 4.685F * std::max(1.0F, 1.4826F * median(distance));
    cv::Matx66d normal = cv::Matx66d::eye() * 1e-6;
    Field right = Field::zeros();
    for (std::size_t i = 0; i < ring.size(); ++i) {
      const double t = static_cast<double>(distance[i] / reach);
      if (t >= 1) continue;
      const double w = (1 - t * t) * (1 - t * t);
      const auto& b = ring[i].basis;
      for (int r = 0; r < 6; ++r) {
        const double wb = w * b[static_cast<std::size_t>(r)];
        for (int c = 0; c < 6; ++c) normal(r, c) += wb * b[static_cast<std::size_t>(c)];
        for (int c = 0; c < 3; ++c) right(r, c) += wb * static_cast<double>(ring[i].lab[c]);
      }
    }
    field = normal.solve(right, cv::DECOMP_CHOLESKY);
  }
  return field;
}

std::vector<cv::Vec3f> main_colours(const std::vector<RingPixel>& ring) {
  cv::Mat samples(static_cast<int>(ring.size()), 3, CV_32F);
  for (int i = 0; i < samples.rows; ++i) {
    for (int c = 0; c < 3; ++c) samples.at<float>(i, c) = ring[static_cast<std::size_t>(i)].lab[c];
  }
  cv::Mat labels, centres;
  cv::kmeans(samples, std::min(ring_colours, samples.rows), labels,
             cv::TermCriteria(cv::TermCriteria::COUNT | cv::TermCriteria::EPS, 12, 0.5), 1, cv::KMEANS_PP_CENTERS,
             centres);
  std::vector<cv::Vec3f> out;
  for (int i = 0; i < centres.rows; ++i) {
    out.emplace_back(centres.at<float>(i, 0), centres.at<float>(i, 1), centres.at<float>(i, 2));
  }
  return out;
}

Background model_background(const cv::Mat& lab) {
  const auto ring = ring_of(lab);
  const Field field = fit_field(ring);
  const auto distance = distances(ring, field);
  Background background;
  background.mad = median(distance);
  const auto near = std::ranges::count_if(distance, [&](float d) { return d < background.ring_limit(); });
  background.inliers = static_cast<float>(near) / static_cast<float>(distance.size());
  background.lab.create(lab.size(), CV_32FC3);
  for (int y = 0; y < lab.rows; ++y) {
    auto* row = background.lab.ptr<cv::Vec3f>(y);
    for (int x = 0; x < lab.cols; ++x) row[x] = value_of(field, basis_at(x, y, lab.size()));
  }
  if (background.complex()) background.colours = main_colours(ring);
  return background;
}

cv::Mat distance_to(const Background& background, const cv::Mat& lab) {
  cv::Mat out(lab.size(), CV_32F);
  for (int y = 0; y < lab.rows; ++y) {
    const auto *from = lab.ptr<cv::Vec3f>(y), *model = background.lab.ptr<cv::Vec3f>(y);
    auto* to = out.ptr<float>(y);
    for (int x = 0; x < lab.cols; ++x) {
      double least = cv::norm(from[x] - model[x]);
      for (const auto& colour : background.colours) least = std::min(least, cv::norm(from[x] - colour));
      to[x] = static_cast<float>(least);
    }
  }
  return out;
}

float threshold_of(const cv::Mat& distance, const Background& background) {
  constexpr float bins_per_unit = 4;  // 8 bits reach to 64 units, far enough for a threshold that ends at 16
  cv::Mat bins;
  distance.convertTo(bins, CV_8U, static_cast<double>(bins_per_unit));
  cv::Mat unused;
  const auto otsu = static_cast<float>(cv::threshold(bins, unused, 0, 255, cv::THRESH_BINARY | cv::THRESH_OTSU));
  const float low = std::max(4.0F, 4 * background.mad + 1.5F), high = background.complex() ? 16.0F : 13.0F;
  return std::min(std::max(0.55F * otsu / bins_per_unit, low), high);
}

cv::Mat gradient(const cv::Mat& image) {
  cv::Mat dx, dy, out = cv::Mat::zeros(image.size(), CV_32F);
  cv::Sobel(image, dx, CV_32F, 1, 0, 3, 1.0 / 8);
  cv::Sobel(image, dy, CV_32F, 0, 1, 3, 1.0 / 8);
  std::vector<cv::Mat> parts_x, parts_y;
  cv::split(dx, parts_x);
  cv::split(dy, parts_y);
  for (std::size_t c = 0; c < parts_x.size(); ++c) out += parts_x[c].mul(parts_x[c]) + parts_y[c].mul(parts_y[c]);
  cv::sqrt(out, out);
  return out;
}

// Where the background is only darkened: a soft shadow changes the lightness smoothly and the colour hardly.
cv::Mat shadow_of(const cv::Mat& lab, const Background& background) {
  cv::Mat lightness, out(lab.size(), CV_8U);
  cv::extractChannel(lab, lightness, 0);
  const cv::Mat slope = gradient(lightness);
  for (int y = 0; y < lab.rows; ++y) {
    const auto *from = lab.ptr<cv::Vec3f>(y), *model = background.lab.ptr<cv::Vec3f>(y);
    for (int x = 0; x < lab.cols; ++x) {
      const cv::Vec3f d = model[x] - from[x];
      const bool shadow =
          d[0] > 0 && d[0] < 30 && std::hypot(d[1], d[2]) < 2.5F + 0.08F * d[0] && slope.at<float>(y, x) < 1.1F;
      out.at<std::uint8_t>(y, x) = shadow ? 255 : 0;
    }
  }
  return out;
}

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
    const bool hole = r.area > 0.004 * object && mean < 0.4 * static_cast<double>(threshold) && variance < 1.5;
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

cv::Mat flooded_object(const cv::Mat& lab, const Background& background, const cv::Mat& distance, float threshold) {
  constexpr int regrow_px = 5;
  cv::Mat even;
  cv::GaussianBlur(distance, even, {3, 3}, 0.8);
  const cv::Mat plain = even < threshold;
  const cv::Mat shadow = shadow_of(lab, background);
  // Eroded, a thin passage of shadow-like pixels cannot leak the flood into the object; grown back where it got.
  cv::Mat safe;
  cv::erode(shadow, safe, cv::Mat::ones(5, 5, CV_8U));
  cv::Mat out = flood(plain | safe, distance, threshold);
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
  cv::Mat trimap(small.size(), CV_8U, cv::Scalar(cv::GC_BGD));
  const int frame = std::max(1, cvRound(0.035 * std::max(small.cols, small.rows)));
  const cv::Rect inner{frame, frame, small.cols - 2 * frame, small.rows - 2 * frame};
  if (inner.width < 2 || inner.height < 2) return cv::Mat::zeros(rgb.size(), CV_8U);
  trimap(inner).setTo(cv::GC_PR_BGD);
  cv::ellipse(trimap, cv::Point{small.cols / 2, small.rows / 2}, cv::Size{inner.width / 2, inner.height / 2}, 0, 0, 360,
              cv::Scalar(cv::GC_PR_FGD), cv::FILLED);
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

float confidence_of(const cv::Mat& mask, const cv::Mat& distance, float threshold, const Background& background) {
  cv::Mat inner;
  cv::erode(mask, inner, cv::Mat::ones(3, 3, CV_8U));
  const cv::Mat rim = outline_of(inner);
  if (cv::countNonZero(rim) == 0) return 0;
  const auto contrast = static_cast<float>(cv::mean(distance, rim)[0]) / (3 * threshold);
  return std::min(1.0F, contrast) * std::clamp((background.inliers - 0.3F) / 0.5F, 0.0F, 1.0F) *
         std::max(0.0F, 1 - 1.5F * border_share(mask));
}

}  // namespace

Segment segment_object(const cv::Mat& rgb) {
  constexpr float good_enough = 0.8F, prior_of_a = 0.03F;
  const cv::Mat lab = to_lab(rgb);
  const Background background = model_background(lab);
  const cv::Mat distance = distance_to(background, lab);
  const float threshold = threshold_of(distance, background);
  Segment out{.mask = cv::Mat::zeros(rgb.size(), CV_8U)};
  double furthest = 0;
  cv::minMaxLoc(distance, nullptr, &furthest);
  if (furthest < static_cast<double>(threshold)) return out;

  const cv::Mat slope = gradient(lab);
  cv::Mat a = flooded_object(lab, background, distance, threshold);
  if (cv::countNonZero(a) > 0) a = sharpen(rgb, a, distance, threshold, background.complex());
  const float score_a = outline_score(a, slope) + prior_of_a;
  out.mask = a;
  if (score_a < good_enough) {
    const cv::Mat b = centred_object(rgb);
    if (outline_score(b, slope) > score_a) out.mask = b;
  }
  out.confidence = confidence_of(out.mask, distance, threshold, background);
  return out;
}

}  // namespace i2m::engine
