#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mesh/gltf.h"
#include "mesh/matrix.h"
#include "mesh/mesh.h"

namespace i2m::mesh {

/// One attribute of a primitive as its file stores it; morph targets' ones too.
struct Attribute {
  static constexpr int base = -1;

  std::string name;
  int target = base;  // or the morph target's number
  std::uint64_t component_type = 0;
  std::string type;
  bool normalized = false;
  std::vector<std::uint8_t> bytes;  // one element behind the other

  std::size_t element_bytes() const { return bytes_of(component_type) * components_of(type); }
  bool is(std::string_view wanted) const { return target == base && name == wanted; }
};

/// One primitive's triangles, free of its file's accessors. The vertices' values are never computed with, only chosen
/// among: what a simplified file shows is bit for bit what its source said.
struct Stream {
  std::size_t mesh = 0, primitive = 0;  // where in the file
  std::size_t vertices = 0;
  std::vector<Attribute> attributes;
  std::vector<std::uint32_t> indices;
  Matrix world;                 // where the mesh is first placed
  std::vector<Vec3> positions;  // there

  const Attribute* find(std::string_view name) const;
};

/// Every primitive made of triangles; points and lines are left where they are.
///
/// Errors: Code::ContractMissed: read_scene's.
Result<std::vector<Stream>> read_streams(Gltf& gltf, const std::vector<PlacedNode>& placed);

/// Leaves out the vertices that no triangle names, and orders the rest for a graphics card.
void compact(Stream& stream);

struct Slimmed {
  std::size_t triangles = 0;
  bool reached = true;          // false: seams, borders and the number of parts allow no less
  bool normals_remade = false;  // they were in the way: every facet had its own
};

/// Simplifies all streams together to at most `triangles_max` triangles, keeping the seams of textures, the borders,
/// and the joints between materials. Error decides where the triangles stay, so the budget goes where the detail is.
///
/// Cost:   O(n log n), about 150 bytes of scratch a vertex.
/// Source: simplify.h's.
Slimmed slim(std::vector<Stream>& streams, std::size_t triangles_max);

}  // namespace i2m::mesh
