#pragma once

#include <string>
#include <string_view>

#include "net/router.h"

namespace i2m::net {

/// The OpenAPI 3.1 document of every endpoint in `router`, indented, ending in a line break: the same table that is
/// enforced.
std::string openapi(const Router& router, std::string_view version);

}  // namespace i2m::net
