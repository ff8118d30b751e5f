#pragma once

#include <opencv2/core.hpp>

#include "engine/solid.h"
#include "engine/subject.h"

namespace i2m::engine {

/// The picture with the strongest of its light and shadow taken out: what of its brightness goes with the direction in
/// which the guessed surface faces, as far as low-order light from around does. The mean brightness stays, no place
/// changes by more than a factor of two, and what does not go with the surface's direction stays as it is: cast
/// shadows, highlights, and every pattern.
///
/// Cost:   5 ms at 1024 px.
/// Source: Ramamoorthi & Hanrahan, An Efficient Representation for Irradiance Environment Maps, SIGGRAPH 2001, fitted
/// to
///         the logarithm; Beaton & Tukey 1974 (biweight).
cv::Mat delighted(const Subject& subject, const Solid& solid);

}  // namespace i2m::engine
