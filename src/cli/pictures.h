#pragma once

#include <vector>

#include "image/decoder.h"
#include "mesh/scene.h"
#include "mesh/texture.h"

namespace i2m::cli {

/// The scene's pictures decoded for drawing: those that a material shows, scaled down so that all of them together
/// stay below 64 million pixels. What does not decode (KTX2, damaged files) is left empty and drawn in plain colour.
///
/// Cost: Decoder::decode's, for each picture.
std::vector<mesh::Picture> decode_pictures(const mesh::Scene& scene, const image::Decoder& decoder);

}  // namespace i2m::cli
