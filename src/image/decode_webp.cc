#include <webp/decode.h>

#include "image/decode.h"
#include "image/refusals.h"

namespace i2m::image {
namespace {

// `probe` has walked these chunks before: their lengths lie inside the file.
int orientation_of(Bytes bytes) {
  constexpr std::size_t head = 12, chunk_header = 8;
  for (std::size_t at = head; at < bytes.size() && bytes.size() - at >= chunk_header;) {
    const std::size_t length = le32(bytes, at + 4);
    if (length > bytes.size() - at - chunk_header) break;
    if (has_at(bytes, at, "EXIF")) {
      const Bytes exif = bytes.subspan(at + chunk_header, length);
      return exif_orientation(has_at(exif, 0, std::string_view("Exif\0\0", 6)) ? exif.subspan(6) : exif);
    }
    at += chunk_header + length + (length & 1);
  }
  return 1;
}

}  // namespace

Result<Raw> decode_webp(Bytes bytes, const PictureInfo& info, int side_px_max) {
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) return fail(Code::Internal, "libwebp is of another version");
  const double side = std::max(info.width, info.height);
  const double scale = std::min(1.0, side_px_max / side);
  Raw raw;
  raw.rgba.create(std::max(1, cvRound(info.height * scale)), std::max(1, cvRound(info.width * scale)), CV_8UC4);
  config.options.use_scaling = scale < 1 ? 1 : 0;
  config.options.scaled_width = raw.rgba.cols;
  config.options.scaled_height = raw.rgba.rows;
  config.output.colorspace = MODE_RGBA;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = raw.rgba.data;
  config.output.u.RGBA.stride = static_cast<int>(raw.rgba.step);
  config.output.u.RGBA.size = raw.rgba.step * static_cast<std::size_t>(raw.rgba.rows);
  const VP8StatusCode status = WebPDecode(bytes.data(), bytes.size(), &config);
  WebPFreeDecBuffer(&config.output);
  if (status == VP8_STATUS_NOT_ENOUGH_DATA || status == VP8_STATUS_SUSPENDED) {
    return picture_truncated("WebP data ended early");
  }
  if (status != VP8_STATUS_OK) return picture_unreadable("WebP status " + std::to_string(static_cast<int>(status)));
  raw.orientation = orientation_of(bytes);
  return raw;
}

}  // namespace i2m::image
