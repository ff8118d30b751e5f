#include "cli/formats.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <string_view>

#include "cli/pictures.h"
#include "image/png_write.h"
#include "mesh/check.h"
#include "mesh/export.h"
#include "mesh/manifold.h"

namespace i2m::cli {
namespace {

// OBJ and USDZ hold JPEG and PNG alone.
Result<> convert_pictures(mesh::Scene& scene, const image::Decoder& decoder) {
  const auto pictures = decode_pictures(scene, decoder);
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    mesh::Image& image = scene.images[i];
    if (pictures[i].rgba.empty() || image.type == "image/jpeg" || image.type == "image/png") continue;
    TRY(image.bytes, image::write_png(pictures[i].rgba, pictures[i].width, pictures[i].height));
    image.type = "image/png";
  }
  return {};
}

// The surface alone, strict if asked for, with as many triangles as it came with.
mesh::Mesh surface_of(const mesh::Scene& scene, Surface surface) {
  mesh::Mesh out = mesh::joined(scene);
  if (surface == Surface::AsItIs) return out;
  const std::size_t triangles = out.triangle_count();
  return mesh::make_manifold(out, triangles);
}

}  // namespace

std::optional<Format> format_of(const std::string& path) {
  std::string end = std::filesystem::path(path).extension();
  for (char& c : end) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (end == ".glb") return Format::Glb;
  if (end == ".zip") return Format::ObjZip;
  if (end == ".stl") return Format::Stl;
  if (end == ".usdz") return Format::Usdz;
  return std::nullopt;
}

// "height=0.3m", "width=30cm", "depth=250mm"; metres when no unit is said.
Result<Size> size_of(const std::string& text) {
  const auto wrong = [&] {
    return refuse(
        Code::Invalid, "size",
        "--size " + text +
            ": say width, height, depth or longest, and how much in m, cm or mm, such as height=0.3m or width=30cm");
  };
  Size out;
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) return wrong();
  const std::string side = text.substr(0, equals);
  if (side == "width")
    out.side = Size::Side::Width;
  else if (side == "height")
    out.side = Size::Side::Height;
  else if (side == "depth")
    out.side = Size::Side::Depth;
  else if (side == "longest")
    out.side = Size::Side::Longest;
  else
    return wrong();
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + equals + 1, end, out.metres);
  if (error != std::errc{}) return wrong();
  const std::string_view unit{rest, static_cast<std::size_t>(end - rest)};
  if (unit == "cm")
    out.metres /= 100;
  else if (unit == "mm")
    out.metres /= 1000;
  else if (!unit.empty() && unit != "m")
    return wrong();
  constexpr float smallest = 1e-4F, largest = 1e4F;
  if (!(out.metres >= smallest && out.metres <= largest)) {
    return refuse(Code::Invalid, "size", "--size " + text + ": from 0.1 mm to 10 km");
  }
  return out;
}

Result<float> scale_for(const Size& wanted, const mesh::Box& box) {
  const mesh::Vec3 size = box.max - box.min;
  float now = 0;
  switch (wanted.side) {
    case Size::Side::Width:
      now = size.x;
      break;
    case Size::Side::Height:
      now = size.y;
      break;
    case Size::Side::Depth:
      now = size.z;
      break;
    case Size::Side::Longest:
      now = std::max({size.x, size.y, size.z});
      break;
  }
  if (!(now > 0)) return refuse(Code::Invalid, "size", "the model is flat on that side; give another dimension");
  return wanted.metres / now;
}

Result<Bytes> bytes_of(Format format, mesh::Scene& scene, const Bytes& glb, const image::Decoder& decoder,
                       Surface surface) {
  if (format == Format::Glb) return glb;
  if (format == Format::Stl) {
    const mesh::Mesh mesh = surface_of(scene, surface);
    if (mesh.indices.empty()) return refuse(Code::Invalid, "model", "the model encloses nothing that could be printed");
    return mesh::write_stl(mesh);
  }
  CHECK_OK(convert_pictures(scene, decoder));
  return format == Format::Usdz ? mesh::write_usdz(scene) : mesh::write_obj_zip(scene);
}

}  // namespace i2m::cli
