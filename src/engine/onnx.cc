#include "engine/onnx.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>

namespace i2m::engine {
namespace {

using Bytes = std::span<const std::uint8_t>;

std::unexpected<Error> no_model(std::string why) { return refuse(Code::Invalid, "", std::move(why)); }

// The fields of one protobuf message, one after the other. What does not fit ends it with `broken`.
class Fields {
 public:
  explicit Fields(Bytes bytes) : rest_(bytes) {}

  bool next() {
    if (rest_.empty() || broken) return false;
    const auto key = varint();
    number = static_cast<int>(key.value_or(0) >> 3);
    body = {};
    value = 0;
    switch (key.value_or(0) & 7) {
      case 0:
        value = varint().value_or(0);
        break;
      case 1:
        take(8);
        break;
      case 2:
        take(varint().value_or(0));
        break;
      case 5:
        take(4);
        break;
      default:
        broken = true;
    }
    return !broken;
  }

  std::string text() const { return {body.begin(), body.end()}; }

  int number = 0;
  std::uint64_t value = 0;  // of a varint
  Bytes body;               // of everything else
  bool broken = false;

 private:
  std::optional<std::uint64_t> varint() {
    constexpr unsigned bits = 7, bits_max = 64, more = 0x80;
    std::uint64_t out = 0;
    for (unsigned shift = 0; shift < bits_max && !rest_.empty(); shift += bits) {
      const unsigned byte = rest_[0];
      rest_ = rest_.subspan(1);
      out |= static_cast<std::uint64_t>(byte & (more - 1)) << shift;
      if ((byte & more) == 0) return out;
    }
    broken = true;
    return std::nullopt;
  }

  void take(std::uint64_t size) {
    if (size > rest_.size()) {
      broken = true;
      return;
    }
    body = rest_.first(static_cast<std::size_t>(size));
    rest_ = rest_.subspan(static_cast<std::size_t>(size));
  }

  Bytes rest_;
};

// The body of the first field with this number, or nothing.
Bytes field(Bytes message, int number) {
  for (Fields f(message); f.next();) {
    if (f.number == number) return f.body;
  }
  return {};
}

struct Value {
  std::string name;
  std::vector<int> shape;
};

Value read_value(Bytes message) {
  constexpr int name = 1, type = 2, tensor = 1, shape = 2, dimension = 1, size = 1;
  constexpr std::uint64_t size_max = 1U << 20U;
  const Bytes text = field(message, name);
  Value out{.name{text.begin(), text.end()}};
  for (Fields f(field(field(field(message, type), tensor), shape)); f.next();) {
    if (f.number != dimension) continue;
    std::uint64_t value = 0;
    for (Fields d(f.body); d.next();) {
      if (d.number == size) value = d.value;
    }
    out.shape.push_back(value <= size_max ? static_cast<int>(value) : 0);
  }
  return out;
}

struct Node {
  std::string name;
  std::vector<std::string> outputs;
};

Node read_node(Bytes message) {
  constexpr int output = 2, name = 3;
  Node node;
  for (Fields f(message); f.next();) {
    if (f.number == output) node.outputs.push_back(f.text());
    if (f.number == name) node.name = f.text();
  }
  return node;
}

}  // namespace

Result<OnnxFace> read_onnx_face(std::span<const std::uint8_t> file) {
  constexpr int graph_field = 7, node = 1, initializer = 5, input = 11, output = 12, tensor_name = 8;
  Fields model(file);
  Bytes graph;
  while (model.next()) {
    if (model.number == graph_field) graph = model.body;
  }
  if (model.broken || graph.empty()) return no_model("it is not an ONNX model");
  OnnxFace face;
  std::vector<Value> inputs;
  std::vector<Node> nodes;
  std::set<std::string> weights;  // older exporters list them among the inputs
  Fields f(graph);
  while (f.next()) {
    if (f.number == input) inputs.push_back(read_value(f.body));
    if (f.number == output) face.outputs.push_back({.name = read_value(f.body).name});
    if (f.number == node) nodes.push_back(read_node(f.body));
    if (f.number == initializer) {
      const Bytes name = field(f.body, tensor_name);
      weights.emplace(name.begin(), name.end());
    }
  }
  if (f.broken) return no_model("it is not an ONNX model");
  std::erase_if(inputs, [&](const Value& v) { return weights.contains(v.name); });
  if (inputs.size() != 1) return no_model("it has " + std::to_string(inputs.size()) + " inputs instead of one");
  if (face.outputs.empty()) return no_model("it has no output");
  face.input = std::move(inputs.front().shape);
  for (auto& out : face.outputs) {
    const auto maker = std::ranges::find_if(
        nodes, [&](const Node& n) { return std::ranges::find(n.outputs, out.name) != n.outputs.end(); });
    if (maker == nodes.end()) return no_model("nothing makes its output " + out.name);
    out.node = maker->name;
  }
  return face;
}

}  // namespace i2m::engine
