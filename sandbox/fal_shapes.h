#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace i2m::sandbox::fal {

/// The surface of a GLB that the engine made, for writing it in other formats.
struct Shape {
  std::vector<std::array<float, 3>> positions;
  std::vector<std::uint32_t> indices;  // three a triangle
};

/// `glb` must be one that mesh::write_glb has written.
Shape shape_of(std::string_view glb);
std::string obj_of(const Shape& shape);
std::string stl_of(const Shape& shape);
/// FBX as text: one mesh, nothing else.
std::string fbx_of(const Shape& shape);
/// A picture of the front, lit from the viewer, on white.
enum class PictureType : std::uint8_t { Png, Webp };
std::string preview_of(const Shape& shape, PictureType type);
/// The same GLB without its picture.
std::string untextured(std::string_view glb);
/// The same GLB, valid, and `bytes` long: the rest is unused bytes of its buffer.
std::string padded_to(std::string_view glb, std::size_t bytes);

}  // namespace i2m::sandbox::fal
