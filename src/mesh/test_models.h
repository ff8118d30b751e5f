#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "mesh/gltf.h"

namespace i2m::mesh {

using Bytes = std::vector<std::uint8_t>;

/// What is to be peculiar about a small textured tetrahedron in a GLB.
struct ModelWish {
  int mode = 4;
  std::vector<std::uint16_t> indices{0, 2, 1, 0, 1, 3, 1, 2, 3, 2, 0, 3};
  bool sparse = false;                            // the second position is (5, 0, 0)
  std::optional<std::uint64_t> claimed_vertices;  // accessors without data, of so many elements
  std::optional<std::uint64_t> packed_count;      // compressed, and says it holds so many
  std::string primitive_extension;
  std::string material = R"({"pbrMetallicRoughness":{"baseColorTexture":{"index":0}}})";
};

inline constexpr const char* single_node = R"("nodes":[{"mesh":0,"name":"one"}],"scenes":[{"nodes":[0]}],"scene":0)";

inline Bytes model(const std::string& nodes, const ModelWish& wish = {}) {
  Bytes bin;
  std::string views;
  const auto add = [&](const void* data, std::size_t bytes, const std::string& more = "") {
    views += (views.empty() ? "" : ",") + std::string(R"({"buffer":0,"byteOffset":)") + std::to_string(bin.size()) +
             R"(,"byteLength":)" + std::to_string(bytes) + more + "}";
    const auto* from = static_cast<const std::uint8_t*>(data);
    bin.insert(bin.end(), from, from + bytes);
    while (bin.size() % 4 != 0) bin.push_back(0);
  };
  const std::array<float, 12> positions{0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1};
  const std::array<std::uint8_t, 16> texture{0, 0, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 255, 255, 0, 0};
  const std::array<std::uint8_t, 8> picture{0x89, 'P', 'N', 'G', 13, 10, 26, 10};
  const std::array<float, 3> moved{5, 0, 0};
  const std::array<std::uint8_t, 1> which{1};
  std::string more;
  if (wish.packed_count) {
    more =
        R"(,"extensions":{"EXT_meshopt_compression":{"buffer":0,"byteLength":8,"byteStride":4,"mode":"ATTRIBUTES","count":)" +
        std::to_string(*wish.packed_count) + "}}";
  }
  add(positions.data(), sizeof positions, more);
  add(texture.data(), sizeof texture, R"(,"byteStride":4)");
  add(wish.indices.data(), wish.indices.size() * 2);
  add(picture.data(), sizeof picture);
  add(moved.data(), sizeof moved);
  add(which.data(), sizeof which);
  const std::string count = std::to_string(wish.claimed_vertices.value_or(4));
  const std::string sparse =
      R"("sparse":{"count":1,"indices":{"bufferView":5,"componentType":5121},"values":{"bufferView":4}},)";
  const bool claims = wish.claimed_vertices.has_value();
  const std::string json =
      R"({"asset":{"version":"2.0"},)" + nodes + R"(,"meshes":[{"primitives":[{"mode":)" + std::to_string(wish.mode) +
      R"(,"attributes":{"POSITION":0,"TEXCOORD_0":1},"indices":2,"material":0)" +
      (wish.primitive_extension.empty() ? "" : R"(,"extensions":{)" + wish.primitive_extension + "}") +
      R"(}]}],"materials":[)" + wish.material +
      R"(],"textures":[{"source":0}],"images":[{"bufferView":3,"mimeType":"image/png"}],"accessors":[{)" +
      (claims ? sparse : R"("bufferView":0,)" + (wish.sparse ? sparse : "")) +
      R"("componentType":5126,"type":"VEC3","count":)" + count + "},{" + (claims ? "" : R"("bufferView":1,)") +
      R"("componentType":5121,"normalized":true,"type":"VEC2","count":)" + count +
      R"(},{"bufferView":2,"componentType":5123,"type":"SCALAR","count":)" + std::to_string(wish.indices.size()) +
      R"(}],"bufferViews":[)" + views + R"(],"buffers":[{"byteLength":)" + std::to_string(bin.size()) + "}]}";
  return join_glb(json, bin);
}

}  // namespace i2m::mesh
