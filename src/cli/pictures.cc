#include "cli/pictures.h"

#include <algorithm>
#include <cmath>

#include "image/decode.h"

namespace i2m::cli {
namespace {

constexpr double pixels_max = 64e6;
constexpr int side_max = 4096, side_min = 16;

mesh::Picture decode(const mesh::Image& image, const image::Decoder& decoder, int side) {
  const auto info = image::probe(image.bytes);
  if (!info) return {};
  const auto picture = decoder.decode(image.bytes, *info, side);
  if (!picture) return {};
  mesh::Picture out{picture->rgb.cols, picture->rgb.rows, {}};
  out.rgba.reserve(picture->rgb.total() * 4);
  for (int y = 0; y < out.height; ++y) {
    const std::uint8_t* rgb = picture->rgb.ptr(y);
    const std::uint8_t* alpha = picture->alpha.empty() ? nullptr : picture->alpha.ptr(y);
    for (int x = 0; x < out.width; ++x, rgb += 3) {
      out.rgba.insert(out.rgba.end(), {rgb[0], rgb[1], rgb[2]});
      out.rgba.push_back(alpha == nullptr ? std::uint8_t{255} : alpha[x]);
    }
  }
  return out;
}

}  // namespace

std::vector<mesh::Picture> decode_pictures(const mesh::Scene& scene, const image::Decoder& decoder) {
  std::vector<std::uint8_t> shown(scene.images.size());
  for (const mesh::Part& part : scene.parts) {
    if (const auto& image = scene.materials[part.material].image) shown[*image] = 1;
  }
  const auto count = std::max<std::ptrdiff_t>(1, std::ranges::count(shown, 1));
  const int side = std::clamp(static_cast<int>(std::sqrt(pixels_max / static_cast<double>(count))), side_min, side_max);
  std::vector<mesh::Picture> out(scene.images.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (shown[i] != 0) out[i] = decode(scene.images[i], decoder, side);
  }
  return out;
}

}  // namespace i2m::cli
