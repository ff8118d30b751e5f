#include "image/probe.h"

#include <gtest/gtest.h>

#include <random>

#include "image/jpeg_write.h"
#include "image/test_pictures.h"

namespace i2m::image {
namespace {

Code code_of(const FileBytes& bytes) {
  const auto info = probe(bytes);
  EXPECT_FALSE(info);
  if (info) return Code::Internal;
  EXPECT_EQ(info.error().field, "files");
  EXPECT_FALSE(info.error().message.empty());
  return info.error().code;
}

FileBytes text(std::string_view s) { return {s.begin(), s.end()}; }

TEST(Probe, TellsTypeAndSize) {
  struct Row {
    const char* name;
    PictureType type;
    std::uint32_t width, height;
  };
  for (const Row& row :
       {Row{"cc0-teddy-B-alpha.png", PictureType::Png, 640, 640}, Row{"edge-1x1.png", PictureType::Png, 1, 1},
        Row{"edge-grey16-ball.png", PictureType::Png, 300, 300},
        Row{"cc0-photo-coffee.jpg", PictureType::Jpeg, 600, 400},
        Row{"mit-fluent-leaf.webp", PictureType::Webp, 256, 256},
        Row{"cc0-kitchenaid-B-white.webp", PictureType::Webp, 640, 640}}) {
    const auto info = probe(picture(row.name));
    ASSERT_TRUE(info) << row.name << ": " << info.error().message;
    EXPECT_EQ(info->type, row.type) << row.name;
    EXPECT_EQ(info->width, row.width) << row.name;
    EXPECT_EQ(info->height, row.height) << row.name;
  }
}

TEST(Probe, RefusesAnEmptyFile) { EXPECT_EQ(code_of({}), Code::FileEmpty); }

TEST(Probe, NamesTheKindsItDoesNotTake) {
  using namespace std::string_literals;
  const std::pair<std::string, const char*> rows[] = {
      {"GIF89a...."s, "GIF"},
      {"BM\0\0\0\0\0"s, "BMP"},
      {"II*\0aaaa"s, "TIFF"},
      {"MM\0*aaaa"s, "TIFF"},
      {"\0\0\0\x18"s + "ftypheic....", "HEIC"},
      {"\0\0\0\x18"s + "ftypmif1....", "HEIC"},
      {"\0\0\0\x1c"s + "ftypavif....", "AVIF"},
      {"<?xml version=\"1.0\"?>\n<svg xmlns=\"a\">"s, "SVG"},
      {"%PDF-1.7"s, "PDF"},
  };
  for (const auto& [bytes, kind] : rows) {
    const auto info = probe(text(bytes));
    ASSERT_FALSE(info) << kind;
    EXPECT_EQ(info.error().code, Code::FileTypeUnsupported) << kind;
    EXPECT_TRUE(info.error().message.contains(kind)) << info.error().message;
    EXPECT_TRUE(info.error().message.contains("PNG, JPEG or WebP"));
  }
  EXPECT_EQ(probe(text("GIF89a")).error().message, "This is a GIF picture; send PNG, JPEG or WebP.");
  EXPECT_EQ(code_of(text("hello world, this is no picture")), Code::FileTypeUnsupported);
}

TEST(Probe, RefusesRandomBytes) {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    FileBytes noise(1 + random() % 4000);
    for (auto& byte : noise) byte = static_cast<std::uint8_t>(random());
    EXPECT_FALSE(probe(noise));
  }
}

TEST(Probe, NoticesATruncationAtEveryTenth) {
  for (const char* name : {"cc0-teddy-B-alpha.png", "edge-grey16-ball.png", "cc0-photo-coffee.jpg",
                           "ccby-mug-A-shadow.jpg", "mit-fluent-leaf.webp", "cc0-kitchenaid-B-white.webp"}) {
    const FileBytes whole = picture(name);
    for (std::size_t tenth = 0; tenth < 10; ++tenth) {
      const FileBytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(whole.size() * tenth / 10));
      EXPECT_EQ(code_of(part), tenth == 0 ? Code::FileEmpty : Code::FileTruncated) << name << " " << tenth;
    }
    for (const std::size_t size : {1u, 2u, 3u, 7u, 8u, 11u, 12u, 20u}) {
      const FileBytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_EQ(code_of(part), Code::FileTruncated) << name << " " << size;
    }
    const FileBytes almost(whole.begin(), whole.end() - 1);
    EXPECT_EQ(code_of(almost), Code::FileTruncated) << name;
  }
}

