#include "engine/cuboid.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "engine/simplex.h"

namespace i2m::engine {
namespace {

constexpr int fit_side = 96;  // the picture's side while fitting
constexpr float degree = static_cast<float>(std::numbers::pi / 180);

// What is fitted. Lengths in sides of the picture, sizes as logarithms so that all steps are alike.
enum Unknown : std::uint8_t { middle_x, middle_y, width, height, depth, yaw, pitch, nearness, unknowns };
using Guess = std::array<float, unknowns>;

struct Corners {
  std::array<cv::Point2f, 8> at;  // bit 0: right, bit 1: up, bit 2: front, in the box's own axes
  std::array<float, 8> towards;   // how much nearer to the camera than the middle
};

Corners corners_of(const Guess& g) {
  const float cy = std::cos(g[yaw]), sy = std::sin(g[yaw]), cp = std::cos(g[pitch]), sp = std::sin(g[pitch]);
  const float w = std::exp(g[width]), h = std::exp(g[height]), d = std::exp(g[depth]);
  Corners out{};
  for (std::size_t i = 0; i < out.at.size(); ++i) {
    const float x = (i & 1) != 0 ? w : -w, y = (i & 2) != 0 ? h : -h, z = (i & 4) != 0 ? d : -d;
    const float right = x * cy + z * sy, back = -x * sy + z * cy;
    const float up = y * cp - back * sp, towards = y * sp + back * cp;
    const float near = 1 / std::max(0.2F, 1 - g[nearness] * towards);
    out.at[i] = {g[middle_x] + right * near, g[middle_y] - up * near};
    out.towards[i] = towards;
  }
  return out;
}

struct Outline {
  std::array<cv::Point2f, 17> at;
  std::size_t size = 0;
};

// The convex outline by Andrew's monotone chain, turning one way all along.
Outline outline_of(const Corners& corners) {
  auto sorted = corners.at;
  std::ranges::sort(sorted, [](const cv::Point2f& a, const cv::Point2f& b) { return a.x < b.x || (a.x == b.x && a.y < b.y); });
  Outline out;
  const auto add = [&](const cv::Point2f& p, std::size_t floor) {
    while (out.size >= floor + 2 && (out.at[out.size - 1] - out.at[out.size - 2]).cross(p - out.at[out.size - 2]) <= 0) --out.size;
    out.at[out.size++] = p;
  };
  for (const cv::Point2f& p : sorted) add(p, 0);
  const std::size_t floor = out.size - 1;
  for (std::size_t i = sorted.size() - 1; i-- > 0;) add(sorted[i], floor);
  --out.size;  // the first once more
  return out;
}

// The object's area left of each place, so that a row's share within an outline is one subtraction.
class Rows {
 public:
  explicit Rows(const cv::Mat& coverage) : n_(coverage.cols), left_(coverage.rows, coverage.cols + 1, CV_32F, cv::Scalar(0)) {
    for (int y = 0; y < coverage.rows; ++y) {
      const auto* from = coverage.ptr<float>(y);
      auto* to = left_.ptr<float>(y);
      for (int x = 0; x < n_; ++x) to[x + 1] = to[x] + from[x];
      area_ += to[n_];
    }
  }

  float overlap(const Outline& outline) const {
    float both = 0, own = 0;
    const auto scale = static_cast<float>(n_);
    for (int y = 0; y < left_.rows; ++y) {
      const float at = (static_cast<float>(y) + 0.5F) / scale;
      float from = 2, to = -1;
      for (std::size_t i = 0; i < outline.size; ++i) {
        const cv::Point2f &a = outline.at[i], &b = outline.at[i + 1 == outline.size ? 0 : i + 1];
        if ((a.y <= at) == (b.y <= at)) continue;
        const float x = a.x + (b.x - a.x) * (at - a.y) / (b.y - a.y);
        from = std::min(from, x);
        to = std::max(to, x);
      }
      if (to <= from) continue;
      both += until(y, to * scale) - until(y, from * scale);
      own += (to - from) * scale;
    }
    return both / std::max(1.0F, own + area_ - both);
  }

