#pragma once

#include <gtest/gtest.h>
#include <png.h>
#include <webp/encode.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

// Pictures for tests: the ones kept in test/data/pictures, and drawn ones.
namespace i2m {

using FileBytes = std::vector<std::uint8_t>;

inline std::filesystem::path pictures() { return I2M_PICTURES; }

inline FileBytes file_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline FileBytes picture(const std::string& name) {
  const FileBytes bytes = file_bytes(pictures() / name);
  EXPECT_FALSE(bytes.empty()) << name;
  return bytes;
}

/// Every picture that shows something, in the order of their names.
inline std::vector<std::string> picture_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(pictures())) {
    const std::string name = entry.path().filename();
    if (!entry.is_regular_file() || name == "NOTICE.txt" || name == "edge-1x1.png" ||
        name == "edge-all-transparent.png" || name == "edge-blank-white.png") {
      continue;
    }
    names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

inline void append_be32(FileBytes& out, std::size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

inline void append_chunk(FileBytes& out, const char* type, const FileBytes& body) {
  append_be32(out, body.size());
  const std::size_t from = out.size();
  out.insert(out.end(), type, type + 4);
  out.insert(out.end(), body.begin(), body.end());
  append_be32(out, crc32(0, out.data() + from, static_cast<uInt>(out.size() - from)));
}

/// A PNG whose header says what it likes: its data is `data`, deflated.
inline FileBytes png_saying(std::size_t width, std::size_t height, std::uint8_t depth, std::uint8_t colour,
                            const FileBytes& data) {
  FileBytes out{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}, header;
  append_be32(header, width);
  append_be32(header, height);
  header.insert(header.end(), {depth, colour, 0, 0, 0});
  append_chunk(out, "IHDR", header);
  uLongf size = compressBound(data.size());
  FileBytes deflated(size);
  compress(deflated.data(), &size, data.data(), data.size());
  deflated.resize(size);
  append_chunk(out, "IDAT", deflated);
  append_chunk(out, "IEND", {});
  return out;
}

enum class Interlace { No, Yes };

/// A real PNG of an 8-bit image of 1, 3 or 4 channels.
inline FileBytes png_of(const cv::Mat& image, Interlace interlace = Interlace::No) {
  FileBytes out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &out,
      [](png_structp p, png_bytep data, png_size_t size) {
        auto& to = *static_cast<FileBytes*>(png_get_io_ptr(p));
        to.insert(to.end(), data, data + size);
      },
      nullptr);
  const int colour = image.channels() == 1   ? PNG_COLOR_TYPE_GRAY
                     : image.channels() == 3 ? PNG_COLOR_TYPE_RGB
                                             : PNG_COLOR_TYPE_RGB_ALPHA;
  png_set_IHDR(png, info, static_cast<png_uint_32>(image.cols), static_cast<png_uint_32>(image.rows), 8, colour,
               interlace == Interlace::Yes ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_BASE,
               PNG_FILTER_TYPE_BASE);
  png_set_compression_level(png, 1);
  png_write_info(png, info);
  std::vector<png_bytep> rows;
  for (int y = 0; y < image.rows; ++y) rows.push_back(const_cast<png_bytep>(image.ptr(y)));
  png_write_image(png, rows.data());
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return out;
}

inline FileBytes webp_of(const cv::Mat& rgba) {
  std::uint8_t* data = nullptr;
  const std::size_t size = WebPEncodeLosslessRGBA(rgba.data, rgba.cols, rgba.rows, static_cast<int>(rgba.step), &data);
  FileBytes out(data, data + size);
  WebPFree(data);
  return out;
}

/// A shaded red ball on white, no transparency.
inline cv::Mat ball(int side) {
  cv::Mat image(side, side, CV_8UC3, cv::Scalar(255, 255, 255));
  const float r = static_cast<float>(side) * 0.35F, middle = static_cast<float>(side) / 2;
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const float d = std::hypot(static_cast<float>(x) - middle, static_cast<float>(y) - middle) / r;
      if (d >= 1) continue;
      const float light = 0.4F + 0.6F * std::sqrt(1 - d * d);
      image.at<cv::Vec3b>(y, x) = {static_cast<std::uint8_t>(220 * light), static_cast<std::uint8_t>(60 * light),
                                   static_cast<std::uint8_t>(40 * light)};
    }
  }
  return image;
}

}  // namespace i2m
