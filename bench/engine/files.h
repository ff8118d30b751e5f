#pragma once

#include <filesystem>
#include <opencv2/core.hpp>
#include <span>
#include <vector>

#include "mesh/mesh.h"

// Pictures, clouds and bytes on the disk.
namespace i2m::bench {

/// A PNG file of CV_8UC1, CV_8UC3 (RGB) or CV_8UC4 (RGBA). Ends the program when it cannot be written.
void write_png(const std::filesystem::path& file, const cv::Mat& picture);

/// A PNG as it was written: CV_8UC4, whatever it had. Empty when there is none.
cv::Mat read_png(const std::filesystem::path& file);

void write_bytes(const std::filesystem::path& file, std::span<const std::uint8_t> bytes);

/// A truth cloud, as engine::read_cloud reads it.
void write_cloud(const std::filesystem::path& file, const std::vector<mesh::Vec3>& cloud);

/// Says what is wrong and ends the program with 2: a benchmark that cannot measure has no result.
[[noreturn]] void give_up(const std::string& why);

}  // namespace i2m::bench
