#pragma once

#include <cstddef>
#include <vector>

#include "mesh/mesh.h"

namespace i2m::mesh {

/// Samples of an implicit function on a regular grid: positive inside, negative outside.
struct Volume {
  int nx = 0, ny = 0, nz = 0;
  Vec3 origin;  // where sample (0, 0, 0) lies; samples are 1 apart
  std::vector<float> values;

  Volume(int width, int height, int depth, Vec3 at)
      : nx(width), ny(height), nz(depth), origin(at), values(size_of(width, height, depth), -1.0F) {}

  std::size_t index(int x, int y, int z) const {
    return (static_cast<std::size_t>(z) * static_cast<std::size_t>(ny) + static_cast<std::size_t>(y)) *
               static_cast<std::size_t>(nx) +
           static_cast<std::size_t>(x);
  }
  float& at(int x, int y, int z) { return values[index(x, y, z)]; }

  /// Makes the outermost samples negative, so that the surface is closed whatever they were.
  void seal();

 private:
  static std::size_t size_of(int x, int y, int z) {
    return static_cast<std::size_t>(x) * static_cast<std::size_t>(y) * static_cast<std::size_t>(z);
  }
};

/// The surface where the volume is zero.
///
/// Closed and manifold (every edge shared by exactly two triangles) when the outermost samples are negative: faces
/// whose corners alternate in sign always separate the positive corners, on both sides alike. Units:  the volume's.
/// Cost:   one pass, about 4 ns a sample; scratch for two slices.
/// Source: Lorensen & Cline, Marching Cubes, SIGGRAPH 1987. The table is generated at start-up, not copied.
Mesh marching_cubes(const Volume& volume);

}  // namespace i2m::mesh
