#include "engine/measure.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <opencv2/imgproc.hpp>
#include <random>
#include <tuple>

#include "mesh/json.h"

namespace i2m::engine {
namespace {

using Cloud = std::vector<mesh::Vec3>;

cv::Vec3d vec(mesh::Vec3 p) { return {static_cast<double>(p.x), static_cast<double>(p.y), static_cast<double>(p.z)}; }

mesh::Vec3 point(const cv::Vec3d& v) {
  return {static_cast<float>(v[0]), static_cast<float>(v[1]), static_cast<float>(v[2])};
}

struct Nearest {
  std::size_t index = 0;
  float squared = 0;
};

std::vector<Nearest> nearest(const Cloud& from, const Cloud& to) {
  std::vector<Nearest> out;
  out.reserve(from.size());
  for (const mesh::Vec3& p : from) {
    Nearest best{0, 1e30F};
    for (std::size_t i = 0; i < to.size(); ++i) {
      const mesh::Vec3 d = p - to[i];
      const float squared = mesh::dot(d, d);
      if (squared < best.squared) best = {i, squared};
    }
    out.push_back(best);
  }
  return out;
}

Score score_of(const Cloud& a, const Cloud& b) {
  constexpr float near = 0.1F;
  const auto one_way = [&](const Cloud& from, const Cloud& to) {
    double sum = 0, within = 0;
    for (const Nearest& n : nearest(from, to)) {
      const float d = std::sqrt(n.squared);
      sum += static_cast<double>(d);
      within += d < near ? 1 : 0;
    }
    return std::pair{sum / static_cast<double>(from.size()), within / static_cast<double>(from.size())};
  };
  const auto [da, pa] = one_way(a, b);
  const auto [db, pb] = one_way(b, a);
  return {da + db, pa + pb > 0 ? 2 * pa * pb / (pa + pb) : 0};
}

// The similarity that brings pairs of points together best (Umeyama, PAMI 1991).
void step(Cloud& made, const std::vector<std::pair<cv::Vec3d, cv::Vec3d>>& pairs) {
  cv::Vec3d from, to;
  for (const auto& [a, b] : pairs) from += a, to += b;
  from *= 1.0 / static_cast<double>(pairs.size());
  to *= 1.0 / static_cast<double>(pairs.size());
  cv::Matx33d covariance = cv::Matx33d::zeros();
  double spread = 0;
  for (const auto& [a, b] : pairs) {
    covariance += (b - to) * (a - from).t();
    spread += (a - from).dot(a - from);
  }
  cv::Matx33d u, vt;
  cv::Matx31d w;
  cv::SVD::compute(covariance, w, u, vt);
  cv::Matx33d sign = cv::Matx33d::eye();
  if (cv::determinant(u) * cv::determinant(vt) < 0) sign(2, 2) = -1;
  const cv::Matx33d rotation = u * sign * vt;
  const double scale = (w(0) + w(1) + w(2) * sign(2, 2)) / spread;
  for (mesh::Vec3& p : made) p = point(to + scale * (rotation * (vec(p) - from)));
}

}  // namespace

std::vector<std::uint8_t> read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

mesh::Mesh read_surface(std::span<const std::uint8_t> glb) {
  std::uint32_t json_bytes = 0;
  std::memcpy(&json_bytes, glb.data() + 12, 4);
  const auto json = mesh::Json::parse({reinterpret_cast<const char*>(glb.data()) + 20, json_bytes});
  const std::uint8_t* bin = glb.data() + 28 + json_bytes;
  const auto& accessors = json->list("accessors");
  const auto data = [&](std::size_t i) { return bin + *json->list("bufferViews")[i].count_or("byteOffset", 0); };
  Cloud positions(*accessors[0].count("count"));
  std::memcpy(positions.data(), data(0), positions.size() * sizeof(mesh::Vec3));
  mesh::Mesh out;
  std::map<std::tuple<float, float, float>, std::uint32_t> seen;
  std::vector<std::uint32_t> joined;
  for (const mesh::Vec3& p : positions) {
    const auto [at, fresh] = seen.try_emplace({p.x, p.y, p.z}, static_cast<std::uint32_t>(out.positions.size()));
    if (fresh) out.positions.push_back(p);
    joined.push_back(at->second);
  }
  const bool narrow = accessors[3].count("componentType") == 5123;
  const std::uint64_t count = *accessors[3].count("count");
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint32_t index = 0;
    std::memcpy(&index, data(3) + i * (narrow ? 2 : 4), narrow ? 2 : 4);
    out.indices.push_back(joined[index]);
  }
  return out;
}

mesh::Mesh seen_by_camera(const mesh::Mesh& upright, const Report& report) {
  mesh::Mesh out = upright;
  const float sp = std::sin(report.pitch), cp = std::cos(report.pitch);
  const float sr = std::sin(-report.roll), cr = std::cos(-report.roll);
  for (mesh::Vec3& p : out.positions) {
    const mesh::Vec3 q{p.x, p.y * cp - p.z * sp, p.y * sp + p.z * cp};
    p = {q.x * cr - q.y * sr, q.x * sr + q.y * cr, q.z};
  }
  return out;
}

