#include "providers/fal/picture.h"

#include <gtest/gtest.h>
#include <opencv2/core.hpp>

#include <filesystem>

#include "image/jpeg_write.h"
#include "image/png_write.h"
#include "image/probe.h"

namespace i2m::providers::fal {
namespace {

std::filesystem::path beside(const char* program) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / program;
}

class FitPicture : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = image::Decoder::open({});
    ASSERT_TRUE(opened) << opened.error().message;
    decoder_.emplace(*std::move(opened));
  }
  const image::Decoder& decoder() const { return *decoder_; }

 private:
  std::optional<image::Decoder> decoder_;
};

/// Noise: as many bytes as a picture can have.
cv::Mat noise(int width, int height) {
  cv::Mat out(height, width, CV_8UC3);  // braces would make a list of three numbers
  cv::RNG random{7};
  random.fill(out, cv::RNG::UNIFORM, 0, 256);
  return out;
}

std::vector<std::uint8_t> jpeg_of(const cv::Mat& rgb) { return *image::write_jpeg(rgb, 95); }

Entry model(std::vector<std::string> formats, int px_max, std::int64_t bytes_max) {
  Entry out;
  out.name = "A Model";
  out.formats = std::move(formats);
  out.picture_px_max = px_max;
  out.picture_bytes_max = bytes_max;
  return out;
}

TEST_F(FitPicture, LeavesWhatTheModelTakes) {
  const auto picture = jpeg_of(noise(300, 200));
  const auto size = static_cast<std::int64_t>(picture.size());
  for (const Entry& entry : {model({"jpeg"}, 300, size), model({"png", "jpeg"}, 0, 0)}) {
    const auto fitted = fit_picture(entry, decoder(), picture);
    ASSERT_TRUE(fitted) << fitted.error().message;
    EXPECT_FALSE(*fitted);
  }
}

TEST_F(FitPicture, KeepsToTheModelsSideAndBytesAndFormat) {
  const auto picture = jpeg_of(noise(1400, 700));
  struct Case {
    Entry entry;
    std::uint32_t width, height;  // 0: as small as the bytes ask for
  };
  const std::vector<Case> cases{{model({"jpeg"}, 1000, 0), 1000, 500},
                                {model({"jpeg", "png"}, 1399, 0), 1399, 700},
                                {model({"jpeg"}, 0, 120'000), 0, 0},
                                {model({"jpeg"}, 900, 60'000), 0, 0}};
  for (const Case& each : cases) {
    const auto fitted = fit_picture(each.entry, decoder(), picture);
    ASSERT_TRUE(fitted) << fitted.error().message;
    ASSERT_TRUE(*fitted);
    const auto info = image::probe(**fitted);
    ASSERT_TRUE(info);
    EXPECT_EQ(info->type, image::PictureType::Jpeg);
    if (each.width != 0) {
      EXPECT_EQ(info->width, each.width);
      EXPECT_NEAR(info->height, each.height, 1);
    }
    if (each.entry.picture_px_max > 0) {
      EXPECT_LE(info->width, static_cast<std::uint32_t>(each.entry.picture_px_max));
    }
    if (each.entry.picture_bytes_max > 0) {
      EXPECT_LE(static_cast<std::int64_t>((*fitted)->size()), each.entry.picture_bytes_max);
    }
    EXPECT_NEAR(static_cast<double>(info->width) / info->height, 2.0, 0.05) << "its shape is kept";
  }
}

TEST_F(FitPicture, WritesAnewWhatIsSmallButOfAnotherFormat) {
  const std::vector<std::uint8_t> rgba(std::size_t{90} * 60 * 4, 200);
  const auto png = image::write_png(rgba, 90, 60);
  ASSERT_TRUE(png);
  const auto fitted = fit_picture(model({"jpeg"}, 0, 0), decoder(), *png);
  ASSERT_TRUE(fitted) << fitted.error().message;
  const auto info = image::probe(**fitted);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->width, 90u);
  EXPECT_EQ(info->type, image::PictureType::Jpeg);
}

TEST_F(FitPicture, RefusesWhatCannotBeMadeToFit) {
  const auto fitted = fit_picture(model({"jpeg"}, 0, 500), decoder(), jpeg_of(noise(400, 400)));
  ASSERT_FALSE(fitted);
  EXPECT_EQ(fitted.error().code, Code::PictureTooLarge);
  EXPECT_NE(fitted.error().message.find("A Model takes pictures up to 500 bytes"), std::string::npos)
      << fitted.error().message;
}

TEST(FitPictureElsewhere, DecodesInAProcessOfItsOwn) {
  // A decoder that dies refuses every picture; had this process decoded it, it would have been made smaller.
  const auto dying = image::Decoder::untried({.program = beside("no-such-decoder")});
  const auto fitted = fit_picture(model({"jpeg"}, 100, 0), dying, jpeg_of(noise(300, 300)));
  ASSERT_FALSE(fitted);
  EXPECT_TRUE(fitted.error().code == Code::PictureUnreadable || fitted.error().code == Code::Unavailable);
}

}  // namespace
}  // namespace i2m::providers::fal
