#pragma once

#include <opencv2/core.hpp>

namespace i2m::engine {

struct Segment {
  cv::Mat mask;          // CV_8UC1: 0 or 255; all 0 when nothing stands out
  float confidence = 0;  // 0 to 1
};

/// Tells object from background in a small picture (CV_8UC3 RGB, about 320 px) without knowing either.
///
/// Two guesses are made and the one whose outline lies better on the picture's edges is taken:
/// A models the background as a smooth colour field seen in a ring at the border, floods it inwards and sharpens the
/// outline with one step of GrabCut; B is GrabCut from "the middle is the object".
/// Cost:   0.1 to 0.4 s. Uses OpenCV's random numbers.
/// Source: Rother et al., GrabCut, SIGGRAPH 2004; Beaton & Tukey 1974 (the robust fit); Otsu 1979.
Segment segment_object(const cv::Mat& rgb);

}  // namespace i2m::engine
