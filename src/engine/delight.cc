#include "engine/delight.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "engine/colours.h"

namespace i2m::engine {
namespace {

constexpr int side = 128;  // light changes slowly
constexpr int terms = 9;   // spherical harmonics up to the second order
using Terms = cv::Vec<double, terms>;

Terms terms_of(const cv::Vec3f& n) {
  const auto x = static_cast<double>(n[0]), y = static_cast<double>(n[1]), z = static_cast<double>(n[2]);
  return {1, x, y, z, x * y, y * z, x * z, x * x - y * y, 3 * z * z - 1};
}

struct Corner {
  cv::Point2f at;  // px
  float near = 0;
  cv::Vec3f normal;
};

// Which way the surface faces where it is seen: CV_32FC3, of length 0 where there is none.
class Facing {
 public:
  explicit Facing(const Solid& solid)
      : nearest_(side, side, CV_32F, cv::Scalar(-1e9F)), normals_(side, side, CV_32FC3) {
    normals_.setTo(cv::Scalar::all(0));
    const auto normals = mesh::normals_of(solid.mesh);
    const mesh::Vec3 viewer = solid.view.viewer();
    std::vector<Corner> corners;
    for (std::size_t i = 0; i < normals.size(); ++i) {
      const mesh::Vec3 p = solid.mesh.positions[i], n = normals[i];
      const mesh::Vec2 at = solid.view.see(p);
      corners.push_back({{at.x * side - 0.5F, at.y * side - 0.5F}, mesh::dot(p, viewer), {n.x, n.y, n.z}});
    }
    const auto& index = solid.mesh.indices;
    for (std::size_t i = 0; i + 2 < index.size(); i += 3) {
      draw(corners[index[i]], corners[index[i + 1]], corners[index[i + 2]]);
    }
  }

  const cv::Mat& normals() const { return normals_; }

 private:
  void draw(const Corner& a, const Corner& b, const Corner& c) {
    const cv::Point2f ab = b.at - a.at, ac = c.at - a.at;
    const float twice = ab.x * ac.y - ab.y * ac.x;
    if (std::abs(twice) < 1e-6F) return;
    const auto [left, right] = std::minmax({a.at.x, b.at.x, c.at.x});
    const auto [top, bottom] = std::minmax({a.at.y, b.at.y, c.at.y});
    for (int y = std::max(0, cvCeil(top)); y <= std::min(side - 1, cvFloor(bottom)); ++y) {
      for (int x = std::max(0, cvCeil(left)); x <= std::min(side - 1, cvFloor(right)); ++x) {
        const cv::Point2f p = cv::Point2f(static_cast<float>(x), static_cast<float>(y)) - a.at;
        const float v = (p.x * ac.y - p.y * ac.x) / twice, w = (ab.x * p.y - ab.y * p.x) / twice;
        if (v < 0 || w < 0 || v + w > 1) continue;
        const float near = a.near + (b.near - a.near) * v + (c.near - a.near) * w;
        if (near <= nearest_.at<float>(y, x)) continue;
        nearest_.at<float>(y, x) = near;
        normals_.at<cv::Vec3f>(y, x) = cv::normalize(a.normal * (1 - v - w) + b.normal * v + c.normal * w);
      }
    }
  }

  cv::Mat nearest_, normals_;
};

struct Sample {
  Terms terms;
  double light = 0;   // logarithm of the picture's brightness
  double weight = 1;  // of this round
};

// Fits light = coefficients . terms, again and again without those that lie far off: patterns, highlights, shadows.
Terms fit(std::vector<Sample>& samples) {
  constexpr int rounds = 8;
  constexpr double ridge = 1e-2;  // of the number of samples: what is hardly seen of a direction stays unknown
  constexpr double reach = 4.7, least = 0.05;
  Terms out;
  for (int round = 0; round < rounds; ++round) {
    cv::Matx<double, terms, terms> left =
        cv::Matx<double, terms, terms>::eye() * (ridge * static_cast<double>(samples.size()));
    left(0, 0) = 1e-9;
    Terms right;
    for (const Sample& s : samples) {
      left += s.terms * s.terms.t() * s.weight;
      right += s.terms * (s.light * s.weight);
    }
    out = left.solve(right, cv::DECOMP_CHOLESKY);
    std::vector<double> off;
    for (const Sample& s : samples) off.push_back(std::abs(s.light - out.dot(s.terms)));
    std::vector<double> sorted = off;
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
    std::ranges::nth_element(sorted, middle);
    const double scale = reach * std::max(least, 1.48 * *middle);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const double t = std::min(1.0, off[i] / scale);
      samples[i].weight = (1 - t * t) * (1 - t * t);
    }
  }
  return out;
}

}  // namespace

cv::Mat delighted(const Subject& subject, const Solid& solid) {
  constexpr std::size_t samples_min = 200;
  constexpr double most = 0.69;  // logarithm of two
  cv::Mat rgb, own, grey;
  cv::resize(subject.rgb, rgb, {side, side}, 0, 0, cv::INTER_AREA);
  cv::resize(own_colours(subject), own, {side, side}, 0, 0, cv::INTER_AREA);
  cv::cvtColor(rgb, grey, cv::COLOR_RGB2GRAY);
  const Facing facing(solid);
  std::vector<Sample> samples;
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const cv::Vec3f& n = facing.normals().at<cv::Vec3f>(y, x);
      if (own.at<std::uint8_t>(y, x) < 255 || n.dot(n) == 0) continue;
      samples.push_back({.terms = terms_of(n), .light = std::log(grey.at<std::uint8_t>(y, x) + 2.0)});
    }
  }
  if (samples.size() < samples_min) return subject.rgb;
  const Terms light = fit(samples);
  double mean = 0;
  for (const Sample& s : samples) mean += light.dot(s.terms) / static_cast<double>(samples.size());
  cv::Mat field(side, side, CV_32F, cv::Scalar(0)), known(side, side, CV_8U, cv::Scalar(0));
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const cv::Vec3f& n = facing.normals().at<cv::Vec3f>(y, x);
      if (n.dot(n) == 0) continue;
      field.at<float>(y, x) = static_cast<float>(std::clamp(mean - light.dot(terms_of(n)), -most, most));
      known.at<std::uint8_t>(y, x) = 255;
    }
  }
  // The guessed surface has facets and edges where the light's share need not jump; and beyond the outline the field
  // goes on as at its edge.
  constexpr double softness = 1.5;
  cv::Mat weight;
  known.convertTo(weight, CV_32F, 1.0 / 255);
  cv::GaussianBlur(field, field, {0, 0}, softness);
  cv::GaussianBlur(weight, weight, {0, 0}, softness);
  field /= weight + 1e-4F;
  cv::exp(field, field);
  cv::resize(field, field, subject.rgb.size(), 0, 0, cv::INTER_LINEAR);
  cv::Mat out = subject.rgb.clone();
  for (int y = 0; y < out.rows; ++y) {
    const auto* factor = field.ptr<float>(y);
    auto* to = out.ptr<cv::Vec3b>(y);
    for (int x = 0; x < out.cols; ++x) {
      for (int c = 0; c < 3; ++c) to[x][c] = cv::saturate_cast<std::uint8_t>(static_cast<float>(to[x][c]) * factor[x]);
    }
  }
  return out;
}

}  // namespace i2m::engine
