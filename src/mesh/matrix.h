#pragma once

#include <array>
#include <vector>

#include "base/result.h"
#include "mesh/json.h"
#include "mesh/mesh.h"

namespace i2m::mesh {

/// An affine map: three columns and where the origin goes.
struct Matrix {
  std::array<Vec3, 3> columns{Vec3{1, 0, 0}, Vec3{0, 1, 0}, Vec3{0, 0, 1}};
  Vec3 origin;

  Vec3 vector(Vec3 v) const { return columns[0] * v.x + columns[1] * v.y + columns[2] * v.z; }
  Vec3 point(Vec3 p) const { return vector(p) + origin; }
  /// Not of length 1. By the cofactors, so that it also holds where the map has no inverse.
  Vec3 normal(Vec3 n) const;
  bool turns_inside_out() const { return dot(columns[0], cross(columns[1], columns[2])) < 0; }
  Matrix operator*(const Matrix& inner) const;
};

/// A node that shows a mesh, and where in the world it does.
struct PlacedNode {
  std::size_t node = 0;
  Matrix world;
};

/// The nodes with meshes that the file's scene shows, in its order; without a scene, those under every root.
///
/// Errors: Code::ContractMissed for cycles, two parents, chains longer than node_depth_max, transforms that are none.
Result<std::vector<PlacedNode>> place_nodes(const Json& root);

}  // namespace i2m::mesh
