#include "engine/back.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "engine/colours.h"

namespace i2m::engine {
namespace {

constexpr int smooth_side_px = 128;  // the smooth back has no detail to lose
constexpr float rim_share = 0.045F;  // of the picture's side: where the smooth back takes its colours
constexpr float turn_blend_share = 0.05F;
constexpr float symmetric_from = 0.95F;
// Slope of the object's middle plane to the side, beyond which it is seen at an angle: docs/decisions/0015.
constexpr float slanted_from = 0.1F;
constexpr double motley_chroma = 20;  // spread of the rim's colours, Lab units, that would mix to mud

struct Rim {
  cv::Mat rgb, inside, distance, band;  // all at smooth_side_px
  float width = 0;                      // px
};

// `front` is filled beyond the outline, of any size.
Rim rim_of(const Subject& subject, const cv::Mat& front) {
  Rim rim;
  const int side = std::min(smooth_side_px, front.cols);
  cv::resize(front, rim.rgb, {side, side}, 0, 0, cv::INTER_AREA);
  cv::resize(subject.alpha, rim.inside, {side, side}, 0, 0, cv::INTER_AREA);
  rim.inside = rim.inside > 127;
  rim.distance = signed_distance(rim.inside);
  rim.width = rim_share * static_cast<float>(side);
  rim.band = rim.inside & (rim.distance < rim.width);
  return rim;
}

// The band's colours, each the mean of its neighbours in the band: lettering and stripes that reach the rim would smear
// over the back otherwise.
cv::Mat calmed(const Rim& rim) {
  const double reach = static_cast<double>(rim.width) * 1.5;
  cv::Mat weight, sum, weights;
  cv::Mat(rim.band / 255).convertTo(weight, CV_32F);
  cv::merge(std::vector<cv::Mat>{weight, weight, weight}, weights);
  rim.rgb.convertTo(sum, CV_32FC3);
  sum = sum.mul(weights);
  cv::GaussianBlur(sum, sum, {0, 0}, reach);
  cv::GaussianBlur(weight, weight, {0, 0}, reach);
  cv::merge(std::vector<cv::Mat>{weight, weight, weight}, weights);
  cv::Mat out;
  cv::divide(sum, weights + cv::Scalar::all(1e-6), sum);
  sum.convertTo(out, CV_8UC3);
  return out;
}

// A box has a rim around each of its faces.
void add_edges(Rim& rim, const Cuboid& box, const Grid& grid) {
  const auto corners = box.corners();
  const float scale = static_cast<float>(rim.band.cols) / static_cast<float>(grid.n);
  cv::Mat free(rim.band.size(), CV_8U, cv::Scalar(255));
  for (std::size_t i = 0; i < corners.size(); ++i) {
    for (const std::size_t bit : {1U, 2U, 4U}) {
      const std::size_t k = i | bit;
      if (k == i || !box.shows_edge(i, k)) continue;
      const auto at = [&](mesh::Vec2 p) { return cv::Point(cvRound(p.x * scale), cvRound(p.y * scale)); };
      cv::line(free, at(corners[i]), at(corners[k]), cv::Scalar(0));
    }
  }
  cv::Mat distance;
  cv::distanceTransform(free, distance, cv::DIST_L2, cv::DIST_MASK_PRECISE);
  cv::min(rim.distance, distance, rim.distance);
  rim.band = rim.inside & (rim.distance < rim.width);
}

cv::Vec3b between(const cv::Vec3b& a, const cv::Vec3b& b, float share_of_a) {
  cv::Vec3b out;
  for (int c = 0; c < 3; ++c) {
    out[c] = cv::saturate_cast<std::uint8_t>(static_cast<float>(a[c]) * share_of_a +
                                             static_cast<float>(b[c]) * (1 - share_of_a));
  }
  return out;
}

// The front's rim goes on over the back; towards the middle the colours run together.
cv::Mat smooth_back(const Rim& rim, const cv::Mat& front) {
  if (cv::countNonZero(rim.band) == 0) return front.clone();
  const cv::Mat fixed = rim.band | ~rim.inside;
  cv::Mat start = calmed(rim), out;
  push_pull(start, rim.band).copyTo(start, ~rim.band);
  cv::resize(diffuse(start, fixed), out, front.size(), 0, 0, cv::INTER_CUBIC);
  cv::Mat weight = 1 - rim.distance / static_cast<double>(rim.width * 0.9F);
  cv::resize(weight, weight, front.size(), 0, 0, cv::INTER_LINEAR);
  for (int y = 0; y < out.rows; ++y) {
    const auto* from = front.ptr<cv::Vec3b>(y);
    const auto* w = weight.ptr<float>(y);
    auto* to = out.ptr<cv::Vec3b>(y);
    for (int x = 0; x < out.cols; ++x) {
      if (w[x] > 0) to[x] = between(from[x], to[x], std::min(1.0F, w[x]));
    }
  }
  return out;
}

// Seen from behind, left is right: the front mirrored at the axis, and the front itself at the rim, where both meet.
cv::Mat turned_back(const cv::Mat& front, const cv::Mat& plain, const Lathe& lathe, const Grid& grid) {
  const float scale = static_cast<float>(front.cols) / static_cast<float>(grid.n);
  const float blend = turn_blend_share * static_cast<float>(front.cols);
  const float axis = lathe.axis * scale;
  cv::Mat out = plain.clone();
  for (int y = 0; y < out.rows; ++y) {
    const auto row = static_cast<std::size_t>(std::min(grid.n - 1, static_cast<int>(static_cast<float>(y) / scale)));
    const float r = lathe.radius[row] * scale;
    const auto* from = front.ptr<cv::Vec3b>(y);
    auto* to = out.ptr<cv::Vec3b>(y);
    for (int x = std::max(0, cvFloor(axis - r)); x < std::min(out.cols, cvCeil(axis + r)); ++x) {
      const float middle = static_cast<float>(x) + 0.5F;
      const float w = std::clamp((r - std::abs(middle - axis)) / blend, 0.0F, 1.0F);
      const int other = std::clamp(static_cast<int>(2 * axis - middle), 0, out.cols - 1);
      to[x] = between(from[other], to[x], w);
    }
  }
  return out;
}

bool is_motley(const Rim& rim) {
  cv::Mat lab;
  rim.rgb.convertTo(lab, CV_32FC3, 1.0 / 255);
  cv::cvtColor(lab, lab, cv::COLOR_RGB2Lab);
  cv::Scalar mean, spread;
  cv::meanStdDev(lab, mean, spread, rim.band);
  return std::hypot(spread[1], spread[2]) > motley_chroma;
}

struct Spot {
  cv::Point2d middle;  // shares of the picture's side
  double area = 0;     // share of the picture's
};

// Small compact places that are much darker than what is around them.
std::vector<Spot> spots_on(const Subject& subject) {
  constexpr double darker = 40, area_min = 4e-4, area_max = 0.05, compact = 0.45, slim = 3.2;
  constexpr int reach = 27;
  const int side = std::min(smooth_side_px, subject.rgb.cols);
  cv::Mat rgb, grey, inside, filled, labels, stats, middles;
  cv::resize(subject.rgb, rgb, {side, side}, 0, 0, cv::INTER_AREA);
  cv::resize(subject.alpha, inside, {side, side}, 0, 0, cv::INTER_AREA);
  cv::cvtColor(rgb, grey, cv::COLOR_RGB2GRAY);
  inside = inside > 250;
  grey.setTo(0, ~inside);
  cv::morphologyEx(grey, filled, cv::MORPH_CLOSE, cv::getStructuringElement(cv::MORPH_ELLIPSE, {reach, reach}));
  const cv::Mat spots = (filled - grey > darker) & inside;
  const int count = cv::connectedComponentsWithStats(spots, labels, stats, middles, 8, CV_32S);
  std::vector<Spot> out;
  for (int i = 1; i < count; ++i) {
    const int* s = stats.ptr<int>(i);
    const double wide = s[cv::CC_STAT_WIDTH], high = s[cv::CC_STAT_HEIGHT], area = s[cv::CC_STAT_AREA];
    const double share = area / (side * side);
    if (share < area_min || share > area_max || area < compact * wide * high ||
        std::max(wide, high) > slim * std::min(wide, high))
      continue;
    out.push_back({cv::Point2d(middles.at<double>(i, 0) + 0.5, middles.at<double>(i, 1) + 0.5) / side, share});
  }
  return out;
}

// Two eyes: a pair of spots, one the other's mirror image, in the upper part, and not many more.
bool bears_face(const Guess& guess) {
  constexpr std::size_t spots_max = 8;
  constexpr double off_max = 0.03, like = 1.8, apart_min = 0.05, lowest = 0.65;
  const auto spots = spots_on(guess.subject);
  if (spots.size() > spots_max) return false;
  const cv::Rect box = cv::boundingRect(guess.subject.alpha > 127);
  const double side = guess.subject.alpha.cols, low = (box.y + lowest * box.height) / side;
  const double axis = guess.found.lathe ? static_cast<double>(guess.found.lathe->axis) / guess.grid.n
                                        : (box.x + box.width / 2.0) / side;
  for (const Spot& a : spots) {
    for (const Spot& b : spots) {
      const cv::Point2d apart = b.middle - a.middle;
      if (apart.x < apart_min || std::abs(apart.y) > off_max || a.middle.y > low) continue;
      if (std::abs(a.middle.x + b.middle.x - 2 * axis) > 2 * off_max) continue;
      if (std::max(a.area, b.area) < like * std::min(a.area, b.area)) return true;
    }
  }
  return false;
}

// How far the plane midway between the first and the last surface turns away from the picture's: its slope to the side.
float slant_of(const Depth& depth, const Grid& grid) {
  const int side = depth.front.cols;
  cv::Mat inside;
  cv::resize(grid.coverage, inside, {side, side}, 0, 0, cv::INTER_AREA);
  cv::Matx33d normal = cv::Matx33d::eye() * 1e-9;
  cv::Vec3d right;
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const auto weight = static_cast<double>(inside.at<float>(y, x));
      const cv::Vec3d basis{(x + 0.5) / side - 0.5, (y + 0.5) / side - 0.5, 1};
      const auto middle = static_cast<double>(depth.front.at<float>(y, x) + depth.back.at<float>(y, x)) / 2;
      normal += basis * basis.t() * weight;
      right += basis * (weight * middle);
    }
  }
  return static_cast<float>(std::abs(normal.solve(right, cv::DECOMP_CHOLESKY)[0]));
}

}  // namespace

Back choose_back(const Guess& guess) {
  if (bears_face(guess)) return Back::Smooth;
  if (guess.found.lathe) return Back::Flip;
  const Back with_detail = guess.found.box ? Back::Flip : Back::Mirror;
  const bool from_its_side = guess.symmetry < symmetric_from && guess.shape != Shape::Flat &&
                             !(guess.found.depth && slant_of(*guess.found.depth, guess.grid) > slanted_from);
  if (!guess.found.box && from_its_side) return with_detail;
  const Rim rim = rim_of(guess.subject, push_pull(guess.subject.rgb, own_colours(guess.subject), smooth_side_px));
  return is_motley(rim) ? with_detail : Back::Smooth;
}

cv::Mat draw_back(const Guess& guess, Back back, const cv::Mat& front, const cv::Mat& plain) {
  const Findings& found = guess.found;
  if (back == Back::Mirror) return plain;
  if (back == Back::Flip && found.lathe) return turned_back(front, plain, *found.lathe, guess.grid);
  Rim rim = rim_of(guess.subject, plain);
  if (found.box) add_edges(rim, *found.box, guess.grid);
  return smooth_back(rim, plain);
}

}  // namespace i2m::engine
