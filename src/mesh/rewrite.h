#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"

namespace i2m::mesh {

/// What is to become of a GLB.
struct Rewrite {
  std::optional<std::size_t> triangles_max;  // as drawn: those of a mesh that is placed twice count twice
  std::optional<float> scale;                // of the whole scene, by a node above its roots
  bool compress = false;  // EXT_meshopt_compression and KHR_mesh_quantization: smaller, and some viewers refuse it
};

struct Rewritten {
  std::vector<std::uint8_t> glb;
  std::size_t triangles_before = 0, triangles = 0;
  bool reached = true;  // false: the texture's seams, the borders and the number of parts allow no fewer
  bool normals_remade = false;
};

/// The same file with fewer triangles, another size, or compressed. Images stay byte for byte; materials, names, the
/// tree of nodes, animations, skins, cameras and extras stay as they are. Vertices keep all their attributes (morph
/// targets and joints too): simplifying only chooses among them.
///
/// Geometry that was compressed comes out plain unless `compress` says otherwise; a file that is only scaled keeps its
/// binary chunk.
/// Errors: read_scene's, `unusable_model`; also Code::Invalid when several scenes share a root that is to be scaled.
/// Cost:   slim's, and everything in memory twice.
Result<Rewritten> rewrite_glb(std::span<const std::uint8_t> glb, const Rewrite& wish);

}  // namespace i2m::mesh
