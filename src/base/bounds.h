#pragma once

#include <cstddef>
#include <cstdint>

namespace i2m {

inline namespace literals {
consteval std::size_t operator""_KiB(unsigned long long n) { return n << 10; }
consteval std::size_t operator""_MiB(unsigned long long n) { return n << 20; }
}  // namespace literals

/// The product's limits, in one place. What an operator may change is a setting (config/defaults.env) instead.
namespace bounds {
inline constexpr std::size_t batch_files_max = 25;
inline constexpr std::size_t file_bytes_max = 10_MiB;
inline constexpr std::size_t file_name_bytes_max = 255;
inline constexpr std::uint32_t picture_side_px_max = 16'384;
inline constexpr std::uint64_t picture_px_max = 64'000'000;
inline constexpr int face_limit_min = 100;
inline constexpr int face_limit_max = 10'000;
inline constexpr std::size_t header_bytes_max = 16_KiB;
inline constexpr std::size_t json_body_bytes_max = 64_KiB;
inline constexpr std::size_t form_field_bytes_max = 1_KiB;
inline constexpr std::size_t io_buffer_bytes = 256_KiB;
}  // namespace bounds

}  // namespace i2m
