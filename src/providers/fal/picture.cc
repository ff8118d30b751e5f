#include "providers/fal/picture.h"

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>

#include "base/bounds.h"
#include "image/decode.h"
#include "image/jpeg_write.h"

namespace i2m::providers::fal {
namespace {

constexpr int jpeg_quality = 92;
constexpr int side_px_least = 256;  // a picture is not made smaller than that to save bytes
constexpr double shrink = 0.75;

bool fits(const Entry& entry, std::size_t bytes, const image::PictureInfo& info) {
  const auto side = static_cast<int>(std::max(info.width, info.height));
  const bool format = std::ranges::find(entry.formats, image::name_of(info.type)) != entry.formats.end();
  return format && (entry.picture_bytes_max == 0 || static_cast<std::int64_t>(bytes) <= entry.picture_bytes_max) &&
         (entry.picture_px_max == 0 || side <= entry.picture_px_max);
}

/// On white, as every provider shows what is transparent.
void flatten(image::Picture& picture) {
  if (picture.alpha.empty()) return;
  constexpr int white = 255;
  for (int y = 0; y < picture.rgb.rows; ++y) {
    auto* row = picture.rgb.ptr<cv::Vec3b>(y);
    const auto* alpha = picture.alpha.ptr<std::uint8_t>(y);
    for (int x = 0; x < picture.rgb.cols; ++x) {
      for (int c = 0; c < 3; ++c) {
        const int mixed = row[x][c] * alpha[x] + white * (white - alpha[x]);
        row[x][c] = static_cast<std::uint8_t>(mixed / white);
      }
    }
  }
}

}  // namespace

Result<std::optional<std::vector<std::uint8_t>>> fit_picture(const Entry& entry, const image::Decoder& decoder,
                                                             std::span<const std::uint8_t> picture) {
  TRY(const image::PictureInfo info, image::probe(picture));
  if (fits(entry, picture.size(), info)) return std::nullopt;
  int side = static_cast<int>(std::max(info.width, info.height));
  if (entry.picture_px_max > 0) side = std::min(side, entry.picture_px_max);
  TRY(image::Picture decoded, decoder.decode(picture, info, side));
  flatten(decoded);
  while (true) {
    TRY(std::vector<std::uint8_t> jpeg, image::write_jpeg(decoded.rgb, jpeg_quality));
    if (entry.picture_bytes_max == 0 || static_cast<std::int64_t>(jpeg.size()) <= entry.picture_bytes_max) return jpeg;
    if (std::max(decoded.rgb.cols, decoded.rgb.rows) * shrink < side_px_least) break;
    cv::Mat smaller;
    cv::resize(decoded.rgb, smaller, {}, shrink, shrink, cv::INTER_AREA);
    decoded.rgb = smaller;
  }
  return refuse(Code::PictureTooLarge, "files",
                fmt::format("{} takes pictures up to {} bytes, and this one cannot be made as small as that. Choose "
                            "another model, or upload a smaller picture.",
                            entry.name, entry.picture_bytes_max));
}

}  // namespace i2m::providers::fal
