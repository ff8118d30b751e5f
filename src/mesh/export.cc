#include "mesh/export.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "mesh/edges.h"
#include "mesh/texture.h"
#include "mesh/zip.h"

namespace i2m::mesh {
namespace {

void put(std::string& out, float value) {
  std::array<char, 32> text;
  out.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr);
}

template <class... Values>
void put_line(std::string& out, std::string_view word, Values... values) {
  out += word;
  ((out += ' ', put(out, values)), ...);
  out += '\n';
}

float shown(float light) { return static_cast<float>(value_of(light)) / 255; }

std::string mtl_of(const Scene& scene, const std::vector<std::string>& files) {
  std::string out = "# Image2Model\n";
  for (std::size_t i = 0; i < scene.materials.size(); ++i) {
    const Material& m = scene.materials[i];
    out += "\nnewmtl material_" + std::to_string(i) + "\n";
    put_line(out, "Kd", shown(m.colour[0]), shown(m.colour[1]), shown(m.colour[2]));
    put_line(out, "Ke", shown(m.emissive.x), shown(m.emissive.y), shown(m.emissive.z));
    put_line(out, "Ks", 0.04F, 0.04F, 0.04F);
    put_line(out, "Ns", 2 / std::max(1e-3F, m.roughness * m.roughness) - 1);
    put_line(out, "Pr", m.roughness);
    put_line(out, "Pm", m.metallic);
    put_line(out, "d", m.alpha == Alpha::Blend ? m.colour[3] : 1.0F);
    out += "illum 2\n";
    if (m.image) out += "map_Kd " + files[*m.image] + "\n";
  }
  return out;
}

std::string obj_of(const Scene& scene) {
  std::string out = "# Image2Model: metres, y up\nmtllib model.mtl\n";
  std::size_t points = 1, places = 1, normals = 1;  // OBJ counts from 1, over all parts
  for (std::size_t p = 0; p < scene.parts.size(); ++p) {
    const Part& part = scene.parts[p];
    out += "o part_" + std::to_string(p) + "\nusemtl material_" + std::to_string(part.material) + "\n";
    for (std::size_t v = 0; v < part.mesh.positions.size(); ++v) {
      const Vec3 at = part.mesh.positions[v];
      if (part.colours.empty()) {
        put_line(out, "v", at.x, at.y, at.z);
      } else {
        const Rgba& c = part.colours[v];
        put_line(out, "v", at.x, at.y, at.z, shown(c[0]), shown(c[1]), shown(c[2]));
      }
    }
    for (const Vec2 t : part.texture) put_line(out, "vt", t.x, 1 - t.y);
    for (const Vec3 n : part.normals) put_line(out, "vn", n.x, n.y, n.z);
    for (std::size_t i = 0; i < part.mesh.indices.size(); ++i) {
      const std::size_t v = part.mesh.indices[i];
      out += i % 3 == 0 ? "f " : " ";
      out += std::to_string(points + v);
      if (!part.texture.empty() || !part.normals.empty()) out += '/';
      if (!part.texture.empty()) out += std::to_string(places + v);
      if (!part.normals.empty()) out += '/' + std::to_string(normals + v);
      if (i % 3 == 2) out += '\n';
    }
    points += part.mesh.positions.size(), places += part.texture.size(), normals += part.normals.size();
  }
  return out;
}

Result<std::vector<std::string>> file_names(const Scene& scene) {
  std::vector<std::string> out(scene.images.size());
  for (const Part& part : scene.parts) {
    const auto& image = scene.materials[part.material].image;
    if (image) {
      TRY(out[*image], file_name_of(scene.images[*image], *image));
    }
  }
  return out;
}

void add_pictures(Zip& zip, const Scene& scene, const std::vector<std::string>& files, Zip::As as) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (!files[i].empty()) zip.add(files[i], scene.images[i].bytes, as);
  }
}

}  // namespace

Result<std::string> file_name_of(const Image& image, std::size_t i) {
  if (image.type == "image/jpeg") return "textures/" + std::to_string(i) + ".jpg";
  if (image.type == "image/png") return "textures/" + std::to_string(i) + ".png";
  return refuse(Code::Invalid, "model",
                "This model's pictures are of the kind " + image.type + ", which the format asked for does not hold.");
}

