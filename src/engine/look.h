#pragma once

#include "engine/engine.h"
#include "engine/solid.h"
#include "engine/subject.h"

namespace i2m::engine {

/// How a turned thing lies in the picture: the axis in the picture's plane, and how far it points out of it.
struct Lying {
  float roll = 0, pitch = 0;  // radians, as Report has them for what is stood upright

  /// A point or direction of the upright model, as it lies before the camera.
  mesh::Vec3 laid(mesh::Vec3 upright) const;
};

/// What the picture has told about the object before a solid is made of it.
struct Guess {
  Subject subject;
  Grid grid;
  Findings found;
  Shape shape = Shape::Soft;   // never Auto
  float symmetry = 0;          // left to right, 0 to 1
  float roll = 0, pitch = 0;   // as Report has them
  std::optional<Lying> lying;  // it was stood upright to be measured, and has to be laid down again
};

/// Chooses between the shapes, or looks for what is needed of the one that was asked for.
///
/// A thing turned on a lathe is stood upright first if it leans. A box goes before a lathe that is not sure. For what
/// is neither, the depth network is asked, unless Params forbids it. Errors: guess_depth's. Cost:   20 to 40 ms at 1024
/// px.
Result<Guess> look_at(const image::Picture& picture, const Mask& mask, const Params& params);

}  // namespace i2m::engine
