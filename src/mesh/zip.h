#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace i2m::mesh {

/// Writes a zip archive. The same entries give the same bytes: every file is from the first of January 1980.
class Zip {
 public:
  enum class As : std::uint8_t {
    Deflated,
    Aligned,  // stored, its bytes beginning at a multiple of 64: what USDZ demands
  };

  /// Units:  names are UTF-8 with slashes; together the entries must stay below 4 GiB.
  /// Errors: none but std::bad_alloc.
  void add(std::string_view name, std::span<const std::uint8_t> bytes, As as);
  void add(std::string_view name, std::string_view text, As as);
  /// The archive; nothing can be added after it.
  ///
  /// Source: PKWARE APPNOTE 6.3; USDZ file format specification (Pixar).
  std::vector<std::uint8_t> finish() &&;

 private:
  std::vector<std::uint8_t> out_, directory_;
  std::uint16_t entries_ = 0;
};

}  // namespace i2m::mesh
