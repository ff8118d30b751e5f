#pragma once

#include <opencv2/core.hpp>

#include "model.h"
#include "random.h"

// What lies behind things: colours, ramps, textures. Pictures are CV_32FC3, 0 to 1 a channel.
namespace i2m::train {

inline cv::Vec3f to_cv(Vec3 c) { return {c.x, c.y, c.z}; }

Vec3 some_colour(Random& random);
void blur(cv::Mat& image, float sigma);

/// From one colour to another, along a line or around a point.
cv::Mat ramp(Random& random, cv::Size size, Vec3 a, Vec3 b);

/// Dead leaves, clouds, grain of wood or cloth, stripes or checks.
cv::Mat texture(Random& random, cv::Size size);

}  // namespace i2m::train
