#include <algorithm>

#include "scene.h"

namespace i2m::train {
namespace {

constexpr int fine = 2;  // samples along a pixel's side
constexpr float share = 0.9F;

void noise(Random& random, std::uint8_t* rgba, int count) {
  if (random.chance(0.5F)) return;
  const float strength = random.in(0, 9);
  for (int i = 0; i < count; ++i) {
    if (rgba[4 * i + 3] < 128) continue;
    const float grey = (random.unit() + random.unit() - 1) * strength;
    for (int k = 0; k < 3; ++k) {
      const float v = static_cast<float>(rgba[4 * i + k]) + grey + (random.unit() - 0.5F) * strength;
      rgba[4 * i + k] = static_cast<std::uint8_t>(std::clamp(v, 0.0F, 255.0F));
    }
  }
}

}  // namespace

const Model& draw_model(const Library& library, int split, float invented, Random& random, Model& scratch) {
  const std::vector<float>& sums = library.cumulative[static_cast<std::size_t>(split)];
  if (sums.empty() || random.chance(invented)) {
    scratch = invent(random);
    return scratch;
  }
  const float at = random.unit() * sums.back();
  const auto i = std::upper_bound(sums.begin(), sums.end(), at) - sums.begin();
  int seen = static_cast<int>(std::min<std::ptrdiff_t>(i, static_cast<std::ptrdiff_t>(sums.size()) - 1));
  for (const Model& model : library.models) {
    if (model.split == split && seen-- == 0) return model;
  }
  return library.models.front();
}

void depth_sample(const Library& library, int split, std::uint64_t seed, int pixels, std::uint8_t* rgba, float* target,
                  float* global) {
  Random random(seed);
  Model scratch;
  const Model& model = draw_model(library, split, split == 0 ? 0.3F : 0, random, scratch);
  const Pose pose = draw_pose(random, false);
  std::vector<Vec3> points = place(model, pose);
  const Extent e = extent_of(points);
  const float longest = std::max({e.x_high - e.x_low, e.y_high - e.y_low, 1e-6F});
  const float square = longest / share;  // on the picture plane
  const int side = pixels * fine, cells = pixels / 2;
  const Window window{(e.x_low + e.x_high - square) / 2, (e.y_low + e.y_high + square) / 2,
                      static_cast<float>(side) / square};
  const Seen seen = look(model, std::move(points), window, side);
  std::vector<Vec3> colour(seen.first.size());
  shade(model, seen, window, pose, draw_light(random), draw_paint(random), colour);
  for (int y = 0; y < pixels; ++y) {
    for (int x = 0; x < pixels; ++x) {
      Vec3 sum;
      int count = 0;
      for (int j = 0; j < fine * fine; ++j) {
        const auto i = static_cast<std::size_t>((y * fine + j / fine) * side + x * fine + j % fine);
        if (seen.triangle[i] < 0) continue;
        sum = sum + colour[i];
        ++count;
      }
      const float cover = static_cast<float>(count) / (fine * fine);
      const Vec3 c =
          (count > 0 ? sum * (cover / static_cast<float>(count)) : Vec3{}) + Vec3{0.5F, 0.5F, 0.5F} * (1 - cover);
      std::uint8_t* to = rgba + static_cast<std::size_t>(y * pixels + x) * 4;
      to[0] = static_cast<std::uint8_t>(c.x * 255 + 0.5F);
      to[1] = static_cast<std::uint8_t>(c.y * 255 + 0.5F);
      to[2] = static_cast<std::uint8_t>(c.z * 255 + 0.5F);
      to[3] = static_cast<std::uint8_t>(cover * 255 + 0.5F);
    }
  }
  noise(random, rgba, pixels * pixels);
  constexpr int cell = 2 * fine;
  const int plane = cells * cells;
  const float unit_side = square * pose.distance;  // the square's side at the object's middle
  for (int y = 0; y < cells; ++y) {
    for (int x = 0; x < cells; ++x) {
      std::array<float, static_cast<std::size_t>(cell * cell)> first{}, last{};
      std::size_t count = 0;
      for (int j = 0; j < cell * cell; ++j) {
        const auto i = static_cast<std::size_t>((y * cell + j / cell) * side + x * cell + j % cell);
        if (seen.triangle[i] < 0) continue;
        first[count] = seen.first[i];
        last[count++] = seen.last[i];
      }
      const auto at = static_cast<std::size_t>(y * cells + x);
      target[at] = target[plane + at] = 0;
      target[2 * plane + at] = static_cast<float>(count) / (cell * cell);
      if (count == 0) continue;
      const auto middle = static_cast<std::ptrdiff_t>(count / 2);
      std::nth_element(first.begin(), first.begin() + middle, first.begin() + static_cast<std::ptrdiff_t>(count));
      std::nth_element(last.begin(), last.begin() + middle, last.begin() + static_cast<std::ptrdiff_t>(count));
      const float near = first[count / 2], far = last[count / 2];
      target[at] = (pose.distance - near) / unit_side;
      target[plane + at] = std::max(0.0F, far - near) / unit_side;
    }
  }
  global[0] = std::sin(pose.pitch);
  global[1] = square;  // of unit focal length: the square's side over the camera's distance
}

}  // namespace i2m::train
