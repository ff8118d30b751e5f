#include "engine/cavity.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace i2m::engine {
namespace {

constexpr std::size_t bins = 12;
constexpr float reach = 0.8F;  // of the rim's radius, to each side of the axis

// Mean luminance in a part of the picture, from left to right.
struct Strip {
  std::array<double, bins> sum{}, count{};

  void add(std::size_t bin, float value) {
    sum.at(bin) += static_cast<double>(value);
    count.at(bin) += 1;
  }
};

// What the picture shows at the upper end.
struct Opening {
  double inside = 0, wall = 0;  // mean luminance within the rim, and of the near wall below it
  double alike = 0;             // correlation between the two, from left to right
  double contrast = 0;          // of the inside from left to right, relative
  double upper = 0;             // luminance of the far half over that of the near half
};

Opening compare(const Strip& inside, const Strip& wall, double upper) {
  Opening out{.upper = upper};
  double n = 0, aa = 0, bb = 0, ab = 0;
  for (std::size_t i = 0; i < bins; ++i) {
    if (inside.count[i] == 0 || wall.count[i] == 0) continue;
    const double a = inside.sum[i] / inside.count[i], b = wall.sum[i] / wall.count[i];
    n += 1;
    out.inside += a;
    out.wall += b;
    aa += a * a, bb += b * b, ab += a * b;
  }
  if (n == 0) return out;
  out.inside /= n;
  out.wall /= n;
  const double va = std::max(0.0, aa / n - out.inside * out.inside), vb = std::max(0.0, bb / n - out.wall * out.wall);
  out.alike = (ab / n - out.inside * out.wall) / std::sqrt(va * vb + 1e-12);
  out.contrast = std::sqrt(va) / std::max(1e-3, out.inside);
  return out;
}

Opening look_into(const Grid& grid, const Lathe& lathe, float rim) {
  constexpr float within = 0.72F;                     // squared share of the ellipse: not its rim
  constexpr float wall_from = 0.12F, wall_to = 0.4F;  // radii below the near rim
  const float height = rim * lathe.sin_top;
  Strip inside, wall;
  double far_sum = 0, far_count = 1e-9, near_sum = 0, near_count = 1e-9;
  for (int y = 0; y < grid.n; ++y) {
    for (int x = 0; x < grid.n; ++x) {
      if (grid.distance.at<float>(y, x) < 1) continue;
      const float dx = (static_cast<float>(x) + 0.5F - lathe.axis) / rim;
      if (std::abs(dx) >= reach) continue;
      const float dy = (static_cast<float>(y) + 0.5F - lathe.top) / height;
      const auto bin = static_cast<std::size_t>((dx + reach) / (2 * reach) * bins);
      const float light = grid.luminance.at<float>(y, x);
      if (dx * dx + dy * dy < within) {
        inside.add(bin, light);
        if (dy < -0.1F) far_sum += static_cast<double>(light), far_count += 1;
        if (dy > 0.25F) near_sum += static_cast<double>(light), near_count += 1;
      }
      const float below = (static_cast<float>(y) + 0.5F - lathe.top - height * std::sqrt(1 - dx * dx)) / rim;
      if (below > wall_from && below < wall_to) wall.add(bin, light);
    }
  }
  return compare(inside, wall, far_sum / far_count / std::max(1e-3, near_sum / near_count));
}

bool is_open(const Opening& seen) {
  constexpr double upper_min = 0.75;                      // a knob on a lid hides the far half
  constexpr double against = -0.25, contrast_min = 0.04;  // lit from the other side
  constexpr double dark = 0.62, wall_light_min = 0.3;     // or not at all
  if (seen.upper < upper_min) return false;
  return (seen.alike < against && seen.contrast > contrast_min) ||
         (seen.inside < dark * seen.wall && seen.wall > wall_light_min);
}

// The profile moved inwards by the wall, measured across it however it slopes. Above the rim's row it goes straight up.
float within_wall(const std::vector<float>& radius, int y, int rim_row, float wall) {
  const int rows = static_cast<int>(wall);
  float least = 1e9F;
  for (int dy = -rows; dy <= rows; ++dy) {
    const int row = std::clamp(y + dy, rim_row, static_cast<int>(radius.size()) - 1);
    const auto away = static_cast<float>(dy);
    least = std::min(least, radius[static_cast<std::size_t>(row)] - std::sqrt(wall * wall - away * away));
  }
  return least;
}

}  // namespace

std::optional<Cavity> find_cavity(const Grid& grid, const Lathe& lathe) {
  constexpr float sine_min = 0.055F, rim_min = 8;       // an opening that is seen at all
  constexpr float wall_share = 0.07F, wall_min = 3.0F;  // of the rim's radius; cells
  constexpr float narrow = 0.3F, depth_min = 0.4F;      // of the rim's radius
  if (!lathe.found || !lathe.flat_top || lathe.sin_top < sine_min) return {};
  const auto rows = static_cast<int>(lathe.radius.size());
  const int rim_row = std::clamp(static_cast<int>(lathe.side_top) + 1, 0, rows - 1);
  const float rim = lathe.radius[static_cast<std::size_t>(rim_row)];
  if (rim < rim_min || !is_open(look_into(grid, lathe, rim))) return {};
  Cavity out;
  out.top = lathe.top;
  out.wall = std::max(wall_min, wall_share * rim);
  out.radius.assign(lathe.radius.size(), 0);
  int last = rim_row;
  for (int y = 0; y < rows && static_cast<float>(y) < lathe.bottom - out.wall; ++y) {
    const float r = within_wall(lathe.radius, y, rim_row, out.wall);
    if (y > rim_row && r < narrow * rim) break;
    out.radius[static_cast<std::size_t>(y)] = std::max(0.0F, r);
    last = y;
  }
  out.floor = static_cast<float>(last);
  if (out.floor - out.top < depth_min * rim) return {};
  return out;
}

}  // namespace i2m::engine
