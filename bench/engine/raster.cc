#include "raster.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>

namespace i2m::bench {
namespace {

constexpr float degree = std::numbers::pi_v<float> / 180;
constexpr float half_field = 15 * degree;
constexpr int samples = 2;  // a side of a pixel
constexpr float opacity_min = 0.05F;

// Fitted to the colours of the reference's own renders in test/data/pictures: key, fill, ambient and a small highlight
// of the key; what is left differs by 2 to 4 of 255 (engine_check).
struct Light {
  mesh::Vec3 towards;  // of length 1
  float strength;
};
constexpr float ambient = 0.295F;
constexpr Light key{{-0.428F, 0.695F, 0.578F}, 0.68F};
constexpr Light fill_light{{0.890F, 0.214F, 0.402F}, 0.27F};
constexpr float highlight = 0.092F, highlight_power = 24;

mesh::Vec3 turned(mesh::Vec3 p, const Rotation& r) {
  const cv::Vec3f q = r * cv::Vec3f(p.x, p.y, p.z);
  return {q[0], q[1], q[2]};
}

/// A corner on the screen: pixels right and down, and what is divided by the depth.
struct Spot {
  float x = 0, y = 0, inverse_depth = 0;
};

/// Calls `paint(pixel x, y, weights of the corners)` for each sample centre inside.
template <class Paint>
void fill(const std::array<Spot, 3>& s, int side, const Paint& paint) {
  const float area = (s[1].x - s[0].x) * (s[2].y - s[0].y) - (s[1].y - s[0].y) * (s[2].x - s[0].x);
  if (area == 0 || !std::isfinite(area)) return;
  const auto low = [](float v) { return static_cast<int>(std::ceil(v - 0.5F)); };
  const auto [x_min, x_max] = std::minmax({s[0].x, s[1].x, s[2].x});
  const auto [y_min, y_max] = std::minmax({s[0].y, s[1].y, s[2].y});
  for (int y = std::max(0, low(y_min)); y < std::min(side, low(y_max)); ++y) {
    for (int x = std::max(0, low(x_min)); x < std::min(side, low(x_max)); ++x) {
      const float px = static_cast<float>(x) + 0.5F, py = static_cast<float>(y) + 0.5F;
      const float a = ((s[1].x - px) * (s[2].y - py) - (s[1].y - py) * (s[2].x - px)) / area;
      const float b = ((s[2].x - px) * (s[0].y - py) - (s[2].y - py) * (s[0].x - px)) / area;
      const float c = 1 - a - b;
      if (a >= 0 && b >= 0 && c >= 0) paint(x, y, std::array{a, b, c});
    }
  }
}

mesh::Vec3 texel(const cv::Mat& texture, mesh::Vec2 uv) {
  const float x = (uv.x - std::floor(uv.x)) * static_cast<float>(texture.cols) - 0.5F;
  const float y = (1 - (uv.y - std::floor(uv.y))) * static_cast<float>(texture.rows) - 0.5F;
  const int left = static_cast<int>(std::floor(x)), top = static_cast<int>(std::floor(y));
  const float fx = x - static_cast<float>(left), fy = y - static_cast<float>(top);
  const auto at = [&](int row, int column) {
    const auto& rgb =
        texture.at<cv::Vec3b>((row + texture.rows) % texture.rows, (column + texture.cols) % texture.cols);
    return mesh::Vec3{static_cast<float>(rgb[0]), static_cast<float>(rgb[1]), static_cast<float>(rgb[2])};
  };
  const mesh::Vec3 above = at(top, left) * (1 - fx) + at(top, left + 1) * fx;
  const mesh::Vec3 below = at(top + 1, left) * (1 - fx) + at(top + 1, left + 1) * fx;
  return (above * (1 - fy) + below * fy) * (1.0F / 255);
}

mesh::Vec3 shaded(mesh::Vec3 colour, mesh::Vec3 normal, mesh::Vec3 at, float distance) {
  const mesh::Vec3 to_eye = mesh::Vec3{0, 0, distance} - at;
  const float size = std::max(1e-9F, mesh::length(normal));
  // Both sides of a sheet are seen.
  const mesh::Vec3 n = normal * ((mesh::dot(normal, to_eye) < 0 ? -1.0F : 1.0F) / size);
  const auto from = [&](const Light& light) { return light.strength * std::max(0.0F, mesh::dot(n, light.towards)); };
  const float light = ambient + from(key) + from(fill_light);
  const mesh::Vec3 half = key.towards + mesh::Vec3{0, 0, 1};
  const float shine = highlight * std::pow(std::max(0.0F, mesh::dot(n, half) / mesh::length(half)), highlight_power);
  const auto part = [&](float c) { return std::clamp(c * light + shine, 0.0F, 1.0F) * 255; };
  return {part(colour.x), part(colour.y), part(colour.z)};
}

// Four samples make a pixel; the colour is that of the covered ones alone.
cv::Mat resolved(const cv::Mat& sampled, const cv::Mat& depth) {
  cv::Mat out(sampled.rows / samples, sampled.cols / samples, CV_8UC4, cv::Scalar::all(0));
  for (int y = 0; y < out.rows; ++y) {
    for (int x = 0; x < out.cols; ++x) {
      cv::Vec3f sum;
      int covered = 0;
      for (int k = 0; k < samples * samples; ++k) {
        const int row = y * samples + k / samples, column = x * samples + k % samples;
        if (depth.at<float>(row, column) <= 0) continue;
        sum += sampled.at<cv::Vec3f>(row, column);
        ++covered;
      }
      if (covered == 0) continue;
      sum *= 1.0F / static_cast<float>(covered);
      const auto byte = [](float v) { return cv::saturate_cast<std::uint8_t>(v); };
      out.at<cv::Vec4b>(y, x) = {byte(sum[0]), byte(sum[1]), byte(sum[2]),
                                 byte(255.0F * static_cast<float>(covered) / (samples * samples))};
    }
  }
  return out;
}

float radius_of(const Object& object) {
  float radius = 0;
  for (const auto& triangle : object.triangles) {
    for (const Corner& corner : triangle) radius = std::max(radius, mesh::length(object.positions[corner.position]));
  }
  return radius;
}

}  // namespace

Rotation rotation_of(View view) {
  const float cy = std::cos(view.yaw * degree), sy = std::sin(view.yaw * degree);
  const float cp = std::cos(view.pitch * degree), sp = std::sin(view.pitch * degree);
  return Rotation(1, 0, 0, 0, cp, -sp, 0, sp, cp) * Rotation(cy, 0, sy, 0, 1, 0, -sy, 0, cy);
}

cv::Mat picture_of(const Object& object, View view, int side_px) {
  return picture_of(object, view, side_px, radius_of(object));
}

cv::Mat picture_of(const Object& object, View view, int side_px, float radius) {
  const Rotation rotation = rotation_of(view);
  const int side = side_px * samples;
  const float distance = radius / std::sin(half_field);
  const float focal = static_cast<float>(side) / 2 / std::tan(half_field);
  std::vector<mesh::Vec3> at;
  std::vector<Spot> spots;
  for (const mesh::Vec3& position : object.positions) {
    const mesh::Vec3 p = turned(position, rotation);
    const float inverse = 1 / (distance - p.z);
    at.push_back(p);
    spots.push_back({static_cast<float>(side) / 2 + focal * p.x * inverse,
                     static_cast<float>(side) / 2 - focal * p.y * inverse, inverse});
  }
  cv::Mat nearest = cv::Mat::zeros(side, side, CV_32F);  // 1 / depth
  cv::Mat sampled(side, side, CV_32FC3);
  for (std::size_t t = 0; t < object.triangles.size(); ++t) {
    const auto& corners = object.triangles[t];
    const Material& material = object.materials[object.material_of[t]];
    if (material.opacity < opacity_min) continue;
    const std::array s{spots[corners[0].position], spots[corners[1].position], spots[corners[2].position]};
    const std::array normal{turned(corners[0].normal, rotation), turned(corners[1].normal, rotation),
                            turned(corners[2].normal, rotation)};
    fill(s, side, [&](int x, int y, const std::array<float, 3>& w) {
      const float inverse = w[0] * s[0].inverse_depth + w[1] * s[1].inverse_depth + w[2] * s[2].inverse_depth;
      float& front = nearest.at<float>(y, x);
      if (inverse <= front) return;
      front = inverse;
      mesh::Vec3 n, p;
      mesh::Vec2 uv;
      for (std::size_t k = 0; k < 3; ++k) {
        const float part = w.at(k) * s.at(k).inverse_depth / inverse;
        n = n + normal.at(k) * part;
        p = p + at[corners.at(k).position] * part;
        uv = {uv.x + corners.at(k).uv.x * part, uv.y + corners.at(k).uv.y * part};
      }
      const mesh::Vec3 colour = material.texture.empty() ? material.colour : texel(material.texture, uv);
      const mesh::Vec3 lit = shaded(colour, n, p, distance);
      sampled.at<cv::Vec3f>(y, x) = {lit.x, lit.y, lit.z};
    });
  }
  return resolved(sampled, nearest);
}

cv::Mat depth_of(const mesh::Mesh& surface, const Rotation& rotation, int side_px, float extent) {
  cv::Mat depth(side_px, side_px, CV_32F, cv::Scalar(no_depth));
  const float scale = static_cast<float>(side_px) / (2 * extent);
  std::vector<mesh::Vec3> at;
  for (const mesh::Vec3& position : surface.positions) at.push_back(turned(position, rotation));
  for (std::size_t i = 0; i + 2 < surface.indices.size(); i += 3) {
    std::array<Spot, 3> s;
    std::array<float, 3> z{};
    for (std::size_t k = 0; k < 3; ++k) {
      const mesh::Vec3 p = at[surface.indices[i + k]];
      s.at(k) = {(p.x + extent) * scale, (extent - p.y) * scale, 1};
      z.at(k) = p.z;
    }
    fill(s, side_px, [&](int x, int y, const std::array<float, 3>& w) {
      float& front = depth.at<float>(y, x);
      front = std::max(front, w[0] * z[0] + w[1] * z[1] + w[2] * z[2]);
    });
  }
  return depth;
}

}  // namespace i2m::bench
