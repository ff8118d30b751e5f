#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

namespace i2m::train {

/// Reproducible: a seed gives the same picture on every machine. Source: Steele et al., SplitMix, OOPSLA 2014.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed ^ 0x1234567ULL) {
    state_ = bits() ^ (seed << 32U);  // neighbouring seeds would otherwise share one stream, shifted by a draw
    state_ = bits();
  }

  std::uint64_t bits() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31U);
  }
  float unit() { return static_cast<float>(bits() >> 40U) * (1.0F / 16777216.0F); }
  float in(float low, float high) { return low + (high - low) * unit(); }
  int whole(int count) { return static_cast<int>(bits() % static_cast<std::uint64_t>(count)); }
  bool chance(float p) { return unit() < p; }
  float normal() { return std::sqrt(-2 * std::log(unit() + 1e-9F)) * std::cos(2 * std::numbers::pi_v<float> * unit()); }

 private:
  std::uint64_t state_;
};

}  // namespace i2m::train
