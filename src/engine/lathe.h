#pragma once

#include <vector>

#include "engine/grid.h"

namespace i2m::engine {

/// How the outline's best mirror axis stands.
struct Lean {
  float roll = 0;      // radians by which the picture must be turned (as cut_out does) to stand the axis upright
  float symmetry = 0;  // share of the object that has its mirror image inside the object, 0 to 1
  float upright_symmetry = 0;  // the same with the axis kept upright
};

/// Cost: about 3 ms.
Lean find_lean(const Grid& grid);

/// A thing made on a lathe, as seen: its profile, and the camera's pitch from how round its rims look. In cells; rows
/// run down and count from the grid's upper edge, row y's middle being y + 0.5.
struct Lathe {
  bool found = false;
  float evidence = 0;
  float core = 0;                       // share of the object that has its mirror image inside it
  float axis = 0;                       // x of the axis
  std::vector<float> radius;            // a row; 0 where the axis lies outside the object
  float top = 0, bottom = 0;            // ends of the profile, at the axis: rims' middles, not their outlines
  float side_top = 0, side_bottom = 0;  // rows between which the radius is the outline's; beyond it stays as there
  bool flat_top = false;                // ends in a rim or a lid as wide as the body, not in a tip or a dome
  float sin_pitch = 0;                  // the camera looks down on it by this, on the whole
  float sin_top = 0, sin_bottom = 0;    // and at its ends: a near camera looks down on the foot more than on the rim
};

/// Looks whether the upright object was turned on a lathe. Handles and spouts do not disturb it: of the outline only
/// the part that has its mirror image counts. A lower end that sags by more than `roundest_rim` of its radius is taken
/// for rounded itself, not for a rim seen from above.
///
/// Cost:   about 3 ms.
/// Source: own rules, measured against 36 models (see engine.md 2.2): a circle seen from pitch p is an ellipse whose
/// axes
///         are in the ratio sin p, so rims tell the pitch.
Lathe find_lathe(const Grid& grid, float roundest_rim = 1);

}  // namespace i2m::engine
