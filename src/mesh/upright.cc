#include "mesh/upright.h"

#include "mesh/edges.h"

namespace i2m::mesh {

bool faces_away(Vec3 area, Vec3 normals) {
  constexpr float upright = 0.02F;  // a little more than none: the model may still be turned and scaled
  return !(dot(area, normals) > upright * length(area) * length(normals));
}

void make_upright(TexturedMesh& model) {
  auto& [positions, indices] = model.mesh;
  for (std::size_t t = 0; t < indices.size() / 3; ++t) {
    const std::uint32_t* v = &indices[t * 3];
    const Vec3 area = area_of(model.mesh, t);
    const float size = length(area);
    if (!(size > 0) || !faces_away(area, model.normals[v[0]] + model.normals[v[1]] + model.normals[v[2]])) continue;
    for (std::size_t k = 0; k < 3; ++k) {
      std::uint32_t& corner = indices[t * 3 + k];
      const Vec3 place = positions[corner];
      const Vec2 texture = model.texture[corner];
      corner = static_cast<std::uint32_t>(positions.size());
      positions.push_back(place);
      model.normals.push_back(area * (1 / size));
      model.texture.push_back(texture);
    }
  }
}

}  // namespace i2m::mesh
