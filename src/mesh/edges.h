#pragma once

#include <cstdint>
#include <vector>

#include "mesh/mesh.h"

namespace i2m::mesh {

/// One side of a triangle: `half` is the index of its first corner.
struct Side {
  std::uint32_t low = 0, high = 0, half = 0;

  bool forward(const std::vector<std::uint32_t>& indices) const { return indices[half] == low; }
};

inline std::uint32_t next_corner(std::uint32_t corner) { return corner % 3 == 2 ? corner - 2 : corner + 1; }

/// All sides, those of one edge behind one another.
std::vector<Side> sides_of(const std::vector<std::uint32_t>& indices);

/// Calls `each(first, last)` for the sides of each edge.
template <class Each>
void each_edge(const std::vector<Side>& sides, Each&& each) {
  for (std::size_t i = 0; i < sides.size();) {
    std::size_t end = i + 1;
    while (end < sides.size() && sides[end].low == sides[i].low && sides[end].high == sides[i].high) ++end;
    each(&sides[i], &sides[i] + (end - i));
    i = end;
  }
}

/// For each vertex the first one at its place.
std::vector<std::uint32_t> first_at_place(const std::vector<Vec3>& positions);

/// Sets of things that belong together, the smallest number standing for each.
class Sets {
 public:
  explicit Sets(std::size_t count);
  std::uint32_t of(std::uint32_t thing);
  void join(std::uint32_t a, std::uint32_t b);

 private:
  std::vector<std::uint32_t> parent_;
};

/// Twice the area, along the normal.
inline Vec3 area_of(const Mesh& mesh, std::size_t triangle) {
  const Vec3 a = mesh.positions[mesh.indices[triangle * 3]];
  return cross(mesh.positions[mesh.indices[triangle * 3 + 1]] - a, mesh.positions[mesh.indices[triangle * 3 + 2]] - a);
}

}  // namespace i2m::mesh
