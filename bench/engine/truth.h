#pragma once

#include <array>
#include <vector>

#include "raster.h"

namespace i2m::bench {

/// `count` points spread evenly over what can be seen of `object` from outside, in the camera's frame of `view`: the
/// same ones every time. A point counts as seen when it is the nearest in at least one of 32 depth maps taken from all
/// around. The object is normalised: its longest side is 2.
///
/// Cost:   about 1 s.
/// Source: engine.md 4.
std::vector<mesh::Vec3> visible_points(const Object& object, View view, std::size_t count);

/// The outlines of a surface in the camera's frame, from five sides that the picture did not show: 45 degrees left and
/// right, from the right, from behind, from above. Orthographic, CV_8UC1 of 0 and 255.
inline constexpr std::size_t novel_views = 5;
std::array<cv::Mat, novel_views> novel_outlines(const mesh::Mesh& surface);

/// Mean of intersection over union.
double agreement(const std::array<cv::Mat, novel_views>& made, const std::array<cv::Mat, novel_views>& truth);

}  // namespace i2m::bench
