#include "engine/measure.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <numeric>
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
  std::uint32_t index = 0;
  float squared = std::numeric_limits<float>::max();
};

/// Finds the point of a cloud that is nearest: a tree cut at the median of its axes in turn.
class Neighbours {
 public:
  explicit Neighbours(const Cloud& cloud) : cloud_{cloud}, order_(cloud.size()) {
    std::iota(order_.begin(), order_.end(), 0U);
    sort(0, order_.size(), 0);
  }
  Nearest of(mesh::Vec3 p) const {
    Nearest best;
    search(p, 0, order_.size(), 0, best);
    return best;
  }

 private:
  static constexpr std::size_t leaf_points = 8;
  static float along(mesh::Vec3 p, int axis) { return axis == 0 ? p.x : axis == 1 ? p.y : p.z; }

  void sort(std::size_t from, std::size_t to, int axis) {
    if (to - from <= leaf_points) return;
    const std::size_t middle = from + (to - from) / 2;
    const auto at = [&](std::size_t i) { return order_.begin() + static_cast<std::ptrdiff_t>(i); };
    std::nth_element(at(from), at(middle), at(to),
                     [&](std::uint32_t a, std::uint32_t b) { return along(cloud_[a], axis) < along(cloud_[b], axis); });
    sort(from, middle, (axis + 1) % 3);
    sort(middle + 1, to, (axis + 1) % 3);
  }
  void look(mesh::Vec3 p, std::uint32_t index, Nearest& best) const {
    const mesh::Vec3 d = p - cloud_[index];
    const float squared = mesh::dot(d, d);
    if (squared < best.squared) best = {index, squared};
  }
  void search(mesh::Vec3 p, std::size_t from, std::size_t to, int axis, Nearest& best) const {
    if (to - from <= leaf_points) {
      for (std::size_t i = from; i < to; ++i) look(p, order_[i], best);
      return;
    }
    const std::size_t middle = from + (to - from) / 2;
    look(p, order_[middle], best);
    const float away = along(p, axis) - along(cloud_[order_[middle]], axis);
    const int next = (axis + 1) % 3;
    search(p, away < 0 ? from : middle + 1, away < 0 ? middle : to, next, best);
    if (away * away < best.squared) search(p, away < 0 ? middle + 1 : from, away < 0 ? to : middle, next, best);
  }

  const Cloud& cloud_;
  std::vector<std::uint32_t> order_;
};

Similarity inverse_of(const Similarity& s) {
  Similarity out{.scale = 1 / s.scale, .rotation = s.rotation.t(), .shift = {}};
  out.shift = -(out.rotation * s.shift) * out.scale;
  return out;
}

/// Two clouds and the trees over them; distances are the truth's.
struct Clouds {
  const Cloud& made;
  const Cloud& truth;
  Neighbours made_tree{made};
  Neighbours truth_tree{truth};
};

struct OneWay {
  double distance = 0;
  std::array<double, 3> within{};
};

OneWay one_way(const Cloud& from, const Similarity& s, const Neighbours& to, double scale) {
  constexpr std::array near{0.1, 0.2, 0.5};
  OneWay out;
  for (const mesh::Vec3& p : from) {
    const double d = scale * std::sqrt(static_cast<double>(to.of(s(p)).squared));
    out.distance += d;
    for (std::size_t k = 0; k < near.size(); ++k) out.within.at(k) += d < near.at(k) ? 1 : 0;
  }
  const auto count = static_cast<double>(from.size());
  out.distance /= count;
  for (double& share : out.within) share /= count;
  return out;
}

Score score_of(const Clouds& clouds, const Similarity& s) {
  const OneWay there = one_way(clouds.made, s, clouds.truth_tree, 1);
  const OneWay back = one_way(clouds.truth, inverse_of(s), clouds.made_tree, s.scale);
  const auto f = [&](std::size_t k) {
    const double a = there.within.at(k), b = back.within.at(k);
    return a + b > 0 ? 2 * a * b / (a + b) : 0;
  };
  return {there.distance + back.distance, f(0), f(1), f(2)};
}

using Pairs = std::vector<std::pair<cv::Vec3d, cv::Vec3d>>;

/// The similarity that brings pairs of points together best.
Similarity best_for(const Pairs& pairs) {
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
  return {scale, rotation, to - scale * (rotation * from)};
}

Similarity improved(const Clouds& clouds, const Similarity& s) {
  constexpr std::size_t pairs_max = 4000;  // of each cloud
  const auto each = [](const Cloud& cloud, const auto& use) {
    const std::size_t stride = std::max<std::size_t>(1, cloud.size() / pairs_max);
    for (std::size_t i = 0; i < cloud.size(); i += stride) use(cloud[i]);
  };
  const Similarity inverse = inverse_of(s);
  Pairs pairs;
  each(clouds.made,
       [&](mesh::Vec3 p) { pairs.emplace_back(vec(p), vec(clouds.truth[clouds.truth_tree.of(s(p)).index])); });
  each(clouds.truth,
       [&](mesh::Vec3 p) { pairs.emplace_back(vec(clouds.made[clouds.made_tree.of(inverse(p)).index]), vec(p)); });
  return best_for(pairs);
}

/// Where a surface is drawn: a point lands at (x + scale * its x, y - scale * its y), in pixels.
struct Placement {
  double scale = 1, x = 0, y = 0;
};

