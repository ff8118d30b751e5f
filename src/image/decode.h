#pragma once

#include <opencv2/core.hpp>

#include "base/result.h"
#include "image/bytes.h"
#include "image/probe.h"
#include "image/raw.h"

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
/// In this process: for pictures of our own (tests, benchmarks). What strangers send goes through decoder.h.
///
/// Errors: Code::FileTruncated when the pixels end early; Code::PictureUnreadable when they do not decode.
/// Cost:   raw.h's, and 4 bytes of memory a raw pixel.
Result<Picture> decode(Bytes bytes, const PictureInfo& info, int side_px_max);

/// The last steps, of a picture whose pixels are there: scaled down to `side_px_max`, turned, colour and alpha apart.
/// `pixels` is CV_8UC3 or CV_8UC4 as `raw` says, and may be changed; nothing of the answer lies in it.
Picture finish(const cv::Mat& pixels, const Raw& raw, int side_px_max);

}  // namespace i2m::image
