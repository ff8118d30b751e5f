// The colours of models: no background at the rims, no second face, no mirrored writing, as large as they are worth.
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/test_views.h"
#include "image/jpeg_write.h"

namespace i2m::engine {
namespace {

const cv::Scalar magenta{255, 0, 255};

// Nothing that is magenta of its own is in the pictures used here.
cv::Mat magenta_in(const cv::Mat& rgb) {
  constexpr int clearly = 24;
  cv::Mat out(rgb.size(), CV_8U);
  for (int y = 0; y < rgb.rows; ++y) {
    for (int x = 0; x < rgb.cols; ++x) {
      const auto& p = rgb.at<cv::Vec3b>(y, x);
      out.at<std::uint8_t>(y, x) = std::min(p[0], p[2]) - p[1] > clearly ? 255 : 0;
    }
  }
  return out;
}

// As a cut-out looks whose edges were antialiased against magenta: opaque where `rgba` is, magenta where nothing is.
cv::Mat on_magenta(const cv::Mat& rgba) {
  cv::Mat out(rgba.size(), CV_8UC4);
  for (int y = 0; y < rgba.rows; ++y) {
    for (int x = 0; x < rgba.cols; ++x) {
      const auto& p = rgba.at<cv::Vec4b>(y, x);
      auto& to = out.at<cv::Vec4b>(y, x);
      for (int c = 0; c < 3; ++c) {
        to[c] = cv::saturate_cast<std::uint8_t>((p[c] * p[3] + magenta[c] * (255 - p[3])) / 255);
      }
      to[3] = p[3];
    }
  }
  return out;
}

cv::Mat smaller(const cv::Mat& image, double share) {
  cv::Mat out;
  cv::resize(image, out, {}, share, share, cv::INTER_AREA);
  return out;
}

void expect_no_magenta(const Dressed& model, const std::string& name) {
  const cv::Mat seen = magenta_in(model.atlas) & model.used();
  EXPECT_EQ(cv::countNonZero(seen), 0) << name;
  for (const auto& [yaw, pitch] : {std::pair{0.0F, 0.0F}, {90, 0}, {180, 0}, {270, 0}, {0, 80}, {0, -80}}) {
    EXPECT_EQ(cv::countNonZero(magenta_in(model.seen(yaw, pitch))), 0) << name << " from " << yaw << ", " << pitch;
  }
}

struct Sent {
  const char* name;
  double share = 1;  // of the kept picture's size
};

TEST(Rims, ShowNothingOfWhatLiesUnderTransparentPixels) {
  for (const Sent& sent : {Sent{"cc0-teddy-B-alpha.png"},
                           {"cc0-teddy-B-alpha.png", 0.3},
                           {"cc0-chairoak-B-alpha.png"},
                           {"ccby-jar-A-alpha.webp"},
                           {"mit-fluent-plant.webp"}}) {
    const FileBytes bytes = png_of(smaller(on_magenta(rgba_of(sent.name)), sent.share));
    expect_no_magenta(dressed(bytes, params_of(Quality::Medium)), sent.name);
  }
}

// What a guessed outline takes for the object through and through, as between a chair's spokes, is the mask's business.
TEST(Rims, ShowNothingOfTheBackgroundOfAPhotograph) {
  for (const Sent& sent : {Sent{"cc0-teddy-B-alpha.png"},
                           {"cc0-teddy-B-alpha.png", 0.4},
                           {"ccby-jar-A-alpha.webp"},
                           {"ccby-jar-A-alpha.webp", 0.4},
                           {"mit-fluent-plant.webp"}}) {
    cv::Mat rgb;
    cv::cvtColor(smaller(on_magenta(rgba_of(sent.name)), sent.share), rgb, cv::COLOR_RGBA2RGB);
    expect_no_magenta(dressed(*image::write_jpeg(rgb, 88), params_of(Quality::Medium)), sent.name);
  }
}

}  // namespace
}  // namespace i2m::engine
