#include "engine/look.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "engine/graphic.h"
#include "engine/mask.h"
#include "engine/weights.h"

namespace i2m::engine {
namespace {

// A lathe with more evidence than this is one even if its outline would do for a box.
constexpr float surely_turned = 0.75F;
// Spread of the hues, Lab units, beyond which something boxy is a sign.
constexpr float hues_of_a_sign = 20, frontal_sine_max = 0.26F;
// Lying, more is asked of it, for trains and sofas are long as well: evidence, and that nearly all of it has its mirror
// image (bottles and baguettes 0.99, a sofa 0.88).
constexpr float surely_lying = 0.97F, whole_mirror = 0.93F;
// Of a box: the sine of its turn below which it is seen head on, the evidence of a lathe and the clearness of its edges
// that count then, and else its overlap. Measured on bench/engine/tune.txt: docs/decisions/0008 and 0011.
constexpr float head_on = 0.2F, likely_turned = 0.6F, edges_of_a_box = 0.45F, surely_box = 0.965F;
// A box that was asked for need not look like one as clearly.
constexpr float box_if_asked = 0.25F;

// Finer where there is budget for it, and where parts would otherwise be a cell or two thin.
int cells_for(int triangles, const cv::Mat& alpha) {
  const int base = triangles <= 400 ? 112 : triangles <= 2000 ? 160 : triangles <= 7000 ? 192 : 216;
  constexpr float thin_cells = 12;
  constexpr int cells_max = 256;
  const cv::Mat object = alpha > 127;
  cv::Mat inner;
  cv::erode(object, inner, cv::Mat::ones(3, 3, CV_8U));
  const int area = cv::countNonZero(object), rim = std::max(1, area - cv::countNonZero(inner));
  const float width = 2 * static_cast<float>(area) / static_cast<float>(rim) * static_cast<float>(base) /
                      static_cast<float>(alpha.cols);
  return width < thin_cells && triangles > 400 ? std::min(cells_max, base * 5 / 4) : base;
}

void take_lathe(Guess& guess, Lathe lathe) {
  guess.found.cavity = find_cavity(guess.grid, lathe);
  guess.shape = Shape::Turned;
  guess.pitch = std::asin(lathe.sin_pitch);
  guess.found.lathe = std::move(lathe);
}

void take_box(Guess& guess, const Cuboid& box) {
  guess.shape = Shape::Box;
  guess.pitch = std::asin(box.sin_pitch);
  guess.found.box = box;
}

// Light makes the faces of a box look like a drawing of few colours. A sign is seen from the front and has hues.
bool may_be_body(const Cuboid& box, const Graphic& graphic) {
  return std::abs(box.sin_yaw) > frontal_sine_max || graphic.colour < hues_of_a_sign;
}

// Whether the box does better than the lathe, if there is one, and than the network, if it may be asked. Of what shows
// a second side the network knows more than a box that fits it only roughly; of what is seen head on it knows less, but
// for what shows no edges within: that is a sofa, not a box.
bool is_box(const Cuboid& box, float evidence, bool learned) {
  const bool frontal = std::abs(box.sin_yaw) < head_on;
  if (!box.found || evidence >= (frontal ? likely_turned : surely_turned)) return false;
  if (!learned) return true;
  return frontal ? box.edges >= edges_of_a_box : box.overlap >= surely_box;
}

// The object turned upright, small: enough to see whether it is worth the whole.
Lathe lathe_at(const image::Picture& picture, const Mask& mask, int n, float roll) {
  constexpr int glance_px = 256;
  return find_lathe(make_grid(cut_out(picture, mask.alpha, glance_px, roll), n));
}

std::optional<Guess> stand(const image::Picture& picture, const Mask& mask, const Params& params, int n,
                           const Lean& lean) {
  if (!lathe_at(picture, mask, n, lean.roll).found) return {};
  Guess guess;
  guess.subject = cut_out(picture, mask.alpha, params.texture_px, lean.roll);
  guess.grid = make_grid(guess.subject, n);
  Lathe lathe = find_lathe(guess.grid);
  if (!lathe.found) return {};
  guess.symmetry = lean.symmetry;
  guess.roll = lean.roll;
  take_lathe(guess, std::move(lathe));
  return guess;
}

// The angle by which the picture must be turned to stand the long axis upright; none where there is no long axis, or
// where it is nearly upright and find_lean looks better.
std::optional<float> long_axis(const Grid& grid) {
  constexpr double slender = 3.5, upright_sine = 0.3;  // ratio of the squared extents
  const cv::Moments m = cv::moments(grid.coverage);
  if (m.m00 <= 0) return {};
  const double mean = (m.mu20 + m.mu02) / 2, half = (m.mu20 - m.mu02) / 2;
  const double spread = std::hypot(half, m.mu11);
  if (mean + spread < slender * (mean - spread)) return {};
  const double along = std::atan2(m.mu11, half) / 2;  // from the x axis towards y, which runs down
  if (std::abs(std::cos(along)) < upright_sine) return {};
  return static_cast<float>(along - std::copysign(std::numbers::pi / 2, along));
}

// Stood upright by its long axis, both ways up, for the end that faces the camera has to be the lower one. The surer
// way is taken.
std::optional<Guess> find_lying(const image::Picture& picture, const Mask& mask, const Params& params,
                                const Grid& grid) {
  const std::optional<float> turn = long_axis(grid);
  if (!turn) return {};
  float roll = *turn, most = 0;
  for (const float way : {*turn, *turn + static_cast<float>(std::numbers::pi)}) {
    const Lathe lathe = lathe_at(picture, mask, grid.n, way);
    if (lathe.found && lathe.core >= whole_mirror && lathe.evidence > most) most = lathe.evidence, roll = way;
  }
  if (most < surely_lying) return {};
  Guess guess;
  guess.subject = cut_out(picture, mask.alpha, params.texture_px, roll);
  guess.grid = make_grid(guess.subject, grid.n);
  // What lies may be seen from anywhere; that it is rounded is likelier than that it is seen steeply.
  constexpr float roundest_rim = 0.42F;
  take_lathe(guess, find_lathe(guess.grid, roundest_rim));
  guess.found.cavity.reset();
  guess.lying = Lying{.roll = roll, .pitch = std::exchange(guess.pitch, 0.0F)};
  return guess;
}

}  // namespace

mesh::Vec3 Lying::laid(mesh::Vec3 p) const {
  const float sp = std::sin(pitch), cp = std::cos(pitch), sr = std::sin(-roll), cr = std::cos(-roll);
  const mesh::Vec3 q{p.x, p.y * cp - p.z * sp, p.y * sp + p.z * cp};
  return {q.x * cr - q.y * sr, q.x * sr + q.y * cr, q.z};
}

Result<Guess> look_at(const image::Picture& picture, const Mask& mask, const Params& params) {
  Guess guess;
  guess.subject = cut_out(picture, mask.alpha, params.texture_px, 0);
  const int n = cells_for(params.triangles_max, guess.subject.alpha);
  guess.grid = make_grid(guess.subject, n);
  const Lean lean = find_lean(guess.grid);
  guess.symmetry = lean.upright_symmetry;
  const bool any = params.shape == Shape::Auto;
  if (!any) guess.shape = params.shape;
  if (params.shape == Shape::Box) {
    if (const Cuboid box = find_cuboid(guess.subject, guess.grid); box.confidence > box_if_asked) take_box(guess, box);
  }
  if (!any && params.shape != Shape::Turned) return guess;
  const Graphic graphic = any ? find_graphic(guess.subject) : Graphic{};

  Lathe lathe = find_lathe(guess.grid);
  const std::optional<Guess> upright = lean.roll != 0 ? stand(picture, mask, params, n, lean) : std::nullopt;
  const float evidence = std::max(lathe.found ? lathe.evidence : 0, upright ? upright->found.lathe->evidence : 0);
  const Cuboid box =
      any && (evidence < surely_turned || graphic.found) ? find_cuboid(guess.subject, guess.grid) : Cuboid{};
  if (graphic.found && !(box.found && may_be_body(box, graphic))) {
    guess.shape = Shape::Flat;
    return guess;
  }
  if (evidence < surely_turned) {
    if (std::optional<Guess> lying = find_lying(picture, mask, params, guess.grid)) return *std::move(lying);
  }
  if (is_box(box, evidence, params.learned)) {
    take_box(guess, box);
    return guess;
  }
  // What would do for either and shows the marks of neither is better left to the network: sofas, mostly.
  const bool open = any && params.learned && box.found && evidence < likely_turned;
  if (upright && !open) return *upright;
  if ((lathe.found && !open) || !any) {
    take_lathe(guess, std::move(lathe));
  } else if (params.learned) {
    TRY(guess.found.depth, guess_depth(guess.subject, depth_network()));
    guess.pitch = std::asin(guess.found.depth->sin_pitch);
  }
  return guess;
}

}  // namespace i2m::engine