std::vector<std::uint8_t> write_stl(const Mesh& mesh) {
  constexpr std::size_t head_bytes = 80, triangle_bytes = 50;
  constexpr std::string_view head = "Image2Model, millimetres, z up";
  constexpr float millimetres = 1000;
  std::vector<std::uint8_t> out(head_bytes + 4 + mesh.triangle_count() * triangle_bytes);
  std::ranges::copy(head, out.begin());
  const auto count = static_cast<std::uint32_t>(mesh.triangle_count());
  std::memcpy(&out[head_bytes], &count, sizeof count);
  const auto upright = [](Vec3 p) { return Vec3{p.x, -p.z, p.y}; };
  std::uint8_t* at = out.data() + head_bytes + 4;
  for (std::size_t t = 0; t < mesh.triangle_count(); ++t, at += triangle_bytes) {
    const Vec3 n = area_of(mesh, t);
    const float size = length(n);
    std::array<Vec3, 4> row{upright(size > 0 ? n * (1 / size) : Vec3{})};
    for (std::size_t k = 0; k < 3; ++k) row[k + 1] = upright(mesh.positions[mesh.indices[t * 3 + k]]) * millimetres;
    std::memcpy(at, row.data(), sizeof row);
  }
  return out;
}

Result<std::vector<std::uint8_t>> write_obj_zip(const Scene& scene) {
  TRY(const auto files, file_names(scene));
  Zip zip;
  zip.add("model.obj", obj_of(scene), Zip::As::Deflated);
  zip.add("model.mtl", mtl_of(scene, files), Zip::As::Deflated);
  add_pictures(zip, scene, files, Zip::As::Deflated);
  return std::move(zip).finish();
}

namespace {

template <class List, class Each>
void put_list(std::string& out, std::string_view name, const List& list, Each&& each) {
  out += name;
  out += " = [";
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i > 0) out += ", ";
    each(list[i]);
  }
  out += "]";
}

void put_tuple(std::string& out, std::initializer_list<float> values) {
  char before = '(';
  for (const float v : values) {
    out += before;
    put(out, v);
    before = ',';
  }
  out += ')';
}

void put_points(std::string& out, std::string_view name, const std::vector<Vec3>& points) {
  put_list(out, name, points, [&](Vec3 p) { put_tuple(out, {p.x, p.y, p.z}); });
}

constexpr std::string_view per_vertex = " (\n            interpolation = \"vertex\"\n        )\n";

void put_mesh(std::string& out, const Scene& scene, std::size_t index) {
  const Part& part = scene.parts[index];
  const Box box = bounds_of(part.mesh.positions);
  out += "    def Mesh \"part_" + std::to_string(index) +
         "\" (\n        prepend apiSchemas = [\"MaterialBindingAPI\"]\n    )\n    {\n";
  out += "        uniform bool doubleSided = ";
  out += scene.materials[part.material].double_sided ? "1\n" : "0\n";
  put_points(out, "        float3[] extent", {box.min, box.max});
  const std::vector<int> counts(part.mesh.triangle_count(), 3);
  put_list(out, "\n        int[] faceVertexCounts", counts, [&](int n) { out += std::to_string(n); });
  put_list(out, "\n        int[] faceVertexIndices", part.mesh.indices,
           [&](std::uint32_t v) { out += std::to_string(v); });
  put_points(out, "\n        point3f[] points", part.mesh.positions);
  out += "\n";
  if (!part.normals.empty()) {
    put_points(out, "        normal3f[] normals", part.normals);
    out += per_vertex;
  }
  if (!part.texture.empty()) {
    put_list(out, "        texCoord2f[] primvars:st", part.texture, [&](Vec2 p) { put_tuple(out, {p.x, 1 - p.y}); });
    out += per_vertex;
  }
  if (!part.colours.empty()) {
    put_list(out, "        color3f[] primvars:displayColor", part.colours,
             [&](const Rgba& c) { put_tuple(out, {c[0], c[1], c[2]}); });
    out += per_vertex;
  }
  out +=
      "        uniform token subdivisionScheme = \"none\"\n        rel material:binding = </model/materials/material_" +
      std::to_string(part.material) + ">\n    }\n";
}

