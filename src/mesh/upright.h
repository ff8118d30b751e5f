#pragma once

#include "mesh/glb.h"

namespace i2m::mesh {

/// Gives triangles that face away from their corners' normals, and would be drawn black, corners of their own with
/// the triangle's own normal. On a thin limb of three sides no normal can suit all of them.
///
/// Cost: O(n); three vertices for each such triangle.
void make_upright(TexturedMesh& model);

/// Whether a triangle of this area vector is lit as if it faced the other way by corners whose normals have this sum.
bool faces_away(Vec3 area, Vec3 normals);

}  // namespace i2m::mesh
