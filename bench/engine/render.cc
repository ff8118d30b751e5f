// Draws GLB files from several sides as one PNG, one row a file, so that a person can look at them:
//
//   engine_render out.png a.glb b.glb ...
//
// Prints the CPU milliseconds a picture took.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string>

#include "cli/files.h"
#include "cli/pictures.h"
#include "image/png_write.h"
#include "mesh/render.h"

int main(int argc, char** argv) {
  using namespace i2m;
  constexpr int side = 512, columns = 4;
  constexpr std::size_t bytes_max = 512U << 20;
  if (argc < 3) {
    std::fprintf(stderr, "usage: engine_render out.png a.glb ...\n");
    return 2;
  }
  const auto decoder = image::Decoder::open({});
  if (!decoder) {
    std::fprintf(stderr, "%s\n", decoder.error().message.c_str());
    return 1;
  }
  const int rows = argc - 2;
  mesh::Picture sheet{side * columns, side * rows, {}};
  sheet.rgba.assign(static_cast<std::size_t>(sheet.width) * static_cast<std::size_t>(sheet.height) * 4, 255);
  for (int row = 0; row < rows; ++row) {
    const std::string path = argv[row + 2];
    const auto bytes = cli::read_file(path, bytes_max);
    const auto scene = bytes ? mesh::read_scene(*bytes) : std::unexpected{bytes.error()};
    if (!scene) {
      std::fprintf(stderr, "%s: %s\n", path.c_str(), scene.error().message.c_str());
      return 1;
    }
    const mesh::Renderer renderer(*scene, cli::decode_pictures(*scene, *decoder));
    const std::clock_t begin = std::clock();
    for (int column = 0; column < columns; ++column) {
      const mesh::Picture one = renderer.draw(
          {.width = side, .height = side, .yaw = 360.0F / columns * static_cast<float>(column) + 20, .pitch = 15});
      for (int y = 0; y < side; ++y) {
        const std::ptrdiff_t from = std::ptrdiff_t{y} * side, left = std::ptrdiff_t{column} * side;
        const std::ptrdiff_t to = (std::ptrdiff_t{row} * side + y) * sheet.width + left;
        std::copy_n(one.rgba.begin() + from * 4, std::ptrdiff_t{side} * 4, sheet.rgba.begin() + to * 4);
      }
    }
    const double ms = 1000.0 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC / columns;
    std::printf("%s: %zu triangles, %.1f ms\n", path.c_str(), scene->triangle_count(), ms);
  }
  const auto png = image::write_png(sheet.rgba, sheet.width, sheet.height);
  const auto written = png ? cli::write_file(argv[1], *png) : std::unexpected{png.error()};
  if (!written) std::fprintf(stderr, "%s\n", written.error().message.c_str());
  return written ? 0 : 1;
}
