#include "mesh/ground.h"

#include <algorithm>
#include <cmath>

namespace i2m::mesh {
namespace {

constexpr int side = 160;
constexpr int side_inner = 96;  // the object's own footprint; the rest is for the shadow to run out
constexpr float darkest = 0.42F;

std::size_t at(int x, int z) { return static_cast<std::size_t>(z) * side + static_cast<std::size_t>(x); }

}  // namespace

Ground::Ground(const Scene& scene, const Box& box) : level_(box.min.y), map_(std::size_t{side} * side) {
  const Vec3 size = box.max - box.min;
  cell_ = std::max({size.x, size.z, size.y * 0.25F, 1e-9F}) / side_inner;
  left_ = (box.min.x + box.max.x) / 2 - cell_ * side / 2;
  far_ = (box.min.z + box.max.z) / 2 - cell_ * side / 2;
  const float height = std::max(size.y, 1e-9F);
  for (const Part& part : scene.parts) {
    if (scene.materials[part.material].alpha != Alpha::Blend) cover(part, height);
  }
  for (const int radius : {3, 5, 8}) blur(radius);
}

void Ground::cover(const Part& part, float height) {
  for (std::size_t i = 0; i + 2 < part.mesh.indices.size(); i += 3) {
    const Vec3 a = part.mesh.positions[part.mesh.indices[i]], b = part.mesh.positions[part.mesh.indices[i + 1]],
               c = part.mesh.positions[part.mesh.indices[i + 2]];
    const float reach = std::clamp(1 - (std::min({a.y, b.y, c.y}) - level_) / height, 0.0F, 1.0F);
    const float dark = 0.15F + 0.85F * reach * reach * reach;
    const auto cell = [&](float v, float origin) {
      return std::clamp(static_cast<int>((v - origin) / cell_), 0, side - 1);
    };
    const int x0 = cell(std::min({a.x, b.x, c.x}), left_), x1 = cell(std::max({a.x, b.x, c.x}), left_);
    const int z0 = cell(std::min({a.z, b.z, c.z}), far_), z1 = cell(std::max({a.z, b.z, c.z}), far_);
    const float area = (b.x - a.x) * (c.z - a.z) - (b.z - a.z) * (c.x - a.x);
    const bool small = x1 - x0 < 2 && z1 - z0 < 2;
    for (int z = z0; z <= z1; ++z) {
      for (int x = x0; x <= x1; ++x) {
        float& cover = map_[at(x, z)];
        if (cover >= dark) continue;
        const float px = left_ + (static_cast<float>(x) + 0.5F) * cell_,
                    pz = far_ + (static_cast<float>(z) + 0.5F) * cell_;
        const float wa = ((b.x - px) * (c.z - pz) - (b.z - pz) * (c.x - px)) / area;
        const float wb = ((c.x - px) * (a.z - pz) - (c.z - pz) * (a.x - px)) / area;
        if (small || (wa >= 0 && wb >= 0 && wa + wb <= 1)) cover = dark;
      }
    }
  }
}

// A running mean along rows, then along columns.
void Ground::blur(int radius) {
  std::vector<float> line(side);
  for (int way = 0; way < 2; ++way) {
    for (int j = 0; j < side; ++j) {
      const auto cell = [&](int i) -> float& { return way == 0 ? map_[at(i, j)] : map_[at(j, i)]; };
      float sum = 0;
      for (int i = -radius; i < side; ++i) {
        if (i + radius < side) sum += cell(i + radius);
        if (i > radius) sum -= cell(i - radius - 1);
        if (i >= 0) line[static_cast<std::size_t>(i)] = sum / static_cast<float>(2 * radius + 1);
      }
      for (int i = 0; i < side; ++i) cell(i) = line[static_cast<std::size_t>(i)];
    }
  }
}

float Ground::shadow(Vec3 eye, Vec3 ray) const {
  if (map_.empty() || !(ray.y < -1e-4F) || eye.y <= level_) return 0;
  const float reach = (level_ - eye.y) / ray.y;
  const float fx = (eye.x + ray.x * reach - left_) / cell_ - 0.5F, fz = (eye.z + ray.z * reach - far_) / cell_ - 0.5F;
  if (!(fx >= 0 && fz >= 0 && fx < side - 1 && fz < side - 1)) return 0;
  const int x = static_cast<int>(fx), z = static_cast<int>(fz);
  const float a = fx - static_cast<float>(x), b = fz - static_cast<float>(z);
  const float dark = (map_[at(x, z)] * (1 - a) + map_[at(x + 1, z)] * a) * (1 - b) +
                     (map_[at(x, z + 1)] * (1 - a) + map_[at(x + 1, z + 1)] * a) * b;
  return darkest * std::min(dark, 1.0F);
}

}  // namespace i2m::mesh
