#pragma once

#include "engine/network.h"
#include "engine/subject.h"

namespace i2m::engine {

/// How far the object's first and last surface lie in front of its middle, guessed from its picture. In sides of the
/// subject's square, towards the viewer.
struct Depth {
  cv::Mat front, back;    // CV_32F squares, coarse, continued beyond the outline; back lies behind front
  float sin_pitch = 0;    // how far the camera looks down
  float perspective = 0;  // the square's side over the camera's distance: 0 from far away
};

/// `network` is depth_network(), or another of its face: 1 x 4 x N x N in (red, green, blue from -1 to 1 on middle
/// grey, coverage from 0 to 1), 1 x 2 x N/2 x N/2 (front, thickness) and 1 x 2 x 1 x 1 (sin of pitch, perspective) out.
///
/// Errors: Code::Invalid when the network's face is another.
/// Cost:   12 ms.
/// Source: own network, trained on renders; train/README.md.
Result<Depth> guess_depth(const Subject& subject, const Network& network);

}  // namespace i2m::engine
