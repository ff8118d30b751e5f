#pragma once

#include <optional>

#include "engine/engine.h"
#include "engine/solid.h"
#include "engine/subject.h"
#include "mesh/glb.h"

namespace i2m::engine {

/// What the back shows when nobody said: Flip for turned things, Smooth for boxes and for what is seen from the front
/// (it has a face, and one is enough), Mirror for everything else.
///
/// `symmetry` is the object's left-to-right symmetry in the picture, 0 to 1.
Back choose_back(const Subject& subject, const Findings& found, float symmetry);

/// The picture or pictures laid on the solid: the front, and the back beside it unless the front serves for both.
struct Atlas {
  cv::Mat rgb;    // CV_8UC3
  int tiles = 1;  // side by side
};

/// Colours are taken where the object certainly is and drawn outwards from there, so that no background shows at the
/// rim.
///
/// Cost:   about 20 ms a tile at 1024 px.
/// Source: Gortler et al., The Lumigraph, SIGGRAPH 1996 (push-pull); engine.md 3 (back rules).
Atlas make_atlas(const Subject& subject, Back back, const Findings& found, const Grid& grid);

/// Projects the picture straight onto the surface, splitting vertices where front and back meet. `jpeg` is left empty.
///
/// Cost:   1 ms a 10 000 triangles.
mesh::TexturedMesh unwrap(const Solid& solid, int tiles, bool is_turned);

}  // namespace i2m::engine
