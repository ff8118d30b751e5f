#include "shapes.h"

#include <algorithm>

namespace i2m::train {
namespace {

constexpr float pi = std::numbers::pi_v<float>;

struct Frame {
  Vec3 at, right{1, 0, 0}, up{0, 1, 0}, front{0, 0, 1};
  Vec3 operator()(Vec3 p) const { return at + right * p.x + up * p.y + front * p.z; }
};

Frame turned(Random& random, Vec3 at, float most) {
  const float a = random.in(-most, most), b = random.in(-most, most);
  const Vec3 right{std::cos(a), std::sin(a), 0};
  const Vec3 up = unit(Vec3{-std::sin(a) * std::cos(b), std::cos(a) * std::cos(b), std::sin(b)});
  return {at, right, up, cross(right, up)};
}

class Builder {
 public:
  explicit Builder(Random& random) : random_(random) {}

  void fresh_material() {
    Material m;
    const float grey = random_.in(0.05F, 0.95F), colour = random_.chance(0.4F) ? 0.05F : 0.5F;
    m.colour = {std::clamp(grey + colour * random_.in(-1, 1), 0.02F, 1.0F),
                std::clamp(grey + colour * random_.in(-1, 1), 0.02F, 1.0F),
                std::clamp(grey + colour * random_.in(-1, 1), 0.02F, 1.0F)};
    m.shine = random_.chance(0.5F) ? random_.unit() : 0;
    model.materials.push_back(m);
  }

  // A net of (rows + 1) x (columns + 1) points.
  template <class Surface>
  void net(int rows, int columns, const Surface& surface) {
    const auto first = static_cast<std::uint32_t>(model.positions.size());
    for (int i = 0; i <= rows; ++i) {
      for (int j = 0; j <= columns; ++j) {
        const float u = static_cast<float>(i) / static_cast<float>(rows);
        const float v = static_cast<float>(j) / static_cast<float>(columns);
        model.positions.push_back(surface(u, v));
        model.uv.push_back({v, u});
      }
    }
    const auto width = static_cast<std::uint32_t>(columns + 1);
    for (int i = 0; i < rows; ++i) {
      for (int j = 0; j < columns; ++j) {
        const auto a = first + static_cast<std::uint32_t>(i) * width + static_cast<std::uint32_t>(j);
        add(a, a + 1, a + width);
        add(a + 1, a + width + 1, a + width);
      }
    }
  }

  void lathe(const Frame& frame, const std::vector<Vec2>& profile, int around = 28) {
    net(static_cast<int>(profile.size()) - 1, around, [&](float u, float v) {
      const auto i = static_cast<std::size_t>(std::lround(u * static_cast<float>(profile.size() - 1)));
      const float a = 2 * pi * v;
      return frame({profile[i].x * std::cos(a), profile[i].y, profile[i].x * std::sin(a)});
    });
  }

  void ball(const Frame& frame, Vec3 radius, float power = 1) {
    const auto bulge = [power](float x) { return std::copysign(std::pow(std::abs(x), power), x); };
    net(14, 20, [&](float u, float v) {
      const float a = pi * (u - 0.5F), b = 2 * pi * v;
      const float c = bulge(std::cos(a));
      return frame(
          {radius.x * c * bulge(std::cos(b)), radius.y * bulge(std::sin(a)), radius.z * c * bulge(std::sin(b))});
    });
  }

  void box(const Frame& frame, Vec3 half) {
    const auto first = static_cast<std::uint32_t>(model.positions.size());
    for (unsigned i = 0; i < 8; ++i) {
      model.positions.push_back(
          frame({i & 1U ? half.x : -half.x, i & 2U ? half.y : -half.y, i & 4U ? half.z : -half.z}));
      model.uv.push_back({i & 1U ? 1.0F : 0.0F, i & 2U ? 1.0F : 0.0F});
    }
    constexpr std::array<std::array<std::uint32_t, 4>, 6> sides{
        {{0, 1, 3, 2}, {4, 5, 7, 6}, {0, 1, 5, 4}, {2, 3, 7, 6}, {0, 2, 6, 4}, {1, 3, 7, 5}}};
    for (const auto& s : sides) {
      add(first + s[0], first + s[1], first + s[2]);
      add(first + s[0], first + s[2], first + s[3]);
    }
  }

  template <class Path>
  void tube(const Path& path, float radius, int along = 12, int around = 8) {
    net(along, around, [&](float u, float v) {
      const Vec3 at = path(u), ahead = unit(path(u + 0.02F) - path(u - 0.02F));
      const Vec3 side = unit(cross(ahead, std::abs(ahead.y) < 0.9F ? Vec3{0, 1, 0} : Vec3{1, 0, 0}));
      const Vec3 other = cross(ahead, side);
      return at + side * (radius * std::cos(2 * pi * v)) + other * (radius * std::sin(2 * pi * v));
    });
  }

