#pragma once

#include <opencv2/core.hpp>

#include "base/result.h"
#include "image/bytes.h"
#include "image/probe.h"

namespace i2m::image {

/// A decoded picture, upright. Never empty.
struct Picture {
  cv::Mat rgb;    // CV_8UC3, in the order red, green, blue
  cv::Mat alpha;  // CV_8UC1 of the same size; empty when the picture has no transparency anywhere
};

/// Decodes what `probe` has found, turned as its EXIF orientation says, colours as 8-bit RGB (CMYK, grey, palettes and
/// 16 bits converted; profiles ignored). Pictures larger than `side_px_max` come out scaled down to it.
///
/// Units:  pixels.
/// Errors: Code::FileTruncated when the pixels end early; Code::PictureUnreadable when they do not decode.
/// Cost:   15 to 60 ns a stored pixel; large JPEG and WebP are scaled while they are decoded. Memory: 4 bytes a stored
///         pixel for WebP and interlaced PNG, of a scaled one otherwise.
/// Source: libjpeg-turbo, libpng, libwebp; EXIF 2.3 (tag 0x112).
Result<Picture> decode(Bytes bytes, const PictureInfo& info, int side_px_max);

/// What one format's decoder hands back: RGBA as stored, before the EXIF turn.
struct Raw {
  cv::Mat rgba;         // CV_8UC4
  int orientation = 1;  // EXIF: 1 to 8
};
Result<Raw> decode_jpeg(Bytes bytes, int side_px_max);
Result<Raw> decode_png(Bytes bytes, int side_px_max);
Result<Raw> decode_webp(Bytes bytes, const PictureInfo& info, int side_px_max);

/// The orientation in a TIFF structure, as EXIF blocks hold it; 1 when there is none or it makes no sense.
int exif_orientation(Bytes tiff);

}  // namespace i2m::image
