#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mesh/glb.h"
#include "mesh/json.h"

namespace i2m::mesh {

/// glTF 2.0's numbers for what a component is; they are OpenGL's.
enum class Component : std::uint16_t {
  Byte = 5120,
  UnsignedByte = 5121,
  Short = 5122,
  UnsignedShort = 5123,
  UnsignedInt = 5125,
  Float = 5126,
};

/// 0 for a number that means none.
std::size_t bytes_of(std::uint64_t component);
/// 0 for a name that means none.
std::size_t components_of(std::string_view type);

inline constexpr std::uint32_t glb_magic = 0x46546C67, glb_version = 2;
inline constexpr std::uint32_t glb_chunk_json = 0x4E4F534A, glb_chunk_bin = 0x004E4942;
inline constexpr std::uint64_t mode_triangles = 4, mode_strip = 5, mode_fan = 6;

/// The parts of a GLB file that inspect_glb has found to fit together, and the values in its accessors.
class Gltf {
 public:
  using Bytes = std::span<const std::uint8_t>;

  struct View {
    std::uint64_t buffer = 0, offset = 0, length = 0, stride = 0;
    const Json* packed = nullptr;  // its EXT_meshopt_compression
  };
  struct Accessor {
    std::uint64_t count = 0, component_type = 0, offset = 0, stride = 0;
    std::string type;
    bool normalized = false;
    std::optional<std::size_t> view;  // none: all zero but for what `sparse` says
    const Json* sparse = nullptr;

    std::size_t components() const { return components_of(type); }
    std::size_t element_bytes() const { return bytes_of(component_type) * components(); }
  };

  Gltf(Gltf&&) = default;
  Gltf& operator=(Gltf&&) = default;

  /// Errors: inspect_glb's. `file` must outlive this.
  static Result<Gltf> open(Bytes file);

  const Json& root() const { return *root_; }
  Bytes bin() const { return bin_; }
  const GlbSummary& summary() const { return summary_; }
  const std::vector<View>& views() const { return views_; }
  const std::vector<Accessor>& accessors() const { return accessors_; }

  /// The bytes of one view; decompressed where EXT_meshopt_compression says so, then kept.
  ///
  /// Errors: Code::ContractMissed when they do not decompress, or to more than decompressed_bytes_max in all.
  Result<Bytes> view_bytes(std::size_t view);
  /// An accessor's elements, one behind the other as stored, sparse ones in their places.
  ///
  /// The caller has bounded `count`: an accessor without a view takes memory that the file does not.
  Result<std::vector<std::uint8_t>> elements(std::size_t accessor);
  /// The same as numbers; normalised integers as 0 to 1 or -1 to 1.
  Result<std::vector<float>> numbers(std::size_t accessor);
  /// The same for a primitive's indices. Refused when one of them is not below `vertices`.
  Result<std::vector<std::uint32_t>> indices(std::size_t accessor, std::uint64_t vertices);

 private:
  friend class GltfCheck;
  Gltf() = default;
  Result<std::vector<std::uint8_t>> unpack(const View& view) const;
  Result<> place_sparse(const Accessor& accessor, std::vector<std::uint8_t>& elements);
  std::optional<Json> root_;
  Bytes bin_;
  bool has_bin_ = false;
  std::vector<std::uint64_t> buffers_;
  std::vector<View> views_;
  std::vector<Accessor> accessors_;
  GlbSummary summary_;
  std::vector<std::vector<std::uint8_t>> unpacked_;  // by view; empty: not yet, or not compressed
  std::uint64_t unpacked_bytes_ = 0;
};

/// Whether the file needs nothing that is not understood here. What counts a file's parts need not ask.
/// Errors: Code::ContractMissed naming the first extension of extensionsRequired that is unknown.
Result<> check_required(const Json& root);

/// A GLB file of these two chunks, padded as it wants them; without a binary chunk when there is nothing in it.
std::vector<std::uint8_t> join_glb(std::string_view json, std::span<const std::uint8_t> bin);

/// Elements as numbers, as Gltf::numbers makes them.
std::vector<float> numbers_of(std::span<const std::uint8_t> elements, std::uint64_t component_type, bool normalized);

/// The primitive's corners as a list of triangles, its strip or fan taken apart; repeated corners are left out.
/// Errors: Code::ContractMissed; a mode of points or lines gives none.
Result<std::vector<std::uint32_t>> triangles_of(Gltf& gltf, const Json& primitive, std::uint64_t vertices);

}  // namespace i2m::mesh
