#include "mesh/scene.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string_view>

#include "mesh/gltf.h"
#include "mesh/matrix.h"

namespace i2m::mesh {
namespace {

std::unexpected<Error> bad(std::string why) { return fail(Code::ContractMissed, "GLB: " + std::move(why)); }

// The numbers of an array member; those that are missing or none stay what they were.
template <std::size_t N>
void read_numbers(const Json& json, std::string_view name, std::array<float, N>& out) {
  const auto& items = json.list(name);
  for (std::size_t i = 0; i < std::min(N, items.size()); ++i) {
    if (items[i].kind == Json::Kind::Number) out[i] = static_cast<float>(items[i].number);
  }
}

float read_number(const Json& json, std::string_view name, float otherwise) {
  const Json* found = json.find(name);
  return found != nullptr && found->kind == Json::Kind::Number ? static_cast<float>(found->number) : otherwise;
}

const Json* extension(const Json& json, std::string_view name) {
  const Json* all = json.find("extensions");
  return all == nullptr ? nullptr : all->find(name);
}

// KHR_texture_transform, as one 2x3 matrix; and the texture coordinates it is for.
struct Placing {
  std::size_t set = 0;
  bool moves = false;
  float xx = 1, xy = 0, yx = 0, yy = 1, x = 0, y = 0;

  Vec2 operator()(Vec2 p) const { return {xx * p.x + xy * p.y + x, yx * p.x + yy * p.y + y}; }
};

class SceneReader {
 public:
  explicit SceneReader(Gltf& gltf) : gltf_(gltf), root_(gltf.root()) {}

  Result<Scene> run() {
    CHECK_OK(check_required(root_));
    CHECK_OK(read_images());
    read_materials();
    TRY(const auto placed, place_nodes(root_));
    CHECK_OK(check_size(placed));
    for (const PlacedNode& node : placed) {
      const std::size_t mesh = *root_.list("nodes")[node.node].count("mesh");
      for (const Json& primitive : root_.list("meshes")[mesh].list("primitives")) {
        CHECK_OK(read_part(primitive, node, mesh));
      }
    }
    if (scene_.triangle_count() == 0) return bad("nothing to see in it");
    return std::move(scene_);
  }

 private:
  Result<> read_images() {
    std::uint64_t total = 0;
    for (const Json& image : root_.list("images")) {
      TRY(const auto bytes, gltf_.view_bytes(*image.count("bufferView")));
      total += bytes.size();
      if (total > scene_image_bytes_max) return bad("more bytes of pictures than fit");
      scene_.images.push_back({std::string(image.string("name")), std::string(image.string("mimeType")),
                               std::vector<std::uint8_t>(bytes.begin(), bytes.end())});
    }
    return {};
  }

  // One more than the file has: what has no material is drawn with glTF's default.
  void read_materials() {
    for (const Json& json : root_.list("materials")) {
      Material m;
      Placing placing;
      m.name = json.string("name");
      const Json empty;
      const Json* found = json.find("pbrMetallicRoughness");
      const Json& surface = found == nullptr ? empty : *found;
      read_numbers(surface, "baseColorFactor", m.colour);
      m.metallic = read_number(surface, "metallicFactor", 1);
      m.roughness = read_number(surface, "roughnessFactor", 1);
      const Json* picture = surface.find("baseColorTexture");
      if (const Json* old = extension(json, "KHR_materials_pbrSpecularGlossiness"); old != nullptr) {
        read_numbers(*old, "diffuseFactor", m.colour);
        if (old->find("diffuseTexture") != nullptr) picture = old->find("diffuseTexture");
        m.metallic = 0;
      }
      if (picture != nullptr) read_texture(*picture, m, placing);
      std::array<float, 3> glow{};
      read_numbers(json, "emissiveFactor", glow);
      // A texture would say where it glows; without looking at it, nowhere is nearer the truth than everywhere.
      if (json.find("emissiveTexture") == nullptr) m.emissive = {glow[0], glow[1], glow[2]};
      m.alpha = json.string("alphaMode") == "MASK"    ? Alpha::Mask
                : json.string("alphaMode") == "BLEND" ? Alpha::Blend
                                                      : Alpha::Opaque;
      m.alpha_cutoff = read_number(json, "alphaCutoff", 0.5F);
      const Json* sides = json.find("doubleSided");
      m.double_sided = sides != nullptr && sides->truth;
      m.unlit = extension(json, "KHR_materials_unlit") != nullptr;
      scene_.materials.push_back(std::move(m));
      placings_.push_back(placing);
    }
    scene_.materials.emplace_back();
    placings_.emplace_back();
  }

