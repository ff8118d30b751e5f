#include "mesh/render.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "mesh/ground.h"

namespace i2m::mesh {
namespace {

constexpr std::size_t samples_side = 2;  // of a pixel
constexpr float tiny = 1e-12F;

// The camera's axes in the world, and how far it stands from the middle.
struct Camera {
  Vec3 right, up, back;  // back points from the middle to the camera
  Vec3 middle;
  float distance = 1;
  float focal = 1;  // half the picture's height, in units of the distance

  Vec3 seen(Vec3 p) const {
    const Vec3 q = p - middle;
    return {dot(q, right), dot(q, up), distance - dot(q, back)};
  }
};

Camera camera_of(const View& view, Vec3 middle) {
  const float yaw = view.yaw * std::numbers::pi_v<float> / 180, pitch = view.pitch * std::numbers::pi_v<float> / 180;
  Camera camera;
  camera.back = {std::sin(yaw) * std::cos(pitch), std::sin(pitch), std::cos(yaw) * std::cos(pitch)};
  camera.right = {std::cos(yaw), 0, -std::sin(yaw)};
  camera.up = cross(camera.back, camera.right);
  camera.middle = middle;
  camera.focal = 1 / std::tan(view.fov * std::numbers::pi_v<float> / 360);
  return camera;
}

// As near as shows every vertex with the margin: |x| * focal <= (distance - depth) * room for each of them.
float distance_for(const Scene& scene, const View& view, const Camera& camera) {
  const float room = std::max(0.1F, 1 - 2 * view.margin);
  const float aspect = static_cast<float>(view.width) / static_cast<float>(view.height);
  const float across = camera.focal / (room * aspect), down = camera.focal / room;
  float distance = 0, nearest = 0;
  for (const Part& part : scene.parts) {
    for (const std::uint32_t v : part.mesh.indices) {
      const Vec3 q = part.mesh.positions[v] - camera.middle;
      const float depth = dot(q, camera.back);
      const float wide = std::abs(dot(q, camera.right)) * across, high = std::abs(dot(q, camera.up)) * down;
      distance = std::max(distance, depth + std::max(wide, high));
      nearest = std::max(nearest, depth);
    }
  }
  return std::max(distance, nearest * 1.05F + 1e-6F);
}

struct Corner {
  float x = 0, y = 0;  // in samples, from the upper left
  float near = 0;      // 1 / depth
};

struct Triangle {
  std::uint32_t part = 0, first = 0;  // first: into the part's indices
  int level = 0;                      // of its texture
};

struct Weights {
  float a = 0, b = 0, c = 0;
};

Rgba operator*(Rgba a, const Rgba& b) {
  for (std::size_t k = 0; k < 4; ++k) a[k] *= b[k];
  return a;
}

// Lights as they stand to the camera: x to the right, y up, z towards it.
struct Light {
  Vec3 from;
  float strength;
};
const std::array<Light, 3> light_rig = {Light{{-0.48F, 0.62F, 0.62F}, 0.62F}, Light{{0.78F, 0.12F, 0.61F}, 0.2F},
                                        Light{{0.1F, 0.45F, -0.89F}, 0.22F}};
constexpr float sky = 0.52F, floor_light = 0.3F;

float lit(Vec3 normal, const Camera& camera) {
  const Vec3 n{dot(normal, camera.right), dot(normal, camera.up), dot(normal, camera.back)};
  float light = floor_light + (sky - floor_light) * (0.5F + 0.5F * normal.y);
  for (const Light& l : light_rig) light += l.strength * std::max(0.0F, dot(n, l.from));
  return light;
}

}  // namespace

// One picture being drawn.
class Drawing {
 public:
  Drawing(const Scene& scene, const std::vector<Texture>& textures, const Camera& camera, const View& view)
      : scene_(scene),
        textures_(textures),
        camera_(camera),
        view_(view),
        width_(view.width * static_cast<int>(samples_side)),
        height_(view.height * static_cast<int>(samples_side)),
        samples_(static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_)) {}

  Picture run(const Box& box) {
    place();
    near_.assign(samples_, 0);
    owner_.assign(samples_, nobody);
    for (std::uint32_t i = 0; i < triangles_.size(); ++i) {
      if (material_of(i).alpha != Alpha::Blend) raster(i);
    }
    light_.assign(samples_, Rgba{});
    for (std::size_t i = 0; i < samples_; ++i) {
      if (owner_[i] != nobody) light_[i] = shade(owner_[i], i);
    }
    blend();
    return resolve(box);
  }

 private:
  static constexpr std::uint32_t nobody = ~0U;

