#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "mesh/json.h"
#include "mesh/mesh.h"

namespace i2m::mesh {

/// A surface with a picture on it: one vertex has one normal and one place in the picture.
struct TexturedMesh {
  Mesh mesh;
  std::vector<Vec3> normals;       // as many as positions, of length 1
  std::vector<Vec2> texture;       // likewise; (0, 0) is the picture's upper left corner, (1, 1) its lower right
  std::vector<std::uint8_t> jpeg;  // the picture, a whole JPEG file
};

/// Where a model comes from; goes into asset.extras.image2model, where no viewer minds it. Empty members are left out.
struct Provenance {
  std::string engine_version;
  std::string picture_sha256;                               // of the uploaded file, in hexadecimal
  std::vector<std::pair<std::string, std::string>> params;  // names and values
};

/// The `extras` of provenance, with the sentence on what is seen and what is guessed.
Json extras_of(const Provenance& provenance);

/// A binary glTF 2.0 file of one mesh, one material and one picture; no extension, nothing outside the file.
///
/// Units:  metres, y up, front towards +z, as glTF says.
/// Errors: none; the lists of `model` must fit each other and hold at least one triangle.
/// Cost:   one copy of everything. 32 bytes a vertex, 6 or 12 a triangle, 1 kB of JSON.
/// Source: Khronos glTF 2.0 specification, 3.6 and 4 (GLB).
std::vector<std::uint8_t> write_glb(const TexturedMesh& model, const Provenance& provenance = {});

/// What a GLB holds, for holding it against what was promised.
struct GlbSummary {
  std::size_t bytes = 0;
  std::size_t triangles = 0;  // over all primitives of all meshes; a mesh placed twice counts once
  std::size_t vertices = 0;
  std::size_t meshes = 0;
  std::size_t primitives = 0;
  std::size_t materials = 0;
  std::size_t textures = 0;
  std::size_t images = 0;
  bool compressed = false;  // geometry under Draco or meshopt compression: counted, its values not looked at
};

/// Checks a GLB from outside and counts what it holds. Strict: whatever a viewer could stumble over is refused.
///
/// Checked: magic, version, total and chunk lengths; JSON; buffers, views, accessors (sparse ones too) inside their
/// bounds; attributes of one length, indices below the vertex count; images inside the file, of a known kind.
/// Refused: external URIs, of buffers and of images. Not checked: animations, skins, extensions' own contents.
/// Errors: Code::ContractMissed, the reason in `detail`.
/// Cost:   O(size); no copy but the JSON's tree (bounded by Json::values_max values).
Result<GlbSummary> inspect_glb(std::span<const std::uint8_t> bytes);

}  // namespace i2m::mesh
