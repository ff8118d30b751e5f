#pragma once

#include "raster.h"
#include "shapes.h"

namespace i2m::train {

struct Library {
  std::vector<Model> models;
  std::array<std::vector<float>, 2> cumulative;    // a split: drawing weights, summed up
  std::vector<std::vector<std::uint8_t>> sprites;  // square pictures with alpha, premultiplied: drawings of things
};

/// A model of the split, or an invented one `invented` of the time; `scratch` holds the latter.
const Model& draw_model(const Library& library, int split, float invented, Random& random, Model& scratch);

/// An object cut out as the engine cuts it (longer side 90 % of the square, on middle grey).
/// rgba: side^2 x 4. target: 3 planes of (side / 2)^2: height of the first surface over the object's middle and
/// thickness, both in sides of the square; share of the cell that is object. global: sin of the camera's pitch, side of
/// the square over the camera's distance.
void depth_sample(const Library& library, int split, std::uint64_t seed, int side, std::uint8_t* rgba, float* target,
                  float* global);

/// A whole picture, letterboxed in a square on middle grey. rgb: side^2 x 3. target: (side / 2)^2, the share of the
/// cell that is object. Answers the background's kind: see `Backdrop` in mask_scene.cc.
int mask_sample(const Library& library, int split, std::uint64_t seed, int side, std::uint8_t* rgb, float* target);

}  // namespace i2m::train
