#include "engine/solid.h"

#include <opencv2/imgproc.hpp>

#include "engine/boxed.h"
#include "engine/emboss.h"
#include "engine/inflate.h"
#include "engine/relief.h"
#include "engine/remainder.h"
#include "mesh/marching_cubes.h"

namespace i2m::engine {
namespace {

constexpr int smoothing_passes = 2;
constexpr float kappa = 0.6F;      // of the screened inflation: wide areas end at 0.9 radius
constexpr float box_half = 0.84F;  // of the radius
constexpr float box_bevel = 0.28F;
constexpr float plate_half = 0.2F;
constexpr float plate_bevel = 0.18F;

cv::Mat swell_of(const Grid& grid, Shape shape) {
  const float r = grid.radius;
  if (shape == Shape::Box) return slab(grid.distance, box_half * r, std::max(1.0F, box_bevel * r));
  if (shape == Shape::Flat) return slab(grid.distance, std::max(1.5F, plate_half * r), std::max(1.0F, plate_bevel * r));
  return inflate(grid.distance, 2 / (kappa * r));
}

// Two like sheets at +-swell_depth * sqrt(u): inside where u - (z / depth)^2 is positive.
Solid between_sheets(const Grid& grid, Shape shape, const Wishes& wishes) {
  const cv::Mat u = swell_of(grid, shape);
  double most = 0;
  cv::minMaxLoc(u, nullptr, &most);
  const float scale = swell_depth * wishes.depth;
  const cv::Mat raised = emboss(grid, wishes.relief);
  const float half = scale * std::sqrt(static_cast<float>(most)) +
                     wishes.depth * emboss_reach * wishes.relief * static_cast<float>(grid.n);
  const int nz = 2 * (static_cast<int>(half) + 2);
  const auto n = static_cast<float>(grid.n);
  const float z0 = -static_cast<float>(nz - 1) / 2;
  mesh::Volume volume(grid.n, grid.n, nz, {0.5F - n / 2, 0.5F - n / 2, z0});
  for (int z = 0; z < nz; ++z) {
    const float height = (z0 + static_cast<float>(z)) / scale;
    const float cut = height * height;
    for (int y = 0; y < grid.n; ++y) {
      const auto* from = u.ptr<float>(grid.n - 1 - y);
      float* to = &volume.at(0, y, z);
      if (raised.empty() || height <= 0) {
        for (int x = 0; x < grid.n; ++x) to[x] = from[x] - cut;
        continue;
      }
      const auto* shift = raised.ptr<float>(grid.n - 1 - y);
      for (int x = 0; x < grid.n; ++x) {
        const float own = std::max(0.0F, height - shift[x] / swell_depth);
        to[x] = from[x] - own * own;
      }
    }
  }
  volume.seal();
  const View view{.side = n, .x = n / 2, .high = n / 2, .low = -n / 2, .row_high = 0, .row_low = n};
  return {.mesh = mesh::marching_cubes(volume), .view = view, .hollow = {}};
}

// The rows of the picture that the turned body takes up.
cv::Mat core_of(const Grid& grid, const Lathe& lathe) {
  cv::Mat core = cv::Mat::zeros(grid.distance.size(), CV_8U);
  for (int y = 0; y < grid.n; ++y) {
    const float r = lathe.radius[static_cast<std::size_t>(y)];
    const int x0 = std::max(0, cvFloor(lathe.axis - r)), x1 = std::min(grid.n, cvCeil(lathe.axis + r));
    if (r > 0) core(cv::Rect{x0, y, x1 - x0, 1}).setTo(255);
  }
  return core;
}

// The profile read at a row coordinate, held to what the side outline says: beyond it the outline is a rim's arc.
float radius_at(const Lathe& lathe, float row) {
  const float held = std::clamp(row, lathe.side_top, lathe.side_bottom) - 0.5F;
  const int y = std::clamp(cvFloor(held), 0, static_cast<int>(lathe.radius.size()) - 2);
  const float t = std::clamp(held - static_cast<float>(y), 0.0F, 1.0F);
  return lathe.radius[static_cast<std::size_t>(y)] * (1 - t) + lathe.radius[static_cast<std::size_t>(y) + 1] * t;
}

struct TurnedFrame {
  float cos_pitch, middle_row, half_length;
};

TurnedFrame frame_of(const Lathe& lathe) {
  const float cosine = std::sqrt(1 - lathe.sin_pitch * lathe.sin_pitch);
  const float length = std::max(2.0F, lathe.bottom - lathe.top);
  return {cosine, (lathe.top + lathe.bottom) / 2, length / 2 / cosine};
}

// The cavity in the upright solid's measures.
Hollow hollow_of(const Cavity& cavity, const TurnedFrame& frame, float depth) {
  const auto height = [&](float row) { return (frame.middle_row - row) / frame.cos_pitch; };
  Hollow out{.top = height(cavity.top), .floor = height(cavity.floor), .depth = depth};
  const auto row_of = [&](float y) { return frame.middle_row - y * frame.cos_pitch; };
  for (float y = out.floor; y < out.top + 1; y += 1) {
    const auto row = static_cast<std::size_t>(std::max(0.0F, row_of(y)));
    out.radius.push_back(cavity.radius[std::min(row, cavity.radius.size() - 1)]);
  }
  out.rim = out.radius.back();
  return out;
}

// A body of revolution about y with flat ends, plus whatever sticks out, in the plane through the axis.
Solid turned(const Grid& grid, const Lathe& lathe, const std::optional<Cavity>& cavity, float depth) {
  const TurnedFrame frame = frame_of(lathe);
  const cv::Mat rest = remainder_of(grid, core_of(grid, lathe));
  float radius_max = 1;
  for (const float r : lathe.radius) radius_max = std::max(radius_max, r);
  double rest_max = 0;
  if (!rest.empty()) cv::minMaxLoc(rest, nullptr, &rest_max);
  const float thickest = depth * std::max(radius_max, static_cast<float>(std::sqrt(std::max(0.0, rest_max))));
  const int nz = 2 * (static_cast<int>(thickest) + 2);
  const float z0 = -static_cast<float>(nz - 1) / 2;
  // What sticks out may reach as far up or down as the picture does.
  const float reach = std::max(frame.middle_row, static_cast<float>(grid.n) - frame.middle_row) / frame.cos_pitch;
  const int ny = 2 * (static_cast<int>(rest.empty() ? frame.half_length : std::max(reach, frame.half_length)) + 2);
  const float y0 = -static_cast<float>(ny - 1) / 2;
  const auto n = static_cast<float>(grid.n);
  mesh::Volume volume(grid.n, ny, nz, {0.5F - lathe.axis, y0, z0});
  const std::optional<Hollow> hollow = cavity ? std::optional(hollow_of(*cavity, frame, depth)) : std::nullopt;
  std::vector<float> rest_half(rest.empty() ? 0 : static_cast<std::size_t>(grid.n));
  for (int y = 0; y < ny; ++y) {
    const float t = y0 + static_cast<float>(y);
    const float row = frame.middle_row - t * frame.cos_pitch;
    const float r = radius_at(lathe, row), to_end = frame.half_length - std::abs(t);
    for (std::size_t x = 0; x < rest_half.size(); ++x) {
      const float u = sample(rest, static_cast<float>(x), row - 0.5F);
      rest_half[x] = u > 0 ? std::sqrt(u) : u;
    }
    for (int z = 0; z < nz; ++z) {
      const float q = (z0 + static_cast<float>(z)) / depth;
      float* to = &volume.at(0, y, z);
      for (int x = 0; x < grid.n; ++x) {
        const float dx = static_cast<float>(x) + 0.5F - lathe.axis;
        to[x] = std::min(r - std::sqrt(dx * dx + q * q), to_end);
      }
      for (std::size_t x = 0; x < rest_half.size(); ++x) to[x] = std::max(to[x], rest_half[x] - std::abs(q));
      if (!hollow || t < hollow->floor) continue;
      const float inner = hollow->radius_at(t);
      for (int x = 0; x < grid.n; ++x) {
        const float dx = static_cast<float>(x) + 0.5F - lathe.axis;
        to[x] = std::min(to[x], std::max(std::sqrt(dx * dx + q * q) - inner, hollow->floor - t));
      }
    }
  }
  volume.seal();
  const View view{.side = n,
                  .x = lathe.axis,
                  .high = frame.half_length,
                  .low = -frame.half_length,
                  .row_high = frame.middle_row - frame.half_length * frame.cos_pitch,
                  .row_low = frame.middle_row + frame.half_length * frame.cos_pitch,
                  .sin_high = lathe.sin_top,
                  .sin_low = lathe.sin_bottom};
  return {.mesh = mesh::marching_cubes(volume), .view = view, .hollow = hollow};
}

}  // namespace

float Hollow::radius_at(float y) const {
  const auto at = static_cast<std::size_t>(std::max(0.0F, y - floor));
  return radius[std::min(at, radius.size() - 1)];
}

float Hollow::within(mesh::Vec3 p) const { return radius_at(p.y) - std::sqrt(p.x * p.x + p.z * p.z / (depth * depth)); }

Solid make_solid(const Grid& grid, Shape shape, const Findings& found, const Wishes& wishes) {
  Solid solid = found.lathe   ? turned(grid, *found.lathe, found.cavity, wishes.depth)
                : found.box   ? boxed(grid, *found.box, wishes.depth)
                : found.depth ? make_relief(grid, *found.depth, wishes)
                              : between_sheets(grid, shape, wishes);
  mesh::smooth(solid.mesh, smoothing_passes);
  return solid;
}

}  // namespace i2m::engine
