#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "image/decoder.h"
#include "providers/fal/catalogue.h"

namespace i2m::providers::fal {

/// `picture` as the model takes it: nothing when it does already, else a JPEG that keeps to its format, side and bytes.
/// What is transparent becomes white. It is decoded behind the walls of `decoder`: a stranger made it.
///
/// Errors: image::Decoder::decode's; Code::PictureTooLarge when no smaller picture keeps to the bytes.
/// Cost:   decoding, and a JPEG for each size that is tried; off the event loop.
Result<std::optional<std::vector<std::uint8_t>>> fit_picture(const Entry& entry, const image::Decoder& decoder,
                                                             std::span<const std::uint8_t> picture);

}  // namespace i2m::providers::fal
