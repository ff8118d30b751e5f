#pragma once

#include "engine/grid.h"

namespace i2m::engine {

/// How far each cell of the front stands out, in cells towards the viewer (CV_32F, negative: sinks in): what is lighter
/// than its surroundings comes forward. Nothing at the outline, which has to stay where it is. Empty for `relief` 0.
///
/// `relief` is Params::relief; at 1 the highest places stand out by emboss_reach of the grid's side.
/// Cost:   2 ms.
/// Source: engine.md 2.1.
cv::Mat emboss(const Grid& grid, float relief);

inline constexpr float emboss_reach = 0.03F;

}  // namespace i2m::engine
