#pragma once

#include <cstddef>

#include "mesh/mesh.h"

namespace i2m::mesh {

/// What keeps a surface from being the boundary of a solid. Vertices at one place count as one, as slicers see them.
struct Faults {
  std::size_t open_edges = 0;            // with one triangle
  std::size_t crowded_edges = 0;         // with more than two
  std::size_t twisted_edges = 0;         // with two that run the same way
  std::size_t pinched_vertices = 0;      // where more than one fan of triangles meets
  std::size_t degenerate_triangles = 0;  // without area, or a corner named twice
  std::size_t duplicate_triangles = 0;   // over the same three corners as another, either way round
  std::size_t folded_edges = 0;          // whose two triangles lie on each other, within 2 degrees

  bool none() const {
    return open_edges + crowded_edges + twisted_edges + pinched_vertices + degenerate_triangles + duplicate_triangles +
               folded_edges ==
           0;
  }
};

/// Cost: O(n log n), about 200 bytes of scratch a triangle.
Faults faults_of(const Mesh& mesh);

/// The same solid as a strict 2-manifold for printing: every edge has exactly two triangles that run opposite ways,
/// every vertex one closed fan, no triangle is degenerate, doubled or folded, no two vertices lie at one place.
///
/// Where the surface touches itself it is cut so that each body keeps its own side, and the cut is opened by a few
/// hundredths of an edge; holes are closed; parts that enclose nothing go. Self-intersections are not looked for.
/// The input's triangles have to face outwards (counter-clockwise); at most `triangles_max` come out, if each part can
/// be had with its share: a part needs four.
/// Errors: none; a mesh that encloses nothing comes out empty.
/// Cost:   O(n log n); 10 to 40 ms for 10 000 triangles.
/// Source: Gueziec et al., Cutting and Stitching, IEEE TVCG 2001; Dey et al., Topology Preserving Edge Contraction,
///         1999 (the link condition).
Mesh make_manifold(const Mesh& mesh, std::size_t triangles_max);

}  // namespace i2m::mesh
