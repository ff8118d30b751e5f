#include "engine/relief.h"

#include <opencv2/imgproc.hpp>

#include "engine/emboss.h"
#include "mesh/marching_cubes.h"

namespace i2m::engine {
namespace {

constexpr int layers_max = 100;
constexpr float rim_cells = 1.5F;    // of the guess: as far in, it knows little about how the surface turns
constexpr float thin_layers = 2.5F;  // what is thinner would fall between the samples
constexpr float thinnest = 0.014F;   // half, of the grid's side; less where the outline itself is narrower
constexpr float steepest = 0.25F;    // cosine, beyond which a slope is a jump from one thing to another
constexpr float deepest = 1.6F;      // of the square's side, from first to last surface

// The sheets in cells of the grid, towards the viewer.
struct Sheets {
  cv::Mat front, back;
  float low = 0, high = 0;
};

cv::Mat grown(const cv::Mat& map, int n, float scale) {
  cv::Mat out;
  cv::resize(map, out, {n, n}, 0, 0, cv::INTER_CUBIC);
  return out * scale;
}

// 1 / sqrt(1 + slope^2): turns a difference of heights into about a distance.
cv::Mat steepness(const cv::Mat& sheet) {
  cv::Mat dx, dy, out;
  cv::Sobel(sheet, dx, CV_32F, 1, 0, 3, 1.0 / 8);
  cv::Sobel(sheet, dy, CV_32F, 0, 1, 3, 1.0 / 8);
  cv::sqrt(dx.mul(dx) + dy.mul(dy) + 1, out);
  return 1 / out;
}

// Near the outline both sheets are drawn together, as on a quarter of a circle.
Sheets sheets_of(const Grid& grid, const Depth& depth, float relief) {
  const auto n = static_cast<float>(grid.n);
  Sheets s{grown(depth.front, grid.n, n), grown(depth.back, grid.n, n)};
  const float rim = rim_cells * n / static_cast<float>(depth.front.rows);
  const cv::Mat upright = steepness((s.front + s.back) / 2);
  const cv::Mat raised = emboss(grid, relief);
  s.low = 1e9F;
  s.high = -1e9F;
  for (int y = 0; y < grid.n; ++y) {
    auto *front = s.front.ptr<float>(y), *back = s.back.ptr<float>(y);
    const auto *distance = grid.distance.ptr<float>(y), *level = upright.ptr<float>(y);
    const auto* raise = raised.empty() ? nullptr : raised.ptr<float>(y);
    for (int x = 0; x < grid.n; ++x) {
      const float middle = (front[x] + back[x]) / 2;
      const float d = std::max(0.0F, distance[x]);
      // A rod is about as thick as it is wide, whatever the network's coarse cells made of it; across, not along z.
      const float least = std::min(d + 0.5F, thinnest * n) / std::max(level[x], steepest);
      float half = std::clamp((front[x] - back[x]) / 2, least, deepest * n / 2);
      if (d < rim) {
        // Never more than a half circle on the way in: a thin rod stays round.
        const float in = std::min(1.0F, (d + 0.5F) / rim);
        half *= std::sqrt(in * (2 - in));
      }
      front[x] = middle + half + (raise != nullptr ? std::max(raise[x], -half) : 0);
      back[x] = middle - half;
      if (distance[x] > -1) {
        s.low = std::min(s.low, back[x]);
        s.high = std::max(s.high, front[x]);
      }
    }
  }
  return s;
}

mesh::Mesh surface_of(const Grid& grid, const Sheets& s) {
  const float step = std::max(1.0F, (s.high - s.low) / layers_max);
  const int nz = static_cast<int>(std::ceil((s.high - s.low) / step)) + 4;
  const float z0 = s.low - 1.5F * step;
  const auto n = static_cast<float>(grid.n);
  const cv::Mat front_weight = steepness(s.front), back_weight = steepness(s.back);
  mesh::Volume volume(grid.n, grid.n, nz, {0.5F - n / 2, 0.5F - n / 2, 0});
  for (int y = 0; y < grid.n; ++y) {
    const int row = grid.n - 1 - y;
    const auto *front = s.front.ptr<float>(row), *back = s.back.ptr<float>(row);
    const auto *wf = front_weight.ptr<float>(row), *wb = back_weight.ptr<float>(row);
    const auto* distance = grid.distance.ptr<float>(row);
    for (int x = 0; x < grid.n; ++x) {
      if (distance[x] <= -2) continue;  // as the volume begins: outside
      const float thin = std::max(0.0F, thin_layers * step - (front[x] - back[x])) / 2;
      const float top = front[x] + thin, bottom = back[x] - thin;
      const int from = std::max(0, static_cast<int>((bottom - z0) / step) - 2);
      const int to = std::min(nz - 1, static_cast<int>((top - z0) / step) + 3);
      for (int z = from; z <= to; ++z) {
        const float at = z0 + static_cast<float>(z) * step;
        volume.at(x, y, z) = std::min({(top - at) * wf[x], (at - bottom) * wb[x], distance[x]});
      }
    }
  }
  volume.seal();
  mesh::Mesh mesh = mesh::marching_cubes(volume);
  for (mesh::Vec3& p : mesh.positions) p.z = z0 + p.z * step;
  return mesh;
}

}  // namespace

Solid make_relief(const Grid& grid, const Depth& depth, const Wishes& wishes) {
  Solid solid{.mesh = surface_of(grid, sheets_of(grid, depth, wishes.relief)), .view = {}, .hollow = {}};
  const auto n = static_cast<float>(grid.n);
  const Camera camera{.side = n,
                      .sine = depth.sin_pitch,
                      .cosine = std::sqrt(1 - depth.sin_pitch * depth.sin_pitch),
                      .pull = depth.perspective / n,
                      .stretch = wishes.depth};
  for (mesh::Vec3& p : solid.mesh.positions) p = camera.upright(p);
  solid.view.camera = camera;
  return solid;
}

}  // namespace i2m::engine
