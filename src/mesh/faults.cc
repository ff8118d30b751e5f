#include <algorithm>
#include <array>
#include <cmath>

#include "mesh/edges.h"
#include "mesh/manifold.h"

namespace i2m::mesh {
namespace {

constexpr float folded_cosine = -0.9994F;  // 2 degrees short of back to back

bool lie_on_each_other(const Mesh& mesh, std::size_t a, std::size_t b) {
  const Vec3 n = area_of(mesh, a), m = area_of(mesh, b);
  const float size = length(n) * length(m);
  return size > 0 && dot(n, m) < folded_cosine * size;
}

// Fans are what is left of a vertex's triangles when those that share an edge there are taken together.
std::size_t pinched(const std::vector<std::uint32_t>& indices, const std::vector<Side>& sides, std::size_t vertices) {
  Sets corners(indices.size());
  each_edge(sides, [&](const Side* first, const Side* last) {
    const auto corner_at = [&](const Side& s, std::uint32_t v) {
      return indices[s.half] == v ? s.half : next_corner(s.half);
    };
    for (const Side* s = first + 1; s < last; ++s) {
      for (const std::uint32_t v : {s->low, s->high}) corners.join(corner_at(*first, v), corner_at(*s, v));
    }
  });
  std::vector<std::uint32_t> fans(vertices);
  for (std::uint32_t i = 0; i < indices.size(); ++i) fans[indices[i]] += corners.of(i) == i ? 1 : 0;
  return static_cast<std::size_t>(std::ranges::count_if(fans, [](std::uint32_t n) { return n > 1; }));
}

std::size_t duplicates(const std::vector<std::uint32_t>& indices) {
  std::vector<std::array<std::uint32_t, 3>> corners(indices.size() / 3);
  for (std::size_t t = 0; t < corners.size(); ++t) {
    corners[t] = {indices[t * 3], indices[t * 3 + 1], indices[t * 3 + 2]};
    std::ranges::sort(corners[t]);
  }
  std::ranges::sort(corners);
  std::size_t count = 0;
  for (std::size_t i = 1; i < corners.size(); ++i) count += corners[i] == corners[i - 1] ? 1 : 0;
  return count;
}

}  // namespace

Faults faults_of(const Mesh& given) {
  Faults out;
  const auto first = first_at_place(given.positions);
  Mesh mesh{given.positions, {}};
  for (std::size_t t = 0; t < given.triangle_count(); ++t) {
    const std::uint32_t a = first[given.indices[t * 3]], b = first[given.indices[t * 3 + 1]],
                        c = first[given.indices[t * 3 + 2]];
    const bool twice = a == b || b == c || c == a;
    if (twice || !(length(area_of(given, t)) > 0)) ++out.degenerate_triangles;
    if (!twice) mesh.indices.insert(mesh.indices.end(), {a, b, c});
  }
  const auto sides = sides_of(mesh.indices);
  each_edge(sides, [&](const Side* begin, const Side* end) {
    const auto count = end - begin;
    if (count == 1) ++out.open_edges;
    if (count > 2) ++out.crowded_edges;
    if (count != 2) return;
    if (begin->forward(mesh.indices) == (begin + 1)->forward(mesh.indices)) ++out.twisted_edges;
    if (lie_on_each_other(mesh, begin->half / 3, (begin + 1)->half / 3)) ++out.folded_edges;
  });
  out.pinched_vertices = pinched(mesh.indices, sides, mesh.positions.size());
  out.duplicate_triangles = duplicates(mesh.indices);
  return out;
}

}  // namespace i2m::mesh
