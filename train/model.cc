#include "model.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace i2m::train {

void smooth(Model& model) {
  std::map<std::tuple<float, float, float>, std::uint32_t> seen;
  std::vector<std::uint32_t> point(model.positions.size());
  for (std::size_t i = 0; i < point.size(); ++i) {
    const Vec3 p = model.positions[i];
    point[i] = seen.try_emplace({p.x, p.y, p.z}, static_cast<std::uint32_t>(i)).first->second;
  }
  std::vector<Vec3> sum(model.positions.size());
  std::vector<Vec3> face(model.triangles.size());
  for (std::size_t t = 0; t < face.size(); ++t) {
    const auto [a, b, c] = model.triangles[t];
    const Vec3 n = cross(model.positions[b] - model.positions[a], model.positions[c] - model.positions[a]);
    face[t] = unit(n);
    for (const std::uint32_t i : {a, b, c}) sum[point[i]] = sum[point[i]] + n;
  }
  constexpr float crease = 0.7F;
  model.normals.resize(face.size());
  for (std::size_t t = 0; t < face.size(); ++t) {
    for (std::size_t k = 0; k < 3; ++k) {
      const Vec3 n = unit(sum[point[model.triangles[t][k]]]);
      model.normals[t][k] = dot(n, face[t]) > crease ? n : face[t];
    }
  }
}

void normalise(Model& model) {
  if (model.positions.empty()) return;
  Vec3 low = model.positions[0], high = low;
  for (const Vec3 p : model.positions) {
    low = {std::min(low.x, p.x), std::min(low.y, p.y), std::min(low.z, p.z)};
    high = {std::max(high.x, p.x), std::max(high.y, p.y), std::max(high.z, p.z)};
  }
  const Vec3 middle = (low + high) * 0.5F;
  float reach = 1e-9F;
  for (const Vec3 p : model.positions) reach = std::max(reach, length(p - middle));
  for (Vec3& p : model.positions) p = (p - middle) * (1 / reach);
}

void write(std::ofstream& to, const Model& model) {
  put(to, std::vector<char>(model.name.begin(), model.name.end()));
  to.write(reinterpret_cast<const char*>(&model.split), sizeof model.split);
  to.write(reinterpret_cast<const char*>(&model.weight), sizeof model.weight);
  put(to, model.positions);
  put(to, model.uv);
  put(to, model.triangles);
  put(to, model.material_of);
  put(to, model.materials);
  const std::vector<std::uint32_t> count{static_cast<std::uint32_t>(model.textures.size())};
  put(to, count);
  for (const Texture& texture : model.textures) {
    put(to, std::vector<std::int32_t>{texture.width, texture.height});
    put(to, texture.rgba);
  }
}

bool read(std::ifstream& from, Model& model) {
  std::vector<char> name;
  take(from, name);
  if (!from || name.empty()) return false;
  model.name.assign(name.begin(), name.end());
  from.read(reinterpret_cast<char*>(&model.split), sizeof model.split);
  from.read(reinterpret_cast<char*>(&model.weight), sizeof model.weight);
  take(from, model.positions);
  take(from, model.uv);
  take(from, model.triangles);
  take(from, model.material_of);
  take(from, model.materials);
  std::vector<std::uint32_t> count;
  take(from, count);
  if (count.size() != 1) return false;
  model.textures.resize(count[0]);
  for (Texture& texture : model.textures) {
    std::vector<std::int32_t> size;
    take(from, size);
    if (size.size() != 2) return false;
    texture.width = size[0];
    texture.height = size[1];
    take(from, texture.rgba);
  }
  smooth(model);
  return static_cast<bool>(from);
}

}  // namespace i2m::train
