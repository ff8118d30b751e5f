#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"

namespace i2m::image {

enum class PictureType : std::uint8_t { Png, Jpeg, Webp };

/// The type as a MIME subtype spells it: "png", "jpeg", "webp".
std::string_view name_of(PictureType type);

/// What a picture's own headers say. Width and height are as stored: an EXIF rotation is not applied.
struct PictureInfo {
  PictureType type = PictureType::Png;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
};

/// Tells a picture's type and size, by content alone, and whether its structure reaches its end.
///
/// Units:  pixels.
/// Errors: Code::FileEmpty; Code::FileTypeUnsupported for anything but PNG, JPEG and still WebP; Code::FileTruncated
///         when the chunks or segments end early; Code::PictureTooLarge beyond bounds::picture_side_px_max or
///         picture_px_max; Code::PictureUnreadable for a header that makes no sense. All blame the field "files".
/// Cost:   one pass over headers, no pixel is decoded: microseconds for PNG and WebP, memory speed for JPEG.
/// Source: PNG (W3C REC 2003) 5.3; JPEG (ITU T.81) annex B; WebP container specification (Google).
Result<PictureInfo> probe(std::span<const std::uint8_t> bytes);

}  // namespace i2m::image
