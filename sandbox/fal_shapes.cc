#include "sandbox/fal_shapes.h"

#include <png.h>
#include <webp/encode.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <cmath>
#include <cstring>

#include "base/ensure.h"

namespace i2m::sandbox::fal {
namespace json = boost::json;
namespace {

constexpr std::size_t glb_head_bytes = 12;
constexpr std::size_t chunk_head_bytes = 8;
constexpr std::uint32_t glb_magic = 0x46546C67;
constexpr std::uint32_t json_chunk = 0x4E4F534A;
constexpr std::uint32_t bin_chunk = 0x004E4942;
constexpr std::int64_t unsigned_short = 5123;
constexpr int preview_px = 256;
constexpr float preview_share = 0.9F;  // of the picture's side, for the longest side of the model
constexpr float webp_quality = 80;

struct Glb {
  json::object document;
  std::string_view bin;
};

std::uint32_t word_at(std::string_view bytes, std::size_t at) {
  std::uint32_t word = 0;
  std::memcpy(&word, bytes.data() + at, sizeof word);
  return word;
}

void append_word(std::string& out, std::uint32_t word) {
  std::array<char, sizeof word> bytes{};
  std::memcpy(bytes.data(), &word, sizeof word);
  out.append(bytes.data(), bytes.size());
}

Glb parsed(std::string_view glb) {
  const std::size_t json_bytes = word_at(glb, glb_head_bytes);
  const std::size_t bin_at = glb_head_bytes + chunk_head_bytes + json_bytes;
  ENSURE(bin_at + chunk_head_bytes <= glb.size());
  return {json::parse(glb.substr(glb_head_bytes + chunk_head_bytes, json_bytes)).as_object(),
          glb.substr(bin_at + chunk_head_bytes, word_at(glb, bin_at))};
}

std::string written(const json::object& document, std::string_view bin) {
  std::string text = json::serialize(document);
  text.append((4 - text.size() % 4) % 4, ' ');
  std::string out;
  out.reserve(glb_head_bytes + 2 * chunk_head_bytes + text.size() + bin.size());
  append_word(out, glb_magic);
  append_word(out, 2);
  append_word(out, static_cast<std::uint32_t>(glb_head_bytes + 2 * chunk_head_bytes + text.size() + bin.size()));
  append_word(out, static_cast<std::uint32_t>(text.size()));
  append_word(out, json_chunk);
  out += text;
  append_word(out, static_cast<std::uint32_t>(bin.size()));
  append_word(out, bin_chunk);
  out += bin;
  return out;
}

std::int64_t member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr ? 0 : value->as_int64();
}

/// The bytes of an accessor whose values lie one behind the other.
std::string_view bytes_of_accessor(const Glb& glb, const json::object& accessor) {
  const json::object& view = glb.document.at("bufferViews")
                                 .as_array()
                                 .at(static_cast<std::size_t>(member(accessor, "bufferView")))
                                 .as_object();
  return glb.bin.substr(static_cast<std::size_t>(member(view, "byteOffset") + member(accessor, "byteOffset")));
}

struct Canvas {
  std::vector<std::uint8_t> rgb = std::vector<std::uint8_t>(std::size_t{preview_px} * preview_px * 3, 255);
  std::vector<float> depth = std::vector<float>(std::size_t{preview_px} * preview_px, -1e9F);
};

using Point = std::array<float, 3>;

float edge(const Point& a, const Point& b, float x, float y) {
  return (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]);
}

