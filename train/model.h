#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

// What the training's tools share: a textured triangle mesh, and the file that holds many of them.
namespace i2m::train {

struct Vec2 {
  float x = 0, y = 0;
};

struct Vec3 {
  float x = 0, y = 0, z = 0;
  Vec3 operator+(Vec3 o) const { return {x + o.x, y + o.y, z + o.z}; }
  Vec3 operator-(Vec3 o) const { return {x - o.x, y - o.y, z - o.z}; }
  Vec3 operator*(float s) const { return {x * s, y * s, z * s}; }
  Vec3 operator*(Vec3 o) const { return {x * o.x, y * o.y, z * o.z}; }
};

inline float dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vec3 cross(Vec3 a, Vec3 b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }
inline float length(Vec3 a) { return std::sqrt(dot(a, a)); }
inline Vec3 unit(Vec3 a) {
  const float l = length(a);
  return l > 1e-12F ? a * (1 / l) : Vec3{0, 0, 1};
}

struct Texture {
  int width = 0, height = 0;
  std::vector<std::uint8_t> rgba;
};

struct Material {
  Vec3 colour{0.7F, 0.7F, 0.7F};
  float opacity = 1;
  float shine = 0;
  std::int32_t texture = -1;
  std::int32_t cutout = 0;  // 1: the texture's alpha makes holes
};

/// Triangles around the origin within the unit sphere; y is up, the front faces +z.
struct Model {
  std::string name;
  std::int32_t split = 0;  // 0 learn, 1 tune; the report's objects are in no pack
  float weight = 1;        // how often it is drawn
  std::vector<Vec3> positions;
  std::vector<Vec2> uv;
  std::vector<std::array<std::uint32_t, 3>> triangles;
  std::vector<std::uint16_t> material_of;
  std::vector<Material> materials;
  std::vector<Texture> textures;
  std::vector<std::array<Vec3, 3>> normals;  // of the corners; made by `smooth`, not in the file
};

/// Corner normals: the mean around the point unless the face turns from it by more than about 45 degrees.
void smooth(Model& model);

/// Moves the middle of the bounding box to the origin and scales the farthest point to distance 1.
void normalise(Model& model);

template <class T>
void put(std::ofstream& to, const std::vector<T>& values) {
  const auto count = static_cast<std::uint32_t>(values.size());
  to.write(reinterpret_cast<const char*>(&count), sizeof count);
  to.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(count * sizeof(T)));
}

template <class T>
void take(std::ifstream& from, std::vector<T>& values) {
  std::uint32_t count = 0;
  from.read(reinterpret_cast<char*>(&count), sizeof count);
  values.resize(from ? count : 0);
  from.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(T)));
}

void write(std::ofstream& to, const Model& model);
bool read(std::ifstream& from, Model& model);

}  // namespace i2m::train
