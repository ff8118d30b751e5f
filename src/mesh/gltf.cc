#include "mesh/gltf.h"

#include <meshoptimizer.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "mesh/scene.h"

namespace i2m::mesh {
namespace {

std::unexpected<Error> bad(std::string why) { return fail(Code::ContractMissed, "GLB: " + std::move(why)); }

template <class T>
float number_of(const std::uint8_t* at, float one) {
  T value{};
  std::memcpy(&value, at, sizeof value);
  // glTF 2.0, 3.11: the lowest number of a signed type stands for -1 as well.
  return one == 1 ? static_cast<float>(value) : std::max(-1.0F, static_cast<float>(value) / one);
}

float component_at(const std::uint8_t* at, Component type, bool normalized) {
  switch (type) {
    case Component::Byte:
      return number_of<std::int8_t>(at, normalized ? 127.0F : 1.0F);
    case Component::UnsignedByte:
      return number_of<std::uint8_t>(at, normalized ? 255.0F : 1.0F);
    case Component::Short:
      return number_of<std::int16_t>(at, normalized ? 32767.0F : 1.0F);
    case Component::UnsignedShort:
      return number_of<std::uint16_t>(at, normalized ? 65535.0F : 1.0F);
    case Component::UnsignedInt:
      return number_of<std::uint32_t>(at, 1);
    case Component::Float:
      return number_of<float>(at, 1);
  }
  return 0;
}

std::uint32_t index_at(const std::uint8_t* at, std::size_t bytes) {
  std::uint32_t value = 0;
  std::memcpy(&value, at, bytes);
  return value;
}

// EXT_meshopt_compression: what each mode and filter may be asked for.
bool may_unpack(std::string_view mode, std::string_view filter, std::uint64_t count, std::uint64_t stride) {
  constexpr std::uint64_t stride_max = 256;
  if (mode == "ATTRIBUTES") {
    if (stride == 0 || stride > stride_max || stride % 4 != 0) return false;
    if (filter == "OCTAHEDRAL") return stride == 4 || stride == 8;
    if (filter == "QUATERNION") return stride == 8;
    return filter.empty() || filter == "NONE" || filter == "EXPONENTIAL";
  }
  if (!filter.empty() && filter != "NONE") return false;
  if (stride != 2 && stride != 4) return false;
  return mode == "INDICES" || (mode == "TRIANGLES" && count % 3 == 0);
}

// Those that change how materials look and no more are left to who draws them.
bool is_understood(std::string_view extension) {
  constexpr std::array<std::string_view, 7> known{
      "EXT_meshopt_compression", "EXT_texture_webp",      "KHR_lights_punctual", "KHR_mesh_quantization",
      "KHR_texture_basisu",      "KHR_texture_transform", "KHR_xmp_json_ld"};
  return extension.starts_with("KHR_materials_") || std::ranges::find(known, extension) != known.end();
}

}  // namespace

Result<> check_required(const Json& root) {
  for (const Json& name : root.list("extensionsRequired")) {
    if (name.text == "KHR_draco_mesh_compression") {
      return bad("its geometry is Draco-compressed; export it without Draco (meshopt compression is understood)");
    }
    if (!is_understood(name.text)) {
      return bad("it requires the extension " + name.text + ", which is not understood here; export it without");
    }
  }
  return {};
}

std::size_t bytes_of(std::uint64_t component) {
  switch (component) {
    case 5120:
    case 5121:
      return 1;
    case 5122:
    case 5123:
      return 2;
    case 5125:
    case 5126:
      return 4;
    default:
      return 0;
  }
}

std::size_t components_of(std::string_view type) {
  if (type == "SCALAR") return 1;
  if (type == "VEC2") return 2;
  if (type == "VEC3") return 3;
  if (type == "VEC4" || type == "MAT2") return 4;
  if (type == "MAT3") return 9;
  return type == "MAT4" ? 16 : 0;
}

std::vector<float> numbers_of(std::span<const std::uint8_t> elements, std::uint64_t component_type, bool normalized) {
  const std::size_t size = bytes_of(component_type);
  const auto type = static_cast<Component>(component_type);
  std::vector<float> out(elements.size() / size);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = component_at(&elements[i * size], type, normalized);
  return out;
}

Result<std::vector<std::uint8_t>> Gltf::unpack(const View& view) const {
  const Json& packed = *view.packed;
  const auto buffer = packed.count("buffer"), offset = packed.count_or("byteOffset", 0);
  const auto length = packed.count("byteLength"), stride = packed.count("byteStride"), count = packed.count("count");
  if (!buffer || *buffer != 0 || !has_bin_ || !offset || !length || *offset > bin_.size() ||
      *length > bin_.size() - *offset) {
    return bad("compressed data reach beyond the file");
  }
  const std::string_view mode = packed.string("mode"), filter = packed.string("filter");
  if (!stride || !count || *count == 0 || *count > decompressed_bytes_max ||
      !may_unpack(mode, filter, *count, *stride) || *count * *stride != view.length) {
    return bad("compressed data of an unknown or contradictory kind");
  }
  if (view.length > decompressed_bytes_max - std::min(unpacked_bytes_, decompressed_bytes_max)) {
    return bad("its compressed data are too large");
  }
  std::vector<std::uint8_t> out(view.length);
  const Bytes from = bin_.subspan(*offset, *length);
  int failed = 0;
  if (mode == "ATTRIBUTES") {
    failed = meshopt_decodeVertexBuffer(out.data(), *count, *stride, from.data(), from.size());
    if (filter == "OCTAHEDRAL") meshopt_decodeFilterOct(out.data(), *count, *stride);
    if (filter == "QUATERNION") meshopt_decodeFilterQuat(out.data(), *count, *stride);
    if (filter == "EXPONENTIAL") meshopt_decodeFilterExp(out.data(), *count, *stride);
  } else if (mode == "TRIANGLES") {
    failed = meshopt_decodeIndexBuffer(out.data(), *count, *stride, from.data(), from.size());
  } else {
    failed = meshopt_decodeIndexSequence(out.data(), *count, *stride, from.data(), from.size());
  }
  if (failed != 0) return bad("compressed data do not decompress");
  return out;
}

Result<Gltf::Bytes> Gltf::view_bytes(std::size_t index) {
  const View& view = views_[index];
  if (view.packed == nullptr) {
    if (view.buffer != 0 || !has_bin_) return bad("a buffer view has no data");
    return bin_.subspan(view.offset, view.length);
  }
  auto& kept = unpacked_[index];
  if (kept.empty()) {
    TRY(kept, unpack(view));
    unpacked_bytes_ += kept.size();
  }
  return Bytes{kept};
}

// inspect_glb has held the extents against the views.
Result<> Gltf::place_sparse(const Accessor& accessor, std::vector<std::uint8_t>& elements) {
  const Json &indices = *accessor.sparse->find("indices"), &values = *accessor.sparse->find("values");
  TRY(const Bytes at, view_bytes(*indices.count("bufferView")));
  TRY(const Bytes from, view_bytes(*values.count("bufferView")));
  const std::size_t size = accessor.element_bytes(), count = *accessor.sparse->count("count");
  const std::size_t index_bytes = bytes_of(*indices.count("componentType"));
  const std::size_t at_offset = *indices.count_or("byteOffset", 0), from_offset = *values.count_or("byteOffset", 0);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t element = index_at(at.data() + at_offset + i * index_bytes, index_bytes);
    if (element >= accessor.count) return bad("a sparse accessor's index is beyond its count");
    std::memcpy(elements.data() + element * size, from.data() + from_offset + i * size, size);
  }
  return {};
}

