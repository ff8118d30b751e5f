#include "object.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <span>
#include <string_view>

#include "engine/measure.h"
#include "image/decode.h"
#include "mesh/json.h"

namespace i2m::bench {
namespace {

constexpr int texture_px_max = 2048;

mesh::Vec3 turned(mesh::Vec3 p, const Rotation& r) {
  const cv::Vec3f q = r * cv::Vec3f(p.x, p.y, p.z);
  return {q[0], q[1], q[2]};
}

cv::Mat decoded(std::span<const std::uint8_t> bytes) {
  const auto info = image::probe(bytes);
  if (!info) return {};
  const auto picture = image::decode(bytes, *info, texture_px_max);
  return picture ? picture->rgb : cv::Mat{};
}

/// The words of one line, and the numbers in them.
class Words {
 public:
  explicit Words(std::string_view line) : rest_{line} {}
  std::string_view next() {
    constexpr std::string_view blank = " \t\r";
    rest_.remove_prefix(std::min(rest_.find_first_not_of(blank), rest_.size()));
    const std::string_view word = rest_.substr(0, rest_.find_first_of(blank));
    rest_.remove_prefix(word.size());
    return word;
  }
  /// What is left, without blanks around it: file names may have some inside.
  std::string_view rest() {
    const auto from = rest_.find_first_not_of(" \t\r"), to = rest_.find_last_not_of(" \t\r");
    return from == std::string_view::npos ? std::string_view{} : rest_.substr(from, to - from + 1);
  }
  float number() {
    const std::string_view word = next();
    float value = 0;
    std::from_chars(word.data(), word.data() + word.size(), value);
    return value;
  }

 private:
  std::string_view rest_;
};

struct Library {
  std::vector<Material> materials{Material{}};  // 0: for what names none
  std::map<std::string, std::uint32_t, std::less<>> by_name;
};

void read_materials(const std::filesystem::path& file, Library& library) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    Words words(line);
    const std::string_view key = words.next();
    Material& current = library.materials.back();
    if (key == "newmtl") {
      library.by_name[std::string(words.rest())] = static_cast<std::uint32_t>(library.materials.size());
      library.materials.emplace_back();
    } else if (key == "Kd") {
      const float r = words.number(), g = words.number(), b = words.number();
      current.colour = {r, g, b};
    } else if (key == "d") {
      current.opacity = words.number();
    } else if (key == "map_Kd") {
      current.texture = read_picture(file.parent_path() / std::string(words.rest()));
    }
  }
}

struct Places {
  std::vector<mesh::Vec2> uv;
  std::vector<mesh::Vec3> normals;
};

// "7", "7/2", "7/2/5" or "7//5", from 1, or from -1 backwards.
struct Indices {
  std::array<std::ptrdiff_t, 3> at{-1, -1, -1};
};

Indices indices_of(std::string_view word, const std::array<std::size_t, 3>& counts) {
  Indices out;
  for (std::size_t k = 0; k < 3 && !word.empty(); ++k) {
    const std::string_view part = word.substr(0, word.find('/'));
    std::ptrdiff_t index = 0;
    std::from_chars(part.data(), part.data() + part.size(), index);
    const auto count = static_cast<std::ptrdiff_t>(counts[k]);
    const std::ptrdiff_t from_zero = index > 0 ? index - 1 : count + index;
    if (index != 0 && from_zero >= 0 && from_zero < count) out.at[k] = from_zero;
    word.remove_prefix(std::min(part.size() + 1, word.size()));
  }
  return out;
}

void add_face(Words& words, Object& object, const Places& places, std::uint32_t material) {
  const std::array counts{object.positions.size(), places.uv.size(), places.normals.size()};
  std::vector<Corner> corners;
  bool normals_known = true;
  for (std::string_view word = words.next(); !word.empty(); word = words.next()) {
    const Indices i = indices_of(word, counts);
    if (i.at[0] < 0) return;
    Corner corner{.position = static_cast<std::uint32_t>(i.at[0])};
    if (i.at[1] >= 0) corner.uv = places.uv[static_cast<std::size_t>(i.at[1])];
    if (i.at[2] >= 0) corner.normal = places.normals[static_cast<std::size_t>(i.at[2])];
    normals_known &= mesh::length(corner.normal) > 0.5F;
    corners.push_back(corner);
  }
  for (std::size_t k = 2; k < corners.size(); ++k) {
    std::array<Corner, 3> triangle{corners[0], corners[k - 1], corners[k]};
    if (!normals_known) {
      const mesh::Vec3 a = object.positions[triangle[0].position];
      const mesh::Vec3 n =
          mesh::cross(object.positions[triangle[1].position] - a, object.positions[triangle[2].position] - a);
      const float size = mesh::length(n);
      for (Corner& corner : triangle) corner.normal = size > 0 ? n * (1 / size) : mesh::Vec3{0, 1, 0};
    }
    object.triangles.push_back(triangle);
    object.material_of.push_back(material);
  }
}

/// What the engine's own GLB files hold, by its JSON.
struct GlbParts {
  std::span<const std::uint8_t> glb;
  std::size_t binary = 0;
  mesh::Json json;

