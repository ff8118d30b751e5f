#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "mesh/mesh.h"

namespace i2m::mesh {

/// A glTF file as it stands in the world: every mesh where its nodes put it, triangles only, one list of materials.
/// What is drawn, checked and exported; rewriting a file works on the file itself (rewrite.h).

using Rgba = std::array<float, 4>;  // linear light, not premultiplied

enum class Wrap : std::uint8_t { Repeat, Clamp, Mirror };
enum class Alpha : std::uint8_t { Opaque, Mask, Blend };

struct Material {
  std::string name;
  Rgba colour{1, 1, 1, 1};           // multiplies the picture
  std::optional<std::size_t> image;  // into Scene::images
  Wrap wrap_s = Wrap::Repeat, wrap_t = Wrap::Repeat;
  float metallic = 1, roughness = 1;
  Vec3 emissive;
  Alpha alpha = Alpha::Opaque;
  float alpha_cutoff = 0.5F;
  bool double_sided = false;
  bool unlit = false;
};

/// One primitive at one place. Counter-clockwise seen from outside, also where a transform mirrored it.
struct Part {
  std::string name;
  Mesh mesh;
  std::vector<Vec3> normals;  // of length 1, as many as positions; empty: each triangle has its own
  std::vector<Vec2> texture;  // likewise, or empty; (0, 0) is the picture's upper left corner
  std::vector<Rgba> colours;  // likewise, or empty
  std::size_t material = 0;   // into Scene::materials, always valid
};

/// A picture file as it lies in the GLB.
struct Image {
  std::string name;
  std::string type;  // image/jpeg, image/png, image/webp, image/ktx2
  std::vector<std::uint8_t> bytes;
};

struct Scene {
  std::vector<Part> parts;
  std::vector<Material> materials;
  std::vector<Image> images;

  std::size_t triangle_count() const;
  std::size_t vertex_count() const;
};

/// Errors: the scene must have a vertex.
Box bounds_of(const Scene& scene);

/// What a file may ask for; refused before anything is allocated for it.
inline constexpr std::uint64_t scene_vertices_max = 8'000'000;
inline constexpr std::uint64_t scene_corners_max = 48'000'000;
inline constexpr std::uint64_t scene_placed_vertices_max = 250'000;  // where meshes are placed several times
inline constexpr std::uint64_t scene_placed_corners_max = 1'500'000;
inline constexpr std::uint64_t decompressed_bytes_max = 512ULL << 20;
inline constexpr std::uint64_t stream_bytes_max = 1ULL << 30;
inline constexpr std::uint64_t scene_image_bytes_max = 256ULL << 20;
inline constexpr std::size_t node_depth_max = 512;

/// Reads a GLB of whatever origin. What inspect_glb refuses is refused, and besides: Draco compression, nodes in
/// cycles or with two parents, transforms that are no numbers, positions that are none, more than the bounds above.
///
/// Strips and fans become triangles; points and lines are left out; sparse, normalised and quantised accessors,
/// KHR_mesh_quantization, EXT_meshopt_compression and KHR_texture_transform are resolved. Skins and morph targets are
/// shown as their vertices are stored.
/// Units:  metres, y up, as glTF says.
/// Errors: Code::Invalid, field "model", a sentence for the one who brought the file.
/// Cost:   O(size), everything in memory once more, as floats.
/// Source: Khronos glTF 2.0 specification and the extensions' own.
Result<Scene> read_scene(std::span<const std::uint8_t> glb);

/// inspect_glb's reason, as a refusal of the file that a person can act on.
std::unexpected<Error> unusable_model(Error error);

}  // namespace i2m::mesh
