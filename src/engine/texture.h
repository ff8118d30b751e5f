#pragma once

#include "engine/engine.h"
#include "engine/look.h"
#include "engine/solid.h"
#include "mesh/glb.h"

namespace i2m::engine {

/// The picture or pictures laid on the solid: the front, and the back beside it unless the front serves for both.
struct Atlas {
  cv::Mat rgb;    // CV_8UC3
  int tiles = 1;  // side by side
};

/// What becomes of writing where the front would show through mirrored.
enum class Writing : std::uint8_t { Kept, Erased };

/// The front's own colours drawn outwards, so that no background shows at the rim, and the back beside them.
///
/// Cost:   10 to 30 ms at 1024 px.
/// Source: colours.h, back.h, writing.h; engine.md 3.
Atlas make_atlas(const Guess& guess, Back back, Writing writing);

/// Projects the picture straight onto the surface, splitting vertices where front and back meet. `jpeg` is left empty.
///
/// Cost:   1 ms a 10 000 triangles.
mesh::TexturedMesh unwrap(const Solid& solid, int tiles, bool is_turned);

}  // namespace i2m::engine
