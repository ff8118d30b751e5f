#pragma once

#include <cstdint>
#include <opencv2/core.hpp>
#include <vector>

#include "base/result.h"

namespace i2m::image {

/// A JPEG file of `rgb` (CV_8UC3), with half the colour resolution as pictures usually have.
///
/// Units:  `quality` is libjpeg's, 1 to 100.
/// Errors: Code::Internal.
/// Cost:   about 4 ms a million pixels.
Result<std::vector<std::uint8_t>> write_jpeg(const cv::Mat& rgb, int quality);

}  // namespace i2m::image