  const Material& material_of(std::uint32_t i) const {
    return scene_.materials[scene_.parts[triangles_[i].part].material];
  }

  // Where every vertex falls, and which triangles face the camera.
  void place() {
    const float half = static_cast<float>(height_) / 2;
    corners_.resize(scene_.parts.size());
    for (std::size_t p = 0; p < scene_.parts.size(); ++p) {
      const Part& part = scene_.parts[p];
      auto& corners = corners_[p];
      corners.resize(part.mesh.positions.size());
      for (std::size_t v = 0; v < corners.size(); ++v) {
        const Vec3 s = camera_.seen(part.mesh.positions[v]);
        const float near = s.z > tiny ? 1 / s.z : 0;
        corners[v] = {static_cast<float>(width_) / 2 + s.x * camera_.focal * near * half,
                      half - s.y * camera_.focal * near * half, near};
      }
      const Material& material = scene_.materials[part.material];
      const bool both_sides = material.double_sided;
      const bool textured = material.image && !part.texture.empty() && !textures_[*material.image].empty();
      for (std::size_t i = 0; i + 2 < part.mesh.indices.size(); i += 3) {
        Triangle t{static_cast<std::uint32_t>(p), static_cast<std::uint32_t>(i)};
        const float area = area_of(t);
        if (!(area < 0 || (both_sides && area > 0))) continue;
        if (textured) t.level = level_of(t, textures_[*material.image]);
        triangles_.push_back(t);
      }
    }
  }

  const Corner& corner(const Triangle& t, std::size_t k) const {
    return corners_[t.part][scene_.parts[t.part].mesh.indices[t.first + k]];
  }

  // Twice the area in samples; negative when it faces the camera, for rows run down.
  float area_of(const Triangle& t) const {
    const Corner &a = corner(t, 0), &b = corner(t, 1), &c = corner(t, 2);
    return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
  }

  // The shares of the three corners at a point, straight on the screen.
  Weights flat_weights(const Triangle& t, float x, float y) const {
    const Corner &a = corner(t, 0), &b = corner(t, 1), &c = corner(t, 2);
    const float scale = 1 / area_of(t);
    const float wa = ((b.x - x) * (c.y - y) - (b.y - y) * (c.x - x)) * scale;
    const float wb = ((c.x - x) * (a.y - y) - (c.y - y) * (a.x - x)) * scale;
    return {wa, wb, 1 - wa - wb};
  }

  // Calls `at(sample, near)` for every sample inside the triangle that nothing nearer covers.
  template <class At>
  void each_sample(const Triangle& t, At&& at) const {
    const Corner &a = corner(t, 0), &b = corner(t, 1), &c = corner(t, 2);
    const auto lowest = [](float x, float y, float z) { return std::min({x, y, z}); };
    const auto highest = [](float x, float y, float z) { return std::max({x, y, z}); };
    const auto first = [](float v) { return std::max(0, static_cast<int>(std::max(v, 0.0F) - 0.5F)); };
    const auto last = [](float v, int size) {
      return static_cast<int>(std::min(std::max(v, -1.0F) + 0.5F, static_cast<float>(size - 1)));
    };
    const int x0 = first(lowest(a.x, b.x, c.x)), x1 = last(highest(a.x, b.x, c.x), width_);
    const int y0 = first(lowest(a.y, b.y, c.y)), y1 = last(highest(a.y, b.y, c.y), height_);
    const float scale = 1 / area_of(t);
    const float step_a = (b.y - c.y) * scale, step_b = (c.y - a.y) * scale;
    for (int y = y0; y <= y1; ++y) {
      const float px = static_cast<float>(x0) + 0.5F, py = static_cast<float>(y) + 0.5F;
      float wa = ((b.x - px) * (c.y - py) - (b.y - py) * (c.x - px)) * scale;
      float wb = ((c.x - px) * (a.y - py) - (c.y - py) * (a.x - px)) * scale;
      const std::size_t row = static_cast<std::size_t>(y) * static_cast<std::size_t>(width_);
      for (int x = x0; x <= x1; ++x, wa += step_a, wb += step_b) {
        const float wc = 1 - wa - wb;
        if (wa < 0 || wb < 0 || wc < 0) continue;
        const float near = wa * a.near + wb * b.near + wc * c.near;
        const std::size_t sample = row + static_cast<std::size_t>(x);
        if (near > near_[sample]) at(sample, near);
      }
    }
  }

  void raster(std::uint32_t i) {
    const Material& material = material_of(i);
    const bool cut = material.alpha == Alpha::Mask;
    each_sample(triangles_[i], [&](std::size_t sample, float near) {
      if (cut && shade(i, sample)[3] < material.alpha_cutoff) return;
      near_[sample] = near;
      owner_[sample] = i;
    });
  }

