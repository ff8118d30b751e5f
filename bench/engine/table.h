#pragma once

#include <string>

#include "shape.h"

namespace i2m::bench {

/// The figures of a run beside the reference's prototype, for people.
std::string table_of(const std::vector<Row>& rows);

}  // namespace i2m::bench
