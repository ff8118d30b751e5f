#include <webp/decode.h>

#include <new>
#include <string>

#include "image/raw.h"
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

std::unexpected<Error> unreadable(VP8StatusCode status) {
  return picture_unreadable("WebP status " + std::to_string(static_cast<int>(status)));
}

}  // namespace

Result<Raw> decode_webp(Bytes bytes, const PictureInfo& info, int side_px_max, const Place& place) {
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) return fail(Code::Internal, "libwebp is of another version");
  VP8StatusCode status = WebPGetFeatures(bytes.data(), bytes.size(), &config.input);
  if (status == VP8_STATUS_NOT_ENOUGH_DATA) return picture_truncated("WebP header ended early");
  if (status != VP8_STATUS_OK) return unreadable(status);
  if (static_cast<std::uint32_t>(config.input.width) != info.width ||
      static_cast<std::uint32_t>(config.input.height) != info.height) {
    return picture_unreadable("WebP is not of the size that its header says");
  }
  Raw raw{.size = raw_size(info, side_px_max), .channels = config.input.has_alpha != 0 ? 4 : 3};
  const int stride = raw.size.width * raw.channels;
  config.options.use_scaling = raw.size == RawSize{config.input.width, config.input.height} ? 0 : 1;
  config.options.scaled_width = raw.size.width;
  config.options.scaled_height = raw.size.height;
  config.output.colorspace = raw.channels == 4 ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = place(raw.size, raw.channels);
  config.output.u.RGBA.stride = stride;
  config.output.u.RGBA.size = static_cast<std::size_t>(stride) * static_cast<std::size_t>(raw.size.height);
  status = WebPDecode(bytes.data(), bytes.size(), &config);
  WebPFreeDecBuffer(&config.output);
  if (status == VP8_STATUS_NOT_ENOUGH_DATA || status == VP8_STATUS_SUSPENDED) {
    return picture_truncated("WebP data ended early");
  }
  if (status == VP8_STATUS_OUT_OF_MEMORY) throw std::bad_alloc{};
  if (status != VP8_STATUS_OK) return unreadable(status);
  raw.orientation = orientation_of(bytes);
  return raw;
}

}  // namespace i2m::image
