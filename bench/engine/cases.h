#pragma once

#include "catalogue.h"
#include "truth.h"

namespace i2m::bench {

/// One view of one object, with everything a model of it is held against.
struct Case {
  std::string name;    // "teapot-A"
  std::string object;  // "teapot"
  char view = 'A';
  cv::Mat rgba;                     // the render, `picture_px` square
  std::vector<mesh::Vec3> truth;    // visible points, camera frame
  std::array<cv::Mat, 5> outlines;  // of the truth, see truth.h
  cv::Mat sides;                    // CV_8UC4: the object from three sides, for the sheets
};

inline constexpr int picture_px = 768;

/// Renders an object's case, or reads it from `cache` where it lies from an earlier run.
///
/// Errors: load_object's.
/// Cost:   about 2 s the first time, 50 ms later.
Result<Case> case_of(const Entry& entry, char view, const std::filesystem::path& cache);

}  // namespace i2m::bench