/// `corners` in pixels, z towards the viewer.
void fill(Canvas& canvas, const std::array<Point, 3>& corners, std::uint8_t shade) {
  const auto& [a, b, c] = corners;
  const float area = edge(a, b, c[0], c[1]);
  if (std::abs(area) < 1e-6F) return;
  const auto low = [&](int axis) {
    const auto k = static_cast<std::size_t>(axis);
    return std::max(0, static_cast<int>(std::floor(std::min({a[k], b[k], c[k]}))));
  };
  const auto high = [&](int axis) {
    const auto k = static_cast<std::size_t>(axis);
    return std::min(preview_px - 1, static_cast<int>(std::ceil(std::max({a[k], b[k], c[k]}))));
  };
  for (int y = low(1); y <= high(1); ++y) {
    for (int x = low(0); x <= high(0); ++x) {
      const float px = static_cast<float>(x) + 0.5F;
      const float py = static_cast<float>(y) + 0.5F;
      const float wa = edge(b, c, px, py) / area;
      const float wb = edge(c, a, px, py) / area;
      const float wc = 1 - wa - wb;
      const std::size_t at = static_cast<std::size_t>(y) * preview_px + static_cast<std::size_t>(x);
      const float z = wa * a[2] + wb * b[2] + wc * c[2];
      if (wa < 0 || wb < 0 || wc < 0 || z <= canvas.depth[at]) continue;
      canvas.depth[at] = z;
      std::fill_n(canvas.rgb.begin() + static_cast<std::ptrdiff_t>(at * 3), 3, shade);
    }
  }
}

std::uint8_t shade_of(const std::array<Point, 3>& corners) {
  constexpr float darkest = 60;
  constexpr float brightest = 230;
  const Point u{corners[1][0] - corners[0][0], corners[1][1] - corners[0][1], corners[1][2] - corners[0][2]};
  const Point v{corners[2][0] - corners[0][0], corners[2][1] - corners[0][1], corners[2][2] - corners[0][2]};
  const Point n{u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]};
  const float length = std::sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]);
  const float facing = length > 0 ? std::abs(n[2]) / length : 0;
  return static_cast<std::uint8_t>(darkest + (brightest - darkest) * facing);
}

Canvas drawn(const Shape& shape) {
  Point low = shape.positions.front();
  Point high = low;
  for (const Point& p : shape.positions) {
    for (std::size_t k = 0; k < 3; ++k) {
      low[k] = std::min(low[k], p[k]);
      high[k] = std::max(high[k], p[k]);
    }
  }
  const float extent = std::max({high[0] - low[0], high[1] - low[1], 1e-6F});
  const float scale = preview_share * preview_px / extent;
  const auto placed = [&](std::uint32_t index) {
    const Point& p = shape.positions[index];
    return Point{preview_px * 0.5F + (p[0] - (low[0] + high[0]) / 2) * scale,
                 preview_px * 0.5F - (p[1] - (low[1] + high[1]) / 2) * scale, p[2] * scale};
  };
  Canvas canvas;
  for (std::size_t i = 0; i + 2 < shape.indices.size(); i += 3) {
    const std::array<Point, 3> corners{placed(shape.indices[i]), placed(shape.indices[i + 1]),
                                       placed(shape.indices[i + 2])};
    fill(canvas, corners, shade_of(corners));
  }
  return canvas;
}

}  // namespace

Shape shape_of(std::string_view bytes) {
  const Glb glb = parsed(bytes);
  const json::object& primitive = glb.document.at("meshes").at(0).at("primitives").at(0).as_object();
  const auto accessor = [&](std::int64_t index) -> const json::object& {
    return glb.document.at("accessors").as_array().at(static_cast<std::size_t>(index)).as_object();
  };
  const json::object& places = accessor(primitive.at("attributes").at("POSITION").as_int64());
  const json::object& corners = accessor(primitive.at("indices").as_int64());
  Shape out;
  out.positions.resize(static_cast<std::size_t>(member(places, "count")));
  std::memcpy(out.positions.data(), bytes_of_accessor(glb, places).data(), out.positions.size() * sizeof(Point));
  out.indices.resize(static_cast<std::size_t>(member(corners, "count")));
  const std::string_view from = bytes_of_accessor(glb, corners);
  for (std::size_t i = 0; i < out.indices.size(); ++i) {
    if (member(corners, "componentType") == unsigned_short) {
      std::uint16_t index = 0;
      std::memcpy(&index, from.data() + i * sizeof index, sizeof index);
      out.indices[i] = index;
    } else {
      out.indices[i] = word_at(from, i * sizeof(std::uint32_t));
    }
  }
  return out;
}

