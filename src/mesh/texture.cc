#include "mesh/texture.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace i2m::mesh {
namespace {

constexpr int light_steps = 4096;

std::array<float, 256> make_lights() {
  std::array<float, 256> lights{};
  for (std::size_t i = 0; i < lights.size(); ++i) {
    const float v = static_cast<float>(i) / 255;
    lights[i] = v <= 0.04045F ? v / 12.92F : std::pow((v + 0.055F) / 1.055F, 2.4F);
  }
  return lights;
}

std::array<std::uint8_t, light_steps + 1> make_values() {
  std::array<std::uint8_t, light_steps + 1> values{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    // The square: dark tones need the steps.
    const float root = static_cast<float>(i) / light_steps, light = root * root;
    const float v = light <= 0.0031308F ? light * 12.92F : 1.055F * std::pow(light, 1 / 2.4F) - 0.055F;
    values[i] = static_cast<std::uint8_t>(std::lround(std::clamp(v, 0.0F, 1.0F) * 255));
  }
  return values;
}

const std::array<float, 256> lights = make_lights();
const std::array<std::uint8_t, light_steps + 1> values = make_values();

Picture halved(const Picture& from) {
  Picture out{std::max(1, from.width / 2), std::max(1, from.height / 2), {}};
  out.rgba.resize(static_cast<std::size_t>(out.width) * static_cast<std::size_t>(out.height) * 4);
  const auto texel = [&](int x, int y) {
    return from.rgba.data() +
           (static_cast<std::size_t>(std::min(y, from.height - 1)) * static_cast<std::size_t>(from.width) +
            static_cast<std::size_t>(std::min(x, from.width - 1))) *
               4;
  };
  std::uint8_t* to = out.rgba.data();
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x, to += 4) {
      const std::uint8_t *a = texel(x * 2, y * 2), *b = texel(x * 2 + 1, y * 2), *c = texel(x * 2, y * 2 + 1),
                         *d = texel(x * 2 + 1, y * 2 + 1);
      for (int k = 0; k < 4; ++k) to[k] = static_cast<std::uint8_t>((a[k] + b[k] + c[k] + d[k] + 2) / 4);
    }
  }
  return out;
}

int mirrored(int i, int size) {
  const int turn = i % (2 * size), at = turn < 0 ? turn + 2 * size : turn;
  return at < size ? at : 2 * size - 1 - at;
}

int wrapped(int i, int size, Wrap wrap) {
  if (i >= 0 && i < size) return i;
  if (wrap == Wrap::Clamp) return std::clamp(i, 0, size - 1);
  if (wrap == Wrap::Mirror) return mirrored(i, size);
  const int rest = i % size;
  return rest < 0 ? rest + size : rest;
}

}  // namespace

float light_of(std::uint8_t value) { return lights[value]; }

std::uint8_t value_of(float light) {
  if (!(light > 0)) return 0;
  return values[static_cast<std::size_t>(std::lround(std::min(1.0F, std::sqrt(light)) * light_steps))];
}

Texture::Texture(const Picture& picture) {
  if (picture.width <= 0 || picture.height <= 0 ||
      picture.rgba.size() != static_cast<std::size_t>(picture.width) * static_cast<std::size_t>(picture.height) * 4) {
    return;
  }
  levels_.push_back(picture);
  while (levels_.back().width > 1 || levels_.back().height > 1) levels_.push_back(halved(levels_.back()));
}

Rgba Texture::look_up(Vec2 at, int level, Wrap wrap_s, Wrap wrap_t) const {
  const Picture& p = levels_[static_cast<std::size_t>(std::clamp(level, 0, static_cast<int>(levels_.size()) - 1))];
  // Far out, floats have no fraction left and ints no room: one turn around the picture is as good as thousands.
  constexpr float far = 1e4F;
  const float u = std::abs(at.x) < far ? at.x : 0.0F, v = std::abs(at.y) < far ? at.y : 0.0F;
  const float fx = u * static_cast<float>(p.width) - 0.5F, fy = v * static_cast<float>(p.height) - 0.5F;
  const float left = std::floor(fx), top = std::floor(fy), a = fx - left, b = fy - top;
  const int x0 = wrapped(static_cast<int>(left), p.width, wrap_s);
  const int x1 = wrapped(static_cast<int>(left) + 1, p.width, wrap_s);
  const int y0 = wrapped(static_cast<int>(top), p.height, wrap_t);
  const int y1 = wrapped(static_cast<int>(top) + 1, p.height, wrap_t);
  const auto texel = [&](int x, int y) {
    return p.rgba.data() +
           (static_cast<std::size_t>(y) * static_cast<std::size_t>(p.width) + static_cast<std::size_t>(x)) * 4;
  };
  const std::uint8_t *c00 = texel(x0, y0), *c10 = texel(x1, y0), *c01 = texel(x0, y1), *c11 = texel(x1, y1);
  const float w00 = (1 - a) * (1 - b), w10 = a * (1 - b), w01 = (1 - a) * b, w11 = a * b;
  Rgba out{};
  for (std::size_t k = 0; k < 3; ++k) {
    out[k] = lights[c00[k]] * w00 + lights[c10[k]] * w10 + lights[c01[k]] * w01 + lights[c11[k]] * w11;
  }
  out[3] = (static_cast<float>(c00[3]) * w00 + static_cast<float>(c10[3]) * w10 + static_cast<float>(c01[3]) * w01 +
            static_cast<float>(c11[3]) * w11) /
           255;
  return out;
}

}  // namespace i2m::mesh
