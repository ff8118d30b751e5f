#pragma once

#include "model.h"
#include "random.h"

namespace i2m::train {

/// Where a model stands before the camera. The camera looks along -z from `distance`; y is up.
struct Pose {
  std::array<Vec3, 3> turn{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};  // rows of the model-to-camera matrix
  float distance = 4;
  float pitch = 0;             // radians the camera looks down
  float aim_x = 0, aim_y = 0;  // moves the model sideways before the camera sees it
};

struct Light {
  Vec3 key{0, 0, 1}, fill{0, 0, 1}, tint{1, 1, 1};
  float ambient = 0.3F, sky = 0.2F, key_strength = 0.6F, fill_strength = 0.2F, shine = 0.3F, gamma = 1;
};

/// How a model's surface is changed so that one model is many.
struct Paint {
  bool recolour = false;
  std::array<Vec3, 8> colours{};                        // a material's colour, by its number modulo 8
  std::array<float, 9> mix{1, 0, 0, 0, 1, 0, 0, 0, 1};  // of the channels
  int pattern = 0;                                      // 0 none, 1 stripes, 2 cubes, 3 clouds
  float pattern_scale = 4, pattern_strength = 0.5F;
  Vec3 pattern_way{0, 1, 0}, pattern_colour{0.5F, 0.5F, 0.5F};
  bool flat = false;  // no light at all: a drawing
};

/// Maps the picture plane (x, y of unit focal length) to pixels: column = (x - x0) * scale, row = (y0 - y) * scale.
struct Window {
  float x0 = 0, y0 = 0, scale = 1;
};

/// What the camera sees, `side` x `side` samples. Distances are along the camera's axis; 0 where nothing is.
struct Seen {
  int side = 0;
  std::vector<float> first, last;
  std::vector<std::int32_t> triangle;
  std::vector<Vec3> points;  // the model's, before the camera
};

struct Extent {
  float x_low, x_high, y_low, y_high;
};

Pose draw_pose(Random& random, bool upright);
Light draw_light(Random& random);
Paint draw_paint(Random& random);

std::vector<Vec3> place(const Model& model, const Pose& pose);

/// Of the points, on the picture plane.
Extent extent_of(const std::vector<Vec3>& points);

/// The first and the last surface along every ray. Cost: 1 ms for 8000 triangles at 256 samples.
Seen look(const Model& model, std::vector<Vec3> points, const Window& window, int side);

/// Colours of the samples, 0 to 1 a channel; untouched where nothing is seen.
void shade(const Model& model, const Seen& seen, const Window& window, const Pose& pose, const Light& light,
           const Paint& paint, std::vector<Vec3>& colour);

}  // namespace i2m::train
