#pragma once

#include "engine/look.h"

namespace i2m::engine {

/// What the back shows when nobody said. Flip for turned things and for boxes whose faces have something on them.
/// Smooth where the front has no twin: for whatever bears a face, for what is seen from the front or at an angle, for
/// drawings. Mirror for what is seen from its side; and for all of these, if their rim has so
/// many colours that they would run together to mud.
///
/// Cost: 2 ms.
Back choose_back(const Guess& guess);

/// The picture of the back, drawn where the front sees it (seen from behind, left is right). `front` is filled beyond
/// the outline, `plain` is the same without its writing: what is seen mirrored is taken from there.
///
/// Cost:   3 to 8 ms at 1024 px.
/// Source: engine.md 3.
cv::Mat draw_back(const Guess& guess, Back back, const cv::Mat& front, const cv::Mat& plain);

}  // namespace i2m::engine
