#pragma once

#include <cstdint>
#include <vector>

#include "mesh/scene.h"

namespace i2m::mesh {

/// Rows of 8-bit RGBA from the top, sRGB, not premultiplied.
struct Picture {
  int width = 0, height = 0;
  std::vector<std::uint8_t> rgba;
};

/// A picture with its halves, quarters and so on: what is drawn small is looked up small, or it would flicker.
class Texture {
 public:
  Texture() = default;
  /// Errors: none; a picture whose bytes do not fit its size counts as empty.
  explicit Texture(const Picture& picture);

  bool empty() const { return levels_.empty(); }
  float width() const { return static_cast<float>(levels_.front().width); }
  float height() const { return static_cast<float>(levels_.front().height); }

  /// The colour at `at`, between four texels of the level `level` (0 is the picture itself), in linear light.
  ///
  /// Errors: the texture must not be empty. `at` may be any number.
  /// Cost:   about 15 ns.
  Rgba look_up(Vec2 at, int level, Wrap wrap_s, Wrap wrap_t) const;

 private:
  std::vector<Picture> levels_;
};

/// From sRGB's 0 to 255 to light and back. Source: IEC 61966-2-1.
float light_of(std::uint8_t value);
std::uint8_t value_of(float light);

}  // namespace i2m::mesh