 private:
  float until(int y, float x) const {
    const float held = std::clamp(x, 0.0F, static_cast<float>(n_));
    const int i = std::min(n_ - 1, static_cast<int>(held));
    const auto* row = left_.ptr<float>(y);
    return row[i] + (row[i + 1] - row[i]) * (held - static_cast<float>(i));
  }

  int n_;
  cv::Mat left_;
  float area_ = 0;
};

// How fast the colours change, as a vector a pixel: of the channel where it is fastest.
cv::Mat slopes_of(const Subject& subject) {
  cv::Mat small, soft;
  cv::resize(subject.rgb, small, {fit_side, fit_side}, 0, 0, cv::INTER_AREA);
  small.convertTo(soft, CV_32FC3, 1.0 / 255);
  cv::GaussianBlur(soft, soft, {0, 0}, 0.8);
  cv::Mat out(fit_side, fit_side, CV_32FC2, cv::Scalar::all(0));
  for (int y = 1; y + 1 < fit_side; ++y) {
    for (int x = 1; x + 1 < fit_side; ++x) {
      const cv::Vec3f dx = (soft.at<cv::Vec3f>(y, x + 1) - soft.at<cv::Vec3f>(y, x - 1)) * 0.5F;
      const cv::Vec3f dy = (soft.at<cv::Vec3f>(y + 1, x) - soft.at<cv::Vec3f>(y - 1, x)) * 0.5F;
      auto& to = out.at<cv::Vec2f>(y, x);
      for (int c = 0; c < 3; ++c) {
        const cv::Vec2f slope{dx[c], dy[c]};
        if (slope.dot(slope) > to.dot(to)) to = slope;
      }
    }
  }
  return out;
}

// The share of an inner edge along which the colours change across it.
float edge_at(const cv::Mat& slopes, const cv::Point2f& a, const cv::Point2f& b) {
  constexpr int samples = 15;
  constexpr float full = 0.04F;  // of the range of a channel, a pixel: a clear edge once blurred
  const cv::Point2f along = b - a;
  const float length = std::hypot(along.x, along.y);
  if (length * fit_side < 6) return 0;
  const cv::Vec2f across{-along.y / length, along.x / length};
  float sum = 0;
  for (int i = 0; i < samples; ++i) {
    const float t = 0.1F + 0.8F * static_cast<float>(i) / (samples - 1);
    const cv::Point2f at = (a + along * t) * static_cast<float>(fit_side);
    const int x = cvFloor(at.x), y = cvFloor(at.y);
    if (x < 1 || y < 1 || x >= fit_side - 1 || y >= fit_side - 1) continue;
    sum += std::min(1.0F, std::abs(slopes.at<cv::Vec2f>(y, x).dot(across)) / full);
  }
  return sum / samples;
}

struct Edges {
  float mean = 0, upright = 0, top = 0;
};

// The three edges that meet in the corner nearest to the camera; two of them bound the upper face.
Edges edges_of(const cv::Mat& slopes, const Corners& corners) {
  const auto nearest = static_cast<std::size_t>(std::ranges::max_element(corners.towards) - corners.towards.begin());
  const auto to = [&](std::size_t bit) { return edge_at(slopes, corners.at[nearest], corners.at[nearest ^ bit]); };
  const auto length = [&](std::size_t bit) { return static_cast<float>(cv::norm(corners.at[nearest] - corners.at[nearest ^ bit])); };
  Edges out;
  out.upright = to(2);
  const float side = length(1), front = length(4);
  out.top = (to(1) * side + to(4) * front) / std::max(1e-3F, side + front);
  out.mean = (out.upright * length(2) + out.top * (side + front)) / std::max(1e-3F, length(2) + side + front);
  return out;
}

// What is likely before the picture is looked at: settles what an outline leaves open, such as a depth not seen.
float unlikely(const Guess& g) {
  constexpr float depth_weight = 0.004F, pitch_weight = 0.05F, near_weight = 0.03F;
  const float ratio = g[depth] - (g[width] + g[height]) / 2;
  const float look = g[pitch] - 16 * degree, near = g[nearness] - 0.45F;
  const auto beyond = [](float v, float low, float high) { return std::max(0.0F, low - v) + std::max(0.0F, v - high); };
  const float out = beyond(g[pitch], 0, 50 * degree) + beyond(g[yaw], -46 * degree, 46 * degree) +
                    beyond(g[nearness], 0, 0.9F) + beyond(ratio, -2.2F, 1.5F);
  return depth_weight * ratio * ratio + pitch_weight * look * look + near_weight * near * near + out;
}

Guess start_at(const cv::Rect2f& box, float yaw_at, float pitch_at) {
  // Sizes for which width and height of the outline come out as the object's, were it as deep as wide.
  const float c = std::cos(yaw_at), s = std::abs(std::sin(yaw_at));
  const float half_width = box.width / 2 / (c + s);
  const float half_height = std::max(box.height / 6, (box.height / 2 - half_width * std::sin(pitch_at)) / std::cos(pitch_at));
  return {box.x + box.width / 2, box.y + box.height / 2, std::log(half_width), std::log(half_height), std::log(half_width), yaw_at, pitch_at, 0.4F};
}

}  // namespace

Cuboid find_cuboid(const Subject& subject, const Grid& grid) {
  cv::Mat coverage;
  cv::resize(grid.coverage, coverage, {fit_side, fit_side}, 0, 0, cv::INTER_AREA);
  const Rows rows(coverage);
  const cv::Rect pixels = cv::boundingRect(coverage >= 0.5F);
  constexpr float scale = 1.0F / fit_side;
  const cv::Rect2f box{static_cast<float>(pixels.x) * scale, static_cast<float>(pixels.y) * scale, static_cast<float>(pixels.width) * scale,
                       static_cast<float>(pixels.height) * scale};
  Cuboid out;
  if (pixels.area() == 0) return out;
  constexpr Guess steps{0.02F, 0.02F, 0.15F, 0.15F, 0.25F, 8 * degree, 6 * degree, 0.15F};
  const auto outline_cost = [&](const Guess& g) { return unlikely(g) - rows.overlap(outline_of(corners_of(g))); };
  std::vector<std::pair<float, Guess>> best;
  for (const float y : {-32.0F, -12.0F, 12.0F, 32.0F}) {
    for (const float p : {8.0F, 24.0F}) {
      constexpr int rough = 120;
      const Guess g = descend(outline_cost, start_at(box, y * degree, p * degree), steps, rough);
      best.emplace_back(outline_cost(g), g);
    }
  }
  std::ranges::sort(best, {}, [](const auto& b) { return b.first; });
  const cv::Mat slopes = slopes_of(subject);
  const auto cost = [&](const Guess& g) {
    constexpr float edge_weight = 0.06F;
    const Corners corners = corners_of(g);
    return unlikely(g) - rows.overlap(outline_of(corners)) - edge_weight * edges_of(slopes, corners).mean;
  };
  Guess guess = best.front().second;
  float least = 1e9F;
  for (std::size_t i = 0; i < 3; ++i) {
    constexpr int fine = 250;
    const Guess g = descend(cost, best[i].second, steps, fine);
    if (const float c = cost(g); c < least) least = c, guess = g;
  }
  const Corners corners = corners_of(guess);
  const auto n = static_cast<float>(grid.n);
  out.overlap = rows.overlap(outline_of(corners));
  out.edges = edges_of(slopes, corners).mean;
  out.half = mesh::Vec3{std::exp(guess[width]), std::exp(guess[height]), std::exp(guess[depth])} * n;
  out.x = guess[middle_x] * n;
  out.y = guess[middle_y] * n;
  out.yaw = guess[yaw];
  out.pitch = std::max(0.0F, guess[pitch]);
  out.nearness = std::max(0.0F, guess[nearness]) / n;
  return out;
}

}  // namespace i2m::engine
