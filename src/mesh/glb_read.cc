#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "mesh/glb.h"
#include "mesh/gltf.h"
#include "mesh/json.h"

namespace i2m::mesh {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t header_bytes = 12, chunk_header_bytes = 8, json_bytes_max = 64 << 20;
// glTF allows more; no viewer does anything with more, and the sums below cannot overflow under it.
constexpr std::uint64_t count_max = 1ULL << 32;

std::uint32_t u32(Bytes bytes, std::size_t at) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

std::unexpected<Error> bad(std::string why) { return fail(Code::ContractMissed, "GLB: " + std::move(why)); }

struct Chunks {
  std::string_view json;
  Bytes bin;
  bool has_bin = false;
};

Result<Chunks> read_chunks(Bytes file) {
  if (file.size() < header_bytes + chunk_header_bytes) return bad("shorter than its header");
  if (u32(file, 0) != glb_magic) return bad("does not begin with glTF");
  if (u32(file, 4) != glb_version) return bad("version is not 2");
  if (u32(file, 8) != file.size()) return bad("says another length than it has");
  Chunks out;
  std::size_t number = 0;
  for (std::size_t at = header_bytes; at < file.size(); ++number) {
    if (file.size() - at < chunk_header_bytes) return bad("ends within a chunk's header");
    const std::size_t size = u32(file, at);
    const std::uint32_t type = u32(file, at + 4);
    at += chunk_header_bytes;
    if (size > file.size() - at) return bad("a chunk reaches beyond the end");
    if (size % 4 != 0) return bad("a chunk's length is not a multiple of 4");
    const Bytes body = file.subspan(at, size);
    if ((number == 0) != (type == glb_chunk_json)) return bad("the JSON chunk is not the first and only one");
    if (type == glb_chunk_json) {
      if (size > json_bytes_max) return bad("its JSON is too large");
      out.json = {reinterpret_cast<const char*>(body.data()), body.size()};
    } else if (type == glb_chunk_bin) {
      if (number != 1) return bad("the binary chunk is not the second");
      out.bin = body;
      out.has_bin = true;
    }
    at += size;
  }
  return out;
}

}  // namespace

// Fills a Gltf from its JSON, and refuses what does not fit together.
class GltfCheck {
 public:
  explicit GltfCheck(Gltf& gltf)
      : root_(*gltf.root_),
        bin_(gltf.bin_),
        has_bin_(gltf.has_bin_),
        buffers_(gltf.buffers_),
        views_(gltf.views_),
        accessors_(gltf.accessors_),
        out_(gltf.summary_) {}

  Result<> run() {
    const Json* asset = root_.find("asset");
    if (asset == nullptr || !asset->string("version").starts_with("2.")) return bad("asset.version is not 2.x");
    if (const Json* needed = asset->find("minVersion"); needed != nullptr && needed->text != "2.0") {
      return bad("asset.minVersion asks for glTF " + needed->text + "; 2.0 is understood");
    }
    CHECK_OK(read_buffers());
    CHECK_OK(read_views());
    CHECK_OK(read_accessors());
    CHECK_OK(check_images());
    CHECK_OK(check_materials());
    for (const Json& mesh : root_.list("meshes")) {
      if (mesh.list("primitives").empty()) return bad("a mesh without primitives");
      for (const Json& primitive : mesh.list("primitives")) CHECK_OK(check_primitive(primitive));
      ++out_.meshes;
    }
    return check_scene();
  }

 private:
  Result<> read_buffers() {
    for (const Json& buffer : root_.list("buffers")) {
      const auto length = buffer.count("byteLength");
      if (!length || *length == 0) return bad("a buffer without byteLength");
      const Json* uri = buffer.find("uri");
      const bool is_bin = buffers_.empty() && uri == nullptr;
      if (uri != nullptr) return bad("a buffer lies outside the file");
      if (is_bin && (!has_bin_ || *length > bin_.size() || bin_.size() - *length > 3)) {
        return bad("the first buffer does not fit the binary chunk");
      }
      if (!is_bin && !is_fallback(buffer)) return bad("a buffer has no data");
      buffers_.push_back(*length);
    }
    return {};
  }

  // A buffer that only stands for what a decompressor will write; glTF lets it have no data.
  static bool is_fallback(const Json& buffer) {
    const Json* extensions = buffer.find("extensions");
    return extensions != nullptr && extensions->find("EXT_meshopt_compression") != nullptr;
  }