  void read_texture(const Json& info, Material& m, Placing& placing) const {
    const auto& textures = root_.list("textures");
    const auto index = info.count("index");
    if (!index || *index >= textures.size()) return;
    const Json& texture = textures[*index];
    auto source = texture.count("source");
    for (const std::string_view name : {"EXT_texture_webp", "KHR_texture_basisu"}) {
      if (const Json* other = extension(texture, name); other != nullptr && !source) source = other->count("source");
    }
    if (source && *source < scene_.images.size()) m.image = source;
    const auto& samplers = root_.list("samplers");
    if (const auto at = texture.count("sampler"); at && *at < samplers.size()) {
      m.wrap_s = wrap_of(samplers[*at].count_or("wrapS", 0));
      m.wrap_t = wrap_of(samplers[*at].count_or("wrapT", 0));
    }
    placing.set = info.count_or("texCoord", 0).value_or(0);
    if (const Json* moved = extension(info, "KHR_texture_transform"); moved != nullptr) read_placing(*moved, placing);
  }

  static void read_placing(const Json& json, Placing& placing) {
    std::array<float, 2> offset{0, 0}, scale{1, 1};
    read_numbers(json, "offset", offset);
    read_numbers(json, "scale", scale);
    const float turn = read_number(json, "rotation", 0), c = std::cos(turn), s = std::sin(turn);
    placing = {json.count_or("texCoord", placing.set).value_or(0),
               true,
               c * scale[0],
               s * scale[1],
               -s * scale[0],
               c * scale[1],
               offset[0],
               offset[1]};
  }

  static Wrap wrap_of(std::optional<std::uint64_t> number) {
    constexpr std::uint64_t clamp = 33071, mirror = 33648;
    return number == clamp ? Wrap::Clamp : number == mirror ? Wrap::Mirror : Wrap::Repeat;
  }

  // Before a single vertex is read: how many there will be, a mesh placed twice counted twice.
  Result<> check_size(const std::vector<PlacedNode>& placed) const {
    std::vector<std::uint64_t> vertices, corners;
    for (const Json& mesh : root_.list("meshes")) {
      std::uint64_t v = 0, c = 0;
      for (const Json& primitive : mesh.list("primitives")) {
        const std::uint64_t points = gltf_.accessors()[*primitive.find("attributes")->count("POSITION")].count;
        const auto indices = primitive.count("indices");
        v += points;
        c += (indices ? gltf_.accessors()[*indices].count : points) *
             (primitive.count_or("mode", mode_triangles) == mode_triangles ? 1 : 3);
      }
      vertices.push_back(v), corners.push_back(c);
    }
    // A few bytes a node place a mesh once more: what only that adds up to is held shorter.
    const auto most = [](const std::vector<std::uint64_t>& own, std::uint64_t placed_max) {
      return std::max(placed_max, std::accumulate(own.begin(), own.end(), std::uint64_t{0}));
    };
    const std::uint64_t v_max = most(vertices, scene_placed_vertices_max);
    const std::uint64_t c_max = most(corners, scene_placed_corners_max);
    std::uint64_t v = 0, c = 0;
    for (const PlacedNode& node : placed) {
      const std::size_t mesh = *root_.list("nodes")[node.node].count("mesh");
      v += vertices[mesh], c += corners[mesh];
      if (v > scene_vertices_max || c > scene_corners_max) return bad("more vertices or triangles than fit");
      if (v > v_max || c > c_max) {
        return bad(
            "its meshes are placed so often that more vertices or triangles are drawn than fit; place fewer of "
            "them, or simplify the mesh before it is placed");
      }
    }
    return {};
  }

  Result<> read_part(const Json& primitive, const PlacedNode& node, std::size_t mesh) {
    const Json& attributes = *primitive.find("attributes");
    if (extension(primitive, "KHR_draco_mesh_compression") != nullptr) {
      return bad("its geometry is Draco-compressed; export it without Draco (meshopt compression is understood)");
    }
    const std::size_t positions = *attributes.count("POSITION");
    const std::size_t vertices = gltf_.accessors()[positions].count;
    Part part;
    TRY(part.mesh.indices, triangles_of(gltf_, primitive, vertices));
    if (part.mesh.indices.empty()) return {};
    part.name = root_.list("nodes")[node.node].string("name");
    if (part.name.empty()) part.name = root_.list("meshes")[mesh].string("name");
    part.material = primitive.count_or("material", placings_.size() - 1).value_or(placings_.size() - 1);
    CHECK_OK(read_points(positions, node.world, part));
    CHECK_OK(read_normals(attributes, node.world, part));
    CHECK_OK(read_texture_coordinates(attributes, part));
    CHECK_OK(read_colours(attributes, part));
    if (node.world.turns_inside_out()) {
      for (std::size_t i = 0; i < part.mesh.indices.size(); i += 3) {
        std::swap(part.mesh.indices[i + 1], part.mesh.indices[i + 2]);
      }
    }
    scene_.parts.push_back(std::move(part));
    return {};
  }

