#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "mesh/mesh.h"
#include "mesh/scene.h"
#include "mesh/texture.h"

namespace i2m::mesh {

/// How the scene is looked at. The camera circles its middle and is as near as shows all of it.
struct View {
  int width = 512, height = 512;
  float yaw = 0;         // degrees to the right of the front (+z)
  float pitch = 12;      // degrees from above
  float fov = 30;        // degrees, vertical
  float margin = 0.08F;  // of the picture, left free on every side
  bool shadow = true;    // a soft one on the ground below
  bool transparent = false;
  std::array<std::uint8_t, 3> background{240, 240, 242};  // where not transparent
};

inline constexpr int view_px_min = 16, view_px_max = 4096;

/// Draws scenes without a graphics card: perspective, depth buffer, 2x2 samples a pixel, textures with mipmaps, three
/// lights that go with the camera and light from above, transparency (cut out or blended, sorted by triangle).
///
/// Units:  `pictures[i]` is the decoded Scene::images[i]; an empty one is drawn in its material's colour alone.
/// Errors: none. A scene without triangles gives the background; sizes are clamped to view_px_min ... view_px_max.
/// Cost:   textures once; then 10 to 30 ms a picture of 10 000 triangles at 512 px, 16 bytes a sample.
class Renderer {
 public:
  /// `scene` must outlive the renderer; the pictures need not.
  Renderer(const Scene& scene, std::span<const Picture> pictures);

  Picture draw(const View& view) const;
  /// `frames` pictures, the camera walking round once, all from the same distance.
  Picture draw_turn(const View& view, int frame, int frames) const;

 private:
  const Scene& scene_;
  std::vector<Texture> textures_;
  Box box_{};
};

}  // namespace i2m::mesh
