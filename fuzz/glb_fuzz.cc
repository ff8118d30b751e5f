// What says it is a model.
#include <cstddef>
#include <cstdint>

#include "mesh/glb.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto summary = i2m::mesh::inspect_glb({data, size});
  if (summary && summary->bytes > size) __builtin_trap();
  return 0;
}