std::vector<mesh::Vec3> read_cloud(const std::filesystem::path& path) {
  const auto bytes = read_bytes(path);
  Cloud cloud(bytes.size() / sizeof(mesh::Vec3));
  std::memcpy(cloud.data(), bytes.data(), cloud.size() * sizeof(mesh::Vec3));
  return cloud;
}

std::vector<mesh::Vec3> spread_points(const mesh::Mesh& mesh, std::size_t count) {
  std::vector<float> area;
  for (std::size_t i = 0; i + 2 < mesh.indices.size(); i += 3) {
    const mesh::Vec3 a = mesh.positions[mesh.indices[i]], b = mesh.positions[mesh.indices[i + 1]],
                     c = mesh.positions[mesh.indices[i + 2]];
    area.push_back(mesh::length(mesh::cross(b - a, c - a)) + (area.empty() ? 0 : area.back()));
  }
  std::mt19937 random(1);
  const auto unit = [&] { return static_cast<float>(random() >> 8) / static_cast<float>(1 << 24); };
  Cloud out;
  for (std::size_t i = 0; i < count; ++i) {
    const float where = (static_cast<float>(i) + unit()) / static_cast<float>(count) * area.back();
    const auto found = std::ranges::upper_bound(area, where);
    const auto t = static_cast<std::size_t>(std::min(found - area.begin(), std::ssize(area) - 1)) * 3;
    float u = unit(), v = unit();
    if (u + v > 1) u = 1 - u, v = 1 - v;
    const mesh::Vec3 a = mesh.positions[mesh.indices[t]], b = mesh.positions[mesh.indices[t + 1]],
                     c = mesh.positions[mesh.indices[t + 2]];
    out.push_back(a + (b - a) * u + (c - a) * v);
  }
  return out;
}

Score compare(const std::vector<mesh::Vec3>& made, const std::vector<mesh::Vec3>& truth) {
  constexpr int rounds = 25;
  constexpr std::size_t pairs_max = 1000;
  Cloud placed = made;
  const mesh::Box from = mesh::bounds_of(placed), to = mesh::bounds_of(truth);
  const float scale = (to.max.x - to.min.x + to.max.y - to.min.y) / (from.max.x - from.min.x + from.max.y - from.min.y);
  for (mesh::Vec3& p : placed) p = (p - (from.min + from.max) * 0.5F) * scale + (to.min + to.max) * 0.5F;
  const Score before = score_of(placed, truth);
  const auto some = [](const Cloud& cloud) {
    Cloud out;
    const std::size_t stride = std::max<std::size_t>(1, cloud.size() / pairs_max);
    for (std::size_t i = 0; i < cloud.size(); i += stride) out.push_back(cloud[i]);
    return out;
  };
  const Cloud truth_some = some(truth);
  for (int round = 0; round < rounds; ++round) {
    const Cloud placed_some = some(placed);
    std::vector<std::pair<cv::Vec3d, cv::Vec3d>> pairs;
    const auto there = nearest(placed_some, truth_some), back = nearest(truth_some, placed_some);
    for (std::size_t i = 0; i < there.size(); ++i) {
      pairs.emplace_back(vec(placed_some[i]), vec(truth_some[there[i].index]));
    }
    for (std::size_t i = 0; i < back.size(); ++i) {
      pairs.emplace_back(vec(placed_some[back[i].index]), vec(truth_some[i]));
    }
    step(placed, pairs);
  }
  const Score after = score_of(placed, truth);
  return after.distance < before.distance ? after : before;
}

double outline_agreement(const mesh::Mesh& surface, const cv::Mat& mask) {
  const cv::Rect box = cv::boundingRect(mask);
  const mesh::Box bounds = mesh::bounds_of(surface.positions);
  // One scale for both directions: a model of other proportions must not pass.
  const float scale = static_cast<float>(std::max(box.width, box.height)) /
                      std::max(bounds.max.x - bounds.min.x, bounds.max.y - bounds.min.y);
  const mesh::Vec3 middle = (bounds.min + bounds.max) * 0.5F;
  const float cx = static_cast<float>(box.x) + static_cast<float>(box.width) / 2;
  const float cy = static_cast<float>(box.y) + static_cast<float>(box.height) / 2;
  cv::Mat drawn = cv::Mat::zeros(mask.size(), CV_8U);
  for (std::size_t i = 0; i + 2 < surface.indices.size(); i += 3) {
    constexpr int shift = 4;
    cv::Point corners[3];
    for (std::size_t k = 0; k < 3; ++k) {
      const mesh::Vec3 p = (surface.positions[surface.indices[i + k]] - middle) * scale;
      corners[k] = {cvRound((cx + p.x - 0.5F) * (1 << shift)), cvRound((cy - p.y - 0.5F) * (1 << shift))};
    }
    cv::fillConvexPoly(drawn, corners, 3, cv::Scalar(255), cv::LINE_8, shift);
  }
  const int both = cv::countNonZero(drawn & mask), any = cv::countNonZero(drawn | mask);
  return any == 0 ? 0 : static_cast<double>(both) / any;
}

}  // namespace i2m::engine