std::string_view usd_wrap(Wrap wrap) {
  return wrap == Wrap::Clamp ? "clamp" : wrap == Wrap::Mirror ? "mirror" : "repeat";
}

void put_material(std::string& out, const Material& m, std::size_t index, const std::vector<std::string>& files) {
  const std::string path = "/model/materials/material_" + std::to_string(index);
  out += "        def Material \"material_" + std::to_string(index) + "\"\n        {\n";
  out += "            token outputs:surface.connect = <" + path + "/surface.outputs:surface>\n";
  out += "            def Shader \"surface\"\n            {\n";
  out += "                uniform token info:id = \"UsdPreviewSurface\"\n";
  if (m.image) {
    out += "                color3f inputs:diffuseColor.connect = <" + path + "/picture.outputs:rgb>\n";
  } else {
    out += "                color3f inputs:diffuseColor = ";
    put_tuple(out, {m.colour[0], m.colour[1], m.colour[2]});
    out += "\n";
  }
  const auto number = [&](std::string_view name, float value) {
    out += "                float inputs:" + std::string(name) + " = ";
    put(out, value);
    out += "\n";
  };
  number("metallic", m.metallic);
  number("roughness", m.roughness);
  if (m.alpha != Alpha::Opaque && m.image) {
    out += "                float inputs:opacity.connect = <" + path + "/picture.outputs:a>\n";
  } else {
    number("opacity", m.alpha == Alpha::Blend ? m.colour[3] : 1);
  }
  if (m.alpha == Alpha::Mask) number("opacityThreshold", m.alpha_cutoff);
  out += "                color3f inputs:emissiveColor = ";
  put_tuple(out, {m.emissive.x, m.emissive.y, m.emissive.z});
  out += "\n                token outputs:surface\n            }\n";
  if (m.image) {
    out += "            def Shader \"place\"\n            {\n";
    out += "                uniform token info:id = \"UsdPrimvarReader_float2\"\n";
    out += "                string inputs:varname = \"st\"\n                float2 outputs:result\n            }\n";
    out += "            def Shader \"picture\"\n            {\n";
    out += "                uniform token info:id = \"UsdUVTexture\"\n";
    out += "                asset inputs:file = @" + files[*m.image] + "@\n";
    out += "                float4 inputs:scale = ";
    put_tuple(out, {m.colour[0], m.colour[1], m.colour[2], m.colour[3]});
    out += "\n                token inputs:sourceColorSpace = \"sRGB\"\n";
    out += "                float2 inputs:st.connect = <" + path + "/place.outputs:result>\n";
    out += "                token inputs:wrapS = \"" + std::string(usd_wrap(m.wrap_s)) + "\"\n";
    out += "                token inputs:wrapT = \"" + std::string(usd_wrap(m.wrap_t)) + "\"\n";
    out += "                float outputs:a\n                float3 outputs:rgb\n            }\n";
  }
  out += "        }\n";
}

}  // namespace

Result<std::vector<std::uint8_t>> write_usdz(const Scene& scene) {
  TRY(const auto files, file_names(scene));
  std::string usd =
      "#usda 1.0\n(\n    customLayerData = {\n        string creator = \"Image2Model\"\n    }\n"
      "    defaultPrim = \"model\"\n    metersPerUnit = 1\n    upAxis = \"Y\"\n)\n\n"
      "def Xform \"model\" (\n    kind = \"component\"\n)\n{\n";
  std::vector<std::uint8_t> shown_materials(scene.materials.size());
  for (std::size_t i = 0; i < scene.parts.size(); ++i) {
    put_mesh(usd, scene, i);
    shown_materials[scene.parts[i].material] = 1;
  }
  usd += "    def Scope \"materials\"\n    {\n";
  for (std::size_t i = 0; i < scene.materials.size(); ++i) {
    if (shown_materials[i] != 0) put_material(usd, scene.materials[i], i, files);
  }
  usd += "    }\n}\n";
  Zip zip;
  zip.add("model.usda", usd, Zip::As::Aligned);
  add_pictures(zip, scene, files, Zip::As::Aligned);
  return std::move(zip).finish();
}

}  // namespace i2m::mesh
