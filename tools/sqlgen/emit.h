#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sqlgen/describe.h"

namespace i2m::sqlgen {

/// The text of queries.gen.h. `source` is the file's name without its folder, for the first line.
std::string emit(std::string_view slice, std::string_view source, const std::vector<Described>& queries);

}  // namespace i2m::sqlgen
