#include "image/decode.h"

#include <cstdio>

// jpeglib.h needs size_t and FILE declared before it.
#include <jpeglib.h>

#include <random>

#include "image/jpeg_write.h"
#include "image/test_pictures.h"

namespace i2m::image {
namespace {

constexpr int any_side = 4096;

Result<Picture> decoded(const FileBytes& bytes, int side_px_max = any_side) {
  const auto info = probe(bytes);
  if (!info) return std::unexpected(info.error());
  return decode(bytes, *info, side_px_max);
}

// Four quarters of four colours: upper left red, upper right green, lower left blue, lower right white.
cv::Mat quarters(int width, int height) {
  cv::Mat image(height, width, CV_8UC3);
  const cv::Rect left_top{0, 0, width / 2, height / 2};
  image(left_top).setTo(cv::Scalar(255, 0, 0));
  image(left_top + cv::Point{width / 2, 0}).setTo(cv::Scalar(0, 255, 0));
  image(left_top + cv::Point{0, height / 2}).setTo(cv::Scalar(0, 0, 255));
  image(left_top + cv::Point{width / 2, height / 2}).setTo(cv::Scalar(255, 255, 255));
  return image;
}

// The colours in the middles of the quarters, as letters; anything not clearly one of them is '?'.
std::string seen(const cv::Mat& rgb) {
  std::string out;
  for (const auto& [fx, fy] : {std::pair{1, 1}, {3, 1}, {1, 3}, {3, 3}}) {
    const auto p = rgb.at<cv::Vec3b>(rgb.rows * fy / 4, rgb.cols * fx / 4);
    const int bits = (p[0] > 200  ? 1
                      : p[0] < 60 ? 0
                                  : 8) |
                     (p[1] > 200  ? 2
                      : p[1] < 60 ? 0
                                  : 8) |
                     (p[2] > 200  ? 4
                      : p[2] < 60 ? 0
                                  : 8);
    out += bits == 1 ? 'r' : bits == 2 ? 'g' : bits == 4 ? 'b' : bits == 7 ? 'w' : '?';
  }
  return out;
}

FileBytes jpeg_turned(int orientation) {
  FileBytes jpeg = *write_jpeg(quarters(64, 32), 95);
  const auto value = static_cast<std::uint8_t>(orientation);
  const FileBytes exif{0xff, 0xe1, 0,    34,   'E', 'x', 'i', 'f', 0, 0, 'M', 'M',   0, 42, 0, 0, 0, 8,
                       0,    1,    0x01, 0x12, 0,   3,   0,   0,   0, 1, 0,   value, 0, 0,  0, 0, 0, 0};
  jpeg.insert(jpeg.begin() + 2, exif.begin(), exif.end());
  return jpeg;
}

FileBytes jpeg_cmyk(bool adobe) {
  jpeg_compress_struct jpeg;
  jpeg_error_mgr errors;
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &data, &size);
  jpeg.image_width = jpeg.image_height = 32;
  jpeg.input_components = 4;
  jpeg.in_color_space = JCS_CMYK;
  jpeg_set_defaults(&jpeg);
  jpeg.write_Adobe_marker = adobe ? TRUE : FALSE;
  jpeg_start_compress(&jpeg, TRUE);
  FileBytes row;
  for (int x = 0; x < 32; ++x) {  // pure red: no cyan, all magenta and yellow
    for (const int ink : {0, 255, 255, 0}) row.push_back(static_cast<std::uint8_t>(adobe ? 255 - ink : ink));
  }
  while (jpeg.next_scanline < 32) {
    JSAMPROW rows[] = {row.data()};
    jpeg_write_scanlines(&jpeg, rows, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  FileBytes out(data, data + size);
  std::free(data);
  return out;
}

TEST(Decode, TurnsAsTheCameraWasHeld) {
  const std::pair<int, const char*> rows[] = {{1, "rgbw"}, {2, "grwb"}, {3, "wbgr"}, {4, "bwrg"}, {5, "rbgw"},
                                              {6, "brwg"}, {7, "wgbr"}, {8, "gwrb"}, {9, "rgbw"}};
  for (const auto& [orientation, expected] : rows) {
    const auto picture = decoded(jpeg_turned(orientation));
    ASSERT_TRUE(picture) << orientation;
    EXPECT_EQ(seen(picture->rgb), expected) << orientation;
    EXPECT_EQ(picture->rgb.cols, orientation >= 5 && orientation <= 8 ? 32 : 64) << orientation;
  }
}

TEST(Decode, ReadsCmykBothWays) {
  for (const bool adobe : {false, true}) {
    const auto picture = decoded(jpeg_cmyk(adobe));
    ASSERT_TRUE(picture) << adobe;
    EXPECT_EQ(seen(picture->rgb), "rrrr") << adobe;
  }
}

TEST(Decode, ReadsEveryPngKind) {
  const cv::Mat rgb = quarters(40, 40);
  cv::Mat rgba;
  cv::cvtColor(rgb, rgba, cv::COLOR_RGB2RGBA);
  for (const Interlace interlace : {Interlace::No, Interlace::Yes}) {
    EXPECT_EQ(seen(decoded(png_of(rgb, interlace))->rgb), "rgbw");
    EXPECT_TRUE(decoded(png_of(rgba, interlace))->alpha.empty()) << "opaque alpha is no transparency";
  }
  rgba.at<cv::Vec4b>(3, 3)[3] = 7;
  const auto clear = decoded(png_of(rgba));
  ASSERT_FALSE(clear->alpha.empty());
  EXPECT_EQ(clear->alpha.at<std::uint8_t>(3, 3), 7);
  // 16-bit grey: a row is a filter byte and two bytes a pixel.
  FileBytes grey16;
  for (int y = 0; y < 8; ++y) {
    grey16.push_back(0);
    for (int x = 0; x < 8; ++x) grey16.insert(grey16.end(), {0x80, 0xff});
  }
  const auto deep = decoded(png_saying(8, 8, 16, 0, grey16));
  ASSERT_TRUE(deep);
  EXPECT_NEAR(deep->rgb.at<cv::Vec3b>(4, 4)[1], 0x81, 1);
  // One bit a pixel: a row is a filter byte and one byte.
  FileBytes grey1;
  for (int y = 0; y < 8; ++y) grey1.insert(grey1.end(), {0, 0xf0});
  const auto bits = decoded(png_saying(8, 8, 1, 0, grey1));
  ASSERT_TRUE(bits);
  EXPECT_EQ(bits->rgb.at<cv::Vec3b>(4, 1)[0], 255);
  EXPECT_EQ(bits->rgb.at<cv::Vec3b>(4, 6)[0], 0);
  EXPECT_EQ(decoded(png_saying(8, 8, 8, 3, grey1)).error().code, Code::PictureUnreadable) << "a palette is missing";
}

TEST(Decode, ReadsWebp) {
  cv::Mat rgba;
  cv::cvtColor(quarters(40, 40), rgba, cv::COLOR_RGB2RGBA);
  rgba.at<cv::Vec4b>(0, 0)[3] = 0;
  const auto picture = decoded(webp_of(rgba));
  ASSERT_TRUE(picture);
  EXPECT_EQ(seen(picture->rgb), "rgbw");
  EXPECT_EQ(picture->alpha.at<std::uint8_t>(0, 0), 0);
}

TEST(Decode, ScalesGiantsDown) {
  const cv::Mat image = quarters(3000, 1500);
  cv::Mat rgba;
  cv::cvtColor(image, rgba, cv::COLOR_RGB2RGBA);
  for (const FileBytes& bytes : {png_of(image), png_of(image, Interlace::Yes), webp_of(rgba), *write_jpeg(image, 90)}) {
    const auto picture = decoded(bytes, 500);
    ASSERT_TRUE(picture);
    EXPECT_EQ(picture->rgb.cols, 500);
    EXPECT_EQ(picture->rgb.rows, 250);
    EXPECT_EQ(seen(picture->rgb), "rgbw");
  }
}

TEST(Decode, DoesNotLetHiddenColourBleedIntoScaledEdges) {
  cv::Mat rgba(1000, 1000, CV_8UC4, cv::Scalar(0, 255, 0, 0));  // hidden green
  rgba(cv::Rect{0, 0, 503, 1000}).setTo(cv::Scalar(255, 0, 0, 255));
  for (const int side : {100, 130}) {
    const auto picture = decoded(png_of(rgba), side);
    for (int x = 0; x < side; ++x) {
      if (picture->alpha.at<std::uint8_t>(50, x) > 8) EXPECT_LT(picture->rgb.at<cv::Vec3b>(50, x)[1], 20) << x;
    }
  }
}

TEST(Decode, NoticesDataThatEndsBeforeThePicture) {
  EXPECT_EQ(decoded(png_saying(200, 200, 8, 2, FileBytes(1000))).error().code, Code::FileTruncated);
  FileBytes jpeg = picture("cc0-photo-coffee.jpg");
  jpeg.resize(jpeg.size() / 2);
  jpeg.insert(jpeg.end(), {0xff, 0xd9});  // cut off, and closed again
  ASSERT_TRUE(probe(jpeg));
  EXPECT_EQ(decoded(jpeg).error().code, Code::FileTruncated);
}

TEST(Decode, RefusesDamage) {
  FileBytes png = picture("edge-two-objects.png");
  png[png.size() / 2] ^= 0xff;
  EXPECT_EQ(decoded(png).error().code, Code::PictureUnreadable);
}

TEST(Decode, SurvivesAnyChangedByte) {
  const cv::Mat image = quarters(48, 48);
  cv::Mat rgba;
  cv::cvtColor(image, rgba, cv::COLOR_RGB2RGBA);
  const std::vector<FileBytes> seeds{png_of(image),   png_of(rgba, Interlace::Yes),   webp_of(rgba), jpeg_turned(6),
                                     jpeg_cmyk(true), picture("mit-fluent-leaf.webp")};
  std::mt19937 random(17);
  for (int round = 0; round < 3000; ++round) {
    FileBytes bytes = seeds[random() % seeds.size()];
    for (std::uint32_t n = 1 + random() % 5; n > 0; --n)
      bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    const auto info = probe(bytes);
    // A changed header may ask for 64 million pixels, which is allowed and slow: not here.
    if (!info || std::uint64_t{info->width} * info->height > 4'000'000) continue;
    if (const auto picture = decode(bytes, *info, 256)) {
      EXPECT_FALSE(picture->rgb.empty());
      EXPECT_LE(std::max(picture->rgb.cols, picture->rgb.rows), 256);
    }
  }
}

TEST(Exif, IgnoresWhatMakesNoSense) {
  using namespace std::string_view_literals;
  for (const auto bad : {""sv, "II"sv, "XX*\0\x08\0\0\0"sv, "II*\0\xff\xff\xff\x7f"sv, "II*\0\x08\0\0\0\xff\xff"sv}) {
    EXPECT_EQ(exif_orientation({reinterpret_cast<const std::uint8_t*>(bad.data()), bad.size()}), 1);
  }
}

}  // namespace
}  // namespace i2m::image
