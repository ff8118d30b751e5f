#include "engine/weights.h"

// The files are laid into the program as they are; I2M_WEIGHTS is their folder.
#define I2M_CARRY(name)                                      \
  asm(".pushsection .rodata\n"                               \
      ".balign 16\n"                                         \
      "i2m_" #name "_onnx: .incbin \"" I2M_WEIGHTS "/" #name \
      ".onnx\"\n"                                            \
      "i2m_" #name                                           \
      "_onnx_end: .byte 0\n"                                 \
      ".popsection\n");                                      \
  extern "C" {                                               \
  extern const std::uint8_t i2m_##name##_onnx[];             \
  extern const std::uint8_t i2m_##name##_onnx_end[];         \
  }

I2M_CARRY(depth)

namespace i2m::engine {
namespace {

Network carried(const std::uint8_t* begin, const std::uint8_t* end) {
  auto network = Network::of({begin, end});
  CV_Assert(network.has_value());
  return *std::move(network);
}

}  // namespace

const Network& depth_network() {
  static const Network network = carried(i2m_depth_onnx, i2m_depth_onnx_end);
  return network;
}

}  // namespace i2m::engine
