#pragma once

#include <algorithm>
#include <optional>

#include "engine/cavity.h"
#include "engine/cuboid.h"
#include "engine/engine.h"
#include "engine/grid.h"
#include "engine/lathe.h"
#include "mesh/mesh.h"

namespace i2m::engine {

/// How a point of the solid is seen in the picture. The solid stands upright with its middle at the origin, x right,
/// y up, z towards the viewer, in cells. Rows are the picture's, running down.
struct View {
  float side = 1;                   // cells along the picture's side
  float x = 0;                      // column where the middle is seen
  float high = 1, low = -1;         // two heights of the solid,
  float row_high = 0, row_low = 1;  // the rows where the axis is seen at them,
  float sin_high = 0, sin_low = 0;  // and how far the camera looks down there
  std::optional<Cuboid> box;        // instead of all but the first: a box and the near camera that sees it

  /// (0, 0) is the picture's upper left corner, (1, 1) its lower right.
  mesh::Vec2 see(mesh::Vec3 p) const {
    if (box) {
      const mesh::Vec2 at = box->see(p);
      return {at.x / side, at.y / side};
    }
    const float t = (high - p.y) / (high - low), held = std::clamp(t, 0.0F, 1.0F);
    const float sine = sin_high * (1 - held) + sin_low * held;
    return {(x + p.x) / side, (row_high * (1 - t) + row_low * t + p.z * sine) / side};
  }
};

/// The inside of a turned body, upright as the solid is.
struct Hollow {
  float rim = 0;              // radius of the opening
  float top = 0, floor = 0;   // heights
  float depth = 1;            // the body's extent towards the viewer for one to the side
  std::vector<float> radius;  // one a cell, from the floor up; not empty

  float radius_at(float y) const;
  /// How far within the inner wall a point lies; negative in the wall and beyond.
  float within(mesh::Vec3 p) const;
};

/// The raw surface of the guessed solid, fine and even; simplify it.
struct Solid {
  mesh::Mesh mesh;  // in cells, as View has it
  View view;
  std::optional<Hollow> hollow;
};

/// What has been found out about the object's shape.
struct Findings {
  std::optional<Lathe> lathe;
  std::optional<Cavity> cavity;  // of the lathe's
  std::optional<Cuboid> box;
};

/// What the user has to say about it; see Params.
struct Wishes {
  float depth = 1;
  float relief = 0;
};

/// Guesses the solid behind the outline: what has been found, otherwise as `shape` says.
///
/// Cost:   10 to 80 ms, 4 bytes a voxel of the solid's bounding box.
/// Source: engine.md 2.1, 2.3 and 2.4; mesh/marching_cubes.h.
Solid make_solid(const Grid& grid, Shape shape, const Findings& found, const Wishes& wishes);

}  // namespace i2m::engine
