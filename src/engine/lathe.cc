#include "engine/lathe.h"

#include <numbers>
#include <opencv2/imgproc.hpp>

namespace i2m::engine {
namespace {

// The share of the mask that keeps its place when mirrored at x = axis2 / 2.
float overlap(const cv::Mat& mask, int axis2, double area) {
  double sum = 0;
  for (int y = 0; y < mask.rows; ++y) {
    const auto* row = mask.ptr<float>(y);
    const int first = std::max(0, axis2 - (mask.cols - 1)), last = std::min(mask.cols - 1, axis2);
    for (int x = first; x <= last; ++x) sum += static_cast<double>(std::min(row[x], row[axis2 - x]));
  }
  return area > 0 ? static_cast<float>(sum / area) : 0;
}

struct Axis {
  int axis2 = 0;
  float symmetry = 0;
};

Axis best_axis(const cv::Mat& mask, int from2, int to2) {
  const double area = cv::sum(mask)[0];
  Axis best;
  for (int axis2 = from2; axis2 <= to2; ++axis2) {
    const float symmetry = overlap(mask, axis2, area);
    if (symmetry > best.symmetry) best = {axis2, symmetry};
  }
  return best;
}

// The sub-pixel place, walking from `x` by `step`, where a row's coverage falls below half; as distance from pixel x's
// middle.
float run_end(const float* row, int n, int x, int step) {
  int at = x;
  while (at + step >= 0 && at + step < n && row[at + step] >= 0.5F) at += step;
  const float inside = row[at], outside = at + step >= 0 && at + step < n ? row[at + step] : 0.0F;
  return static_cast<float>(std::abs(at - x)) + (inside - 0.5F) / std::max(1e-3F, inside - outside);
}

struct Profile {
  std::vector<float> radius;
  int first = 0, last = -1;  // rows of the object
  float rows_with_axis = 0, core_area = 0, mask_area = 0, most = 0;
  std::vector<std::uint8_t> split;  // a row: separate runs left and right of the axis's own
  float both_sides = 0;             // share of such rows
};

bool has_run_beyond(const float* row, int n, float from, int step) {
  for (int x = static_cast<int>(from); x >= 0 && x < n; x += step) {
    if (row[x] >= 0.5F) return true;
  }
  return false;
}

Profile profile_of(const cv::Mat& coverage, float axis) {
  const int n = coverage.cols;
  const int column = std::clamp(static_cast<int>(axis), 0, n - 1);
  const float offset = axis - (static_cast<float>(column) + 0.5F);
  Profile p;
  p.radius.assign(static_cast<std::size_t>(coverage.rows), 0);
  p.split.assign(p.radius.size(), 0);
  p.first = coverage.rows;
  p.mask_area = static_cast<float>(cv::countNonZero(coverage >= 0.5F));
  for (int y = 0; y < coverage.rows; ++y) {
    const auto* row = coverage.ptr<float>(y);
    if (std::none_of(row, row + n, [](float v) { return v >= 0.5F; })) continue;
    p.first = std::min(p.first, y);
    p.last = y;
    if (row[column] < 0.5F) continue;
    const float left = run_end(row, n, column, -1) + offset, right = run_end(row, n, column, 1) - offset;
    const float r = std::max(0.0F, std::min(left, right));
    p.radius[static_cast<std::size_t>(y)] = r;
    p.rows_with_axis += 1;
    p.core_area += 2 * r;
    p.most = std::max(p.most, r);
    if (has_run_beyond(row, n, axis - left - 1.5F, -1) && has_run_beyond(row, n, axis + right + 1.5F, 1)) {
      p.split[static_cast<std::size_t>(y)] = 1;
      p.both_sides += 1;
    }
  }
  p.both_sides /= std::max(1.0F, static_cast<float>(p.last - p.first + 1));
  return p;
}

// Two like handles are symmetric as well. Where one joins the body the radius leaps out and back: there the body's own
// radius goes on instead, and the handles are left over to be inflated.
void cut_handles(Profile& p, int rows_max) {
  constexpr float leap = 1.2F;
  const auto r = [&](int y) -> float& { return p.radius[static_cast<std::size_t>(y)]; };
  for (int y = p.first + 1; y < p.last; ++y) {
    if (p.split[static_cast<std::size_t>(y)] == 0) continue;
    for (const int step : {-1, 1}) {
      const int joint = y + step;
      if (p.split[static_cast<std::size_t>(joint)] != 0 || r(joint) < leap * r(y)) continue;
      int end = joint;
      while (end > p.first && end < p.last && std::abs(end - y) <= rows_max && r(end) >= leap * r(y)) end += step;
      if (end == p.first || end == p.last || std::abs(end - y) > rows_max) continue;
      for (int k = joint; k != end; k += step) {
        const float t = static_cast<float>(std::abs(k - y)) / static_cast<float>(std::abs(end - y));
        r(k) = r(y) * (1 - t) + r(end) * t;
      }
    }
  }
}

// One end of the profile: rows are taken from that end inwards.
struct End {
  float tip = 0;        // row coordinate of the outline at the axis
  float side = 0;       // row coordinate where the side outline begins
  float radius = 0;     // there
  float sag = 0;        // (tip - side) / radius: the rim's half-ellipse, seen from the side
  float shape = 0.24F;  // drop at half the radius over drop at 0.9 of it: 0.24 an ellipse, 0.55 a corner
};

// How far inwards from the end the outline is at distance dx from the axis.
float drop_at(const std::vector<float>& inward, float dx) {
  for (std::size_t i = 0; i < inward.size(); ++i) {
    if (inward[i] < dx) continue;
    const float before = i == 0 ? 0 : inward[i - 1];
    return static_cast<float>(i) - 0.5F + (dx - before) / std::max(1e-3F, inward[i] - before);
  }
  return static_cast<float>(inward.size());
}

End end_of(const Profile& p, bool at_top) {
  constexpr float steep = 0.45F;
  std::vector<float> inward;
  const int step = at_top ? 1 : -1;
  int y = at_top ? p.first : p.last;
  while (y >= p.first && y <= p.last && p.radius[static_cast<std::size_t>(y)] <= 0) y += step;
  const int begin = y;
  for (; y >= p.first && y <= p.last; y += step) inward.push_back(p.radius[static_cast<std::size_t>(y)]);
  End end;
  if (inward.size() < 8) return end;
  // The arc is over where the radius stops growing quickly: across three rows, and again two rows on, for the steps of
  // a small picture look like ends.
  const std::size_t limit = inward.size() * 6 / 10;
  const auto grows = [&](std::size_t i) { return (inward[i + 3] - inward[i]) / 3 > steep; };
  std::size_t at = 0;
  while (at + 5 < limit && (grows(at) || grows(at + 2))) ++at;
  end.radius = std::max(1.0F, inward[at]);
  const float half = std::max(0.0F, drop_at(inward, 0.5F * end.radius));
  const float wide = std::max(0.0F, drop_at(inward, 0.9F * end.radius));
  end.shape = wide > 1 ? half / wide : 0.24F;
  end.sag = static_cast<float>(at) / end.radius;
  const auto row = [&](float inwards) {
    return at_top ? static_cast<float>(begin) + inwards : static_cast<float>(begin + 1) - inwards;
  };
  end.tip = row(0);
  end.side = row(static_cast<float>(at));
  return end;
}

// The row of the outline's lower end in a column; above every row when the column is empty.
int lowest(const cv::Mat& coverage, int x) {
  for (int y = coverage.rows - 1; y >= 0; --y) {
    if (coverage.at<float>(y, x) >= 0.5F) return y;
  }
  return -1;
}

// How unlike the lower outline is left and right of the axis, in radii: nothing for a rim, much for a box seen over its
// corner.
float skew_of(const cv::Mat& coverage, const End& bottom, float axis) {
  const int reach = static_cast<int>(0.85F * bottom.radius);
  float sum = 0;
  int count = 0;
  for (int dx = 1; dx <= reach; ++dx) {
    const int left = cvRound(axis - 0.5F - static_cast<float>(dx)),
              right = cvRound(axis - 0.5F + static_cast<float>(dx));
    if (left < 0 || right >= coverage.cols) break;
    sum += static_cast<float>(std::abs(lowest(coverage, left) - lowest(coverage, right)));
    ++count;
  }
  return count == 0 ? 0 : sum / static_cast<float>(count) / std::max(1.0F, bottom.radius);
}

// Whether the light falls off towards both sides, as it does on a cylinder: the bend of each row's luminance, relative
// to its mean, plus half its slope.
float roundness(const Grid& grid, const Profile& p, float axis, float from, float to) {
  cv::Matx33d normal = cv::Matx33d::eye() * 1e-9;
  cv::Vec3d right;
  for (int y = std::max(0, static_cast<int>(from)); y < std::min(grid.n, static_cast<int>(to)); ++y) {
    const float r = p.radius[static_cast<std::size_t>(y)] * 0.9F;
    const int x0 = std::max(0, cvCeil(axis - r)), x1 = std::min(grid.n - 1, cvFloor(axis + r) - 1);
    if (x1 - x0 < 6) continue;
    const auto* row = grid.luminance.ptr<float>(y);
    double mean = 0;
    for (int x = x0; x <= x1; ++x) mean += static_cast<double>(row[x]);
    mean /= x1 - x0 + 1;
    if (mean < 0.02) continue;
    for (int x = x0; x <= x1; ++x) {
      const double t = static_cast<double>((static_cast<float>(x) + 0.5F - axis) / r);
      const cv::Vec3d basis{1, t, t * t};
      normal += basis * basis.t();
      right += basis * (static_cast<double>(row[x]) / mean);
    }
  }
  const cv::Vec3d fit = normal.solve(right, cv::DECOMP_CHOLESKY);
  return static_cast<float>(-fit[2] + 0.5 * std::abs(fit[1]));
}

float solidity(const cv::Mat& coverage) {
  std::vector<std::vector<cv::Point>> outlines;
  cv::findContours(coverage >= 0.5F, outlines, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_SIMPLE);
  std::vector<cv::Point> all, hull;
  double area = 0;
  for (const auto& outline : outlines) {
    all.insert(all.end(), outline.begin(), outline.end());
    area += cv::contourArea(outline);
  }
  if (all.size() < 3) return 1;
  cv::convexHull(all, hull);
  return static_cast<float>(area / std::max(1.0, cv::contourArea(hull)));
}

struct Features {
  float core = 0, fill = 0, profile = 0, rectangle = 0, aspect = 0, cylinder = 0, variation = 0, solid = 0, skew = 0;
};

Features features_of(const Grid& grid, const Profile& p, const End& top, const End& bottom, float axis) {
  Features f;
  const auto height = static_cast<float>(p.last - p.first + 1);
  f.core = p.core_area / std::max(1.0F, p.mask_area);
  f.fill = p.rows_with_axis / height;
  f.rectangle = p.core_area / std::max(1.0F, 2 * p.most * height);
  f.aspect = height / std::max(1.0F, 2 * p.most);
  float least = p.most, variation = 0;
  for (int y = p.first; y < p.last; ++y) {
    const float r = p.radius[static_cast<std::size_t>(y)], next = p.radius[static_cast<std::size_t>(y) + 1];
    variation += std::abs(next - r);
    const float middle = static_cast<float>(y) + 0.5F;
    if (middle > top.side && middle < bottom.side) least = std::min(least, r);
  }
  f.profile = (p.most - least) / std::max(1.0F, p.most);
  f.variation = variation / height;
  f.cylinder = roundness(grid, p, axis, top.side, bottom.side);
  f.solid = solidity(grid.coverage);
  f.skew = skew_of(grid.coverage, bottom, axis);
  return f;
}

// The half-ellipse of a rim seen from above; a rounded edge seen from the front is flat in the middle, a corner is not.
bool is_rim(const End& end) { return end.sag > 0.07F && end.sag < 0.78F && end.shape > 0.12F && end.shape < 0.42F; }

float evidence_of(const Features& f, const End& bottom, float both_sides) {
  const bool elliptic = bottom.sag > 0.07F && bottom.sag < 0.78F && bottom.shape < 0.42F;  // or rounded
  float evidence = 2.2F * (f.core - 0.7F) + 2 * (f.fill - 0.9F) + (elliptic ? 0.35F : 0.0F) +
                   std::clamp(0.9F * f.cylinder, -0.25F, 0.35F) + std::min(0.3F, 0.7F * f.profile) - 0.45F;
  if (f.rectangle > 0.84F && f.aspect < 1) evidence -= 0.55F + 0.5F * (1 - f.aspect);  // a wide box
  if (f.rectangle > 0.93F && !elliptic) evidence -= 0.35F;                             // a box
  // A box over its corner, a foot to one side.
  evidence -= std::clamp(14 * (f.skew - 0.035F), 0.0F, 1.0F);
  const bool limbs = bottom.shape > 0.55F && bottom.sag > 0.2F && both_sides > 0.01F;
  const bool ragged = f.variation > 1.08F && (both_sides > 0.015F || f.solid < 0.75F);
  if (limbs || ragged) evidence -= 1.2F;  // teddies, leaves
  return evidence;
}

// How round the rims look tells how far the camera looks down on them.
void find_pitch(Lathe& lathe, const End& top, const End& bottom, const Features& f, float most, float roundest) {
  constexpr float sin_pitch_max = 0.42F, lid_sag_over = 0.12F;
  const bool ball = bottom.sag > 0.55F && top.sag > 0.55F && f.aspect > 0.85F && f.aspect < 1.25F;
  if (ball || !is_rim(bottom) || bottom.sag > roundest) return;
  // A lid cannot look rounder than the foot does: what does is a dome.
  lathe.flat_top = top.sag < std::min(sin_pitch_max, bottom.sag + lid_sag_over) && top.radius > 0.35F * most;
  const float high = lathe.flat_top ? top.sag : 0;
  // Perspective deepens the lower rim and flattens the upper one: their mean is right.
  lathe.sin_pitch = std::min(sin_pitch_max, (high + bottom.sag) / 2);
  const float scale = lathe.sin_pitch / ((high + bottom.sag) / 2);
  lathe.sin_top = high * scale;
  lathe.sin_bottom = bottom.sag * scale;
}

void smooth_radius(std::vector<float>& radius, int first, int last, int passes) {
  for (int pass = 0; pass < passes; ++pass) {
    float before = radius[static_cast<std::size_t>(first)];
    for (int y = first + 1; y < last; ++y) {
      const auto i = static_cast<std::size_t>(y);
      const float here = radius[i];
      radius[i] = 0.25F * before + 0.5F * here + 0.25F * radius[i + 1];
      before = here;
    }
  }
}

}  // namespace

Lean find_lean(const Grid& grid) {
  constexpr int side = 72, step_degrees = 2, reach_degrees = 14;
  constexpr float tilt_cost = 0.0012F;
  cv::Mat small;
  cv::resize(grid.coverage, small, {side, side}, 0, 0, cv::INTER_AREA);
  const int reach2 = cvRound(0.16 * side * 2), middle2 = side - 1;
  Lean lean;
  float best = -1;
  for (int degrees = -reach_degrees; degrees <= reach_degrees; degrees += step_degrees) {
    cv::Mat turned;
    const cv::Mat turn = cv::getRotationMatrix2D({(side - 1) / 2.0F, (side - 1) / 2.0F}, degrees, 1);
    cv::warpAffine(small, turned, turn, small.size(), cv::INTER_LINEAR);
    const float symmetry = best_axis(turned, middle2 - reach2, middle2 + reach2).symmetry;
    if (degrees == 0) lean.upright_symmetry = symmetry;
    const int steps = std::abs(degrees) / step_degrees;
    const float score = symmetry - tilt_cost * static_cast<float>(steps);
    if (score <= best) continue;
    best = score;
    lean.symmetry = symmetry;
    lean.roll = static_cast<float>(degrees * std::numbers::pi / 180);
  }
  return lean;
}

Lathe find_lathe(const Grid& grid, float roundest_rim) {
  const int reach2 = cvRound(0.16 * grid.n * 2), middle2 = grid.n - 1;
  const Axis axis = best_axis(grid.coverage, middle2 - reach2, middle2 + reach2);
  Lathe lathe;
  lathe.axis = static_cast<float>(axis.axis2) / 2 + 0.5F;
  Profile p = profile_of(grid.coverage, lathe.axis);
  if (p.last - p.first < 8 || p.most < 2) return lathe;
  cut_handles(p, grid.n / 8);
  const End top = end_of(p, true), bottom = end_of(p, false);
  const Features f = features_of(grid, p, top, bottom, lathe.axis);
  lathe.evidence = evidence_of(f, bottom, p.both_sides);
  lathe.core = f.core;
  lathe.found =
      f.core > 0.72F && ((f.fill > 0.93F && lathe.evidence > 0.25F) || (f.fill > 0.88F && lathe.evidence > 0.5F));
  find_pitch(lathe, top, bottom, f, p.most, roundest_rim);

  lathe.side_top = lathe.flat_top ? top.side : top.tip;
  lathe.side_bottom = lathe.sin_pitch > 0 ? bottom.side : bottom.tip;
  lathe.top = top.tip + top.radius * lathe.sin_top;
  lathe.bottom = bottom.tip - bottom.radius * lathe.sin_bottom;
  smooth_radius(p.radius, p.first, p.last, grid.n / 40);
  lathe.radius = std::move(p.radius);
  return lathe;
}

}  // namespace i2m::engine
