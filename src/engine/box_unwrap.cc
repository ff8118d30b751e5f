#include "engine/box_unwrap.h"

#include <array>

namespace i2m::engine {
namespace {

// What a triangle shows: the picture as it lies before it, or what another face shows. Hidden faces are numbered
// axis * 2 + (1 where the side is positive).
constexpr std::size_t in_sight = 6, kinds = 7;

class Unwrapper {
 public:
  Unwrapper(const Solid& solid, Back back, int tiles)
      : box_(*solid.view.box), view_(solid.view), back_(back), share_(1 / static_cast<float>(tiles)), tiles_(tiles) {}

  std::size_t kind_of(mesh::Vec3 normal, mesh::Vec3 middle) const {
    constexpr float outside_by = 2;  // cells: what sticks out of the box has no faces
    const mesh::Vec3 own = box_.to_own(middle), n = box_.to_own(normal);
    const std::array at{own.x, own.y, own.z}, half{box_.half.x, box_.half.y, box_.half.z}, slope{n.x, n.y, n.z};
    int axis = 0;
    for (int i = 0; i < 3; ++i) {
      const auto k = static_cast<std::size_t>(i);
      if (std::abs(at[k]) > half[k] + outside_by) return in_sight;
      if (std::abs(slope[k]) > std::abs(slope[static_cast<std::size_t>(axis)])) axis = i;
    }
    const int side = slope[static_cast<std::size_t>(axis)] > 0 ? 1 : -1;
    return box_.shows(axis, side) ? in_sight : static_cast<std::size_t>(axis * 2 + (side > 0 ? 1 : 0));
  }

  mesh::Vec2 place(mesh::Vec3 p, std::size_t kind) const {
    float tile = 0;
    if (kind != in_sight) {
      const int axis = static_cast<int>(kind / 2), side = kind % 2 == 1 ? 1 : -1;
      const bool partner = axis != 1 && box_.shows(axis, -side);
      p = box_.from_own(partner ? opposite(box_.to_own(p), axis) : at_edge(box_.to_own(p), axis, side));
      if (tiles_ > 1 && partner) tile = share_;
    }
    const mesh::Vec2 uv = view_.see(p);
    return {std::clamp(uv.x, 0.0F, 1.0F) * share_ + tile, std::clamp(uv.y, 0.0F, 1.0F)};
  }

 private:
  mesh::Vec3 opposite(mesh::Vec3 own, int axis) const {
    if (back_ != Back::Mirror) return {-own.x, own.y, -own.z};
    return axis == 0 ? mesh::Vec3{-own.x, own.y, own.z} : mesh::Vec3{own.x, own.y, -own.z};
  }

  // The nearest place on the front, a little within its edge.
  mesh::Vec3 at_edge(mesh::Vec3 own, int axis, int side) const {
    constexpr float within = 0.97F;
    const auto towards = static_cast<float>(side) * within;
    if (axis == 0) return {towards * box_.half.x, own.y, box_.half.z};
    if (axis == 1) return {own.x, towards * box_.half.y, box_.half.z};
    return own;
  }

  const Cuboid& box_;
  const View& view_;
  Back back_;
  float share_;
  int tiles_;
};

}  // namespace

mesh::TexturedMesh unwrap_box(const Solid& solid, Back back, int tiles) {
  constexpr std::uint32_t none = ~0U;
  const auto& from = solid.mesh;
  const auto normals = mesh::normals_of(from);
  const Unwrapper unwrapper(solid, back, tiles);
  std::array<std::uint32_t, kinds> fresh{};
  fresh.fill(none);
  std::vector<std::array<std::uint32_t, kinds>> ids(from.positions.size(), fresh);
  mesh::TexturedMesh out;
  for (std::size_t i = 0; i + 2 < from.indices.size(); i += 3) {
    const std::uint32_t* v = &from.indices[i];
    const mesh::Vec3 a = from.positions[v[0]], b = from.positions[v[1]], c = from.positions[v[2]];
    const std::size_t kind = unwrapper.kind_of(mesh::cross(b - a, c - a), (a + b + c) * (1.0F / 3));
    for (int k = 0; k < 3; ++k) {
      std::uint32_t& id = ids[v[k]][kind];
      if (id == none) {
        id = static_cast<std::uint32_t>(out.mesh.positions.size());
        out.mesh.positions.push_back(from.positions[v[k]]);
        out.normals.push_back(normals[v[k]]);
        out.texture.push_back(unwrapper.place(from.positions[v[k]], kind));
      }
      out.mesh.indices.push_back(id);
    }
  }
  return out;
}

}  // namespace i2m::engine
