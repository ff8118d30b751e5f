#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace i2m {

/// The bytes of the UTF-8 character that `text` begins with; 0 when it begins with none. Source: RFC 3629.
std::size_t character_bytes(std::string_view text);

/// What others have said, as PostgreSQL takes it: UTF-8 of at most `bytes_max`, never cut within a character, '?' for
/// every byte that is none.
std::string legible(std::string_view text, std::size_t bytes_max);

}  // namespace i2m
