#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "mesh/streams.h"

namespace i2m::mesh {

/// A view's bytes on their way into a file.
struct Block {
  std::vector<std::uint8_t> bytes;  // as a viewer sees them
  std::size_t count = 0;            // elements
  std::size_t stride = 0;           // bytes an element takes, its padding included
  int target = 0;                   // glTF's hint: vertices or indices
  std::string_view mode;            // EXT_meshopt_compression's; empty: stored as it is
  std::string_view filter;
  std::vector<std::uint8_t> packed;  // what is stored when `mode` is not empty
};

/// Positions of one mesh as whole numbers: position = origin + step * number.
struct Steps {
  Vec3 origin;
  float step = 1;
};

/// The steps that fit the positions of all of a mesh's streams into 16 bits; none when they are not all plain floats,
/// or morph.
std::optional<Steps> steps_for(const std::vector<const Stream*>& streams);

/// Makes attributes smaller than the eye sees: positions to 16 bits by `steps`, normals and tangents to 8 bits a
/// component, texture coordinates within [0, 1] to 16 bits. What is not a float already stays.
///
/// Source: KHR_mesh_quantization.
void quantise(Stream& stream, const std::optional<Steps>& steps);

enum class Packing : std::uint8_t { Plain, Meshopt };

/// One attribute or the indices as a view: padded to multiples of four bytes, compressed if so wished.
///
/// Source: EXT_meshopt_compression; meshoptimizer's encoders, formats 0 (vertices) and 1 (indices).
Block block_of(const Attribute& attribute, std::size_t vertices, Packing packing);
Block block_of_indices(const std::vector<std::uint32_t>& indices, std::size_t vertices, Packing packing);

}  // namespace i2m::mesh
