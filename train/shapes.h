#pragma once

#include "model.h"
#include "random.h"

namespace i2m::train {

/// An invented thing: vessel, mug, carton, appliance, furniture on legs, animal, lamp, heap. Around the origin, within
/// the unit sphere, with corner normals. Costs 0.2 to 1 ms.
Model invent(Random& random);

}  // namespace i2m::train
