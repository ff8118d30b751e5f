// What says it is a picture.
#include <cstddef>
#include <cstdint>

#include "image/probe.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto info = i2m::image::probe({data, size});
  if (info && (info->width == 0 || info->height == 0)) __builtin_trap();
  return 0;
}
