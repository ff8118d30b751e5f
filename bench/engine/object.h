#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <opencv2/core.hpp>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "mesh/mesh.h"

// Things with a known shape: the furniture the harness holds models against, and models themselves.
namespace i2m::bench {

struct Material {
  mesh::Vec3 colour{0.7F, 0.7F, 0.7F};  // of light, 0 to 1; multiplies the texture where there is one
  float opacity = 1;
  cv::Mat texture;  // CV_8UC3 RGB, row 0 is v = 1; empty without
};

/// A triangle's corner: position, place in the texture, normal.
struct Corner {
  std::uint32_t position = 0;
  mesh::Vec2 uv;
  mesh::Vec3 normal;
};

/// Triangles with colours. y is up, the front faces +z.
struct Object {
  std::vector<mesh::Vec3> positions;
  std::vector<std::array<Corner, 3>> triangles;
  std::vector<std::uint32_t> material_of;  // as many as triangles
  std::vector<Material> materials;

  mesh::Mesh surface() const;
};

using Rotation = cv::Matx33f;

/// Reads a Wavefront OBJ with its MTL and textures, turned by `rotation`. Polygons are fanned, negative indices count
/// from the end, lines are left out; a missing MTL or texture leaves grey or the plain colour.
///
/// Errors: Code::NotFound without the file or without a triangle in it.
/// Source: Wavefront OBJ/MTL as Blender and Sweet Home 3D write them.
Result<Object> load_object(const std::filesystem::path& file, const Rotation& rotation);

/// A GLB that the engine has made, with its texture.
///
/// Errors: Code::ContractMissed when its picture does not decode.
Result<Object> object_of(std::span<const std::uint8_t> glb);

/// Moves the middle of the bounding box to the origin and makes the longest side 2.
void normalise(Object& object);

/// Turns all of it.
void turn(Object& object, const Rotation& rotation);

/// A PNG, JPEG or WebP file as CV_8UC3 RGB; empty when there is none or it does not decode.
cv::Mat read_picture(const std::filesystem::path& file);

}  // namespace i2m::bench
