#include "backdrop.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>

namespace i2m::train {
namespace {

constexpr float pi = std::numbers::pi_v<float>;

cv::Mat noise_field(Random& random, cv::Size size, int cells_x, int cells_y) {
  cv::Mat sum = cv::Mat::zeros(size, CV_32F);
  float weight = 1, total = 0;
  for (int octave = 0; octave < 4; ++octave) {
    cv::Mat cells(cells_y + 1, cells_x + 1, CV_32F), grown;
    for (float& v : cv::Mat_<float>(cells)) v = random.unit();
    cv::resize(cells, grown, size, 0, 0, cv::INTER_CUBIC);
    sum += grown * weight;
    total += weight;
    weight *= 0.55F;
    cells_x = std::min(2 * cells_x, size.width);
    cells_y = std::min(2 * cells_y, size.height);
  }
  return sum / total;
}

cv::Mat blend(const cv::Mat& t, Vec3 a, Vec3 b) {
  cv::Mat out(t.size(), CV_32FC3);
  for (int y = 0; y < t.rows; ++y) {
    for (int x = 0; x < t.cols; ++x) {
      const float k = std::clamp(t.at<float>(y, x), 0.0F, 1.0F);
      out.at<cv::Vec3f>(y, x) = to_cv(a * (1 - k) + b * k);
    }
  }
  return out;
}

cv::Mat dead_leaves(Random& random, cv::Size size) {
  cv::Mat out(size, CV_32FC3, cv::Scalar::all(0.5));
  const int count = 40 + random.whole(160);
  const Vec3 tone = some_colour(random);
  const float like = random.in(0, 0.8F), largest = random.in(0.1F, 0.5F) * static_cast<float>(size.width);
  for (int i = 0; i < count; ++i) {
    const Vec3 c = some_colour(random) * (1 - like) + tone * like;
    const float r = std::max(2.0F, largest * std::pow(random.unit(), 2.0F));
    const cv::Point at{random.whole(size.width), random.whole(size.height)};
    const cv::Scalar colour(c.x, c.y, c.z);
    if (random.chance(0.5F)) {
      cv::ellipse(out, at, {cvRound(r), std::max(1, cvRound(r * random.in(0.3F, 1)))}, random.in(0, 180), 0, 360,
                  colour, cv::FILLED, cv::LINE_AA);
    } else {
      cv::Point2f corner[4];
      cv::RotatedRect(at, {2 * r, 2 * r * random.in(0.2F, 1)}, random.chance(0.5F) ? 0 : random.in(0, 180))
          .points(corner);
      std::vector<cv::Point> polygon(corner, corner + 4);
      cv::fillConvexPoly(out, polygon, colour, cv::LINE_AA);
    }
  }
  return out;
}

}  // namespace

Vec3 some_colour(Random& random) {
  const float grey = random.in(0.05F, 1), strength = random.chance(0.4F) ? 0.04F : random.in(0.1F, 0.5F);
  const auto channel = [&] { return std::clamp(grey + strength * random.in(-1, 1), 0.0F, 1.0F); };
  return {channel(), channel(), channel()};
}

void blur(cv::Mat& image, float sigma) {
  if (sigma > 0.2F) cv::GaussianBlur(image, image, {}, sigma, sigma, cv::BORDER_REPLICATE);
}

cv::Mat ramp(Random& random, cv::Size size, Vec3 a, Vec3 b) {
  cv::Mat t(size, CV_32F);
  const float angle = random.in(0, 2 * pi), dx = std::cos(angle), dy = std::sin(angle);
  const bool radial = random.chance(0.35F);
  const float cx = random.in(0.2F, 0.8F), cy = random.in(0.2F, 0.8F), reach = random.in(0.5F, 1.2F);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      const float u = static_cast<float>(x) / static_cast<float>(size.width),
                  v = static_cast<float>(y) / static_cast<float>(size.height);
      t.at<float>(y, x) = radial ? std::hypot(u - cx, v - cy) / reach : 0.5F + dx * (u - 0.5F) + dy * (v - 0.5F);
    }
  }
  return blend(t, a, b);
}

cv::Mat texture(Random& random, cv::Size size) {
  const Vec3 a = some_colour(random), b = random.chance(0.6F) ? a * random.in(0.5F, 1.4F) : some_colour(random);
  switch (random.whole(4)) {
    case 0:
      return dead_leaves(random, size);
    case 1:
      return blend(noise_field(random, size, 1 + random.whole(24), 1 + random.whole(24)) * 2 - 0.5, a, b);
    case 2: {  // wood, cloth: noise much finer across than along
      cv::Mat field = random.chance(0.5F) ? noise_field(random, size, 60, 1 + random.whole(4))
                                          : noise_field(random, size, 1 + random.whole(4), 60);
      return blend(field * 2 - 0.5, a, b);
    }
    default: {
      cv::Mat t(size, CV_32F);
      const float angle = random.chance(0.5F) ? 0 : random.in(0, pi), period = random.in(6, 50),
                  line = random.in(0.1F, 0.9F);
      const bool cross = random.chance(0.5F);
      for (int y = 0; y < size.height; ++y) {
        for (int x = 0; x < size.width; ++x) {
          const float u = (static_cast<float>(x) * std::cos(angle) + static_cast<float>(y) * std::sin(angle)) / period;
          const float v = (static_cast<float>(y) * std::cos(angle) - static_cast<float>(x) * std::sin(angle)) / period;
          const bool one = u - std::floor(u) < line, two = v - std::floor(v) < line;
          t.at<float>(y, x) = (cross ? one != two : one) ? 1.0F : 0.0F;
        }
      }
      blur(t, 0.5F);
      return blend(t, a, b);
    }
  }
}

}  // namespace i2m::train