  explicit GlbParts(std::span<const std::uint8_t> bytes) : glb{bytes} {
    std::uint32_t json_bytes = 0;
    std::memcpy(&json_bytes, glb.data() + 12, 4);
    json = *mesh::Json::parse({reinterpret_cast<const char*>(glb.data()) + 20, json_bytes});
    binary = 28 + json_bytes;
  }
  std::span<const std::uint8_t> view(std::size_t number) const {
    const mesh::Json& view = json.list("bufferViews")[number];
    return glb.subspan(binary + *view.count_or("byteOffset", 0), *view.count("byteLength"));
  }
  template <class T>
  std::vector<T> accessor(std::size_t number) const {
    const mesh::Json& accessor = json.list("accessors")[number];
    std::vector<T> out(*accessor.count("count"));
    const auto from = view(*accessor.count("bufferView")).subspan(*accessor.count_or("byteOffset", 0));
    std::memcpy(out.data(), from.data(), out.size() * sizeof(T));
    return out;
  }
};

mesh::Box box_of(const Object& object) {
  constexpr float far = std::numeric_limits<float>::max();
  mesh::Box box{{far, far, far}, {-far, -far, -far}};
  for (const auto& triangle : object.triangles) {
    for (const Corner& corner : triangle) {
      const mesh::Vec3 p = object.positions[corner.position];
      box.min = {std::min(box.min.x, p.x), std::min(box.min.y, p.y), std::min(box.min.z, p.z)};
      box.max = {std::max(box.max.x, p.x), std::max(box.max.y, p.y), std::max(box.max.z, p.z)};
    }
  }
  return box;
}

}  // namespace

cv::Mat read_picture(const std::filesystem::path& file) { return decoded(engine::read_bytes(file)); }

mesh::Mesh Object::surface() const {
  mesh::Mesh out{.positions = positions, .indices = {}};
  for (const auto& triangle : triangles) {
    for (const Corner& corner : triangle) out.indices.push_back(corner.position);
  }
  return out;
}

Result<Object> load_object(const std::filesystem::path& file, const Rotation& rotation) {
  std::ifstream in(file);
  if (!in) return fail(Code::NotFound, "no file " + file.string());
  Object object;
  Places places;
  Library library;
  std::uint32_t material = 0;
  for (std::string line; std::getline(in, line);) {
    Words words(line);
    const std::string_view key = words.next();
    if (key == "v") {
      const float x = words.number(), y = words.number(), z = words.number();
      object.positions.push_back(turned({x, y, z}, rotation));
    } else if (key == "vt") {
      const float u = words.number(), v = words.number();
      places.uv.push_back({u, v});
    } else if (key == "vn") {
      const float x = words.number(), y = words.number(), z = words.number();
      places.normals.push_back(turned({x, y, z}, rotation));
    } else if (key == "f") {
      add_face(words, object, places, material);
    } else if (key == "mtllib") {
      read_materials(file.parent_path() / std::string(words.rest()), library);
    } else if (key == "usemtl") {
      const auto found = library.by_name.find(words.rest());
      material = found == library.by_name.end() ? 0 : found->second;
    }
  }
  if (object.triangles.empty()) return fail(Code::NotFound, "no triangle in " + file.string());
  object.materials = std::move(library.materials);
  return object;
}

Result<Object> object_of(std::span<const std::uint8_t> glb) {
  const GlbParts parts(glb);
  const mesh::Json& primitive = parts.json.list("meshes")[0].list("primitives")[0];
  const mesh::Json& attributes = *primitive.find("attributes");
  Object out{.positions = parts.accessor<mesh::Vec3>(*attributes.count("POSITION"))};
  const auto normals = parts.accessor<mesh::Vec3>(*attributes.count("NORMAL"));
  const auto uv = parts.accessor<mesh::Vec2>(*attributes.count("TEXCOORD_0"));
  const std::size_t index_accessor = *primitive.count("indices");
  std::vector<std::uint32_t> indices;
  if (parts.json.list("accessors")[index_accessor].count("componentType") == 5123) {
    const auto narrow = parts.accessor<std::uint16_t>(index_accessor);
    indices.assign(narrow.begin(), narrow.end());
  } else {
    indices = parts.accessor<std::uint32_t>(index_accessor);
  }
  for (std::size_t i = 0; i + 2 < indices.size(); i += 3) {
    std::array<Corner, 3> triangle;
    for (std::size_t k = 0; k < 3; ++k) {
      const std::uint32_t at = indices[i + k];
      triangle.at(k) = {at, {uv[at].x, 1 - uv[at].y}, normals[at]};
    }
    out.triangles.push_back(triangle);
    out.material_of.push_back(0);
  }
  const auto picture = decoded(parts.view(*parts.json.list("images")[0].count("bufferView")));
  if (picture.empty()) return fail(Code::ContractMissed, "the texture does not decode");
  out.materials.push_back({.colour = {1, 1, 1}, .opacity = 1, .texture = picture});
  return out;
}

void normalise(Object& object) {
  const mesh::Box box = box_of(object);
  const mesh::Vec3 middle = (box.min + box.max) * 0.5F, size = box.max - box.min;
  const float scale = 2 / std::max({size.x, size.y, size.z});
  for (mesh::Vec3& p : object.positions) p = (p - middle) * scale;
}

void turn(Object& object, const Rotation& rotation) {
  for (mesh::Vec3& p : object.positions) p = turned(p, rotation);
  for (auto& triangle : object.triangles) {
    for (Corner& corner : triangle) corner.normal = turned(corner.normal, rotation);
  }
}

}  // namespace i2m::bench
