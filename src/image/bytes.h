#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

namespace i2m::image {

using Bytes = std::span<const std::uint8_t>;

// Reads of numbers in the files' byte orders. The caller has checked that they lie inside.
inline std::uint32_t be16(Bytes b, std::size_t at) { return static_cast<std::uint32_t>(b[at] << 8 | b[at + 1]); }
inline std::uint32_t be32(Bytes b, std::size_t at) { return be16(b, at) << 16 | be16(b, at + 2); }
inline std::uint32_t le16(Bytes b, std::size_t at) { return static_cast<std::uint32_t>(b[at] | b[at + 1] << 8); }
inline std::uint32_t le24(Bytes b, std::size_t at) { return le16(b, at) | static_cast<std::uint32_t>(b[at + 2]) << 16; }
inline std::uint32_t le32(Bytes b, std::size_t at) { return le16(b, at) | le16(b, at + 2) << 16; }

inline bool has_at(Bytes b, std::size_t at, std::string_view text) {
  return b.size() >= at && b.size() - at >= text.size() &&
         std::equal(text.begin(), text.end(), b.begin() + static_cast<std::ptrdiff_t>(at),
                    [](char c, std::uint8_t byte) { return static_cast<std::uint8_t>(c) == byte; });
}

}  // namespace i2m::image
