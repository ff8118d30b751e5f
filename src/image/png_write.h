#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace i2m::image {

/// A PNG file of 8-bit RGBA rows from the top, not premultiplied; the alpha channel is left out when all of it is 255.
///
/// Units:  pixels; `rgba` holds width x height x 4 bytes.
/// Errors: Code::Internal.
/// Cost:   about 25 ms a million pixels; deflate's level 6 with libpng's own choice of filters.
Result<std::vector<std::uint8_t>> write_png(std::span<const std::uint8_t> rgba, int width, int height);

}  // namespace i2m::image
