#pragma once

#include "engine/engine.h"
#include "mesh/glb.h"

namespace i2m::engine {

/// What the model says of how it was made: the engine, the picture and, by the names of `image2model convert`'s
/// options, what was asked for and what became of "auto". No times and nothing of the machine: equal models stay equal.
mesh::Provenance provenance_of(const Params& params, const Report& report);

}  // namespace i2m::engine
