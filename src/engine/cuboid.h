#pragma once

#include <array>
#include <opencv2/core.hpp>

#include "engine/grid.h"
#include "engine/subject.h"
#include "mesh/mesh.h"

namespace i2m::engine {

/// A box standing on its bottom, as a near camera that looks down on it sees it. Lengths are cells of the grid.
struct Cuboid {
  bool found = false;
  float confidence = 0;                // 0 to 1; from 0.5 on it is called found
  float overlap = 0;                   // of its outline with the object's: intersection over union
  float edges = 0;                     // how clearly its inner edges show in the picture, 0 to 1
  mesh::Vec3 half;                     // half sizes along its own axes: width, height, depth
  float x = 0, y = 0;                  // where the picture shows its middle; y runs down
  float cos_yaw = 1, sin_yaw = 0;      // how far it is turned about the upright axis: at 0 its front faces the camera
  float cos_pitch = 1, sin_pitch = 0;  // how far the camera looks down
  float nearness = 0;                  // 1 / distance of the camera from its middle, in cells; 0 for a far one

  /// A point of the box's own axes (x to its right, y up, z to its front) in the model's, which stand as the box does
  /// but are not turned with it.
  mesh::Vec3 from_own(mesh::Vec3 p) const;
  mesh::Vec3 to_own(mesh::Vec3 p) const;

  /// Where the picture shows a point of the model, in cells; y runs down.
  mesh::Vec2 see(mesh::Vec3 p) const;

  /// Whether the camera sees the face on that side (axis 0 right, 1 up, 2 front; side -1 or 1), and not all too
  /// slantwise.
  bool shows(int axis, int side) const;
  /// Whether one of the two faces that meet in the edge between two corners is shown.
  bool shows_edge(std::size_t corner, std::size_t other) const;

  /// Its eight corners in the picture: bit 0 right, bit 1 up, bit 2 front.
  std::array<mesh::Vec2, 8> corners() const;
};

/// Fits a box to the object's outline and to the edges between the faces that are seen.
///
/// Cost:   under 1 ms for what has no straight convex outline, about 8 ms for what has.
/// Source: own; the outline of a box is a convex hexagon, and standing upright (no roll) it has as many unknowns as
///         the box has sizes and angles. Minimised by Nelder & Mead, A Simplex Method for Function Minimization, 1965.
Cuboid find_cuboid(const Subject& subject, const Grid& grid);

}  // namespace i2m::engine
