#pragma once

#include <opencv2/core.hpp>

namespace i2m::engine {

/// Where a thing is likely to be in a busy picture: CV_8UC1, 0 or 255, of the size of `lab` (CV_32FC3).
///
/// Ground is what can be reached from the border without the colours changing much on the way, whatever its pattern;
/// things are rather in the middle.
/// Cost:   about 5 ms at 208 px.
/// Source: Zhang et al., Minimum Barrier Salient Object Detection at 80 FPS, ICCV 2015.
cv::Mat salient_in(const cv::Mat& lab);

}  // namespace i2m::engine