  Weights weights_at(const Triangle& t, std::size_t sample) const {
    const auto width = static_cast<std::size_t>(width_);
    const std::size_t x = sample % width, y = sample / width;
    Weights w = flat_weights(t, static_cast<float>(x) + 0.5F, static_cast<float>(y) + 0.5F);
    w = {w.a * corner(t, 0).near, w.b * corner(t, 1).near, w.c * corner(t, 2).near};
    const float whole = 1 / (w.a + w.b + w.c);
    return {w.a * whole, w.b * whole, w.c * whole};
  }

  // The colour of one sample; its fourth part is how much it hides.
  Rgba shade(std::uint32_t i, std::size_t sample) const {
    const Triangle& t = triangles_[i];
    const Part& part = scene_.parts[t.part];
    const Material& material = scene_.materials[part.material];
    const std::uint32_t* v = &part.mesh.indices[t.first];
    const Weights w = weights_at(t, sample);
    Rgba colour = material.colour;
    if (material.image && !part.texture.empty() && !textures_[*material.image].empty()) {
      const Vec2 a = part.texture[v[0]], b = part.texture[v[1]], c = part.texture[v[2]];
      const Vec2 at{a.x * w.a + b.x * w.b + c.x * w.c, a.y * w.a + b.y * w.b + c.y * w.c};
      const Texture& texture = textures_[*material.image];
      colour = colour * texture.look_up(at, t.level, material.wrap_s, material.wrap_t);
    }
    if (!part.colours.empty()) {
      for (std::size_t k = 0; k < 4; ++k) {
        colour[k] *= part.colours[v[0]][k] * w.a + part.colours[v[1]][k] * w.b + part.colours[v[2]][k] * w.c;
      }
    }
    if (material.unlit) return colour;
    const float light = lit(normal_at(part, v, w, area_of(t) > 0), camera_);
    return {colour[0] * light + material.emissive.x, colour[1] * light + material.emissive.y,
            colour[2] * light + material.emissive.z, colour[3]};
  }

  static Vec3 normal_at(const Part& part, const std::uint32_t* v, const Weights& w, bool from_behind) {
    Vec3 n;
    if (part.normals.empty()) {
      const Vec3 a = part.mesh.positions[v[0]];
      n = cross(part.mesh.positions[v[1]] - a, part.mesh.positions[v[2]] - a);
    } else {
      n = part.normals[v[0]] * w.a + part.normals[v[1]] * w.b + part.normals[v[2]] * w.c;
    }
    const float size = length(n);
    return n * ((from_behind ? -1.0F : 1.0F) / std::max(size, tiny));
  }

  // The level of which a texel is about as large as a sample, the same for a whole triangle.
  int level_of(const Triangle& t, const Texture& texture) const {
    const Part& part = scene_.parts[t.part];
    const std::uint32_t* v = &part.mesh.indices[t.first];
    const Vec2 a = part.texture[v[0]], b = part.texture[v[1]], c = part.texture[v[2]];
    const float texels =
        std::abs((b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)) * texture.width() * texture.height();
    const float samples = std::abs(area_of(t));
    if (!(texels > samples)) return 0;
    return static_cast<int>(std::log2(texels / std::max(samples, 1e-3F)) / 2);
  }

  // Far triangles first; among equals in the file's order.
  void blend() {
    std::vector<std::pair<float, std::uint32_t>> order;
    for (std::uint32_t i = 0; i < triangles_.size(); ++i) {
      if (material_of(i).alpha != Alpha::Blend) continue;
      const Triangle& t = triangles_[i];
      order.emplace_back(corner(t, 0).near + corner(t, 1).near + corner(t, 2).near, i);
    }
    std::ranges::sort(order);
    for (const auto& [near, i] : order) {
      each_sample(triangles_[i], [&](std::size_t sample, float) {
        const Rgba over = shade(i, sample);
        const float share = std::clamp(over[3], 0.0F, 1.0F);
        Rgba& under = light_[sample];
        const float hidden = owner_[sample] != nobody ? 1 : under[3];
        for (std::size_t k = 0; k < 3; ++k) under[k] = over[k] * share + under[k] * (1 - share);
        under[3] = share + hidden * (1 - share);
      });
    }
  }

