// What says it is a picture.
#include <cstddef>
#include <cstdint>

#include "base/bounds.h"
#include "image/probe.h"
#include "image/raw.h"

using namespace i2m;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto info = image::probe({data, size});
  if (!info) {
    if (info.error().message.empty()) __builtin_trap();
    return 0;
  }
  if (info->width == 0 || info->height == 0) __builtin_trap();
  if (std::uint64_t{info->width} * info->height > bounds::picture_px_max) __builtin_trap();
  // What the pixels will take is known from here on, and bounded.
  constexpr int side_px_max = 2048, factor_most = 2;
  const image::RawSize raw = image::raw_size(*info, side_px_max);
  const auto pixels = static_cast<std::uint64_t>(raw.width) * static_cast<std::uint64_t>(raw.height);
  if (raw.width < 1 || raw.height < 1 ||
      pixels > std::uint64_t{side_px_max} * side_px_max * factor_most * factor_most) {
    __builtin_trap();
  }
  return 0;
}
