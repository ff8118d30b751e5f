#pragma once

#include <array>
#include <filesystem>
#include <opencv2/core.hpp>
#include <string>
#include <string_view>

namespace i2m::bench {

/// What the picture of an object is put on. Alpha is nothing; the others are the five of the mask's benchmark.
enum class Backdrop : std::uint8_t { Alpha, White, Shadow, Colour, Table, Photo };
inline constexpr std::array solid_backdrops{Backdrop::White, Backdrop::Shadow, Backdrop::Colour, Backdrop::Table,
                                            Backdrop::Photo};

std::string_view name_of(Backdrop backdrop);

/// `rgba` (CV_8UC4, straight alpha) on a backdrop: CV_8UC3 RGB.
///
/// White is 255. Shadow is a light grey gradient with a drop shadow, a contact shadow and noise, as products are
/// photographed. Colour is a tint with noise. Table has a wall, a patterned table and its edge. Photo is a busy
/// photograph from `photos`, blurred; where that folder has none, clutter is drawn. `name` seeds what is drawn by
/// chance, so that each picture has its own and always the same.
/// Source: engine.md 1.
cv::Mat put_on(const cv::Mat& rgba, Backdrop backdrop, const std::filesystem::path& photos, const std::string& name);

/// The same as a file in `folder`: PNG with alpha, or JPEG of quality 88. Answers its path.
std::filesystem::path write_on(const cv::Mat& rgba, Backdrop backdrop, const std::filesystem::path& photos,
                               const std::filesystem::path& folder, const std::string& name);

}  // namespace i2m::bench
