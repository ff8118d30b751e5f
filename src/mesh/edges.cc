#include "mesh/edges.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace i2m::mesh {

std::vector<Side> sides_of(const std::vector<std::uint32_t>& indices) {
  std::vector<Side> sides(indices.size());
  for (std::uint32_t i = 0; i < indices.size(); ++i) {
    const std::uint32_t a = indices[i], b = indices[next_corner(i)];
    sides[i] = {std::min(a, b), std::max(a, b), i};
  }
  std::ranges::sort(sides, {}, [](const Side& s) { return std::tuple(s.low, s.high, s.half); });
  return sides;
}

std::vector<std::uint32_t> first_at_place(const std::vector<Vec3>& positions) {
  std::vector<std::uint32_t> order(positions.size()), first(positions.size());
  std::iota(order.begin(), order.end(), 0U);
  // + 0 makes one zero of both.
  const auto place = [&](std::uint32_t v) {
    const Vec3 p = positions[v];
    return std::tuple(p.x + 0.0F, p.y + 0.0F, p.z + 0.0F);
  };
  std::ranges::sort(order, {}, [&](std::uint32_t v) { return std::tuple_cat(place(v), std::tuple(v)); });
  for (std::size_t i = 0; i < order.size(); ++i) {
    first[order[i]] = i > 0 && place(order[i - 1]) == place(order[i]) ? first[order[i - 1]] : order[i];
  }
  return first;
}

Sets::Sets(std::size_t count) : parent_(count) { std::iota(parent_.begin(), parent_.end(), 0U); }

std::uint32_t Sets::of(std::uint32_t thing) {
  while (parent_[thing] != thing) thing = parent_[thing] = parent_[parent_[thing]];
  return thing;
}

void Sets::join(std::uint32_t a, std::uint32_t b) {
  a = of(a), b = of(b);
  parent_[std::max(a, b)] = std::min(a, b);
}

}  // namespace i2m::mesh
