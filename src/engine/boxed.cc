#include "engine/boxed.h"

#include <opencv2/imgproc.hpp>

#include "engine/remainder.h"
#include "mesh/marching_cubes.h"

namespace i2m::engine {
namespace {

constexpr float rounding_share = 0.06F;  // of the smallest half size
constexpr float rounding_min = 1.2F;     // cells: sharper edges come out ragged
constexpr float far_off = 2.5F;          // cells: a value of this size is not near the surface
constexpr float step = 1.4F;             // cells a sample: faces are flat, and need no more
constexpr float margin = 1.0F;           // cells: the outline, not the fit, has the last word at the rim

// Whatever of the object the box does not cover in the picture.
cv::Mat rest_of(const Grid& grid, const Cuboid& box) {
  std::vector<cv::Point2f> corners, hull;
  for (const mesh::Vec2& p : box.corners()) corners.emplace_back(p.x, p.y);
  cv::convexHull(corners, hull);
  std::vector<cv::Point> polygon;
  for (const cv::Point2f& p : hull) polygon.emplace_back(cvRound(p.x), cvRound(p.y));
  cv::Mat core = cv::Mat::zeros(grid.distance.size(), CV_8U);
  cv::fillConvexPoly(core, polygon, cv::Scalar(255));
  return remainder_of(grid, core & (grid.distance > 0));
}

// Distance to the surface of a box with rounded edges, positive inside; merely negative where that is far.
float inside(mesh::Vec3 p, mesh::Vec3 half, float rounding) {
  const mesh::Vec3 q{std::abs(p.x) - half.x + rounding, std::abs(p.y) - half.y + rounding,
                     std::abs(p.z) - half.z + rounding};
  const float most = std::max({q.x, q.y, q.z});
  if (most <= 0) return rounding - most;
  if (most > rounding + far_off) return -far_off;
  return rounding - mesh::length({std::max(q.x, 0.0F), std::max(q.y, 0.0F), std::max(q.z, 0.0F)});
}

// As sample, exact only near zero.
float sample_quickly(const cv::Mat& grid, float x, float y) {
  const int column = cvFloor(x + 0.5F), row = cvFloor(y + 0.5F);
  if (column < 0 || row < 0 || column >= grid.cols || row >= grid.rows) return -far_off;
  const float near = grid.ptr<float>(row)[column];
  return std::abs(near) > far_off ? near : sample(grid, x, y);
}

struct Bounds {
  mesh::Vec3 low, high;

  void add(mesh::Vec3 p) {
    low = {std::min(low.x, p.x), std::min(low.y, p.y), std::min(low.z, p.z)};
    high = {std::max(high.x, p.x), std::max(high.y, p.y), std::max(high.z, p.z)};
  }
};

// The plane through the box's middle that faces the camera, where the parts that stick out have their middle.
mesh::Vec3 on_plane(const Cuboid& box, float x, float y, float towards) {
  const float c = box.cos_pitch, s = box.sin_pitch, up = box.y - y;
  return {x - box.x, up * c + towards * s, towards * c - up * s};
}

Bounds bounds_of(const Cuboid& box, const cv::Mat& rest) {
  Bounds out{};
  for (const float x : {-1.0F, 1.0F}) {
    for (const float z : {-1.0F, 1.0F}) {
      for (const float y : {-1.0F, 1.0F}) out.add(box.from_own({x * box.half.x, y * box.half.y, z * box.half.z}));
    }
  }
  if (rest.empty()) return out;
  double most = 0;
  cv::minMaxLoc(rest, nullptr, &most);
  const float thick = std::sqrt(static_cast<float>(most));
  const cv::Rect at = cv::boundingRect(rest > 0);
  for (const int x : {at.x, at.br().x}) {
    for (const int y : {at.y, at.br().y}) {
      for (const float t : {-thick, thick}) out.add(on_plane(box, static_cast<float>(x), static_cast<float>(y), t));
    }
  }
  return out;
}

}  // namespace

Solid boxed(const Grid& grid, const Cuboid& found, float depth) {
  Cuboid box = found;
  box.half = {box.half.x + margin, box.half.y + margin, box.half.z * depth + margin};
  const cv::Mat rest = rest_of(grid, box);
  const Bounds bounds = bounds_of(box, rest);
  const mesh::Vec3 size = bounds.high - bounds.low;
  const mesh::Vec3 origin = bounds.low - mesh::Vec3{far_off, far_off, far_off};
  const auto samples = [&](float v) { return static_cast<int>((v + 2 * far_off) / step) + 2; };
  mesh::Volume volume(samples(size.x), samples(size.y), samples(size.z), {});
  const float rounding = std::max(rounding_min, rounding_share * std::min({box.half.x, box.half.y, box.half.z}));
  for (int z = 0; z < volume.nz; ++z) {
    for (int y = 0; y < volume.ny; ++y) {
      float* to = &volume.at(0, y, z);
      for (int x = 0; x < volume.nx; ++x) {
        const mesh::Vec3 p =
            origin + mesh::Vec3{static_cast<float>(x), static_cast<float>(y), static_cast<float>(z)} * step;
        float value = inside(box.to_own(p), box.half, rounding);
        if (value > -far_off || !rest.empty()) {
          const mesh::Vec2 at = box.see(p);
          if (value > -far_off) value = std::min(value, sample_quickly(grid.distance, at.x - 0.5F, at.y - 0.5F));
          if (!rest.empty()) {
            const float swell = sample_quickly(rest, at.x - 0.5F, at.y - 0.5F);
            value = std::max(
                value, (swell > 0 ? std::sqrt(swell) : swell) - std::abs(p.y * box.sin_pitch + p.z * box.cos_pitch));
          }
        }
        to[x] = value;
      }
    }
  }
  volume.seal();
  View view{.side = static_cast<float>(grid.n)};
  view.box = box;
  Solid solid{.mesh = mesh::marching_cubes(volume), .view = view, .hollow = {}};
  for (mesh::Vec3& p : solid.mesh.positions) p = origin + p * step;
  return solid;
}

}  // namespace i2m::engine