cv::Mat outline_of(const mesh::Mesh& surface, const Placement& at, cv::Size size) {
  cv::Mat drawn = cv::Mat::zeros(size, CV_8U);
  for (std::size_t i = 0; i + 2 < surface.indices.size(); i += 3) {
    constexpr int shift = 4;
    cv::Point corners[3];
    for (std::size_t k = 0; k < 3; ++k) {
      const mesh::Vec3 p = surface.positions[surface.indices[i + k]];
      corners[k] = {cvRound((at.x + at.scale * static_cast<double>(p.x) - 0.5) * (1 << shift)),
                    cvRound((at.y - at.scale * static_cast<double>(p.y) - 0.5) * (1 << shift))};
    }
    cv::fillConvexPoly(drawn, corners, 3, cv::Scalar(255), cv::LINE_8, shift);
  }
  return drawn;
}

double agreement_of(const cv::Mat& a, const cv::Mat& b) {
  const int any = cv::countNonZero(a | b);
  return any == 0 ? 0 : static_cast<double>(cv::countNonZero(a & b)) / any;
}

/// The placement that gives the drawn outline the area and the centre of `mask`: a thin tip that one of the two lacks
/// moves its box, but not these.
Placement by_moments(const mesh::Mesh& surface, const Placement& at, const cv::Mat& mask) {
  constexpr bool binary = true;
  const cv::Moments drawn = cv::moments(outline_of(surface, at, mask.size()), binary),
                    wanted = cv::moments(mask, binary);
  if (drawn.m00 <= 0 || wanted.m00 <= 0) return at;
  const double grow = std::sqrt(wanted.m00 / drawn.m00);
  return {at.scale * grow, wanted.m10 / wanted.m00 - grow * (drawn.m10 / drawn.m00 - at.x),
          wanted.m01 / wanted.m00 - grow * (drawn.m01 / drawn.m00 - at.y)};
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
  std::vector<double> area;  // of all triangles so far; half a million of them are too many for a float
  for (std::size_t i = 0; i + 2 < mesh.indices.size(); i += 3) {
    const mesh::Vec3 a = mesh.positions[mesh.indices[i]], b = mesh.positions[mesh.indices[i + 1]],
                     c = mesh.positions[mesh.indices[i + 2]];
    area.push_back(static_cast<double>(mesh::length(mesh::cross(b - a, c - a))) + (area.empty() ? 0 : area.back()));
  }
  std::mt19937 random(1);
  const auto unit = [&] { return static_cast<float>(random() >> 8) / static_cast<float>(1 << 24); };
  Cloud out;
  for (std::size_t i = 0; i < count; ++i) {
    const double where =
        (static_cast<double>(i) + static_cast<double>(unit())) / static_cast<double>(count) * area.back();
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

mesh::Vec3 Similarity::operator()(mesh::Vec3 p) const { return point(scale * (rotation * vec(p)) + shift); }

Fit fit(const std::vector<mesh::Vec3>& made, const std::vector<mesh::Vec3>& truth) {
  constexpr int rounds = 25;
  const mesh::Box from = mesh::bounds_of(made), to = mesh::bounds_of(truth);
  Similarity placed;
  placed.scale = static_cast<double>((to.max.x - to.min.x + to.max.y - to.min.y) /
                                     (from.max.x - from.min.x + from.max.y - from.min.y));
  placed.shift = 0.5 * (vec(to.min + to.max) - placed.scale * vec(from.min + from.max));
  const Clouds clouds{made, truth};
  Similarity moved = placed;
  for (int round = 0; round < rounds; ++round) moved = improved(clouds, moved);
  Fit out{score_of(clouds, placed), score_of(clouds, moved), moved};
  if (out.raw.distance <= out.aligned.distance) out.aligned = out.raw, out.similarity = placed;
  return out;
}

Score distance_between(const std::vector<mesh::Vec3>& made, const std::vector<mesh::Vec3>& truth) {
  return score_of(Clouds{made, truth}, Similarity{});
}

Score compare(const std::vector<mesh::Vec3>& made, const std::vector<mesh::Vec3>& truth) {
  return fit(made, truth).aligned;
}

double outline_agreement(const mesh::Mesh& made, const cv::Mat& mask, float nearness) {
  mesh::Mesh surface = made;
  for (mesh::Vec3& p : surface.positions) {
    const float near = 1 / (1 - nearness * p.z);
    p = {p.x * near, p.y * near, p.z};
  }
  const cv::Rect box = cv::boundingRect(mask);
  const mesh::Box bounds = mesh::bounds_of(surface.positions);
  const double reach = std::max(box.width, box.height);
  // One scale for both directions: a model of other proportions must not pass.
  Placement best;
  best.scale = reach / static_cast<double>(std::max(bounds.max.x - bounds.min.x, bounds.max.y - bounds.min.y));
  best.x = box.x + 0.5 * box.width - 0.5 * best.scale * static_cast<double>(bounds.min.x + bounds.max.x);
  best.y = box.y + 0.5 * box.height + 0.5 * best.scale * static_cast<double>(bounds.min.y + bounds.max.y);
  double agreement = agreement_of(outline_of(surface, best, mask.size()), mask);
  const auto consider = [&](const Placement& other) {
    const double its = agreement_of(outline_of(surface, other, mask.size()), mask);
    if (its > agreement) agreement = its, best = other;
  };
  consider(by_moments(surface, best, mask));
  constexpr double coarse = 0.008, fine = 0.001;
  for (double step = coarse; step > fine; step /= 2) {
    for (const double by : {-step, step}) {
      consider({best.scale * (1 + by), best.x, best.y});
      consider({best.scale, best.x + by * reach, best.y});
      consider({best.scale, best.x, best.y + by * reach});
    }
  }
  return agreement;
}

}  // namespace i2m::engine