  void rod(Vec3 a, Vec3 b, float radius) {
    tube([&](float u) { return a + (b - a) * u; }, radius, 1);
  }

  Model model;

 private:
  void add(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
    model.triangles.push_back({a, b, c});
    model.material_of.push_back(static_cast<std::uint16_t>(model.materials.size() - 1));
  }
  Random& random_;
};

// From foot to rim and, for a hollow one, down again inside.
std::vector<Vec2> vessel_profile(Random& random, float height, bool hollow, float& rim) {
  const int knots = 3 + random.whole(4);
  std::vector<float> radius(static_cast<std::size_t>(knots));
  const float wide = random.in(0.2F, 0.9F) * height * (random.chance(0.2F) ? 1.6F : 0.7F);
  for (float& r : radius) r = wide * random.in(0.35F, 1);
  if (random.chance(0.3F)) std::fill(radius.begin() + 1, radius.end(), radius[0] * random.in(0.8F, 1.2F));
  std::vector<Vec2> out{{0, 0}};
  const int steps = 18;
  for (int i = 0; i <= steps; ++i) {
    const float t = static_cast<float>(i) / steps, at = t * static_cast<float>(knots - 1);
    const int k = std::min(static_cast<int>(at), knots - 2);
    float f = at - static_cast<float>(k);
    f = f * f * (3 - 2 * f);
    const auto j = static_cast<std::size_t>(k);
    out.push_back({radius[j] * (1 - f) + radius[j + 1] * f, t * height});
  }
  rim = out.back().x;
  if (!hollow) {
    if (random.chance(0.5F)) out.push_back({rim * random.in(0.2F, 0.9F), height * random.in(1, 1.15F)});
    out.push_back({0, out.back().y});
    return out;
  }
  const float wall = random.in(0.03F, 0.12F) * wide;
  const float level = random.chance(0.5F) ? random.in(0.6F, 0.97F) : 0.08F;
  const std::size_t outer = out.size();
  for (std::size_t i = outer; i-- > 1;) {
    if (out[i].y < level * height) break;
    out.push_back({std::max(0.0F, out[i].x - wall), out[i].y});
  }
  out.push_back({0, out.back().y});
  return out;
}

void vessel(Builder& b, Random& random) {
  float rim = 0;
  const float height = 1;
  const bool hollow = random.chance(0.55F);
  const auto profile = vessel_profile(random, height, hollow, rim);
  b.lathe(turned(random, {0, 0, 0}, random.chance(0.1F) ? 1.5F : 0.02F), profile);
  if (random.chance(0.4F)) {
    if (random.chance(0.5F)) b.fresh_material();
    const float low = random.in(0.05F, 0.4F), high = random.in(0.6F, 0.95F), reach = random.in(0.2F, 0.6F);
    const float around = random.chance(0.5F) ? (random.chance(0.5F) ? 0 : pi) : random.in(0, 2 * pi);
    const float r = profile[8].x * 0.9F;
    const Vec3 out{std::cos(around), 0, std::sin(around)};
    b.tube(
        [&](float u) {
          const float a = pi * u;
          return out * (r + reach * std::sin(a)) + Vec3{0, (low + high) / 2 - (high - low) / 2 * std::cos(a), 0};
        },
        random.in(0.02F, 0.07F));
    if (random.chance(0.4F)) {
      b.tube([&](float u) { return out * -(r + reach * u) + Vec3{0, low + (high - low) * u * u, 0}; },
             random.in(0.03F, 0.08F));
    }
  }
  if (!hollow && random.chance(0.3F)) {
    b.fresh_material();
    b.ball({{0, height * 1.1F, 0}}, {rim * 0.3F, rim * 0.3F, rim * 0.3F});
  }
}

void appliance(Builder& b, Random& random) {
  const Vec3 half{random.in(0.25F, 1), random.in(0.25F, 1), random.in(0.12F, 1)};
  const float power = random.chance(0.5F) ? random.in(0.1F, 0.45F) : 0;
  if (power > 0)
    b.ball({}, half, power);
  else
    b.box({}, half);
  const int extras = random.whole(6);
  for (int i = 0; i < extras; ++i) {
    b.fresh_material();
    const Vec3 at{random.in(-0.8F, 0.8F) * half.x, random.in(-0.8F, 0.8F) * half.y, half.z};
    const float size = random.in(0.05F, 0.35F) * std::min(half.x, half.y);
    switch (random.whole(4)) {
      case 0:
        b.ball({at}, {size, size, size * 0.5F});
        break;
      case 1:
        b.box({at}, {size, size * random.in(0.3F, 1), size * 0.3F});
        break;
      case 2:
        b.box({{at.x, half.y, random.in(-0.5F, 0.5F) * half.z}}, {size, size * random.in(0.3F, 2), size});
        break;
      default:
        b.rod(at, at + Vec3{0, 0, size}, size);
        break;
    }
  }
  if (random.chance(0.3F)) {
    const float reach = random.in(0.2F, 0.7F), wide = random.in(0.3F, 0.8F) * half.x;
    b.tube([&](float u) { return Vec3{wide * std::cos(pi * u), half.y + reach * std::sin(pi * u), 0}; }, 0.05F);
  }
}

void legs(Builder& b, Random& random, Vec3 half, float height, float thick) {
  const float splay = random.in(0, 0.25F);
  for (const float x : {-1.0F, 1.0F}) {
    for (const float z : {-1.0F, 1.0F}) {
      b.rod({x * half.x * 0.9F, height, z * half.z * 0.9F},
            {x * half.x * (0.9F + splay), 0, z * half.z * (0.9F + splay)}, thick);
    }
  }
}

void seat(Builder& b, Random& random) {
  const Vec3 half{random.in(0.3F, 0.8F), random.in(0.02F, 0.2F), random.in(0.3F, 0.6F)};
  const float height = random.in(0.3F, 1);
  b.ball({{0, height, 0}}, half, random.in(0.1F, 0.6F));
  if (random.chance(0.5F)) b.fresh_material();
  if (random.chance(0.8F)) {
    legs(b, random, half, height, random.in(0.015F, 0.07F));
  } else {
    b.rod({0, 0, 0}, {0, height, 0}, random.in(0.03F, 0.1F));
    b.lathe({}, {{0, 0}, {half.x * random.in(0.5F, 0.9F), 0}, {half.x * 0.5F, 0.05F}, {0, 0.06F}});
  }
  if (random.chance(0.75F)) {
    const float back = random.in(0.3F, 1), lean = random.in(0, 0.3F);
    const Vec3 at{0, height + back / 2, -half.z - lean * back / 2};
    const Frame frame{at, {1, 0, 0}, unit(Vec3{0, 1, -lean}), unit(Vec3{0, lean, 1})};
    if (random.chance(0.5F)) {
      b.ball(frame, {half.x, back / 2, random.in(0.02F, 0.15F)}, random.in(0.1F, 0.5F));
    } else {
      const int bars = 2 + random.whole(5);
      for (int i = 0; i < bars; ++i) {
        const float x = half.x * (2 * static_cast<float>(i) / static_cast<float>(bars - 1) - 1);
        b.rod(frame({x, -back / 2, 0}), frame({x, back / 2, 0}), random.in(0.015F, 0.05F));
      }
      b.rod(frame({-half.x, back / 2, 0}), frame({half.x, back / 2, 0}), random.in(0.02F, 0.06F));
    }
  }
  if (random.chance(0.3F)) {
    const float arm = random.in(0.15F, 0.4F), thick = random.in(0.03F, 0.2F);
    for (const float x : {-1.0F, 1.0F}) {
      b.ball({{x * half.x, height + arm / 2, 0}}, {thick, arm, half.z}, random.in(0.15F, 0.6F));
    }
  }
}

void animal(Builder& b, Random& random) {
  const float size = random.in(0.3F, 0.5F), head = random.in(0.18F, 0.4F);
  const bool upright = random.chance(0.4F);
  const bool lengthwise = random.chance(0.6F);  // towards the viewer at yaw 0, as most models stand
  const auto turn = [lengthwise](Vec3 p) { return lengthwise ? Vec3{p.z, p.y, p.x} : p; };
  const Vec3 body = upright ? Vec3{size, size * 1.3F, size * 0.9F} : turn({size * 1.7F, size, size * 0.8F});
  b.ball({}, body);
  const Vec3 at = upright ? Vec3{0, body.y + head * 0.7F, random.in(0, 0.1F)}
                          : turn({size * 1.7F, size * random.in(0.3F, 1.3F), 0});
  if (random.chance(0.4F)) b.fresh_material();
  b.ball({at}, {head, head * random.in(0.8F, 1.1F), head});
  b.ball({at + (upright ? Vec3{0, -0.1F, head} : turn({head, -0.1F * head, 0}))},
         {head * 0.4F, head * 0.35F, head * 0.45F});
  const float ear = head * random.in(0.25F, 0.9F);
  for (const float side : {-1.0F, 1.0F}) {
    const Vec3 e = upright ? Vec3{side * head * 0.7F, head * 0.9F, 0} : turn({0, head * 0.9F, side * head * 0.7F});
    b.ball({at + e}, {ear * 0.5F, ear, ear * 0.4F});
    const float thick = random.in(0.06F, 0.14F), down = random.in(0.5F, 1.1F);
    if (upright) {
      b.ball({{side * size * 0.6F, -body.y * 0.9F, size * 0.6F}}, {thick * 1.5F, thick * 1.4F, down * 0.5F});
      b.ball(turned(random, {side * size * 1.1F, size * 0.4F, size * 0.3F}, 0.5F),
             {thick * 1.2F, size * 0.8F, thick * 1.2F});
    } else {
      for (const float end : {-1.0F, 1.0F}) {
        const Vec3 hip = turn({end * size * 1.2F, 0, side * size * 0.45F});
        b.rod(hip, hip + Vec3{0, -size - down * 0.6F, 0}, thick);
      }
    }
  }
  if (!upright && random.chance(0.7F)) {
    b.tube([&](float u) { return turn({-size * 1.6F - 0.4F * u, 0.1F + 0.5F * u * u, 0}); }, 0.05F);
  }
}

void lamp(Builder& b, Random& random) {
  const float height = random.in(0.8F, 1.6F), shade = random.in(0.25F, 0.6F);
  b.lathe({}, {{0, 0}, {random.in(0.15F, 0.5F), 0}, {random.in(0.1F, 0.3F), 0.06F}, {0, 0.1F}});
  b.rod({0, 0, 0}, {0, height, 0}, random.in(0.02F, 0.08F));
  b.fresh_material();
  b.lathe({{0, height - shade * 0.6F, 0}}, {{shade, 0}, {shade * random.in(0.3F, 1), shade * random.in(0.5F, 1.2F)}});
}

void heap(Builder& b, Random& random) {
  const int parts = 2 + random.whole(7);
  for (int i = 0; i < parts; ++i) {
    if (random.chance(0.5F)) b.fresh_material();
    const Vec3 at{random.in(-0.7F, 0.7F), random.in(-0.7F, 0.7F), random.in(-0.6F, 0.6F)};
    const Frame frame = turned(random, at, random.chance(0.5F) ? 0.0F : 1.2F);
    const Vec3 size{random.in(0.1F, 0.5F), random.in(0.1F, 0.5F), random.in(0.1F, 0.5F)};
    switch (random.whole(3)) {
      case 0:
        b.ball(frame, size);
        break;
      case 1:
        b.ball(frame, size, random.in(0.1F, 0.5F));
        break;
      default:
        b.rod(frame({0, -size.y, 0}), frame({0, size.y, 0}), size.x * 0.7F);
        break;
    }
  }
}

// A thing on four wheels, seen from wherever: cars, trains, prams.
void wagon(Builder& b, Random& random) {
  const Vec3 half{random.in(0.25F, 0.45F), random.in(0.12F, 0.35F), random.in(0.5F, 1)};
  b.ball({}, half, random.in(0.1F, 0.6F));
  b.fresh_material();
  b.ball({{0, half.y, random.in(-0.4F, 0.3F) * half.z}},
         {half.x * 0.85F, half.y * random.in(0.6F, 1.3F), half.z * random.in(0.25F, 0.7F)}, random.in(0.15F, 0.7F));
  b.fresh_material();
  const float wheel = half.y * random.in(0.5F, 1.1F);
  for (const float x : {-1.0F, 1.0F}) {
    for (const float z : {-0.65F, 0.65F}) {
      b.rod({x * half.x * 0.8F, -half.y, z * half.z}, {x * half.x * 1.1F, -half.y, z * half.z}, wheel);
      b.ball({{x * half.x * 1.05F, -half.y, z * half.z}}, {0.03F, wheel, wheel});
    }
  }
}

}  // namespace

Model invent(Random& random) {
  Builder b(random);
  b.fresh_material();
  const float which = random.unit();
  if (which < 0.26F)
    vessel(b, random);
  else if (which < 0.42F)
    appliance(b, random);
  else if (which < 0.58F)
    seat(b, random);
  else if (which < 0.74F)
    animal(b, random);
  else if (which < 0.80F)
    lamp(b, random);
  else if (which < 0.88F)
    wagon(b, random);
  else
    heap(b, random);
  b.model.name = "invented";
  normalise(b.model);
  smooth(b.model);
  return std::move(b.model);
}

}  // namespace i2m::train