  Result<> read_views() {
    for (const Json& json : root_.list("bufferViews")) {
      const auto buffer = json.count("buffer"), offset = json.count_or("byteOffset", 0);
      const auto length = json.count("byteLength"), stride = json.count_or("byteStride", 0);
      if (!buffer || *buffer >= buffers_.size()) return bad("a buffer view names no buffer");
      if (!offset || !length || !stride || *length == 0) return bad("a buffer view without extent");
      if (*offset > buffers_[*buffer] || *length > buffers_[*buffer] - *offset) {
        return bad("a buffer view reaches beyond its buffer");
      }
      if (*stride != 0 && (*stride < 4 || *stride > 252 || *stride % 4 != 0)) return bad("a byteStride is not allowed");
      const Json* extensions = json.find("extensions");
      const Json* packed = extensions == nullptr ? nullptr : extensions->find("EXT_meshopt_compression");
      views_.push_back({*buffer, *offset, *length, *stride, packed});
    }
    return {};
  }

  // `size` is one element's; the last element need not fill the stride.
  static bool fits(const Gltf::View& view, std::uint64_t offset, std::uint64_t count, std::uint64_t stride,
                   std::uint64_t size) {
    return offset <= view.length && (count - 1) * stride + size <= view.length - offset;
  }

  Result<> read_accessors() {
    for (const Json& json : root_.list("accessors")) {
      Gltf::Accessor a;
      const auto count = json.count("count"), type = json.count("componentType");
      const auto offset = json.count_or("byteOffset", 0);
      a.type = json.string("type");
      if (const Json* normalized = json.find("normalized")) a.normalized = normalized->truth;
      if (!count || *count == 0 || *count > count_max || !type || !offset) return bad("an accessor without extent");
      a.count = *count, a.component_type = *type, a.offset = *offset;
      const std::uint64_t size = bytes_of(*type) * components_of(a.type);
      if (size == 0) return bad("an accessor of unknown type");
      if (const Json* view = json.find("bufferView"); view != nullptr) {
        const auto at = view->whole();
        if (!at || *at >= views_.size()) return bad("an accessor names no buffer view");
        a.view = at;
        const Gltf::View& within = views_[*at];
        a.stride = within.stride == 0 ? size : within.stride;
        if ((*offset + within.offset) % bytes_of(*type) != 0) return bad("an accessor is not aligned");
        if (a.stride < size || !fits(within, *offset, *count, a.stride, size)) {
          return bad("an accessor reaches beyond its buffer view");
        }
      }
      if (const Json* sparse = json.find("sparse"); sparse != nullptr) {
        a.sparse = sparse;
        CHECK_OK(check_sparse(*sparse, *count, size));
      }
      accessors_.push_back(a);
    }
    return {};
  }

  Result<> check_sparse(const Json& sparse, std::uint64_t elements, std::uint64_t element_bytes) const {
    const auto count = sparse.count("count");
    const Json *indices = sparse.find("indices"), *values = sparse.find("values");
    if (!count || *count == 0 || *count > elements || indices == nullptr || values == nullptr) {
      return bad("a sparse accessor without extent");
    }
    const std::uint64_t index_bytes = bytes_of(indices->count_or("componentType", 0).value_or(0));
    const std::pair<const Json*, std::uint64_t> parts[] = {{indices, index_bytes}, {values, element_bytes}};
    for (const auto& [part, size] : parts) {
      const auto view = part->count("bufferView"), offset = part->count_or("byteOffset", 0);
      if (size == 0 || !view || *view >= views_.size() || !offset ||
          !fits(views_[*view], *offset, *count, size, size)) {
        return bad("a sparse accessor reaches beyond its buffer view");
      }
    }
    return {};
  }

  Result<> check_images() {
    for (const Json& image : root_.list("images")) {
      ++out_.images;
      if (image.find("uri") != nullptr) return bad("an image lies outside the file");
      const auto view = image.count("bufferView");
      if (!view || *view >= views_.size()) return bad("an image names no buffer view");
      const std::string_view type = image.string("mimeType");
      if (type != "image/jpeg" && type != "image/png" && type != "image/webp" && type != "image/ktx2") {
        return bad("an image of unknown type");
      }
    }
    return {};
  }

  Result<> check_materials() {
    for (const Json& texture : root_.list("textures")) {
      ++out_.textures;
      const Json* source = texture.find("source");
      if (source != nullptr && source->whole().value_or(out_.images) >= out_.images) {
        return bad("a texture names no image");
      }
    }
    for (const Json& material : root_.list("materials")) {
      ++out_.materials;
      const Json* surface = material.find("pbrMetallicRoughness");
      const Json* colour = surface == nullptr ? nullptr : surface->find("baseColorTexture");
      if (colour != nullptr && colour->count("index").value_or(out_.textures) >= out_.textures) {
        return bad("a material names no texture");
      }
    }
    return {};
  }