  Result<> read_points(std::size_t accessor, const Matrix& world, Part& part) {
    TRY(const auto numbers, gltf_.numbers(accessor));
    part.mesh.positions.resize(numbers.size() / 3);
    for (std::size_t i = 0; i < part.mesh.positions.size(); ++i) {
      const Vec3 p = world.point({numbers[i * 3], numbers[i * 3 + 1], numbers[i * 3 + 2]});
      if (!(std::abs(p.x) < coordinate_max && std::abs(p.y) < coordinate_max && std::abs(p.z) < coordinate_max)) {
        return bad("a position is not a number or lies too far away");
      }
      part.mesh.positions[i] = p;
    }
    return {};
  }

  Result<> read_normals(const Json& attributes, const Matrix& world, Part& part) {
    const auto at = attributes.count("NORMAL");
    if (!at || gltf_.accessors()[*at].components() != 3) return {};
    TRY(const auto numbers, gltf_.numbers(*at));
    part.normals.resize(numbers.size() / 3);
    for (std::size_t i = 0; i < part.normals.size(); ++i) {
      const Vec3 n = world.normal({numbers[i * 3], numbers[i * 3 + 1], numbers[i * 3 + 2]});
      const float size = length(n);
      part.normals[i] = size > 0 && std::isfinite(size) ? n * (1 / size) : Vec3{0, 1, 0};
    }
    return {};
  }

  Result<> read_texture_coordinates(const Json& attributes, Part& part) {
    const Placing& placing = placings_[part.material];
    const auto at = attributes.count("TEXCOORD_" + std::to_string(placing.set));
    if (!at || gltf_.accessors()[*at].components() != 2) return {};
    TRY(const auto numbers, gltf_.numbers(*at));
    part.texture.resize(numbers.size() / 2);
    for (std::size_t i = 0; i < part.texture.size(); ++i) {
      const Vec2 p{numbers[i * 2], numbers[i * 2 + 1]};
      part.texture[i] = placing.moves ? placing(p) : p;
      if (!std::isfinite(part.texture[i].x) || !std::isfinite(part.texture[i].y)) part.texture[i] = {};
    }
    return {};
  }

  Result<> read_colours(const Json& attributes, Part& part) {
    const auto at = attributes.count("COLOR_0");
    if (!at) return {};
    const std::size_t components = gltf_.accessors()[*at].components();
    if (components != 3 && components != 4) return {};
    TRY(const auto numbers, gltf_.numbers(*at));
    part.colours.assign(numbers.size() / components, Rgba{1, 1, 1, 1});
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const float value = numbers[i];
      part.colours[i / components][i % components] = value > 0 ? std::min(value, 1.0F) : 0;
    }
    return {};
  }

  // Squares of lengths stay numbers.
  static constexpr float coordinate_max = 1e15F;

  Gltf& gltf_;
  const Json& root_;
  Scene scene_;
  std::vector<Placing> placings_;  // by material
};

}  // namespace

std::size_t Scene::triangle_count() const {
  std::size_t count = 0;
  for (const Part& part : parts) count += part.mesh.triangle_count();
  return count;
}

std::size_t Scene::vertex_count() const {
  std::size_t count = 0;
  for (const Part& part : parts) count += part.mesh.positions.size();
  return count;
}

Box bounds_of(const Scene& scene) {
  Box all;
  bool first = true;
  for (const Part& part : scene.parts) {
    if (part.mesh.positions.empty()) continue;
    const Box box = bounds_of(part.mesh.positions);
    if (first) all = box;
    first = false;
    all.min = {std::min(all.min.x, box.min.x), std::min(all.min.y, box.min.y), std::min(all.min.z, box.min.z)};
    all.max = {std::max(all.max.x, box.max.x), std::max(all.max.y, box.max.y), std::max(all.max.z, box.max.z)};
  }
  return all;
}

std::unexpected<Error> unusable_model(Error error) {
  constexpr std::string_view prefix = "GLB: ";
  std::string why = error.detail.starts_with(prefix) ? error.detail.substr(prefix.size()) : error.detail;
  auto refused = refuse(Code::Invalid, "model", "This is not a GLB file that can be used: " + std::move(why) + ".");
  refused.error().detail = std::move(error.detail);
  return refused;
}

Result<Scene> read_scene(std::span<const std::uint8_t> glb) {
  auto gltf = Gltf::open(glb);
  if (!gltf) return unusable_model(std::move(gltf).error());
  auto scene = SceneReader(*gltf).run();
  if (!scene) return unusable_model(std::move(scene).error());
  return scene;
}

}  // namespace i2m::mesh
