#include "mesh/streams.h"

#include <meshoptimizer.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "mesh/scene.h"

namespace i2m::mesh {
namespace {

std::unexpected<Error> bad(std::string why) { return fail(Code::ContractMissed, "GLB: " + std::move(why)); }

bool is_draco(const Json& primitive) {
  const Json* extensions = primitive.find("extensions");
  return extensions != nullptr && extensions->find("KHR_draco_mesh_compression") != nullptr;
}

Result<> read_attributes(Gltf& gltf, const Json& attributes, int target, Stream& out) {
  for (const auto& [name, value] : attributes.members) {
    const auto at = value.whole();
    if (!at || *at >= gltf.accessors().size() || gltf.accessors()[*at].count != out.vertices) {
      return bad("an attribute names no accessor, or one of another length");
    }
    const Gltf::Accessor& accessor = gltf.accessors()[*at];
    Attribute attribute{name, target, accessor.component_type, accessor.type, accessor.normalized, {}};
    TRY(attribute.bytes, gltf.elements(*at));
    out.attributes.push_back(std::move(attribute));
  }
  return {};
}

Result<> read_positions(Gltf& gltf, std::size_t accessor, Stream& out) {
  constexpr float coordinate_max = 1e15F;
  TRY(const auto numbers, gltf.numbers(accessor));
  out.positions.resize(out.vertices);
  for (std::size_t i = 0; i < out.vertices; ++i) {
    const Vec3 p = out.world.point({numbers[i * 3], numbers[i * 3 + 1], numbers[i * 3 + 2]});
    if (!(std::abs(p.x) < coordinate_max && std::abs(p.y) < coordinate_max && std::abs(p.z) < coordinate_max)) {
      return bad("a position is not a number or lies too far away");
    }
    out.positions[i] = p;
  }
  return {};
}

// How many values all the attributes hold, before any of them is read.
Result<> check_size(const Gltf& gltf) {
  std::uint64_t vertices = 0, corners = 0, bytes = 0;
  for (const Json& mesh : gltf.root().list("meshes")) {
    for (const Json& primitive : mesh.list("primitives")) {
      const Json& attributes = *primitive.find("attributes");
      const std::uint64_t points = gltf.accessors()[*attributes.count("POSITION")].count;
      const auto indices = primitive.count("indices");
      std::uint64_t named = attributes.members.size();
      for (const Json& target : primitive.list("targets")) named += target.members.size();
      vertices += points;
      bytes += points * named * 16;
      corners += 3 * (indices ? gltf.accessors()[*indices].count : points);
      if (vertices > scene_vertices_max || corners > 3 * scene_corners_max || bytes > stream_bytes_max) {
        return bad("more vertices or triangles than fit");
      }
    }
  }
  return {};
}

}  // namespace

const Attribute* Stream::find(std::string_view name) const {
  const auto found = std::ranges::find_if(attributes, [&](const Attribute& a) { return a.is(name); });
  return found == attributes.end() ? nullptr : &*found;
}

Result<std::vector<Stream>> read_streams(Gltf& gltf, const std::vector<PlacedNode>& placed) {
  const auto& meshes = gltf.root().list("meshes");
  CHECK_OK(check_size(gltf));
  std::vector<Matrix> world(meshes.size());
  for (auto it = placed.rbegin(); it != placed.rend(); ++it) {
    world[*gltf.root().list("nodes")[it->node].count("mesh")] = it->world;
  }
  std::vector<Stream> out;
  for (std::size_t m = 0; m < meshes.size(); ++m) {
    const auto& primitives = meshes[m].list("primitives");
    for (std::size_t p = 0; p < primitives.size(); ++p) {
      if (is_draco(primitives[p])) {
        return bad("its geometry is Draco-compressed; export it without Draco (meshopt compression is understood)");
      }
      const Json& attributes = *primitives[p].find("attributes");
      const std::size_t position = *attributes.count("POSITION");
      Stream stream{.mesh = m, .primitive = p, .vertices = gltf.accessors()[position].count};
      TRY(stream.indices, triangles_of(gltf, primitives[p], stream.vertices));
      if (stream.indices.empty()) continue;
      CHECK_OK(read_attributes(gltf, attributes, Attribute::base, stream));
      int number = 0;
      for (const Json& target : primitives[p].list("targets")) {
        CHECK_OK(read_attributes(gltf, target, number++, stream));
      }
      stream.world = world[m];
      CHECK_OK(read_positions(gltf, position, stream));
      out.push_back(std::move(stream));
    }
  }
  return out;
}

void compact(Stream& stream) {
  std::vector<std::uint32_t> ordered(stream.indices.size());
  meshopt_optimizeVertexCache(ordered.data(), stream.indices.data(), stream.indices.size(), stream.vertices);
  std::vector<std::uint32_t> remap(stream.vertices);
  const std::size_t kept =
      meshopt_optimizeVertexFetchRemap(remap.data(), ordered.data(), ordered.size(), stream.vertices);
  meshopt_remapIndexBuffer(stream.indices.data(), ordered.data(), ordered.size(), remap.data());
  const auto move = [&](auto* to, const auto* from, std::size_t size) {
    for (std::size_t v = 0; v < stream.vertices; ++v) {
      if (remap[v] != ~0U) std::memcpy(to + remap[v] * size, from + v * size, size * sizeof(*to));
    }
  };
  for (Attribute& attribute : stream.attributes) {
    std::vector<std::uint8_t> bytes(kept * attribute.element_bytes());
    move(bytes.data(), attribute.bytes.data(), attribute.element_bytes());
    attribute.bytes = std::move(bytes);
  }
  std::vector<Vec3> positions(kept);
  move(positions.data(), stream.positions.data(), 1);
  stream.positions = std::move(positions);
  stream.vertices = kept;
}

}  // namespace i2m::mesh
