#pragma once

#include "make.h"

namespace i2m::bench {

/// Times any pictures at each level: one line a model with its CPU time and its stages, then means and the peak. For
/// people; needs nothing but the pictures.
void print_speed(const std::vector<std::filesystem::path>& pictures, const Wish& wish,
                 const std::filesystem::path& folder);

}  // namespace i2m::bench
