#include "mesh/check.h"

#include <algorithm>
#include <limits>

#include "mesh/edges.h"

namespace i2m::mesh {
namespace {

std::size_t against_normals(const Part& part) {
  std::size_t count = 0;
  if (part.normals.empty()) return count;
  for (std::size_t t = 0; t < part.mesh.triangle_count(); ++t) {
    const std::uint32_t* v = &part.mesh.indices[t * 3];
    const Vec3 sum = part.normals[v[0]] + part.normals[v[1]] + part.normals[v[2]];
    count += dot(area_of(part.mesh, t), sum) < 0 ? 1 : 0;
  }
  return count;
}

}  // namespace

Mesh joined(const Scene& scene) {
  Mesh out;
  for (const Part& part : scene.parts) {
    const auto begin = static_cast<std::uint32_t>(out.positions.size());
    out.positions.insert(out.positions.end(), part.mesh.positions.begin(), part.mesh.positions.end());
    for (const std::uint32_t v : part.mesh.indices) out.indices.push_back(begin + v);
  }
  return out;
}

ModelCheck check(const Scene& scene) {
  ModelCheck out;
  out.parts = scene.parts.size();
  out.triangles = scene.triangle_count();
  out.vertices = scene.vertex_count();
  out.images = scene.images.size();
  out.bounds = bounds_of(scene);
  out.faults = faults_of(joined(scene));
  std::vector<std::uint8_t> shown(scene.materials.size());
  bool any = false;
  for (const Part& part : scene.parts) {
    shown[part.material] = 1;
    out.parts_without_normals += part.normals.empty() ? 1 : 0;
    out.parts_without_texture += part.texture.empty() && scene.materials[part.material].image ? 1 : 0;
    out.triangles_against_normals += against_normals(part);
    for (const Vec2 p : part.texture) {
      if (!any) out.texture_min = out.texture_max = p;
      any = true;
      out.texture_min = {std::min(out.texture_min.x, p.x), std::min(out.texture_min.y, p.y)};
      out.texture_max = {std::max(out.texture_max.x, p.x), std::max(out.texture_max.y, p.y)};
    }
  }
  out.materials = static_cast<std::size_t>(std::ranges::count(shown, 1));
  return out;
}

}  // namespace i2m::mesh