  // Samples to pixels, the ground behind them. Light is premultiplied here and until the very end.
  Picture resolve(const Box& box) const {
    const Ground ground = view_.shadow ? Ground(scene_, box) : Ground();
    Picture out{view_.width, view_.height, {}};
    out.rgba.resize(static_cast<std::size_t>(view_.width) * static_cast<std::size_t>(view_.height) * 4);
    std::uint8_t* to = out.rgba.data();
    for (int y = 0; y < view_.height; ++y) {
      for (int x = 0; x < view_.width; ++x, to += 4) {
        Rgba pixel = mean_at(x, y);
        if (pixel[3] < 1) behind(pixel, view_.shadow ? shadow_at(ground, x, y) : 0);
        const float whole = pixel[3] > tiny ? 1 / pixel[3] : 0;
        for (std::size_t k = 0; k < 3; ++k) to[k] = value_of(pixel[k] * whole);
        to[3] = static_cast<std::uint8_t>(std::lround(std::clamp(pixel[3], 0.0F, 1.0F) * 255));
      }
    }
    return out;
  }

  Rgba mean_at(int x, int y) const {
    Rgba sum{};
    const auto left = static_cast<std::size_t>(x) * samples_side, top = static_cast<std::size_t>(y) * samples_side;
    for (std::size_t k = 0; k < samples_side * samples_side; ++k) {
      const std::size_t i = (top + k / samples_side) * static_cast<std::size_t>(width_) + left + k % samples_side;
      const Rgba& s = light_[i];
      for (std::size_t c = 0; c < 3; ++c) sum[c] += std::min(s[c], 1.0F);
      sum[3] += owner_[i] != nobody ? 1 : s[3];
    }
    for (float& c : sum) c /= static_cast<float>(samples_side * samples_side);
    return sum;
  }

  void behind(Rgba& pixel, float shadow) const {
    const float rest = 1 - pixel[3];
    if (view_.transparent) {
      pixel[3] += rest * shadow;
      return;
    }
    for (std::size_t k = 0; k < 3; ++k) pixel[k] += rest * light_of(view_.background[k]) * (1 - shadow);
    pixel[3] = 1;
  }

  float shadow_at(const Ground& ground, int x, int y) const {
    const float half = static_cast<float>(view_.height) / 2;
    const float sx = (static_cast<float>(x) + 0.5F - static_cast<float>(view_.width) / 2) / (half * camera_.focal);
    const float sy = (half - static_cast<float>(y) - 0.5F) / (half * camera_.focal);
    const Vec3 ray = camera_.right * sx + camera_.up * sy - camera_.back;
    return ground.shadow(camera_.middle + camera_.back * camera_.distance, ray);
  }

  const Scene& scene_;
  const std::vector<Texture>& textures_;
  const Camera camera_;
  const View& view_;
  const int width_, height_;  // in samples
  const std::size_t samples_;
  std::vector<std::vector<Corner>> corners_;  // by part and vertex
  std::vector<Triangle> triangles_;
  std::vector<float> near_;
  std::vector<std::uint32_t> owner_;
  std::vector<Rgba> light_;
};

namespace {

View clamped(View view) {
  view.width = std::clamp(view.width, view_px_min, view_px_max);
  view.height = std::clamp(view.height, view_px_min, view_px_max);
  view.fov = std::clamp(view.fov, 1.0F, 120.0F);
  return view;
}

}  // namespace

Renderer::Renderer(const Scene& scene, std::span<const Picture> pictures)
    : scene_(scene), textures_(scene.images.size()) {
  for (std::size_t i = 0; i < std::min(pictures.size(), textures_.size()); ++i) textures_[i] = Texture(pictures[i]);
  if (scene.vertex_count() > 0) box_ = bounds_of(scene);
}

Picture Renderer::draw(const View& wanted) const { return draw_turn(wanted, 0, 1); }

Picture Renderer::draw_turn(const View& wanted, int frame, int frames) const {
  View view = clamped(wanted);
  const Vec3 middle = (box_.min + box_.max) * 0.5F;
  Camera camera = camera_of(view, middle);
  camera.distance = distance_for(scene_, view, camera);
  // The others are looked at from no nearer than any of these: the object must not breathe as it turns.
  constexpr int looks = 12;
  const float start = view.yaw;
  for (int k = 1; k < looks && frames > 1; ++k) {
    view.yaw = start + 360.0F * static_cast<float>(k) / looks;
    camera.distance = std::max(camera.distance, distance_for(scene_, view, camera_of(view, middle)));
  }
  view.yaw = start + 360.0F * static_cast<float>(frame) / static_cast<float>(std::max(frames, 1));
  const float distance = camera.distance;
  camera = camera_of(view, middle);
  camera.distance = distance;
  return Drawing(scene_, textures_, camera, view).run(box_);
}

}  // namespace i2m::mesh
