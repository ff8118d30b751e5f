#pragma once

#include <bit>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

// Small ONNX files for tests, written field by field (onnx/onnx.proto), so that none has to lie in the tree.
namespace i2m::engine {

class OnnxMessage {
 public:
  OnnxMessage& number(unsigned field, std::uint64_t value) {
    varint(field << 3U);
    return varint(value);
  }
  OnnxMessage& text(unsigned field, const std::string& value) {
    varint(field << 3U | 2U);
    varint(value.size());
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    return *this;
  }
  OnnxMessage& message(unsigned field, const OnnxMessage& value) {
    return text(field, {value.bytes_.begin(), value.bytes_.end()});
  }
  const std::vector<std::uint8_t>& bytes() const { return bytes_; }

 private:
  OnnxMessage& varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7U) bytes_.push_back(static_cast<std::uint8_t>(value | 0x80U));
    bytes_.push_back(static_cast<std::uint8_t>(value));
    return *this;
  }
  std::vector<std::uint8_t> bytes_;
};

inline OnnxMessage onnx_value(const std::string& name, std::initializer_list<unsigned> shape) {
  OnnxMessage dimensions;
  for (const unsigned size : shape) dimensions.message(1, OnnxMessage().number(1, size));
  const OnnxMessage tensor = OnnxMessage().number(1, 1).message(2, dimensions);
  return OnnxMessage().text(1, name).message(2, OnnxMessage().message(1, tensor));
}

inline OnnxMessage onnx_weights(const std::string& name, std::initializer_list<unsigned> shape,
                                const std::vector<float>& values) {
  OnnxMessage tensor;
  for (const unsigned size : shape) tensor.number(1, size);
  std::string raw;
  for (const float value : values) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (unsigned shift = 0; shift < 32; shift += 8) raw.push_back(static_cast<char>(bits >> shift));
  }
  return tensor.number(2, 1).text(8, name).text(9, raw);
}

inline OnnxMessage onnx_node(const std::string& kind, std::initializer_list<std::string> inputs,
                             const std::string& output) {
  OnnxMessage node;
  for (const std::string& input : inputs) node.text(1, input);
  return node.text(2, output).text(3, kind + "-" + output).text(4, kind);
}

inline std::vector<std::uint8_t> onnx_model(const OnnxMessage& graph) {
  constexpr unsigned version = 6, opset = 11;
  return OnnxMessage()
      .number(1, version)
      .message(7, graph)
      .message(8, OnnxMessage().text(1, "").number(2, opset))
      .bytes();
}

/// 1x3xNxN -> 1x1xNxN: sigmoid(gain * (sum of the channels) + offset), a network that takes one brightness for the
/// object and the other for the ground. Before it, if asked, the same without the sigmoid as the file's first output.
enum class Outputs : std::uint8_t { Probability, LogitFirst };
inline std::vector<std::uint8_t> bright_network(unsigned side, float gain, float offset,
                                                Outputs outputs = Outputs::Probability) {
  constexpr unsigned list_of_integers = 7;
  const OnnxMessage kernel =
      OnnxMessage().text(1, "kernel_shape").number(8, 1).number(8, 1).number(20, list_of_integers);
  OnnxMessage graph;
  graph.message(1, onnx_node("Conv", {"picture", "gain", "offset"}, "logit").message(5, kernel))
      .message(1, onnx_node("Sigmoid", {"logit"}, "probability"))
      .text(2, "bright")
      .message(5, onnx_weights("gain", {1, 3, 1, 1}, {gain, gain, gain}))
      .message(5, onnx_weights("offset", {1}, {offset}))
      .message(11, onnx_value("picture", {1, 3, side, side}));
  if (outputs == Outputs::LogitFirst) graph.message(12, onnx_value("logit", {1, 1, side, side}));
  graph.message(12, onnx_value("probability", {1, 1, side, side}));
  return onnx_model(graph);
}

/// 1x3xNxN -> 1x3x1x1: a network, but none that says where something is.
inline std::vector<std::uint8_t> mean_network(unsigned side) {
  OnnxMessage graph;
  graph.message(1, onnx_node("GlobalAveragePool", {"picture"}, "mean"))
      .text(2, "mean")
      .message(11, onnx_value("picture", {1, 3, side, side}))
      .message(12, onnx_value("mean", {1, 3, 1, 1}));
  return onnx_model(graph);
}

}  // namespace i2m::engine
