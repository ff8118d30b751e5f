#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/decoder.h"
#include "mesh/scene.h"

/// What the commands write, and how large.
namespace i2m::cli {

using Bytes = std::vector<std::uint8_t>;

enum class Format : std::uint8_t { Glb, ObjZip, Stl, Usdz };

/// By the ending of the file's name: .glb, .zip (OBJ, MTL and pictures), .stl, .usdz.
std::optional<Format> format_of(const std::string& path);

/// The real size of one side.
struct Size {
  enum class Side : std::uint8_t { Width, Height, Depth, Longest } side = Side::Height;
  float metres = 0;
};

/// "height=0.3m", "width=30cm", "depth=250mm", "longest=1"; metres when no unit is said.
/// Errors: Code::Invalid, from 0.1 mm to 10 km.
Result<Size> size_of(const std::string& text);

/// What a model in `box` is to be multiplied by. Errors: Code::Invalid when it has no extent on that side.
Result<float> scale_for(const Size& wanted, const mesh::Box& box);

enum class Surface : std::uint8_t { AsItIs, Strict };  // Strict: a 2-manifold, for STL alone

/// The scene as a file of that format; `glb` is the file that it was read from.
/// Errors: Code::Invalid for a scene that cannot be written so.
Result<Bytes> bytes_of(Format format, mesh::Scene& scene, const Bytes& glb, const image::Decoder& decoder,
                       Surface surface);

}  // namespace i2m::cli
