#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

#include "mesh/glb.h"
#include "mesh/gltf.h"

namespace i2m::mesh {
namespace {

// glTF 2.0, 3.6.1.2 and 3.6.2.2: the numbers are OpenGL's.
constexpr int unsigned_short = 5123, unsigned_int = 5125;
constexpr std::size_t short_vertices_max = 65'535;  // 65535 itself restarts primitives and is not an index

// GLB is little-endian, as is every machine this is built for.
template <class T>
void append(std::vector<std::uint8_t>& out, const T* data, std::size_t count) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(data);
  out.insert(out.end(), bytes, bytes + count * sizeof(T));
}

void pad(std::vector<std::uint8_t>& out, std::uint8_t with) {
  while (out.size() % 4 != 0) out.push_back(with);
}

// Written through double with all its digits: the declared bounds have to equal the stored floats exactly.
std::string number(float value) {
  std::array<char, 40> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), static_cast<double>(value)).ptr;
  return {text.data(), end};
}

std::string vec3(Vec3 v) { return "[" + number(v.x) + "," + number(v.y) + "," + number(v.z) + "]"; }

struct Layout {
  std::vector<std::uint8_t> bin;
  std::string views;

  template <class T>
  void add(const T* data, std::size_t count, int target) {
    if (!views.empty()) views += ",";
    views += R"({"buffer":0,"byteOffset":)" + std::to_string(bin.size()) + R"(,"byteLength":)" +
             std::to_string(count * sizeof(T));
    if (target != 0) views += R"(,"target":)" + std::to_string(target);
    views += "}";
    append(bin, data, count);
    pad(bin, 0);
  }
};

std::string json_of(const TexturedMesh& model, const Layout& layout, bool short_indices, const Json& extras) {
  const Box box = bounds_of(model.mesh.positions);
  const std::string vertices = std::to_string(model.mesh.positions.size());
  return R"({"asset":{"version":"2.0","generator":"Image2Model","extras":{"image2model":)" + write_json(extras) +
         R"(}},"scene":0,"scenes":[{"nodes":[0]}],)"
         R"("nodes":[{"mesh":0,"name":"object"}],"meshes":[{"name":"object","primitives":[{"attributes":)"
         R"({"POSITION":0,"NORMAL":1,"TEXCOORD_0":2},"indices":3,"material":0}]}],)"
         R"("materials":[{"name":"picture","pbrMetallicRoughness":{"baseColorTexture":{"index":0},)"
         R"("metallicFactor":0,"roughnessFactor":0.75}}],"textures":[{"sampler":0,"source":0}],)"
         R"("samplers":[{"magFilter":9729,"minFilter":9987,"wrapS":33071,"wrapT":33071}],)"
         R"("images":[{"bufferView":4,"mimeType":"image/jpeg"}],"accessors":[)"
         R"({"bufferView":0,"componentType":5126,"count":)" +
         vertices + R"(,"type":"VEC3","min":)" + vec3(box.min) + R"(,"max":)" + vec3(box.max) +
         R"(},{"bufferView":1,"componentType":5126,"count":)" + vertices +
         R"(,"type":"VEC3"},{"bufferView":2,"componentType":5126,"count":)" + vertices +
         R"(,"type":"VEC2"},{"bufferView":3,"componentType":)" +
         std::to_string(short_indices ? unsigned_short : unsigned_int) + R"(,"count":)" +
         std::to_string(model.mesh.indices.size()) + R"(,"type":"SCALAR"}],"bufferViews":[)" + layout.views +
         R"(],"buffers":[{"byteLength":)" + std::to_string(layout.bin.size()) + "}]}";
}

}  // namespace

std::vector<std::uint8_t> write_glb(const TexturedMesh& model, const Provenance& provenance) {
  constexpr int array_buffer = 34962, element_array_buffer = 34963;
  const bool short_indices = model.mesh.positions.size() <= short_vertices_max;
  Layout layout;
  layout.add(model.mesh.positions.data(), model.mesh.positions.size(), array_buffer);
  layout.add(model.normals.data(), model.normals.size(), array_buffer);
  layout.add(model.texture.data(), model.texture.size(), array_buffer);
  if (short_indices) {
    std::vector<std::uint16_t> indices(model.mesh.indices.size());
    std::ranges::transform(model.mesh.indices, indices.begin(), [](auto i) { return static_cast<std::uint16_t>(i); });
    layout.add(indices.data(), indices.size(), element_array_buffer);
  } else {
    layout.add(model.mesh.indices.data(), model.mesh.indices.size(), element_array_buffer);
  }
  layout.add(model.jpeg.data(), model.jpeg.size(), 0);

  return join_glb(json_of(model, layout, short_indices, extras_of(provenance)), layout.bin);
}

std::vector<std::uint8_t> join_glb(std::string_view json, std::span<const std::uint8_t> bin) {
  constexpr std::size_t header_bytes = 12, chunk_header_bytes = 8;
  const auto padded = [](std::size_t size) { return static_cast<std::uint32_t>((size + 3) / 4 * 4); };
  const std::uint32_t json_bytes = padded(json.size()), bin_bytes = padded(bin.size());
  const std::size_t bin_chunk = bin.empty() ? 0 : chunk_header_bytes + bin_bytes;
  const auto total = static_cast<std::uint32_t>(header_bytes + chunk_header_bytes + json_bytes + bin_chunk);
  const std::array<std::uint32_t, 5> head{glb_magic, glb_version, total, json_bytes, glb_chunk_json};
  const std::array<std::uint32_t, 2> bin_head{bin_bytes, glb_chunk_bin};
  std::vector<std::uint8_t> out;
  out.reserve(total);
  append(out, head.data(), head.size());
  append(out, json.data(), json.size());
  pad(out, ' ');
  if (!bin.empty()) {
    append(out, bin_head.data(), bin_head.size());
    append(out, bin.data(), bin.size());
    pad(out, 0);
  }
  return out;
}

Json extras_of(const Provenance& provenance) {
  Json out = Json::object();
  if (!provenance.engine_version.empty()) out.set("engine_version", Json::of(provenance.engine_version));
  if (!provenance.picture_sha256.empty()) out.set("picture_sha256", Json::of(provenance.picture_sha256));
  if (!provenance.params.empty()) {
    Json& params = out.set("params", Json::object());
    for (const auto& [name, value] : provenance.params) params.set(name, Json::of(value));
  }
  out.set("note", Json::of(std::string_view{"made from one picture: the front is what it shows; "
                                            "back and depth are approximate"}));
  return out;
}

}  // namespace i2m::mesh
