#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/result.h"
#include "image/bytes.h"
#include "image/probe.h"

/// The formats' decoders, without OpenCV: they run in the decoding child (decode_child.cc) and in process (decode.cc).
namespace i2m::image {

/// The size in which a picture's pixels come out of its decoder: a function of its header alone, so that whoever
/// asked can hold the decoder to it.
struct RawSize {
  int width = 0;
  int height = 0;
  bool operator==(const RawSize&) const = default;
};

/// PNG is averaged down by a whole factor, JPEG decoded at 1/1, 1/2, 1/4 or 1/8, WebP at exactly `side_px_max`. The
/// longer side ends below twice `side_px_max` where the format can (a JPEG's eighth may be larger).
RawSize raw_size(const PictureInfo& info, int side_px_max);

/// What a decoder says beside the pixels, which are as stored: before the EXIF turn.
struct Raw {
  RawSize size;
  int channels = 0;     // 3: red, green, blue; 4: alpha too, straight
  int orientation = 1;  // EXIF: 1 to 8
};

/// Lends the room for width * height * channels bytes, row after row without gaps. Called once at most.
using Place = std::function<std::uint8_t*(RawSize size, int channels)>;

/// Decodes what `probe` has found in `bytes`.
///
/// Errors: Code::FileTruncated when the pixels end early; Code::PictureUnreadable when they do not decode or are not of
///         the size that the header promised; std::bad_alloc.
/// Cost:   15 to 60 ns a stored pixel. Memory beside the place: a few rows, but the whole stored picture for
///         interlaced PNG (4 bytes a pixel), lossless WebP (4) and progressive JPEG (2 a sample).
/// Source: libjpeg-turbo, libpng, libwebp; EXIF 2.3 (tag 0x112).
Result<Raw> decode_raw(Bytes bytes, const PictureInfo& info, int side_px_max, const Place& place);

Result<Raw> decode_jpeg(Bytes bytes, const PictureInfo& info, int side_px_max, const Place& place);
Result<Raw> decode_png(Bytes bytes, const PictureInfo& info, int side_px_max, const Place& place);
Result<Raw> decode_webp(Bytes bytes, const PictureInfo& info, int side_px_max, const Place& place);

/// Stored pixels along a side of a delivered one: any whole number for PNG; 1, 2, 4 or 8 for JPEG.
int png_factor(const PictureInfo& info, int side_px_max);
int jpeg_factor(const PictureInfo& info, int side_px_max);

/// The orientation in a TIFF structure, as EXIF blocks hold it; 1 when there is none or it makes no sense.
int exif_orientation(Bytes tiff);

}  // namespace i2m::image
