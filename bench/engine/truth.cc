#include "truth.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>

#include "engine/measure.h"

namespace i2m::bench {
namespace {

constexpr int directions = 32;
constexpr int depth_px = 512;
constexpr float extent = 1.8F;                               // the longest side is 2, so no corner lies beyond sqrt(3)
constexpr float depth_slack = 1.5F * 2 * extent / depth_px;  // a pixel of a slope is that deep

/// Looking directions spread evenly over the sphere (golden spiral), as rotations that bring them to +z.
std::vector<Rotation> all_around() {
  std::vector<Rotation> out;
  const float golden = std::numbers::pi_v<float> * (3 - std::sqrt(5.0F));
  for (int i = 0; i < directions; ++i) {
    const float y = 1 - 2 * (static_cast<float>(i) + 0.5F) / directions;
    const float pitch = std::asin(y), yaw = golden * static_cast<float>(i);
    constexpr float degree = std::numbers::pi_v<float> / 180;
    out.push_back(rotation_of({.yaw = yaw / degree, .pitch = pitch / degree}));
  }
  return out;
}

bool seen_in(const cv::Mat& depth, const Rotation& rotation, mesh::Vec3 p) {
  const cv::Vec3f q = rotation * cv::Vec3f(p.x, p.y, p.z);
  const float scale = depth_px / (2 * extent);
  const int x = static_cast<int>((q[0] + extent) * scale), y = static_cast<int>((extent - q[1]) * scale);
  return q[2] > depth.at<float>(y, x) - depth_slack;
}

}  // namespace

std::vector<mesh::Vec3> visible_points(const Object& object, View view, std::size_t count) {
  constexpr std::size_t tries = 8;  // for each point wanted
  const mesh::Mesh surface = object.surface();
  std::vector<mesh::Vec3> points = engine::spread_points(surface, count * tries);
  std::vector<bool> seen(points.size());
  for (const Rotation& rotation : all_around()) {
    const cv::Mat depth = depth_of(surface, rotation, depth_px, extent);
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (!seen[i]) seen[i] = seen_in(depth, rotation, points[i]);
    }
  }
  std::vector<mesh::Vec3> outside;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (seen[i]) outside.push_back(points[i]);
  }
  const Rotation rotation = rotation_of(view);
  std::vector<mesh::Vec3> out;
  for (std::size_t i = 0; i < std::min(count, outside.size()); ++i) {
    const mesh::Vec3 p = outside[i * outside.size() / std::min(count, outside.size())];
    const cv::Vec3f q = rotation * cv::Vec3f(p.x, p.y, p.z);
    out.push_back({q[0], q[1], q[2]});
  }
  return out;
}

std::array<cv::Mat, novel_views> novel_outlines(const mesh::Mesh& surface) {
  constexpr int side_px = 256;
  constexpr std::array<View, novel_views> views{{{45, 0}, {-45, 0}, {90, 0}, {180, 0}, {0, 90}}};
  constexpr float room = 2.2F;  // a model may be larger than what it was made from
  std::array<cv::Mat, novel_views> out;
  for (std::size_t k = 0; k < views.size(); ++k) {
    out.at(k) = depth_of(surface, rotation_of(views.at(k)), side_px, room) > no_depth;
  }
  return out;
}

double agreement(const std::array<cv::Mat, novel_views>& made, const std::array<cv::Mat, novel_views>& truth) {
  double sum = 0;
  for (std::size_t k = 0; k < novel_views; ++k) {
    const int both = cv::countNonZero(made.at(k) & truth.at(k)), any = cv::countNonZero(made.at(k) | truth.at(k));
    sum += any == 0 ? 0 : static_cast<double>(both) / any;
  }
  return sum / novel_views;
}

}  // namespace i2m::bench
