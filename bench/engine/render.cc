// Draws GLB files the engine has made from several sides, as one PNG, so that a person can look at them:
//
//   engine_render out.png a.glb b.glb ...
//
// One row a file. A small software rasteriser: orthographic, texture and one light, no anti-aliasing but 2x2 samples.
#include <cstdio>

// jpeglib.h needs size_t and FILE declared before it.
#include <jpeglib.h>
#include <png.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "mesh/glb.h"
#include "mesh/json.h"
#include "mesh/mesh.h"

namespace {

using i2m::mesh::Json;
using i2m::mesh::Vec2;
using i2m::mesh::Vec3;
using Bytes = std::vector<std::uint8_t>;

struct Texture {
  int width = 0, height = 0;
  Bytes rgb;
};

struct Scene {
  std::vector<Vec3> positions, normals;
  std::vector<Vec2> uv;
  std::vector<std::uint32_t> indices;
  Texture texture;
};

Texture read_jpeg(const std::uint8_t* data, std::size_t size) {
  jpeg_decompress_struct jpeg;
  jpeg_error_mgr errors;
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&jpeg);
  jpeg_mem_src(&jpeg, data, size);
  jpeg_read_header(&jpeg, TRUE);
  jpeg.out_color_space = JCS_RGB;
  jpeg_start_decompress(&jpeg);
  Texture out{static_cast<int>(jpeg.output_width), static_cast<int>(jpeg.output_height), {}};
  out.rgb.resize(std::size_t{jpeg.output_width} * jpeg.output_height * 3);
  while (jpeg.output_scanline < jpeg.output_height) {
    JSAMPROW row = out.rgb.data() + std::size_t{jpeg.output_scanline} * jpeg.output_width * 3;
    jpeg_read_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_decompress(&jpeg);
  jpeg_destroy_decompress(&jpeg);
  return out;
}

// Reads the engine's own layout only: accessors 0 to 3 and the picture in the fifth view.
bool read_scene(const std::string& path, Scene& out) {
  std::ifstream file(path, std::ios::binary);
  const Bytes glb{std::istreambuf_iterator<char>(file), {}};
  if (!i2m::mesh::inspect_glb(glb)) return false;
  std::uint32_t json_bytes = 0;
  std::memcpy(&json_bytes, glb.data() + 12, 4);
  const auto json = Json::parse({reinterpret_cast<const char*>(glb.data()) + 20, json_bytes});
  const std::uint8_t* bin = glb.data() + 28 + json_bytes;
  const auto& views = json->list("bufferViews");
  const auto view = [&](std::size_t i) { return bin + views[i].count_or("byteOffset", 0).value(); };
  const auto count = [&](std::size_t i) { return json->list("accessors")[i].count("count").value(); };
  const auto copy = [&](auto& to, std::size_t i) {
    to.resize(count(i));
    std::memcpy(to.data(), view(i), to.size() * sizeof(to[0]));
  };
  copy(out.positions, 0);
  copy(out.normals, 1);
  copy(out.uv, 2);
  if (json->list("accessors")[3].count("componentType") == 5123) {
    std::vector<std::uint16_t> narrow;
    copy(narrow, 3);
    out.indices.assign(narrow.begin(), narrow.end());
  } else {
    copy(out.indices, 3);
  }
  out.texture = read_jpeg(view(4), views[4].count("byteLength").value());
  return true;
}

struct Image {
  int width, height;
  Bytes rgb;
  std::vector<float> depth;
  Image(int w, int h)
      : width(w),
        height(h),
        rgb(static_cast<std::size_t>(w * h) * 3, 236),
        depth(static_cast<std::size_t>(w * h), -9) {}
};

Vec3 turned(Vec3 p, float yaw, float pitch) {
  const Vec3 q{p.x * std::cos(yaw) + p.z * std::sin(yaw), p.y, -p.x * std::sin(yaw) + p.z * std::cos(yaw)};
  return {q.x, q.y * std::cos(pitch) - q.z * std::sin(pitch), q.y * std::sin(pitch) + q.z * std::cos(pitch)};
}

std::array<float, 3> texel(const Texture& t, Vec2 uv) {
  const float fx = uv.x * static_cast<float>(t.width) - 0.5F, fy = uv.y * static_cast<float>(t.height) - 0.5F;
  const auto at = [&](int x, int y, int c) {
    x = std::clamp(x, 0, t.width - 1), y = std::clamp(y, 0, t.height - 1);
    return static_cast<float>(t.rgb[static_cast<std::size_t>((y * t.width + x) * 3 + c)]);
  };
  const int x = static_cast<int>(std::floor(fx)), y = static_cast<int>(std::floor(fy));
  const float a = fx - static_cast<float>(x), b = fy - static_cast<float>(y);
  std::array<float, 3> out{};
  for (int c = 0; c < 3; ++c) {
    out[static_cast<std::size_t>(c)] = (at(x, y, c) * (1 - a) + at(x + 1, y, c) * a) * (1 - b) +
                                       (at(x, y + 1, c) * (1 - a) + at(x + 1, y + 1, c) * a) * b;
  }
  return out;
}

enum class Paint { Texture, Clay };

void draw(const Scene& s, Image& image, int left, int top, int side, float yaw, float pitch, Paint paint) {
  std::vector<Vec3> at(s.positions.size()), normal(s.positions.size());
  for (std::size_t i = 0; i < at.size(); ++i) {
    const Vec3 p = turned(s.positions[i], yaw, pitch);
    const float scale = static_cast<float>(side) * 0.8F;
    at[i] = {static_cast<float>(left) + static_cast<float>(side) / 2 + p.x * scale,
             static_cast<float>(top) + static_cast<float>(side) / 2 - p.y * scale, p.z};
    normal[i] = turned(s.normals[i], yaw, pitch);
  }
  for (std::size_t i = 0; i + 2 < s.indices.size(); i += 3) {
    const std::uint32_t v[] = {s.indices[i], s.indices[i + 1], s.indices[i + 2]};
    const Vec3 a = at[v[0]], b = at[v[1]], c = at[v[2]];
    const float area = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
    if (area >= 0) continue;  // seen from behind
    const int x0 = std::max(left, static_cast<int>(std::min({a.x, b.x, c.x})));
    const int x1 = std::min(left + side - 1, static_cast<int>(std::max({a.x, b.x, c.x})) + 1);
    const int y0 = std::max(top, static_cast<int>(std::min({a.y, b.y, c.y})));
    const int y1 = std::min(top + side - 1, static_cast<int>(std::max({a.y, b.y, c.y})) + 1);
    for (int y = y0; y <= y1; ++y) {
      for (int x = x0; x <= x1; ++x) {
        const float px = static_cast<float>(x) + 0.5F, py = static_cast<float>(y) + 0.5F;
        const float w0 = ((b.x - px) * (c.y - py) - (b.y - py) * (c.x - px)) / area;
        const float w1 = ((c.x - px) * (a.y - py) - (c.y - py) * (a.x - px)) / area;
        const float w2 = 1 - w0 - w1;
        if (w0 < 0 || w1 < 0 || w2 < 0) continue;
        const float z = a.z * w0 + b.z * w1 + c.z * w2;
        const auto pixel = static_cast<std::size_t>(y * image.width + x);
        if (z <= image.depth[pixel]) continue;
        image.depth[pixel] = z;
        const Vec3 n = normal[v[0]] * w0 + normal[v[1]] * w1 + normal[v[2]] * w2;
        const float size = std::max(1e-6F, i2m::mesh::length(n));
        const float light = 0.45F + 0.55F * std::max(0.0F, (n.x * -0.35F + n.y * 0.5F + n.z * 0.8F) / size);
        std::array<float, 3> colour{200, 200, 205};
        if (paint == Paint::Texture) {
          colour = texel(s.texture, {s.uv[v[0]].x * w0 + s.uv[v[1]].x * w1 + s.uv[v[2]].x * w2,
                                     s.uv[v[0]].y * w0 + s.uv[v[1]].y * w1 + s.uv[v[2]].y * w2});
        }
        for (std::size_t k = 0; k < 3; ++k) {
          image.rgb[pixel * 3 + k] = static_cast<std::uint8_t>(std::min(255.0F, colour[k] * light * 1.15F));
        }
      }
    }
  }
}

Image halved(const Image& from) {
  Image out(from.width / 2, from.height / 2);
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x) {
      for (int c = 0; c < 3; ++c) {
        int sum = 0;
        for (int k = 0; k < 4; ++k) {
          sum += from.rgb[static_cast<std::size_t>(((2 * y + k / 2) * from.width + 2 * x + k % 2) * 3 + c)];
        }
        out.rgb[static_cast<std::size_t>((y * out.width + x) * 3 + c)] = static_cast<std::uint8_t>(sum / 4);
      }
    }
  }
  return out;
}

