#pragma once

#include "mesh/manifold.h"
#include "mesh/scene.h"

namespace i2m::mesh {

/// What a model is made of and what is wrong with it.
struct ModelCheck {
  std::size_t parts = 0, triangles = 0, vertices = 0, materials = 0, images = 0;
  Box bounds;                                 // metres
  Faults faults;                              // of all parts together
  std::size_t parts_without_normals = 0;      // drawn with facets
  std::size_t parts_without_texture = 0;      // whose material shows a picture all the same
  std::size_t triangles_against_normals = 0;  // face away from where their corners' normals point: drawn black
  Vec2 texture_min, texture_max;              // of all texture coordinates; beyond 0 and 1 the picture repeats

  bool closed() const { return faults.open_edges == 0; }
};

/// Errors: the scene must have a triangle.
/// Cost:   faults_of's.
ModelCheck check(const Scene& scene);

/// All parts as one mesh, without what makes them look like something.
Mesh joined(const Scene& scene);

}  // namespace i2m::mesh
