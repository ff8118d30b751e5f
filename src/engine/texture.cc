#include "engine/texture.h"

#include "engine/back.h"
#include "engine/colours.h"
#include "engine/writing.h"
#include "mesh/mesh.h"

namespace i2m::engine {
namespace {

enum class Side : std::uint8_t { Front, Back, Inside };

Side side_of(mesh::Vec3 normal, mesh::Vec3 middle, mesh::Vec3 viewer, bool is_turned) {
  constexpr float back_below = -0.06F, lid_from = 0.8F;
  if (!is_turned) return mesh::dot(normal, viewer) < back_below ? Side::Back : Side::Front;
  // The lid is seen from above all over, its far half too.
  if (normal.y > lid_from) return Side::Front;
  return middle.z < 0 ? Side::Back : Side::Front;
}

// Where the picture shows the inner wall: above the near rim, on the far side. Deeper down and on the near side it goes
// on as there; the rim itself, which may lie a little elsewhere than thought, is kept away from.
mesh::Vec2 seen_inside(const Hollow& hollow, const View& view, mesh::Vec3 p) {
  constexpr float widest = 0.85F, far_rim = 0.2F, near_rim = 0.45F;  // of the opening's radius; of its height as seen
  const float x = std::clamp(p.x, -widest * hollow.rim, widest * hollow.rim);
  const float across = std::sqrt(hollow.rim * hollow.rim - x * x) * hollow.depth;
  const float top = view.see({x, hollow.top, -across}).y, height = view.see({x, hollow.top, across}).y - top;
  const mesh::Vec2 at = view.see({x, p.y, -std::abs(p.z)});
  return {at.x, std::clamp(at.y, top + far_rim * height, top + (1 - near_rim) * height)};
}

bool is_inside(const std::optional<Hollow>& hollow, mesh::Vec3 normal, mesh::Vec3 middle) {
  constexpr float near_wall = -1.2F;  // cells
  if (!hollow || middle.y > hollow->top - 0.5F || middle.y < hollow->floor - 1) return false;
  const bool inwards = normal.x * middle.x + normal.z * middle.z < 0 || normal.y > 0.8F;
  return inwards && hollow->within(middle) > near_wall;
}

}  // namespace

Atlas make_atlas(const Guess& guess, Back back, Writing writing) {
  const Subject& subject = guess.subject;
  const cv::Mat own = own_colours(subject);
  const cv::Mat front = push_pull(subject.rgb, own);
  // The faces of a box that are hidden show the picture of those that are not.
  if (guess.found.box && back == Back::Flip) return {front, 1};
  const cv::Mat lines = writing == Writing::Erased ? find_writing(subject) : cv::Mat();
  if (back == Back::Mirror && lines.empty()) return {front, 1};
  const cv::Mat plain = lines.empty() ? front : push_pull(front, own & ~lines);
  Atlas atlas;
  atlas.tiles = 2;
  cv::hconcat(front, draw_back(guess, back, front, plain), atlas.rgb);
  return atlas;
}

mesh::TexturedMesh unwrap(const Solid& solid, int tiles, bool is_turned) {
  constexpr std::uint32_t none = ~0U;
  const auto& from = solid.mesh;
  const auto normals = mesh::normals_of(from);
  const mesh::Vec3 viewer = solid.view.viewer();
  std::vector<std::array<std::uint32_t, 3>> ids(from.positions.size(), {none, none, none});
  mesh::TexturedMesh out;
  const float share = 1 / static_cast<float>(tiles);
  const auto corner = [&](std::uint32_t v, Side side) {
    std::uint32_t& id = ids[v][static_cast<std::size_t>(side)];
    if (id != none) return id;
    id = static_cast<std::uint32_t>(out.mesh.positions.size());
    mesh::Vec3 p = from.positions[v];
    out.mesh.positions.push_back(p);
    out.normals.push_back(normals[v]);
    // The far wall of a turned body is hidden behind the near one: it shows what the near one does.
    if (is_turned && side == Side::Back) p.z = std::abs(p.z);
    const mesh::Vec2 uv = side == Side::Inside ? seen_inside(*solid.hollow, solid.view, p) : solid.view.see(p);
    const float tile = side == Side::Back && tiles > 1 ? share : 0;
    out.texture.push_back({std::clamp(uv.x, 0.0F, 1.0F) * share + tile, std::clamp(uv.y, 0.0F, 1.0F)});
    return id;
  };
  for (std::size_t i = 0; i + 2 < from.indices.size(); i += 3) {
    const std::uint32_t* v = &from.indices[i];
    const mesh::Vec3 a = from.positions[v[0]], b = from.positions[v[1]], c = from.positions[v[2]];
    const mesh::Vec3 n = mesh::cross(b - a, c - a);
    const float size = mesh::length(n);
    const mesh::Vec3 unit = size > 0 ? n * (1 / size) : mesh::Vec3{0, 0, 1};
    Side side = side_of(unit, (a + b + c) * (1.0F / 3), viewer, is_turned);
    // One picture for both sides needs no seam.
    if (tiles == 1 && !is_turned) side = Side::Front;
    if (is_inside(solid.hollow, unit, (a + b + c) * (1.0F / 3))) side = Side::Inside;
    for (int k = 0; k < 3; ++k) out.mesh.indices.push_back(corner(v[k], side));
  }
  return out;
}

}  // namespace i2m::engine
