#pragma once

#include <opencv2/core.hpp>

#include "object.h"

// A software rasteriser: the inputs, the sheets and every outline of the harness come from it.
namespace i2m::bench {

/// How far the object is turned before the camera in front of it, degrees; pitch is how much the camera looks down.
struct View {
  float yaw = 0;
  float pitch = 0;
};

/// The two views of the reference.
inline constexpr View view_a{.yaw = 0, .pitch = 10};
inline constexpr View view_b{.yaw = -30, .pitch = 18};

/// From the object's frame to the camera's: x right, y up, z towards the viewer.
Rotation rotation_of(View view);

/// Pictures of an object that stands in its own frame, normalised.
///
/// CV_8UC4 RGBA, `side_px` square, 2x2 samples a pixel; not premultiplied, colour 0 where alpha is 0. The camera has a
/// field of view of 30 degrees, and the sphere around the origin that holds the object touches its edges.
/// Cost:   about 100 ms at 768 px.
/// Source: engine.md 4.
cv::Mat picture_of(const Object& object, View view, int side_px);

/// The picture of one that is not: drawn to the same scale, so that `radius` reaches the edges.
cv::Mat picture_of(const Object& object, View view, int side_px, float radius);

/// Depth of the nearest surface seen along -z, orthographic: CV_32F, `side_px` square over [-extent, extent] in x and
/// y; row 0 is +extent. z of the surface, `no_depth` where there is none.
inline constexpr float no_depth = -1e9F;
cv::Mat depth_of(const mesh::Mesh& surface, const Rotation& rotation, int side_px, float extent);

}  // namespace i2m::bench