bool write_png(const std::string& path, const Image& image) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(image.width);
  png.height = static_cast<png_uint_32>(image.height);
  png.format = PNG_FORMAT_RGB;
  return png_image_write_to_file(&png, path.c_str(), 0, image.rgb.data(), 0, nullptr) != 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: engine_render out.png model.glb ...\n");
    return 2;
  }
  struct Look {
    float yaw, pitch;
    Paint paint;
  };
  constexpr std::array<Look, 7> looks = {{{0, 0, Paint::Texture},
                                          {-0.7F, 0.3F, Paint::Texture},
                                          {1.57F, 0, Paint::Texture},
                                          {2.6F, 0.2F, Paint::Texture},
                                          {3.14F, 0, Paint::Texture},
                                          {0.5F, 0.8F, Paint::Texture},
                                          {-0.7F, 0.3F, Paint::Clay}}};
  constexpr int side = 320;
  Image sheet(side * static_cast<int>(looks.size()), side * (argc - 2));
  for (int i = 2; i < argc; ++i) {
    Scene scene;
    if (!read_scene(argv[i], scene)) {
      std::fprintf(stderr, "cannot read %s\n", argv[i]);
      return 1;
    }
    for (std::size_t k = 0; k < looks.size(); ++k) {
      draw(scene, sheet, static_cast<int>(k) * side, (i - 2) * side, side, looks[k].yaw, looks[k].pitch,
           looks[k].paint);
    }
  }
  return write_png(argv[1], halved(sheet)) ? 0 : 1;
}
