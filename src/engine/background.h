#pragma once

#include <opencv2/core.hpp>
#include <vector>

// What lies behind the object, guessed from the picture's border. Pictures are CV_32FC3 Lab of about 320 px: distances
// and thresholds are CIE Lab units, of which 1 is about what an eye can tell apart; L runs from 0 to 100.
namespace i2m::engine {

struct Background {
  cv::Mat lab;                     // CV_32FC3: what the background would be everywhere
  float inliers = 0;               // share of the border that agrees with it
  float mad = 0;                   // median distance of the border from it
  std::vector<cv::Vec3f> colours;  // the border's main colours, when one smooth field does not explain it
  bool complex() const;
};

/// CV_8UC3 RGB to CV_32FC3 Lab.
cv::Mat to_lab(const cv::Mat& rgb);

/// How fast the colours change: the length of the gradient over all channels, per pixel. CV_32F.
cv::Mat slope_of(const cv::Mat& image);

/// Fits a smooth colour field to a ring at the picture's border, not minding what sticks into it.
///
/// Cost:   about 5 ms. Uses OpenCV's random numbers.
/// Source: Beaton & Tukey 1974 (the robust fit).
Background model_background(const cv::Mat& lab);

/// Every pixel's distance from the background. CV_32F.
cv::Mat distance_to(const Background& background, const cv::Mat& lab);

/// The distance from which on a pixel is taken for the object's.
///
/// Source: Otsu 1979, kept within what eyes and noise allow.
float threshold_of(const cv::Mat& distance, const Background& background);

/// How much a shadow may differ from the ground it lies on.
struct ShadowLimits {
  float darker = 0;  // by at most this much
  float slope = 0;   // changing at most this fast
  float bend = 0;    // and its slope at most this fast: what is soft has no kinks, an object's edge is one
};
inline constexpr ShadowLimits faint_shadow{.darker = 30, .slope = 1.1F, .bend = 100};
inline constexpr ShadowLimits deep_shadow{.darker = 60, .slope = 5, .bend = 1};

/// Where the background is only darkened: a shadow changes the lightness smoothly and the colour hardly. 0 or 255.
cv::Mat shadow_of(const cv::Mat& lab, const Background& background, const ShadowLimits& limits);

}  // namespace i2m::engine
