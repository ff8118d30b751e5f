#pragma once

#include <opencv2/core.hpp>

#include "engine/grid.h"

namespace i2m::engine {

/// What sticks out of a body (a handle, a spout, a bow), joined to it by reaching some way in.
///
/// `core` is the body's part of the grid, CV_8U. Answers swell (see inflate.h) on the grid; empty when nothing sticks
/// out that is worth a part of its own.
/// Cost: about 4 ms where something does.
cv::Mat remainder_of(const Grid& grid, const cv::Mat& core);

/// The value between the middles of four cells; -1 outside.
float sample(const cv::Mat& grid, float x, float y);

}  // namespace i2m::engine
