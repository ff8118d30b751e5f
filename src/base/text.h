#pragma once

#include <cstddef>
#include <string_view>

namespace i2m {

/// The bytes of the UTF-8 character that `text` begins with; 0 when it begins with none. Source: RFC 3629.
std::size_t character_bytes(std::string_view text);

}  // namespace i2m
