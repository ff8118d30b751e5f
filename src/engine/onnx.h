#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace i2m::engine {

/// What an ONNX file says about itself that OpenCV's importer does not pass on: its input's shape, its outputs' order.
struct OnnxFace {
  struct Output {
    std::string name;  // the value's
    std::string node;  // the name of the node that makes it; often empty
  };
  std::vector<int> input;       // N, C, H, W; 0 where the file leaves it open
  std::vector<Output> outputs;  // in the file's order
};

/// Reads the few fields of the protobuf that are needed; the weights are skipped.
///
/// Errors: Code::Invalid with the reason in `message` when it is no ONNX model or has other than one input.
/// Cost:   under 1 ms.
/// Source: onnx/onnx.proto (ModelProto, GraphProto, NodeProto, ValueInfoProto); protobuf's wire format.
Result<OnnxFace> read_onnx_face(std::span<const std::uint8_t> file);

}  // namespace i2m::engine
