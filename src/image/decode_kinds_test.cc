// Every kind of PNG, JPEG and WebP that people have, by the pictures that other decoders are tested with.
#include <gtest/gtest.h>

#include <cstdio>

// jpeglib.h needs size_t and FILE declared before it.
#include <jpeglib.h>

#include "image/decode.h"
#include "image/test_pictures.h"

namespace i2m::image {
namespace {

constexpr int any_side = 4096;

Result<Picture> decoded(const FileBytes& bytes) {
  const auto info = probe(bytes);
  if (!info) return std::unexpected(info.error());
  return decode(bytes, *info, any_side);
}

Picture corpus_picture(const std::string& name) {
  const FileBytes bytes = file_bytes(std::filesystem::path(I2M_CORPUS) / name);
  EXPECT_FALSE(bytes.empty()) << name;
  auto picture = decoded(bytes);
  EXPECT_TRUE(picture) << name << ": " << picture.error().detail;
  return picture ? *std::move(picture) : Picture{cv::Mat(1, 1, CV_8UC3), {}};
}

double mean_difference(const cv::Mat& a, const cv::Mat& b) {
  if (a.size() != b.size()) return 255;
  return cv::norm(a, b, cv::NORM_L1) / static_cast<double>(a.total()) / a.channels();
}

TEST(DecodeKinds, TurnsJpegAndWebpAllEightWays) {
  for (const auto& [kind, most] : {std::pair{".jpg", 12.0}, {".webp", 12.0}}) {
    const Picture upright = corpus_picture(std::string("pillow/hopper") + kind);
    for (int way = 2; way <= 8; ++way) {
      const std::string name = "pillow/hopper_orientation_" + std::to_string(way) + kind;
      EXPECT_LT(mean_difference(upright.rgb, corpus_picture(name).rgb), most) << name;
    }
    cv::Mat mirrored;
    cv::flip(upright.rgb, mirrored, 1);
    EXPECT_GT(mean_difference(upright.rgb, mirrored), 2 * most) << "the measure would not see a wrong turn";
  }
}

FileBytes exif_chunk(int orientation) {
  FileBytes body{'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0};
  body[19] = static_cast<std::uint8_t>(orientation);
  FileBytes chunk;
  append_chunk(chunk, "eXIf", body);
  return chunk;
}

TEST(DecodeKinds, TurnsPngsWhereverTheirExifStands) {
  cv::Mat image(20, 40, CV_8UC3, cv::Scalar(0, 0, 255));
  image(cv::Rect{0, 0, 5, 5}).setTo(cv::Scalar(255, 0, 0));  // a red corner, upper left
  const FileBytes plain = png_of(image);
  constexpr std::ptrdiff_t after_header = 33, end_chunk = 12;
  for (const std::ptrdiff_t at : {after_header, static_cast<std::ptrdiff_t>(plain.size()) - end_chunk}) {
    for (const auto& [orientation, x, y] :
         {std::tuple{1, 2, 2}, {2, 37, 2}, {3, 37, 17}, {4, 2, 17}, {5, 2, 2}, {6, 17, 2}, {7, 17, 37}, {8, 2, 37}}) {
      FileBytes turned = plain;
      const FileBytes exif = exif_chunk(orientation);
      turned.insert(turned.begin() + at, exif.begin(), exif.end());
      const auto picture = decoded(turned);
      ASSERT_TRUE(picture) << orientation;
      ASSERT_EQ(picture->rgb.cols, orientation >= 5 ? 20 : 40) << orientation;
      EXPECT_EQ(picture->rgb.at<cv::Vec3b>(y, x), cv::Vec3b(255, 0, 0)) << orientation << " at " << at;
    }
  }
}

TEST(DecodeKinds, ReadsEveryPngOfTheSuiteAndItsInterlacedTwinAlike) {
  const char* kinds[] = {"basn0g08",  "basn0g16",  "basn2c08",  "basn2c16",  "basn3p08",  "basn4a08",  "basn4a16",
                         "basn6a08",  "basn6a16",  "ftbbn2c16", "ftbbn3p08", "ftbgn2c16", "ftbgn3p08", "ftbrn2c08",
                         "ftbwn0g16", "ftbwn3p08", "ftbyn3p08", "ftp0n0g08", "ftp0n2c08", "ftp0n3p08", "ftp1n3p08"};
  for (const std::string kind : kinds) {
    const Picture plain = corpus_picture("pngsuite/" + kind + ".png"),
                  twin = corpus_picture("pngsuite/i" + kind + ".png");
    EXPECT_EQ(mean_difference(plain.rgb, twin.rgb), 0) << kind;
    EXPECT_EQ(plain.alpha.empty(), twin.alpha.empty()) << kind;
    // Names say it: "a" is an alpha channel, the ft*b* and ft?1* have transparency by a colour or a palette's.
    const bool transparent = kind[5] == 'a' || kind.starts_with("ftb") || kind == "ftp1n3p08";
    EXPECT_EQ(!plain.alpha.empty(), transparent) << kind;
  }
  for (const char* kind : {"basn0g01", "basn0g02", "basn0g04", "basn3p01", "basn3p02", "basn3p04"}) {
    EXPECT_EQ(corpus_picture("pngsuite/" + std::string(kind) + ".png").rgb.cols, 32) << kind;
    const Picture twin = corpus_picture("pngsuite/i" + std::string(kind) + ".png");
    EXPECT_EQ(mean_difference(corpus_picture("pngsuite/" + std::string(kind) + ".png").rgb, twin.rgb), 0) << kind;
  }
}

TEST(DecodeKinds, SixteenBitsAreTheEightThatTheyStandFor) {
  EXPECT_LT(mean_difference(corpus_picture("pngsuite/ftbbn2c16.png").rgb, corpus_picture("pngsuite/ftbgn2c16.png").rgb),
            1);
  cv::Mat grey;
  cv::extractChannel(corpus_picture("pngsuite/basn0g16.png").rgb, grey, 0);
  double least = 0, most = 0;
  cv::minMaxLoc(grey, &least, &most);
  EXPECT_EQ(least, 0);
  EXPECT_EQ(most, 255);
}

TEST(DecodeKinds, PhotoshopsCmykLooksLikeItsRgb) {
  // Without the press's colour profile blues and greens come out brighter; upside down they would be off by 100.
  EXPECT_LT(mean_difference(corpus_picture("pillow/pil_sample_cmyk.jpg").rgb,
                            corpus_picture("pillow/pil_sample_rgb.jpg").rgb),
            30);
}

enum class Marker { Adobe, None };

// Red: no cyan, all magenta and yellow, in the two ways of writing four inks.
FileBytes jpeg_of_inks(J_COLOR_SPACE stored, Marker marker) {
  constexpr JDIMENSION side = 32;
  jpeg_compress_struct jpeg;
  jpeg_error_mgr errors;
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &data, &size);
  jpeg.image_width = jpeg.image_height = side;
  jpeg.input_components = 4;
  jpeg.in_color_space = JCS_CMYK;
  jpeg_set_defaults(&jpeg);
  jpeg_set_colorspace(&jpeg, stored);
  jpeg.write_Adobe_marker = marker == Marker::Adobe ? TRUE : FALSE;
  jpeg_start_compress(&jpeg, TRUE);
  FileBytes row;
  for (JDIMENSION x = 0; x < side; ++x) {
    for (const int ink : {0, 255, 255, 0}) {
      row.push_back(static_cast<std::uint8_t>(marker == Marker::Adobe ? 255 - ink : ink));
    }
  }
  while (jpeg.next_scanline < side) {
    JSAMPROW rows[] = {row.data()};
    jpeg_write_scanlines(&jpeg, rows, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  FileBytes out(data, data + size);
  std::free(data);
  return out;
}

TEST(DecodeKinds, ReadsFourInksInAllThreeWays) {
  for (const auto& [stored, marker] :
       {std::pair{JCS_CMYK, Marker::Adobe}, {JCS_CMYK, Marker::None}, {JCS_YCCK, Marker::Adobe}}) {
    const auto picture = decoded(jpeg_of_inks(stored, marker));
    ASSERT_TRUE(picture);
    const auto pixel = picture->rgb.at<cv::Vec3b>(16, 16);
    EXPECT_GT(pixel[0], 245) << stored;
    EXPECT_LT(pixel[1] + pixel[2], 20) << stored;
  }
}

TEST(DecodeKinds, ReadsGreyAndProgressiveJpegs) {
  const Picture grey = corpus_picture("pillow/hopper_gray.jpg"), colour = corpus_picture("pillow/hopper.jpg");
  cv::Mat expected;
  cv::cvtColor(colour.rgb, expected, cv::COLOR_RGB2GRAY);
  cv::Mat got;
  cv::extractChannel(grey.rgb, got, 1);
  EXPECT_LT(mean_difference(got, expected), 4);
  EXPECT_EQ(corpus_picture("pillow/hopper_16bit_qtables.jpg").rgb.size(), colour.rgb.size());
}

TEST(DecodeKinds, ReadsLossyWebpWithAndWithoutTransparency) {
  EXPECT_TRUE(corpus_picture("pillow/flower.webp").alpha.empty());
  const Picture clear = corpus_picture("pillow/transparent.webp"), same = corpus_picture("pillow/transparent.png");
  ASSERT_FALSE(clear.alpha.empty());
  EXPECT_LT(mean_difference(clear.alpha, same.alpha), 3);
}

TEST(DecodeKinds, RefusesAnimatedWebpWithWords) {
  FileBytes bytes = picture("cc0-kitchenaid-B-white.webp");
  const FileBytes extended{'V', 'P', '8', 'X', 10, 0, 0, 0, 0x02, 0, 0, 0, 0x7f, 2, 0, 0x7f, 2, 0};
  bytes.insert(bytes.begin() + 12, extended.begin(), extended.end());
  const std::size_t riff = bytes.size() - 8;
  for (std::size_t i = 0; i < 4; ++i) bytes[4 + i] = static_cast<std::uint8_t>(riff >> (8 * i));
  const auto picture = decoded(bytes);
  ASSERT_FALSE(picture);
  EXPECT_EQ(picture.error().code, Code::FileTypeUnsupported);
  EXPECT_TRUE(picture.error().message.contains("animated")) << picture.error().message;
}

TEST(DecodeKinds, AnAnimatedPngIsItsFirstPicture) {
  EXPECT_FALSE(corpus_picture("pillow/blend_op_over.png").rgb.empty());
  EXPECT_FALSE(corpus_picture("pillow/mode_palette_alpha.png").rgb.empty());
}

TEST(DecodeKinds, PicturesWithOddMetadataAreReadAllTheSame) {
  for (const char* name :
       {"broken_exif_dpi.jpg", "empty_gps_ifd.jpg", "exif_gps.jpg", "invalid-exif-without-x-resolution.jpg",
        "multiple_exif.jpg", "photoshop-200dpi-broken.jpg", "truncated_app14.jpg", "xmp_no_prefix.jpg",
        "junk_jpeg_header.jpg", "padded_idat.png", "icc_profile_none.png", "unknown_compression_method.png",
        "hopper_idat_after_image_end.png"}) {
    const FileBytes bytes = file_bytes(std::filesystem::path(I2M_CORPUS) / "pillow" / name);
    const auto picture = decoded(bytes);
    EXPECT_TRUE(picture) << name << ": " << picture.error().detail << picture.error().message;
  }
}

}  // namespace
}  // namespace i2m::image
