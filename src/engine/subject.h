#pragma once

#include "engine/mask.h"
#include "image/decode.h"

namespace i2m::engine {

/// The object alone, in the middle of a square: its longer side takes `subject_share` of it.
struct Subject {
  cv::Mat rgb;           // CV_8UC3; whatever the picture shows around the object is still there
  cv::Mat alpha;         // CV_8UC1
  float doubt_px = 1;    // so far from the outline inwards, colours are mixed with the background's by resampling
  bool guessed = false;  // the outline is our own word, not the picture's
};

inline constexpr float subject_share = 0.9F;

/// Cuts the object out of its picture, turned by `roll` radians so that what leaned stands upright.
///
/// Errors: `mask` must have a pixel above 127.
/// Cost:   about 10 ms at 1024 px.
Subject cut_out(const image::Picture& picture, const cv::Mat& mask, int side_px, float roll);

}  // namespace i2m::engine
