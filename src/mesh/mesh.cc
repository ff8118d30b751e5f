#include "mesh/mesh.h"

#include <algorithm>
#include <numeric>

namespace i2m::mesh {

EdgeCount count_edges(const Mesh& mesh) {
  // An edge is keyed by its lower vertex first; the lowest bit of the pair's direction is kept apart to be summed.
  struct Side {
    std::uint64_t key;
    int way;
  };
  std::vector<Side> sides;
  sides.reserve(mesh.indices.size());
  for (std::size_t i = 0; i < mesh.indices.size(); ++i) {
    const std::uint32_t a = mesh.indices[i];
    const std::uint32_t b = mesh.indices[i % 3 == 2 ? i - 2 : i + 1];
    sides.push_back({std::uint64_t{std::min(a, b)} << 32 | std::max(a, b), a < b ? 1 : -1});
  }
  std::ranges::sort(sides, {}, &Side::key);
  EdgeCount count;
  for (std::size_t i = 0; i < sides.size();) {
    std::size_t end = i;
    int sum = 0;
    for (; end < sides.size() && sides[end].key == sides[i].key; ++end) sum += sides[end].way;
    count.open += sum != 0 ? 1 : 0;
    count.non_manifold += end - i > 2 ? 1 : 0;
    i = end;
  }
  return count;
}

std::vector<Vec3> normals_of(const Mesh& mesh) {
  std::vector<Vec3> normals(mesh.positions.size());
  for (std::size_t i = 0; i + 2 < mesh.indices.size(); i += 3) {
    const std::uint32_t a = mesh.indices[i], b = mesh.indices[i + 1], c = mesh.indices[i + 2];
    // The cross product's length is twice the area: adding it unscaled is the weighting.
    const Vec3 n = cross(mesh.positions[b] - mesh.positions[a], mesh.positions[c] - mesh.positions[a]);
    for (const std::uint32_t v : {a, b, c}) normals[v] = normals[v] + n;
  }
  for (Vec3& n : normals) {
    const float size = length(n);
    n = size > 1e-20F ? n * (1 / size) : Vec3{0, 1, 0};
  }
  return normals;
}

Box bounds_of(const std::vector<Vec3>& positions) {
  Box box{positions.front(), positions.front()};
  for (const Vec3& p : positions) {
    box.min = {std::min(box.min.x, p.x), std::min(box.min.y, p.y), std::min(box.min.z, p.z)};
    box.max = {std::max(box.max.x, p.x), std::max(box.max.y, p.y), std::max(box.max.z, p.z)};
  }
  return box;
}

void smooth(Mesh& mesh, int passes) {
  std::vector<Vec3> sum(mesh.positions.size());
  std::vector<float> weight(mesh.positions.size());
  for (const std::uint32_t v : mesh.indices) weight[v] += 2;
  for (int half = 0; half < passes * 2; ++half) {
    std::ranges::fill(sum, Vec3{});
    for (std::size_t i = 0; i + 2 < mesh.indices.size(); i += 3) {
      const std::uint32_t a = mesh.indices[i], b = mesh.indices[i + 1], c = mesh.indices[i + 2];
      const Vec3 pa = mesh.positions[a], pb = mesh.positions[b], pc = mesh.positions[c];
      sum[a] = sum[a] + pb + pc;
      sum[b] = sum[b] + pa + pc;
      sum[c] = sum[c] + pa + pb;
    }
    const float step = half % 2 == 0 ? 0.5F : -0.52F;
    for (std::size_t v = 0; v < mesh.positions.size(); ++v) {
      if (weight[v] == 0) continue;
      mesh.positions[v] = mesh.positions[v] + (sum[v] * (1 / weight[v]) - mesh.positions[v]) * step;
    }
  }
}

std::vector<std::uint32_t> parts_of(const Mesh& mesh) {
  std::vector<std::uint32_t> parent(mesh.positions.size());
  std::iota(parent.begin(), parent.end(), 0U);
  const auto root = [&](std::uint32_t v) {
    while (parent[v] != v) v = parent[v] = parent[parent[v]];
    return v;
  };
  for (std::size_t i = 0; i + 2 < mesh.indices.size(); i += 3) {
    const std::uint32_t a = root(mesh.indices[i]);
    for (const std::size_t k : {i + 1, i + 2}) parent[root(mesh.indices[k])] = a;
  }
  std::vector<std::uint32_t> number(mesh.positions.size(), ~0U), part(mesh.positions.size());
  std::uint32_t next = 0;
  for (std::uint32_t v = 0; v < part.size(); ++v) {
    std::uint32_t& n = number[root(v)];
    if (n == ~0U) n = next++;
    part[v] = n;
  }
  return part;
}

}  // namespace i2m::mesh
