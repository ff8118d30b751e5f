#pragma once

#include "engine/solid.h"

namespace i2m::engine {

/// The solid between the guessed first and last surface, walled along the outline with rounded rims, the lens's
/// perspective taken out of it, stood upright by the guessed pitch.
///
/// Cost:   20 to 60 ms, 4 bytes a sample of at most 256 x 256 x 100.
/// Source: engine.md 2 and 7: two sheets bound what a picture can tell; Hartley & Zisserman 2004, ch. 6 (the camera).
Solid make_relief(const Grid& grid, const Depth& depth, const Wishes& wishes);

}  // namespace i2m::engine