std::string obj_of(const Shape& shape) {
  std::string out = "o model\n";
  for (const auto& p : shape.positions)
    fmt::format_to(std::back_inserter(out), "v {:.5f} {:.5f} {:.5f}\n", p[0], p[1], p[2]);
  for (std::size_t i = 0; i + 2 < shape.indices.size(); i += 3) {
    fmt::format_to(std::back_inserter(out), "f {} {} {}\n", shape.indices[i] + 1, shape.indices[i + 1] + 1,
                   shape.indices[i + 2] + 1);
  }
  return out;
}

std::string stl_of(const Shape& shape) {
  constexpr std::size_t head_bytes = 80;
  std::string out(head_bytes, ' ');
  append_word(out, static_cast<std::uint32_t>(shape.indices.size() / 3));
  for (std::size_t i = 0; i + 2 < shape.indices.size(); i += 3) {
    out.append(sizeof(Point), '\0');  // the normal: readers take it from the corners
    for (std::size_t k = 0; k < 3; ++k) {
      const Point& p = shape.positions[shape.indices[i + k]];
      std::array<char, sizeof(Point)> bytes{};
      std::memcpy(bytes.data(), p.data(), sizeof p);
      out.append(bytes.data(), bytes.size());
    }
    out.append(2, '\0');
  }
  return out;
}

std::string fbx_of(const Shape& shape) {
  std::string out = "; FBX 7.3.0 project file\nFBXHeaderExtension:  {\n\tFBXVersion: 7300\n}\nObjects:  {\n";
  fmt::format_to(
      std::back_inserter(out),
      "\tGeometry: 1, \"Geometry::model\", \"Mesh\" {{\n\t\tVertices: *{} {{\n\t\t\ta: ", 3 * shape.positions.size());
  for (const auto& p : shape.positions)
    fmt::format_to(std::back_inserter(out), "{:.5f},{:.5f},{:.5f},", p[0], p[1], p[2]);
  out.back() = '\n';
  fmt::format_to(std::back_inserter(out), "\t\t}}\n\t\tPolygonVertexIndex: *{} {{\n\t\t\ta: ", shape.indices.size());
  for (std::size_t i = 0; i + 2 < shape.indices.size(); i += 3) {
    // The last corner of a face is written as its complement.
    fmt::format_to(std::back_inserter(out), "{},{},{},", shape.indices[i], shape.indices[i + 1],
                   ~static_cast<std::int32_t>(shape.indices[i + 2]));
  }
  out.back() = '\n';
  out += "\t\t}\n\t}\n}\n";
  return out;
}

std::string preview_of(const Shape& shape, PictureType type) {
  const Canvas canvas = drawn(shape);
  if (type == PictureType::Webp) {
    std::uint8_t* encoded = nullptr;
    const std::size_t size =
        WebPEncodeRGB(canvas.rgb.data(), preview_px, preview_px, preview_px * 3, webp_quality, &encoded);
    ENSURE(size > 0);
    std::string out{reinterpret_cast<const char*>(encoded), size};
    WebPFree(encoded);
    return out;
  }
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = preview_px;
  image.height = preview_px;
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string out(size, '\0');
  ENSURE(png_image_write_to_memory(&image, out.data(), &size, 0, canvas.rgb.data(), 0, nullptr) != 0);
  out.resize(size);
  return out;
}

std::string untextured(std::string_view bytes) {
  Glb glb = parsed(bytes);
  for (const char* name : {"images", "textures", "samplers"}) glb.document.erase(name);
  for (json::value& material : glb.document.at("materials").as_array()) {
    material.at("pbrMetallicRoughness").as_object().erase("baseColorTexture");
  }
  return written(glb.document, glb.bin);
}

std::string padded_to(std::string_view bytes, std::size_t size) {
  Glb glb = parsed(bytes);
  constexpr std::size_t json_growth_max = 64;
  const std::size_t room = size > bytes.size() + json_growth_max ? size - bytes.size() - json_growth_max : 0;
  std::string bin{glb.bin};
  bin.append(room / 4 * 4, '\0');
  glb.document.at("buffers").at(0).as_object()["byteLength"] = static_cast<std::int64_t>(bin.size());
  return written(glb.document, bin);
}

}  // namespace i2m::sandbox::fal
