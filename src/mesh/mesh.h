#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace i2m::mesh {

struct Vec2 {
  float x = 0, y = 0;
};

struct Vec3 {
  float x = 0, y = 0, z = 0;

  bool operator==(const Vec3&) const = default;

  Vec3 operator+(Vec3 b) const { return {x + b.x, y + b.y, z + b.z}; }
  Vec3 operator-(Vec3 b) const { return {x - b.x, y - b.y, z - b.z}; }
  Vec3 operator*(float s) const { return {x * s, y * s, z * s}; }
};

inline float dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vec3 cross(Vec3 a, Vec3 b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }
inline float length(Vec3 a) { return std::sqrt(dot(a, a)); }

/// Triangles over shared vertices; counter-clockwise seen from outside. The unit is the maker's.
struct Mesh {
  std::vector<Vec3> positions;
  std::vector<std::uint32_t> indices;  // three a triangle

  std::size_t triangle_count() const { return indices.size() / 3; }
};

/// How well the surface holds together. A closed one has no open edge.
struct EdgeCount {
  std::size_t open = 0;          // walked more often one way than the other: a hole begins here
  std::size_t non_manifold = 0;  // shared by more than two triangles
};

/// Cost: O(n log n), 16 bytes a directed edge.
EdgeCount count_edges(const Mesh& mesh);

/// Area-weighted vertex normals, of length 1; (0, 1, 0) where the triangles around a vertex cancel out.
std::vector<Vec3> normals_of(const Mesh& mesh);

struct Box {
  Vec3 min, max;
};

/// Errors: the mesh must have a vertex.
Box bounds_of(const std::vector<Vec3>& positions);

/// Takes the stairs out of a marching-cubes surface without shrinking it: `passes` of a step towards the neighbours'
/// mean and a slightly longer one away from it.
///
/// Source: Taubin, A Signal Processing Approach to Fair Surface Design, SIGGRAPH 1995.
void smooth(Mesh& mesh, int passes);

/// For each vertex, the number of the connected part it belongs to, from 0 in the order of first vertices.
std::vector<std::uint32_t> parts_of(const Mesh& mesh);

}  // namespace i2m::mesh
