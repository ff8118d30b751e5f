#include "raster.h"

#include <algorithm>

namespace i2m::train {
namespace {

constexpr float pi = std::numbers::pi_v<float>;
constexpr float near_distance = 0.05F;

std::array<std::uint8_t, 4> texel(const Texture& texture, Vec2 uv) {
  const float u = uv.x - std::floor(uv.x), v = uv.y - std::floor(uv.y);
  const int x = std::clamp(static_cast<int>(u * static_cast<float>(texture.width)), 0, texture.width - 1);
  const int y = std::clamp(static_cast<int>((1 - v) * static_cast<float>(texture.height)), 0, texture.height - 1);
  const std::uint8_t* p = &texture.rgba[static_cast<std::size_t>(y * texture.width + x) * 4];
  return {p[0], p[1], p[2], p[3]};
}

float lattice(int x, int y, int z) {
  auto h = static_cast<std::uint32_t>(x * 73856093) ^ static_cast<std::uint32_t>(y * 19349663) ^
           static_cast<std::uint32_t>(z * 83492791);
  h = (h ^ (h >> 13U)) * 0x5bd1e995U;
  return static_cast<float>((h >> 8U) & 0xffffU) / 65535.0F;
}

float clouds(Vec3 p) {
  const float fx = std::floor(p.x), fy = std::floor(p.y), fz = std::floor(p.z);
  const Vec3 t{p.x - fx, p.y - fy, p.z - fz};
  float sum = 0;
  for (int i = 0; i < 8; ++i) {
    const int dx = i & 1, dy = (i >> 1) & 1, dz = (i >> 2) & 1;
    const float w = (dx ? t.x : 1 - t.x) * (dy ? t.y : 1 - t.y) * (dz ? t.z : 1 - t.z);
    sum += w * lattice(static_cast<int>(fx) + dx, static_cast<int>(fy) + dy, static_cast<int>(fz) + dz);
  }
  return sum;
}

float pattern_at(const Paint& paint, Vec3 p) {
  switch (paint.pattern) {
    case 1: {
      const float s = dot(p, paint.pattern_way) * paint.pattern_scale;
      return s - std::floor(s) < 0.5F ? 1.0F : 0.0F;
    }
    case 2: {
      const Vec3 q = p * paint.pattern_scale;
      return (static_cast<int>(std::floor(q.x)) + static_cast<int>(std::floor(q.y)) +
              static_cast<int>(std::floor(q.z))) &
                     1
                 ? 1.0F
                 : 0.0F;
    }
    case 3:
      return std::clamp(clouds(p * paint.pattern_scale) * 3 - 1, 0.0F, 1.0F);
    default:
      return 0;
  }
}

}  // namespace

Pose draw_pose(Random& random, bool upright) {
  Pose pose;
  constexpr float degree = pi / 180;
  const float view = random.unit();  // straight from the front, about so, or from anywhere
  const float yaw = view < 0.18F   ? degree * 4 * random.normal()
                    : view < 0.62F ? random.in(-pi / 4, pi / 4)
                                   : random.in(-pi, pi);
  const float pitch = degree * (random.chance(0.75F) ? random.in(0, 25) : random.in(-8, 50));
  const float roll = upright ? 0 : random.normal() * 2.5F * degree;
  const float fov = degree * (random.chance(0.4F) ? 30 : random.in(20, 50));
  pose.pitch = pitch;
  pose.distance = random.in(1, 1.15F) / std::sin(fov / 2);
  const float stretch_x = std::exp(random.normal() * 0.12F) * (random.chance(0.5F) ? 1.0F : -1.0F);
  const Vec3 stretch{stretch_x, std::exp(random.normal() * 0.12F), std::exp(random.normal() * 0.15F)};
  const float cy = std::cos(yaw), sy = std::sin(yaw), cp = std::cos(pitch), sp = std::sin(pitch);
  const Vec3 a{cy, 0, sy}, b{0, 1, 0}, c{-sy, 0, cy};
  const Vec3 right = a, up = b * cp - c * sp, front = b * sp + c * cp;
  const float cr = std::cos(roll), sr = std::sin(roll);
  pose.turn = {(right * cr - up * sr) * stretch, (right * sr + up * cr) * stretch, front * stretch};
  if (random.chance(0.4F)) {
    pose.aim_x = random.normal() * 0.25F;
    pose.aim_y = random.normal() * 0.15F;
  }
  return pose;
}

Light draw_light(Random& random) {
  Light light;
  const auto direction = [&](float low, float high) {
    const float around = random.in(-pi * 0.55F, pi * 0.55F), above = random.in(low, high);
    return Vec3{std::sin(around) * std::cos(above), std::sin(above), std::cos(around) * std::cos(above)};
  };
  light.key = direction(0, 1.35F);
  light.fill = direction(-0.5F, 1);
  light.ambient = random.in(0.12F, 0.7F);
  light.sky = random.in(0, 0.4F);
  light.key_strength = random.in(0.15F, 0.95F);
  light.fill_strength = random.chance(0.5F) ? random.in(0, 0.4F) : 0;
  light.shine = random.chance(0.5F) ? random.in(0, 0.8F) : 0;
  const float warm = random.normal() * 0.06F;
  light.tint = {1 + warm, 1, 1 - warm};
  light.gamma = std::exp(random.normal() * 0.2F);
  return light;
}

Paint draw_paint(Random& random) {
  Paint paint;
  const float kind = random.unit();
  if (kind < 0.25F) {
    paint.recolour = true;
    const bool grey = random.chance(0.25F), dark = random.chance(0.3F), light = random.chance(0.4F);
    const float low = light ? 0.6F : 0.03F, high = light ? 1 : dark ? 0.35F : 0.95F;
    for (Vec3& c : paint.colours) {
      c = {random.in(low, high), random.in(low, high), random.in(low, high)};
      if (grey) c = {c.x, c.x, c.x};
    }
    if (random.chance(0.5F)) paint.colours.fill(paint.colours[0]);
  } else if (kind < 0.55F) {
    for (float& m : paint.mix) m = random.in(-0.15F, 0.5F);
    for (std::size_t i = 0; i < 3; ++i) paint.mix[4 * i] += random.in(0, 0.7F);
    if (random.chance(0.4F)) {  // channels exchanged: another hue, as bright
      std::swap(paint.mix[0], paint.mix[6]);
      std::swap(paint.mix[2], paint.mix[8]);
    }
  }
  if (random.chance(0.22F)) {
    paint.pattern = 1 + random.whole(3);
    paint.pattern_scale = random.in(1.5F, 10);
    paint.pattern_strength = random.in(0.2F, 1);
    paint.pattern_way = unit({random.normal(), random.normal(), random.normal()});
    paint.pattern_colour = {random.unit(), random.unit(), random.unit()};
  }
  return paint;
}

std::vector<Vec3> place(const Model& model, const Pose& pose) {
  std::vector<Vec3> out(model.positions.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const Vec3 p = model.positions[i];
    out[i] = {dot(pose.turn[0], p) + pose.aim_x, dot(pose.turn[1], p) + pose.aim_y,
              pose.distance - dot(pose.turn[2], p)};
  }
  return out;
}

Extent extent_of(const std::vector<Vec3>& points) {
  Extent e{1e9F, -1e9F, 1e9F, -1e9F};
  for (const Vec3 p : points) {
    const float x = p.x / std::max(p.z, near_distance), y = p.y / std::max(p.z, near_distance);
    e = {std::min(e.x_low, x), std::max(e.x_high, x), std::min(e.y_low, y), std::max(e.y_high, y)};
  }
  return e;
}

Seen look(const Model& model, std::vector<Vec3> points, const Window& window, int side) {
  Seen seen;
  seen.side = side;
  const auto count = static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
  seen.first.assign(count, 1e9F);
  seen.last.assign(count, 0);
  seen.triangle.assign(count, -1);
  seen.points = std::move(points);
  std::vector<Vec3> at(seen.points.size());  // column, row, 1 / distance
  for (std::size_t i = 0; i < at.size(); ++i) {
    const Vec3 p = seen.points[i];
    const float inverse = 1 / std::max(p.z, near_distance);
    at[i] = {(p.x * inverse - window.x0) * window.scale, (window.y0 - p.y * inverse) * window.scale, inverse};
  }
  for (std::size_t t = 0; t < model.triangles.size(); ++t) {
    const auto [ia, ib, ic] = model.triangles[t];
    const Vec3 a = at[ia], b = at[ib], c = at[ic];
    const float area = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
    if (!(std::abs(area) > 1e-9F)) continue;
    const Material& material = model.materials[model.material_of[t]];
    if (material.opacity < 0.02F) continue;
    const int x0 = std::max(0, static_cast<int>(std::ceil(std::min({a.x, b.x, c.x}) - 0.5F)));
    const int x1 = std::min(side - 1, static_cast<int>(std::floor(std::max({a.x, b.x, c.x}) - 0.5F)));
    const int y0 = std::max(0, static_cast<int>(std::ceil(std::min({a.y, b.y, c.y}) - 0.5F)));
    const int y1 = std::min(side - 1, static_cast<int>(std::floor(std::max({a.y, b.y, c.y}) - 0.5F)));
    const float scale = 1 / area;
    const bool holes = material.cutout != 0 && material.texture >= 0;
    for (int y = y0; y <= y1; ++y) {
      const float py = static_cast<float>(y) + 0.5F;
      for (int x = x0; x <= x1; ++x) {
        const float px = static_cast<float>(x) + 0.5F;
        const float wa = ((b.x - px) * (c.y - py) - (b.y - py) * (c.x - px)) * scale;
        const float wb = ((c.x - px) * (a.y - py) - (c.y - py) * (a.x - px)) * scale;
        const float wc = 1 - wa - wb;
        if (wa < 0 || wb < 0 || wc < 0) continue;
        const float distance = 1 / (wa * a.z + wb * b.z + wc * c.z);
        if (holes) {
          const Vec2 ua = model.uv[ia], ub = model.uv[ib], uc = model.uv[ic];
          const float ka = wa * a.z * distance, kb = wb * b.z * distance, kc = wc * c.z * distance;
          const Vec2 uv{ka * ua.x + kb * ub.x + kc * uc.x, ka * ua.y + kb * ub.y + kc * uc.y};
          if (texel(model.textures[static_cast<std::size_t>(material.texture)], uv)[3] < 128) continue;
        }
        const auto i = static_cast<std::size_t>(y * side + x);
        if (distance < seen.first[i]) {
          seen.first[i] = distance;
          seen.triangle[i] = static_cast<std::int32_t>(t);
        }
        seen.last[i] = std::max(seen.last[i], distance);
      }
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (seen.triangle[i] < 0) seen.first[i] = 0;
  }
  return seen;
}

void shade(const Model& model, const Seen& seen, const Window& window, const Pose& pose, const Light& light,
           const Paint& paint, std::vector<Vec3>& colour) {
  const Vec3 half = unit(light.key + Vec3{0, 0, 1});
  // Normals turn by the inverse transpose; the rows of `turn` are orthogonal up to the stretch of their columns.
  std::array<Vec3, 3> turn = pose.turn;
  std::array<float, 3> stretch{};
  for (std::size_t k = 0; k < 3; ++k) {
    const auto part = [k](Vec3 v) { return k == 0 ? v.x : k == 1 ? v.y : v.z; };
    stretch[k] = 1 / std::max(1e-6F, part(turn[0]) * part(turn[0]) + part(turn[1]) * part(turn[1]) +
                                         part(turn[2]) * part(turn[2]));
  }
  for (Vec3& row : turn) row = row * Vec3{stretch[0], stretch[1], stretch[2]};
  for (int y = 0; y < seen.side; ++y) {
    for (int x = 0; x < seen.side; ++x) {
      const auto i = static_cast<std::size_t>(y * seen.side + x);
      if (seen.triangle[i] < 0) continue;
      const auto t = static_cast<std::size_t>(seen.triangle[i]);
      const auto [ia, ib, ic] = model.triangles[t];
      const float d = seen.first[i];
      const Vec3 at{((static_cast<float>(x) + 0.5F) / window.scale + window.x0) * d,
                    (window.y0 - (static_cast<float>(y) + 0.5F) / window.scale) * d, d};
      const Vec3 a = seen.points[ia], ab = seen.points[ib] - a, ac = seen.points[ic] - a, ap = at - a;
      const float bb = dot(ab, ab), bc = dot(ab, ac), cc = dot(ac, ac), pb = dot(ap, ab), pc = dot(ap, ac);
      const float det = std::max(1e-20F, bb * cc - bc * bc);
      const float wb = std::clamp((cc * pb - bc * pc) / det, 0.0F, 1.0F);
      const float wc = std::clamp((bb * pc - bc * pb) / det, 0.0F, 1.0F);
      const float wa = std::max(0.0F, 1 - wb - wc);
      const Material& material = model.materials[model.material_of[t]];
      Vec3 albedo = material.colour;
      if (material.texture >= 0) {
        const Vec2 ua = model.uv[ia], ub = model.uv[ib], uc = model.uv[ic];
        const auto c = texel(model.textures[static_cast<std::size_t>(material.texture)],
                             {wa * ua.x + wb * ub.x + wc * uc.x, wa * ua.y + wb * ub.y + wc * uc.y});
        albedo = albedo *
                 Vec3{static_cast<float>(c[0]) / 255, static_cast<float>(c[1]) / 255, static_cast<float>(c[2]) / 255};
      }
      if (paint.recolour) albedo = paint.colours[model.material_of[t] % paint.colours.size()];
      const auto& m = paint.mix;
      albedo = {m[0] * albedo.x + m[1] * albedo.y + m[2] * albedo.z,
                m[3] * albedo.x + m[4] * albedo.y + m[5] * albedo.z,
                m[6] * albedo.x + m[7] * albedo.y + m[8] * albedo.z};
      if (paint.pattern != 0) {
        const Vec3 p = model.positions[ia] * wa + model.positions[ib] * wb + model.positions[ic] * wc;
        const float k = pattern_at(paint, p) * paint.pattern_strength;
        albedo = albedo * (1 - k) + paint.pattern_colour * k;
      }
      if (paint.flat) {
        colour[i] = albedo;
        continue;
      }
      const auto& n3 = model.normals[t];
      const Vec3 own = n3[0] * wa + n3[1] * wb + n3[2] * wc;
      Vec3 n = unit({dot(turn[0], own), dot(turn[1], own), dot(turn[2], own)});
      if (n.z < 0) n = n * -1;
      const float lit = light.ambient + light.sky * (0.5F + 0.5F * n.y) +
                        light.key_strength * std::max(0.0F, dot(n, light.key)) +
                        light.fill_strength * std::max(0.0F, dot(n, light.fill));
      Vec3 c = albedo * light.tint * lit;
      const float glance = std::max(0.0F, dot(n, half));
      if (light.shine > 0 && material.shine > 0.05F) {
        const float s = light.shine * std::pow(glance, 30.0F);
        c = c + Vec3{s, s, s};
      }
      colour[i] = {std::pow(std::clamp(c.x, 0.0F, 1.0F), light.gamma),
                   std::pow(std::clamp(c.y, 0.0F, 1.0F), light.gamma),
                   std::pow(std::clamp(c.z, 0.0F, 1.0F), light.gamma)};
    }
  }
}

}  // namespace i2m::train
