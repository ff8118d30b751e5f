#include "engine/background.h"

#include <opencv2/imgproc.hpp>

namespace i2m::engine {
namespace {

constexpr float ring_share = 0.02F;
constexpr int fit_rounds = 5;
constexpr int ring_colours = 6;

float median(std::vector<float> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

struct RingPixel {
  std::array<double, 6> basis;  // 1, x, y, x^2, xy, y^2 with x and y from -1 to 1
  cv::Vec3f lab;
};

std::array<double, 6> basis_at(int x, int y, cv::Size size) {
  const double u = 2.0 * (x + 0.5) / size.width - 1, v = 2.0 * (y + 0.5) / size.height - 1;
  return {1, u, v, u * u, u * v, v * v};
}

std::vector<RingPixel> ring_of(const cv::Mat& lab) {
  const int width = std::max(2, cvRound(ring_share * static_cast<float>(std::max(lab.cols, lab.rows))));
  std::vector<RingPixel> ring;
  for (int y = 0; y < lab.rows; ++y) {
    for (int x = 0; x < lab.cols; ++x) {
      if (std::min({x, y, lab.cols - 1 - x, lab.rows - 1 - y}) >= width) continue;
      ring.push_back({basis_at(x, y, lab.size()), lab.at<cv::Vec3f>(y, x)});
    }
  }
  return ring;
}

using Field = cv::Matx<double, 6, 3>;

cv::Vec3f value_of(const Field& field, const std::array<double, 6>& basis) {
  cv::Vec3d sum;
  for (int k = 0; k < 6; ++k) {
    for (int c = 0; c < 3; ++c) sum[c] += field(k, c) * basis[static_cast<std::size_t>(k)];
  }
  return cv::Vec3f(sum);
}

std::vector<float> distances(const std::vector<RingPixel>& ring, const Field& field) {
  std::vector<float> out;
  out.reserve(ring.size());
  for (const auto& p : ring) out.push_back(static_cast<float>(cv::norm(p.lab - value_of(field, p.basis))));
  return out;
}

// Weighted least squares, the weights falling to nothing for what lies far off: an object that touches the border does
// not bend the field.
Field fit_field(const std::vector<RingPixel>& ring) {
  Field field = Field::zeros();
  for (int c = 0; c < 3; ++c) {
    std::vector<float> channel;
    for (const auto& p : ring) channel.push_back(p.lab[c]);
    field(0, c) = static_cast<double>(median(std::move(channel)));
  }
  for (int round = 0; round < fit_rounds; ++round) {
    const auto distance = distances(ring, field);
    const float reach = 4.685F * std::max(1.0F, 1.4826F * median(distance));
    cv::Matx66d normal = cv::Matx66d::eye() * 1e-6;
    Field right = Field::zeros();
    for (std::size_t i = 0; i < ring.size(); ++i) {
      const double t = static_cast<double>(distance[i] / reach);
      if (t >= 1) continue;
      const double w = (1 - t * t) * (1 - t * t);
      const auto& b = ring[i].basis;
      for (int r = 0; r < 6; ++r) {
        const double wb = w * b[static_cast<std::size_t>(r)];
        for (int c = 0; c < 6; ++c) normal(r, c) += wb * b[static_cast<std::size_t>(c)];
        for (int c = 0; c < 3; ++c) right(r, c) += wb * static_cast<double>(ring[i].lab[c]);
      }
    }
    field = normal.solve(right, cv::DECOMP_CHOLESKY);
  }
  return field;
}

std::vector<cv::Vec3f> main_colours(const std::vector<RingPixel>& ring) {
  cv::Mat samples(static_cast<int>(ring.size()), 3, CV_32F);
  for (int i = 0; i < samples.rows; ++i) {
    for (int c = 0; c < 3; ++c) samples.at<float>(i, c) = ring[static_cast<std::size_t>(i)].lab[c];
  }
  cv::Mat labels, centres;
  cv::kmeans(samples, std::min(ring_colours, samples.rows), labels,
             cv::TermCriteria(cv::TermCriteria::COUNT | cv::TermCriteria::EPS, 12, 0.5), 1, cv::KMEANS_PP_CENTERS,
             centres);
  std::vector<cv::Vec3f> out;
  for (int i = 0; i < centres.rows; ++i) {
    out.emplace_back(centres.at<float>(i, 0), centres.at<float>(i, 1), centres.at<float>(i, 2));
  }
  return out;
}

}  // namespace

bool Background::complex() const { return inliers < 0.72F || mad > 7; }

cv::Mat to_lab(const cv::Mat& rgb) {
  cv::Mat lab;
  rgb.convertTo(lab, CV_32FC3, 1.0 / 255);
  cv::cvtColor(lab, lab, cv::COLOR_RGB2Lab);
  return lab;
}

cv::Mat slope_of(const cv::Mat& image) {
  cv::Mat dx, dy, out = cv::Mat::zeros(image.size(), CV_32F);
  cv::Sobel(image, dx, CV_32F, 1, 0, 3, 1.0 / 8);
  cv::Sobel(image, dy, CV_32F, 0, 1, 3, 1.0 / 8);
  std::vector<cv::Mat> parts_x, parts_y;
  cv::split(dx, parts_x);
  cv::split(dy, parts_y);
  for (std::size_t c = 0; c < parts_x.size(); ++c) out += parts_x[c].mul(parts_x[c]) + parts_y[c].mul(parts_y[c]);
  cv::sqrt(out, out);
  return out;
}

Background model_background(const cv::Mat& lab) {
  const auto ring = ring_of(lab);
  const Field field = fit_field(ring);
  const auto distance = distances(ring, field);
  Background background;
  background.mad = median(distance);
  const float limit = std::clamp(4 * background.mad + 1.5F, 4.0F, 13.0F);
  const auto near = std::ranges::count_if(distance, [&](float d) { return d < limit; });
  background.inliers = static_cast<float>(near) / static_cast<float>(distance.size());
  background.lab.create(lab.size(), CV_32FC3);
  for (int y = 0; y < lab.rows; ++y) {
    auto* row = background.lab.ptr<cv::Vec3f>(y);
    for (int x = 0; x < lab.cols; ++x) row[x] = value_of(field, basis_at(x, y, lab.size()));
  }
  if (background.complex()) background.colours = main_colours(ring);
  return background;
}

cv::Mat distance_to(const Background& background, const cv::Mat& lab) {
  cv::Mat out(lab.size(), CV_32F);
  for (int y = 0; y < lab.rows; ++y) {
    const auto *from = lab.ptr<cv::Vec3f>(y), *model = background.lab.ptr<cv::Vec3f>(y);
    auto* to = out.ptr<float>(y);
    for (int x = 0; x < lab.cols; ++x) {
      double least = cv::norm(from[x] - model[x]);
      for (const auto& colour : background.colours) least = std::min(least, cv::norm(from[x] - colour));
      to[x] = static_cast<float>(least);
    }
  }
  return out;
}

float threshold_of(const cv::Mat& distance, const Background& background) {
  constexpr float bins_per_unit = 4;  // 8 bits reach to 64 units, far enough for a threshold that ends at 16
  cv::Mat bins;
  distance.convertTo(bins, CV_8U, static_cast<double>(bins_per_unit));
  cv::Mat unused;
  const auto otsu = static_cast<float>(cv::threshold(bins, unused, 0, 255, cv::THRESH_BINARY | cv::THRESH_OTSU));
  const float low = std::max(4.0F, 4 * background.mad + 1.5F), high = background.complex() ? 16.0F : 13.0F;
  return std::min(std::max(0.55F * otsu / bins_per_unit, low), high);
}

cv::Mat shadow_of(const cv::Mat& lab, const Background& background, const ShadowLimits& limits) {
  constexpr float tint_max = 2.5F, tint_max_share = 0.08F;  // the colour's change, alone and by how dark it is
  cv::Mat lightness, calm, bend, out(lab.size(), CV_8U);
  cv::extractChannel(lab, lightness, 0);
  const cv::Mat slope = slope_of(lightness);
  cv::GaussianBlur(lightness, calm, {}, 1);
  cv::Laplacian(calm, bend, CV_32F);
  for (int y = 0; y < lab.rows; ++y) {
    const auto *from = lab.ptr<cv::Vec3f>(y), *model = background.lab.ptr<cv::Vec3f>(y);
    const auto *steep = slope.ptr<float>(y), *bent = bend.ptr<float>(y);
    for (int x = 0; x < lab.cols; ++x) {
      const cv::Vec3f d = model[x] - from[x];
      const bool shadow = d[0] > 0 && d[0] < limits.darker && steep[x] < limits.slope &&
                          std::abs(bent[x]) < limits.bend && std::hypot(d[1], d[2]) < tint_max + tint_max_share * d[0];
      out.at<std::uint8_t>(y, x) = shadow ? 255 : 0;
    }
  }
  return out;
}

}  // namespace i2m::engine
