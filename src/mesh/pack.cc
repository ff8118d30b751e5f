#include "mesh/pack.h"

#include <meshoptimizer.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace i2m::mesh {
namespace {

constexpr int array_buffer = 34962, element_array_buffer = 34963;
constexpr std::size_t short_vertices_max = 65'535;
constexpr float short_steps = 65'535;

bool is_float(const Attribute& attribute) {
  return attribute.component_type == static_cast<std::uint64_t>(Component::Float);
}

std::vector<float> floats_of(const Attribute& attribute) {
  std::vector<float> out(attribute.bytes.size() / sizeof(float));
  std::memcpy(out.data(), attribute.bytes.data(), out.size() * sizeof(float));
  return out;
}

void become(Attribute& attribute, Component type, bool normalized, const void* data, std::size_t bytes) {
  attribute.component_type = static_cast<std::uint64_t>(type);
  attribute.normalized = normalized;
  attribute.bytes.resize(bytes);
  std::memcpy(attribute.bytes.data(), data, bytes);
}

void quantise_positions(Attribute& attribute, const Steps& steps) {
  const auto floats = floats_of(attribute);
  const std::array<float, 3> origin{steps.origin.x, steps.origin.y, steps.origin.z};
  std::vector<std::uint16_t> out(floats.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const float number = (floats[i] - origin[i % 3]) / steps.step;
    out[i] = static_cast<std::uint16_t>(std::lround(std::clamp(number, 0.0F, short_steps)));
  }
  become(attribute, Component::UnsignedShort, false, out.data(), out.size() * sizeof(out[0]));
}

void quantise_directions(Attribute& attribute) {
  const auto floats = floats_of(attribute);
  std::vector<std::int8_t> out(floats.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<std::int8_t>(std::lround(std::clamp(floats[i], -1.0F, 1.0F) * 127));
  }
  become(attribute, Component::Byte, true, out.data(), out.size());
}

void quantise_places(Attribute& attribute) {
  const auto floats = floats_of(attribute);
  if (!std::ranges::all_of(floats, [](float f) { return f >= 0 && f <= 1; })) return;
  std::vector<std::uint16_t> out(floats.size());
  std::ranges::transform(floats, out.begin(),
                         [](float f) { return static_cast<std::uint16_t>(std::lround(f * short_steps)); });
  become(attribute, Component::UnsignedShort, true, out.data(), out.size() * sizeof(out[0]));
}

std::vector<std::uint8_t> packed_vertices(const Block& block) {
  std::vector<std::uint8_t> out(meshopt_encodeVertexBufferBound(block.count, block.stride));
  out.resize(meshopt_encodeVertexBuffer(out.data(), out.size(), block.bytes.data(), block.count, block.stride));
  return out;
}

}  // namespace

std::optional<Steps> steps_for(const std::vector<const Stream*>& streams) {
  Box box;
  bool first = true;
  for (const Stream* stream : streams) {
    const Attribute* position = stream->find("POSITION");
    if (position == nullptr || !is_float(*position) || position->type != "VEC3") return std::nullopt;
    if (std::ranges::any_of(stream->attributes, [](const Attribute& a) { return a.target != Attribute::base; })) {
      return std::nullopt;
    }
    const auto floats = floats_of(*position);
    std::vector<Vec3> points(floats.size() / 3);
    std::memcpy(points.data(), floats.data(), points.size() * sizeof(Vec3));
    if (points.empty()) continue;
    const Box here = bounds_of(points);
    if (first) box = here;
    first = false;
    box.min = {std::min(box.min.x, here.min.x), std::min(box.min.y, here.min.y), std::min(box.min.z, here.min.z)};
    box.max = {std::max(box.max.x, here.max.x), std::max(box.max.y, here.max.y), std::max(box.max.z, here.max.z)};
  }
  const Vec3 size = box.max - box.min;
  const float largest = std::max({size.x, size.y, size.z});
  if (!(largest > 0) || !std::isfinite(largest)) return std::nullopt;
  return Steps{box.min, largest / short_steps};
}

void quantise(Stream& stream, const std::optional<Steps>& steps) {
  for (Attribute& attribute : stream.attributes) {
    if (!is_float(attribute) || attribute.target != Attribute::base) continue;
    if (attribute.name == "POSITION" && steps) quantise_positions(attribute, *steps);
    if (attribute.name == "NORMAL" || attribute.name == "TANGENT") quantise_directions(attribute);
    if (attribute.name.starts_with("TEXCOORD_")) quantise_places(attribute);
  }
}

Block block_of(const Attribute& attribute, std::size_t vertices, Packing packing) {
  const std::size_t size = attribute.element_bytes();
  Block out{.count = vertices, .stride = (size + 3) / 4 * 4, .target = array_buffer};
  out.bytes.resize(out.count * out.stride);
  for (std::size_t v = 0; v < vertices; ++v) std::memcpy(&out.bytes[v * out.stride], &attribute.bytes[v * size], size);
  if (packing == Packing::Meshopt) {
    out.mode = "ATTRIBUTES";
    out.packed = packed_vertices(out);
  }
  return out;
}

Block block_of_indices(const std::vector<std::uint32_t>& indices, std::size_t vertices, Packing packing) {
  Block out{
      .count = indices.size(), .stride = vertices <= short_vertices_max ? 2U : 4U, .target = element_array_buffer};
  out.bytes.resize(out.count * out.stride);
  for (std::size_t i = 0; i < indices.size(); ++i) std::memcpy(&out.bytes[i * out.stride], &indices[i], out.stride);
  if (packing == Packing::Meshopt) {
    // The extension knows this version alone; the library's default is an older one.
    [[maybe_unused]] static const bool version = (meshopt_encodeIndexVersion(1), true);
    out.mode = "TRIANGLES";
    out.packed.resize(meshopt_encodeIndexBufferBound(indices.size(), vertices));
    out.packed.resize(meshopt_encodeIndexBuffer(out.packed.data(), out.packed.size(), indices.data(), indices.size()));
  }
  return out;
}

}  // namespace i2m::mesh
