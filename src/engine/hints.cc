#include "engine/hints.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace i2m::engine {
namespace {

bool within_picture(float share) { return share >= 0 && share <= 1; }  // false for NaN

Result<> check_box(const Hints::Box& box) {
  for (const float edge : {box.left, box.top, box.right, box.bottom}) {
    if (!within_picture(edge)) {
      return refuse(Code::Invalid, "hints.box",
                    "The box reaches beyond the picture; its edges are shares of it, from 0 to 1.");
    }
  }
  if (box.right - box.left < box_side_min || box.bottom - box.top < box_side_min) {
    return refuse(Code::Invalid, "hints.box",
                  "The box is empty or too narrow; draw it around the whole object, left before right and top before "
                  "bottom.");
  }
  return {};
}

Result<> check_dabs(const std::vector<Hints::Dab>& dabs, const std::string& field) {
  if (dabs.size() > dabs_most) {
    return refuse(Code::Invalid, field, "At most " + std::to_string(dabs_most) + " brush points; use a larger brush.");
  }
  for (std::size_t i = 0; i < dabs.size(); ++i) {
    const Hints::Dab& dab = dabs[i];
    const std::string name = field + "[" + std::to_string(i) + "]";
    if (!within_picture(dab.x) || !within_picture(dab.y)) {
      return refuse(Code::Invalid, name, "This brush point lies outside the picture; x and y go from 0 to 1.");
    }
    if (!(dab.radius >= dab_radius_min && dab.radius <= dab_radius_most)) {
      return refuse(Code::Invalid, name, "A brush's radius is a share of the picture's longer side, 0.001 to 0.5.");
    }
  }
  return {};
}

bool covers(const Hints::Dab& over, const Hints::Dab& under) {
  // Not knowing the picture's proportions: true only when it is so in all of them.
  return std::hypot(over.x - under.x, over.y - under.y) + under.radius <= over.radius;
}

}  // namespace

Result<> check(const Hints& hints) {
  if (hints.box) CHECK_OK(check_box(*hints.box));
  CHECK_OK(check_dabs(hints.include, "hints.include"));
  CHECK_OK(check_dabs(hints.exclude, "hints.exclude"));
  for (std::size_t i = 0; i < hints.include.size(); ++i) {
    const Hints::Dab& dab = hints.include[i];
    const std::string name = "hints.include[" + std::to_string(i) + "]";
    const auto& box = hints.box;
    if (box && (dab.x < box->left || dab.x > box->right || dab.y < box->top || dab.y > box->bottom)) {
      return refuse(Code::Invalid, name, "This brush point lies outside the box; widen the box or take it back.");
    }
    if (std::ranges::any_of(hints.exclude, [&](const Hints::Dab& out) { return covers(out, dab); })) {
      return refuse(Code::Invalid, name,
                    "This brush point is both in the object and not; take one of the two strokes back.");
    }
  }
  return {};
}

}  // namespace i2m::engine