  Result<> check_primitive(const Json& primitive) {
    ++out_.primitives;
    const Json* attributes = primitive.find("attributes");
    const auto position = attributes == nullptr ? std::nullopt : attributes->count("POSITION");
    if (!position || *position >= accessors_.size()) return bad("a primitive without positions");
    const Gltf::Accessor& points = accessors_[*position];
    if (points.type != "VEC3") return bad("positions are not VEC3");
    for (const auto& [name, value] : attributes->members) {
      const auto at = value.whole();
      if (!at || *at >= accessors_.size()) return bad("an attribute names no accessor");
      if (accessors_[*at].count != points.count) return bad("attributes of different lengths");
    }
    if (const Json* material = primitive.find("material");
        material != nullptr && material->whole().value_or(out_.materials) >= out_.materials) {
      return bad("a primitive names no material");
    }
    const bool draco = is_draco(primitive);
    const bool packed = points.view && views_[*points.view].buffer != 0;
    out_.compressed = out_.compressed || draco || packed;
    if (!draco && !points.view && points.sparse == nullptr) return bad("positions without data");
    std::uint64_t corners = points.count;
    if (const Json* indices = primitive.find("indices"); indices != nullptr) {
      const auto at = indices->whole();
      if (!at || *at >= accessors_.size()) return bad("a primitive's indices name no accessor");
      CHECK_OK(check_indices(accessors_[*at], points.count, draco));
      corners = accessors_[*at].count;
    }
    return count_triangles(primitive, corners, points.count);
  }

  static bool is_draco(const Json& primitive) {
    const Json* extensions = primitive.find("extensions");
    return extensions != nullptr && extensions->find("KHR_draco_mesh_compression") != nullptr;
  }

  Result<> count_triangles(const Json& primitive, std::uint64_t corners, std::uint64_t vertices) {
    const auto mode = primitive.count_or("mode", 4);
    if (!mode || *mode > 6) return bad("a primitive of unknown mode");
    if (*mode == 4 && corners % 3 != 0) return bad("triangles with a corner left over");
    if (*mode == 4) out_.triangles += corners / 3;
    if (*mode > 4 && corners > 2) out_.triangles += corners - 2;
    out_.vertices += vertices;
    return {};
  }

  Result<> check_indices(const Gltf::Accessor& indices, std::uint64_t vertices, bool draco) const {
    const std::uint64_t size = bytes_of(indices.component_type);
    if (indices.type != "SCALAR" || indices.component_type == 5126 || indices.component_type == 5120 ||
        indices.component_type == 5122) {
      return bad("indices are not unsigned numbers");
    }
    if (!indices.view) {
      if (draco || indices.sparse != nullptr) return {};
      return bad("indices without data");
    }
    const Gltf::View& view = views_[*indices.view];
    if (view.buffer != 0) return {};  // a decompressor's output: nothing to look at
    const Bytes data = bin_.subspan(view.offset + indices.offset);
    for (std::uint64_t i = 0; i < indices.count; ++i) {
      std::uint32_t value = 0;
      std::memcpy(&value, data.data() + i * indices.stride, size);
      if (value >= vertices) return bad("an index names no vertex");
    }
    return {};
  }

  Result<> check_scene() const {
    const auto& nodes = root_.list("nodes");
    bool placed = false;
    for (const Json& node : nodes) {
      const Json* mesh = node.find("mesh");
      if (mesh == nullptr) continue;
      if (mesh->whole().value_or(out_.meshes) >= out_.meshes) return bad("a node names no mesh");
      placed = true;
    }
    for (const Json& scene : root_.list("scenes")) {
      for (const Json& node : scene.list("nodes")) {
        if (node.whole().value_or(nodes.size()) >= nodes.size()) return bad("a scene names no node");
      }
    }
    if (!placed || out_.triangles == 0) return bad("nothing to see in it");
    return {};
  }

  const Json& root_;
  const Bytes bin_;
  const bool has_bin_;
  std::vector<std::uint64_t>& buffers_;
  std::vector<Gltf::View>& views_;
  std::vector<Gltf::Accessor>& accessors_;
  GlbSummary& out_;
};

Result<Gltf> Gltf::open(Bytes file) {
  TRY(const Chunks chunks, read_chunks(file));
  Gltf out;
  out.root_ = Json::parse(chunks.json);
  if (!out.root_ || out.root_->kind != Json::Kind::Object) return bad("its JSON does not parse");
  out.bin_ = chunks.bin;
  out.has_bin_ = chunks.has_bin;
  CHECK_OK(GltfCheck(out).run());
  out.summary_.bytes = file.size();
  out.unpacked_.resize(out.views_.size());
  return out;
}

Result<GlbSummary> inspect_glb(std::span<const std::uint8_t> bytes) {
  TRY(const Gltf gltf, Gltf::open(bytes));
  return gltf.summary();
}

}  // namespace i2m::mesh
