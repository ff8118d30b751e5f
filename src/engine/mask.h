#pragma once

#include "engine/hints.h"
#include "image/decode.h"

namespace i2m::engine {

class Network;

/// Where the object is.
struct Mask {
  cv::Mat alpha;         // CV_8UC1, as large as the picture; 255 is object
  float confidence = 1;  // 0 to 1: how clearly it stands out; 1 when the picture brought its own transparency
  bool from_alpha = false;
};

/// Finds the object: by the picture's transparency where it has some, by the network where there is one, by its
/// background's evenness otherwise; and as the user's hints say.
///
/// `matting` must have passed check_matting (matting.h).
/// Errors: Code::NoObjectFound when nothing is there (blank, transparent, a few pixels), with words that help;
///         Code::Invalid naming the hint that cannot be (hints.h; transparency to trust where there is none; strokes
///         that leave nothing).
/// Cost:   2 ms with transparency; 0.1 to 0.3 s without. Uses OpenCV's random numbers: seed them for equal results.
/// Source: segment.h for pictures without transparency; He et al., Fast Guided Filter, arXiv 1505.00996.
Result<Mask> find_object(const image::Picture& picture, const Hints& hints = {}, const Network* matting = nullptr);

/// The picture with everything but the object dimmed and a line around it, for people to judge: CV_8UC3 RGB, its longer
/// side at most `side_px_max`.
///
/// Cost: 10 ms at 1024 px.
cv::Mat draw_mask(const image::Picture& picture, const Mask& mask, int side_px_max);

/// Removes what is smaller than `share` of the largest connected part. `mask` is 0 or 255. Answers that part's area,
/// px.
int keep_large_parts(cv::Mat& mask, double share);

}  // namespace i2m::engine
