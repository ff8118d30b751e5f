// The face towards Python (ctypes): plain C, a seed a sample, no state but the models.
#include <cstdio>

#include "scene.h"

using i2m::train::Library;

extern "C" {

Library* scene_open(const char* path) {
  auto* library = new Library;
  std::ifstream in(path, std::ios::binary);
  i2m::train::Model model;
  while (i2m::train::read(in, model)) {
    auto& sums = library->cumulative[static_cast<std::size_t>(model.split)];
    sums.push_back((sums.empty() ? 0 : sums.back()) + model.weight);
    library->models.push_back(std::move(model));
    model = {};
  }
  return library;
}

/// Adds square RGBA pictures, one after another in a file.
int scene_sprites(Library* library, const char* path, int side) {
  std::ifstream in(path, std::ios::binary);
  std::vector<std::uint8_t> sprite(static_cast<std::size_t>(side) * static_cast<std::size_t>(side) * 4);
  while (in.read(reinterpret_cast<char*>(sprite.data()), static_cast<std::streamsize>(sprite.size())))
    library->sprites.push_back(sprite);
  return static_cast<int>(library->sprites.size());
}

int scene_count(const Library* library, int split) {
  return static_cast<int>(library->cumulative[static_cast<std::size_t>(split)].size());
}

void scene_depth(const Library* library, int split, std::uint64_t seed, int side, int count, std::uint8_t* rgba,
                 float* target, float* global) {
  using namespace i2m::train;
  const auto area = static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
  for (int i = 0; i < count; ++i) {
    const auto n = static_cast<std::size_t>(i);
    depth_sample(*library, split, seed + n, side, rgba + n * area * 4, target + n * area / 4 * 3, global + n * 2);
  }
}

void scene_mask(const Library* library, int split, std::uint64_t seed, int side, int count, std::uint8_t* rgb,
                float* target, int* kind) {
  using namespace i2m::train;
  const auto area = static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
  for (int i = 0; i < count; ++i) {
    const auto n = static_cast<std::size_t>(i);
    kind[n] = mask_sample(*library, split, seed + n, side, rgb + n * area * 3, target + n * area / 4);
  }
}
}
