#include "files.h"

#include <png.h>

#include <cstdlib>
#include <fstream>
#include <iostream>

namespace i2m::bench {

void give_up(const std::string& why) {
  std::cerr << "engine_bench: " << why << '\n';
  std::exit(2);
}

void write_png(const std::filesystem::path& file, const cv::Mat& picture) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(picture.cols);
  png.height = static_cast<png_uint_32>(picture.rows);
  png.format = picture.channels() == 1 ? PNG_FORMAT_GRAY : picture.channels() == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_RGBA;
  const cv::Mat whole = picture.isContinuous() ? picture : picture.clone();
  if (png_image_write_to_file(&png, file.c_str(), 0, whole.data, 0, nullptr) == 0)
    give_up("cannot write " + file.string());
}

cv::Mat read_png(const std::filesystem::path& file) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_file(&png, file.c_str()) == 0) return {};
  png.format = PNG_FORMAT_RGBA;
  cv::Mat out(static_cast<int>(png.height), static_cast<int>(png.width), CV_8UC4);
  return png_image_finish_read(&png, nullptr, out.data, 0, nullptr) == 0 ? cv::Mat{} : out;
}

void write_bytes(const std::filesystem::path& file, std::span<const std::uint8_t> bytes) {
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!out.flush()) give_up("cannot write " + file.string());
}

void write_cloud(const std::filesystem::path& file, const std::vector<mesh::Vec3>& cloud) {
  write_bytes(file, {reinterpret_cast<const std::uint8_t*>(cloud.data()), cloud.size() * sizeof(cloud[0])});
}

}  // namespace i2m::bench
