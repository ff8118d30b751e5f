#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "mesh/mesh.h"
#include "mesh/scene.h"

namespace i2m::mesh {

/// The scene for programs that do not read glTF. Pictures go in as they are: a scene with other ones than JPEG and PNG
/// has to have them converted first.

/// Binary STL: triangles alone, in millimetres and with z up, as slicers take it. The picture's front faces -y.
///
/// Cost: 50 bytes a triangle.
std::vector<std::uint8_t> write_stl(const Mesh& mesh);

/// A zip of model.obj, model.mtl and the pictures beside them: metres, y up. Vertex colours follow the positions, as
/// most programs read them.
///
/// Errors: Code::Invalid for pictures that are neither JPEG nor PNG.
/// Source: Wavefront OBJ and MTL; Pm, Pr: the PBR extension (Exocortex).
Result<std::vector<std::uint8_t>> write_obj_zip(const Scene& scene);

/// A USDZ package: one layer of USD text and the pictures, metres, y up.
///
/// Errors: likewise.
/// Source: USDZ and UsdPreviewSurface specifications (Pixar).
Result<std::vector<std::uint8_t>> write_usdz(const Scene& scene);

/// The name of image `i` in an archive, such as "textures/0.jpg"; a refusal where it may not be in one.
Result<std::string> file_name_of(const Image& image, std::size_t i);

}  // namespace i2m::mesh
