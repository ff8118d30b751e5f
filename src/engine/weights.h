#pragma once

#include "engine/network.h"

namespace i2m::engine {

/// The networks that the program carries, parsed at the first call; src/engine/weights/README.md says what goes in and
/// out. Any thread may call.
///
/// Cost: 30 ms the first time, then none.
const Network& depth_network();

}  // namespace i2m::engine