Result<std::vector<std::uint8_t>> Gltf::elements(std::size_t index) {
  const Accessor& accessor = accessors_[index];
  const std::size_t size = accessor.element_bytes();
  std::vector<std::uint8_t> out(accessor.count * size);
  if (accessor.view) {
    TRY(const Bytes from, view_bytes(*accessor.view));
    const std::uint8_t* at = from.data() + accessor.offset;
    for (std::size_t i = 0; i < accessor.count; ++i) std::memcpy(&out[i * size], at + i * accessor.stride, size);
  }
  if (accessor.sparse != nullptr) CHECK_OK(place_sparse(accessor, out));
  return out;
}

Result<std::vector<float>> Gltf::numbers(std::size_t index) {
  TRY(const auto raw, elements(index));
  const Accessor& accessor = accessors_[index];
  return numbers_of(raw, accessor.component_type, accessor.normalized);
}

Result<std::vector<std::uint32_t>> Gltf::indices(std::size_t index, std::uint64_t vertices) {
  TRY(const auto raw, elements(index));
  const std::size_t size = bytes_of(accessors_[index].component_type);
  std::vector<std::uint32_t> out(raw.size() / size);
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = index_at(&raw[i * size], size);
    if (out[i] >= vertices) return bad("an index names no vertex");
  }
  return out;
}

Result<std::vector<std::uint32_t>> triangles_of(Gltf& gltf, const Json& primitive, std::uint64_t vertices) {
  const std::uint64_t mode = primitive.count_or("mode", mode_triangles).value_or(mode_triangles);
  std::vector<std::uint32_t> out;
  if (mode < mode_triangles) return out;
  std::vector<std::uint32_t> corners;
  if (const auto at = primitive.count("indices")) {
    TRY(corners, gltf.indices(*at, vertices));
  } else {
    corners.resize(vertices);
    for (std::size_t i = 0; i < corners.size(); ++i) corners[i] = static_cast<std::uint32_t>(i);
  }
  const auto put = [&](std::uint32_t a, std::uint32_t b, std::uint32_t c) {
    if (a != b && b != c && c != a) out.insert(out.end(), {a, b, c});
  };
  if (mode == mode_triangles) {
    for (std::size_t i = 0; i + 2 < corners.size(); i += 3) put(corners[i], corners[i + 1], corners[i + 2]);
  } else if (mode == mode_strip) {
    for (std::size_t i = 0; i + 2 < corners.size(); ++i) {
      put(corners[i], corners[i + 1 + i % 2], corners[i + 2 - i % 2]);
    }
  } else {
    for (std::size_t i = 1; i + 1 < corners.size(); ++i) put(corners[0], corners[i], corners[i + 1]);
  }
  return out;
}

}  // namespace i2m::mesh