TEST(Probe, LooksPastWhatFollowsTheEnd) {
  FileBytes png = picture("edge-two-objects.png"), jpeg = picture("cc0-photo-coffee.jpg");
  png.insert(png.end(), 100, 'x');
  jpeg.insert(jpeg.end(), 100, 'x');
  EXPECT_TRUE(probe(png));
  EXPECT_TRUE(probe(jpeg));
}

TEST(Probe, RefusesGiantsByTheirHeaderAlone) {
  const FileBytes bomb = png_saying(50'000, 50'000, 8, 2, FileBytes(1000));
  EXPECT_LT(bomb.size(), 4000u);
  EXPECT_EQ(code_of(bomb), Code::PictureTooLarge);
  EXPECT_EQ(code_of(png_saying(16'385, 10, 8, 2, {})), Code::PictureTooLarge);
  EXPECT_EQ(code_of(png_saying(8001, 8000, 8, 2, {})), Code::PictureTooLarge);
  EXPECT_TRUE(probe(png_saying(8000, 8000, 8, 2, {})));
  EXPECT_TRUE(probe(png_saying(16'384, 10, 8, 2, {})));
}

TEST(Probe, RefusesHeadersThatMakeNoSense) {
  EXPECT_EQ(code_of(png_saying(0, 10, 8, 2, {})), Code::PictureUnreadable);
  EXPECT_EQ(code_of(png_saying(10, 0, 8, 2, {})), Code::PictureUnreadable);
  EXPECT_EQ(code_of(png_saying(10, 10, 3, 2, {})), Code::PictureUnreadable);
  EXPECT_EQ(code_of(png_saying(10, 10, 8, 5, {})), Code::PictureUnreadable);
  EXPECT_EQ(code_of(png_saying(0xffffffff, 10, 8, 2, {})), Code::PictureUnreadable);
  FileBytes jpeg = picture("cc0-photo-coffee.jpg");
  const std::array<std::uint8_t, 2> frame{0xff, 0xc0};
  const auto at = std::ranges::search(jpeg, frame).begin();
  ASSERT_NE(at, jpeg.end());
  std::fill_n(at + 5, 4, std::uint8_t{0});
  EXPECT_EQ(code_of(jpeg), Code::PictureUnreadable);
  EXPECT_EQ(code_of({0xff, 0xd8, 0xff, 0xd9}), Code::PictureUnreadable);
}

TEST(Probe, RefusesAnimations) {
  FileBytes webp = picture("mit-fluent-leaf.webp");
  ASSERT_TRUE(std::equal(webp.begin() + 12, webp.begin() + 16, "VP8X"));
  webp[20] |= 2;
  EXPECT_EQ(code_of(webp), Code::FileTypeUnsupported);
}

// Mutations of real files, each in a buffer without slack so that the sanitizer sees a read of one byte too many.
TEST(Probe, NeverReadsOutOfBounds) {
  std::vector<FileBytes> seeds;
  for (const char* name : {"edge-1x1.png", "edge-two-objects.png", "mit-fluent-leaf.webp", "mit-fluent-plant.webp"}) {
    seeds.push_back(picture(name));
  }
  seeds.push_back(*write_jpeg(ball(64), 80));
  std::mt19937 random(11);
  for (int round = 0; round < 40'000; ++round) {
    const FileBytes& seed = seeds[random() % seeds.size()];
    const std::size_t size = random() % 3 == 0 ? random() % seed.size() : seed.size();
    FileBytes bytes(seed.begin(), seed.begin() + static_cast<std::ptrdiff_t>(size));
    // Headers are where lengths are: most changes go there.
    for (std::uint32_t n = random() % 6; n > 0 && !bytes.empty(); --n) {
      const std::size_t reach = random() % 2 == 0 ? std::min<std::size_t>(bytes.size(), 64) : bytes.size();
      bytes[random() % reach] = static_cast<std::uint8_t>(random() % 4 == 0 ? 0xff : random());
    }
    if (const auto info = probe(bytes)) {
      EXPECT_GT(info->width, 0u);
      EXPECT_GT(info->height, 0u);
    }
  }
}

}  // namespace
}  // namespace i2m::image
