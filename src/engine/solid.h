#pragma once

#include <algorithm>
#include <optional>

#include "engine/cavity.h"
#include "engine/cuboid.h"
#include "engine/depth.h"
#include "engine/engine.h"
#include "engine/grid.h"
#include "engine/lathe.h"
#include "mesh/mesh.h"

namespace i2m::engine {

/// A pinhole camera before the upright solid's middle. Lengths are cells.
struct Camera {
  float side = 1;              // of the picture, at the distance of the solid's middle
  float sine = 0, cosine = 1;  // of the angle by which it looks down
  float pull = 0;              // 1 / its distance; 0 from far away
  float stretch = 1;           // by which the upright solid was drawn out along z afterwards

  /// From where a point is seen (x and y in the picture's plane, its middle the origin, z its height over it towards
  /// the viewer) to where it is.
  mesh::Vec3 upright(mesh::Vec3 seen) const {
    const float near = 1 - seen.z * pull;
    const float y = seen.y * near;
    return {seen.x * near, y * cosine + seen.z * sine, (seen.z * cosine - y * sine) * stretch};
  }
  mesh::Vec2 see(mesh::Vec3 p) const {
    const float deep = p.z / stretch, near = 1 / (1 - height(p) * pull) / side;
    return {0.5F + p.x * near, 0.5F - (p.y * cosine - deep * sine) * near};
  }
  /// Of a point over the plane through the middle, towards the viewer.
  float height(mesh::Vec3 p) const { return p.y * sine + p.z / stretch * cosine; }
};

/// How a point of the solid is seen in the picture. The solid stands upright with its middle at the origin, x right,
/// y up, z towards the viewer, in cells. Rows are the picture's, running down.
struct View {
  float side = 1;                   // cells along the picture's side
  float x = 0;                      // column where the middle is seen
  float high = 1, low = -1;         // two heights of the solid,
  float row_high = 0, row_low = 1;  // the rows where the axis is seen at them,
  float sin_high = 0, sin_low = 0;  // and how far the camera looks down there
  std::optional<Cuboid> box;        // instead of all but the first: a box and the near camera that sees it
  std::optional<Camera> camera;     // instead of everything above

  /// (0, 0) is the picture's upper left corner, (1, 1) its lower right.
  mesh::Vec2 see(mesh::Vec3 p) const {
    if (camera) return camera->see(p);
    if (box) {
      const mesh::Vec2 at = box->see(p);
      return {at.x / side, at.y / side};
    }
    const float t = (high - p.y) / (high - low), held = std::clamp(t, 0.0F, 1.0F);
    const float sine = sin_high * (1 - held) + sin_low * held;
    return {(x + p.x) / side, (row_high * (1 - t) + row_low * t + p.z * sine) / side};
  }

  /// Where the viewer is, as a direction.
  mesh::Vec3 viewer() const { return camera ? mesh::Vec3{0, camera->sine, camera->cosine} : mesh::Vec3{0, 0, 1}; }
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
  std::optional<Depth> depth;  // only where neither of the two has been found
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
