#pragma once

#include <cstddef>

#include "mesh/mesh.h"

namespace i2m::mesh {

/// The same surface in at most `triangles_max` triangles, in an order that suits a graphics card.
///
/// A closed mesh stays closed and comes out as a strict 2-manifold without folds (manifold.h). Where the budget is too
/// small for the number of separate parts, the smallest parts go. Between 99.5 % and 100 % of the budget is used when
/// the input has more than that. Units:  the mesh's own. Cost:   O(n log n), about 100 bytes of scratch a vertex; 20 to
/// 150 ms for 100 000 triangles. Source: Garland & Heckbert, Surface Simplification Using Quadric Error Metrics,
/// SIGGRAPH 1997; meshoptimizer.
Mesh simplify(const Mesh& mesh, std::size_t triangles_max);

}  // namespace i2m::mesh
