#include "image/decode.h"

namespace i2m::image {
namespace {

// The eight ways a camera may have been held; EXIF counts them from 1.
void turn(cv::Mat& image, int orientation) {
  if (orientation >= 5) cv::transpose(image, image);
  switch (orientation) {
    case 2:
    case 6:
      cv::flip(image, image, 1);
      break;
    case 3:
    case 7:
      cv::flip(image, image, -1);
      break;
    case 4:
    case 8:
      cv::flip(image, image, 0);
      break;
    default:
      break;
  }
}

// Scaling straight RGBA would let the hidden colour of transparent pixels bleed in, so it is weighted by alpha.
void scale_down(cv::Mat& rgba, int side_px_max) {
  const int side = std::max(rgba.cols, rgba.rows);
  if (side <= side_px_max) return;
  const double scale = static_cast<double>(side_px_max) / side;
  const cv::Size size{std::max(1, cvRound(rgba.cols * scale)), std::max(1, cvRound(rgba.rows * scale))};
  for (int y = 0; y < rgba.rows; ++y) {
    auto* row = rgba.ptr<cv::Vec4b>(y);
    for (int x = 0; x < rgba.cols; ++x) {
      if (row[x][3] == 255) continue;
      for (int c = 0; c < 3; ++c) row[x][c] = static_cast<std::uint8_t>(row[x][c] * row[x][3] / 255);
    }
  }
  cv::Mat small;
  cv::resize(rgba, small, size, 0, 0, cv::INTER_AREA);
  for (int y = 0; y < small.rows; ++y) {
    auto* row = small.ptr<cv::Vec4b>(y);
    for (int x = 0; x < small.cols; ++x) {
      const int a = row[x][3];
      if (a == 255 || a == 0) continue;
      for (int c = 0; c < 3; ++c) row[x][c] = static_cast<std::uint8_t>(std::min(255, row[x][c] * 255 / a));
    }
  }
  rgba = small;
}

}  // namespace

int exif_orientation(Bytes tiff) {
  const bool little = has_at(tiff, 0, "II");
  if (tiff.size() < 8 || (!little && !has_at(tiff, 0, "MM"))) return 1;
  const auto u16 = [&](std::size_t at) { return little ? le16(tiff, at) : be16(tiff, at); };
  const auto u32 = [&](std::size_t at) { return little ? le32(tiff, at) : be32(tiff, at); };
  const std::size_t directory = u32(4);
  if (directory > tiff.size() || tiff.size() - directory < 2) return 1;
  constexpr std::size_t entry_bytes = 12;
  const std::size_t entries = std::min<std::size_t>(u16(directory), (tiff.size() - directory - 2) / entry_bytes);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + i * entry_bytes;
    if (u16(entry) != 0x112 || u16(entry + 2) != 3) continue;
    const auto value = static_cast<int>(u16(entry + 8));
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

Result<Picture> decode(Bytes bytes, const PictureInfo& info, int side_px_max) {
  auto decoded = [&] {
    switch (info.type) {
      case PictureType::Png:
        return decode_png(bytes, side_px_max);
      case PictureType::Jpeg:
        return decode_jpeg(bytes, side_px_max);
      case PictureType::Webp:
        break;
    }
    return decode_webp(bytes, info, side_px_max);
  }();
  TRY(Raw raw, std::move(decoded));
  scale_down(raw.rgba, side_px_max);
  turn(raw.rgba, raw.orientation);
  Picture picture;
  cv::cvtColor(raw.rgba, picture.rgb, cv::COLOR_RGBA2RGB);
  cv::extractChannel(raw.rgba, picture.alpha, 3);
  double least = 255;
  cv::minMaxLoc(picture.alpha, &least);
  if (least == 255) picture.alpha.release();
  return picture;
}

}  // namespace i2m::image
