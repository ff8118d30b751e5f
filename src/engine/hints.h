#pragma once

#include <optional>
#include <vector>

#include "base/result.h"

namespace i2m::engine {

/// What the user says about where the object is. Places are shares of the upright picture: x from 0 at its left edge to
/// 1 at its right, y from 0 at its top to 1 at its bottom; so they hold for a preview of any size.
struct Hints {
  struct Box {
    float left = 0, top = 0, right = 1, bottom = 1;
  };
  /// One round touch of a brush; a stroke is a row of them. The radius is a share of the picture's longer side.
  struct Dab {
    float x = 0, y = 0, radius = 0;
  };
  std::optional<Box> box;    // the object lies within it, all of it
  std::vector<Dab> include;  // belongs to the object
  std::vector<Dab> exclude;  // does not; goes before `include` where they overlap
  bool trust_alpha = false;  // the picture's own transparency is right, however faint or small

  bool empty() const { return !box && include.empty() && exclude.empty() && !trust_alpha; }
};

inline constexpr float box_side_min = 0.02F;
inline constexpr float dab_radius_min = 0.001F;
inline constexpr float dab_radius_most = 0.5F;
inline constexpr std::size_t dabs_most = 4000;

/// Errors: Code::Invalid naming the field ("hints.box", "hints.include[3]", ...): outside the picture, empty, too many,
///         a dab to include outside the box or wholly under one to exclude.
Result<> check(const Hints& hints);

}  // namespace i2m::engine
