#include "engine/inflate.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <vector>

namespace i2m::engine {
namespace {

constexpr int coarsest_side = 24;
constexpr int sweeps = 32;
constexpr float relaxation = 1.7F;
constexpr float cut_min = 0.15F;  // a cut closer to the cell's middle than this would make the sweep stiff

// What a neighbour beyond the outline is worth, as a multiple of this cell's value: the line through both is zero where
// the distance is.
float beyond(float inside, float outside) {
  const float cut = std::max(cut_min, inside / (inside - outside));
  return -(1 - cut) / cut;
}

struct Cell {
  int at;           // index of the cell
  float diagonal;   // 1 / (4 + k^2 h^2 - sum of the neighbours beyond)
  std::uint8_t in;  // bits: left, right, up, down are inside
};

struct Level {
  int width, height;
  std::vector<Cell> cells[2];  // red and black

  Level(const cv::Mat& distance, float k2h2) : width(distance.cols), height(distance.rows) {
    for (int y = 1; y + 1 < height; ++y) {
      const float *up = distance.ptr<float>(y - 1), *row = distance.ptr<float>(y), *down = distance.ptr<float>(y + 1);
      for (int x = 1; x + 1 < width; ++x) {
        if (row[x] <= 0) continue;
        const float around[] = {row[x - 1], row[x + 1], up[x], down[x]};
        Cell cell{.at = y * width + x, .diagonal = 4 + k2h2, .in = 0};
        for (unsigned i = 0; i < 4; ++i) {
          if (around[i] > 0) {
            cell.in = static_cast<std::uint8_t>(cell.in | 1U << i);
          } else {
            cell.diagonal -= beyond(row[x], around[i]);
          }
        }
        cell.diagonal = 1 / cell.diagonal;
        cells[(x + y) & 1].push_back(cell);
      }
    }
  }

  void sweep(float* u, float source) const {
    for (const auto& colour : cells) {
      for (const Cell& cell : colour) {
        const float* at = u + cell.at;
        float sum = source;
        if ((cell.in & 1) != 0) sum += at[-1];
        if ((cell.in & 2) != 0) sum += at[1];
        if ((cell.in & 4) != 0) sum += at[-width];
        if ((cell.in & 8) != 0) sum += at[width];
        u[cell.at] += relaxation * (sum * cell.diagonal - u[cell.at]);
      }
    }
  }
};

// Beyond the outline u goes on downwards: at the next cells so that it is zero where the distance is, then steadily.
void continue_outside(cv::Mat& u, const cv::Mat& distance) {
  double radius = 1;
  cv::minMaxLoc(distance, nullptr, &radius);
  const float slope = 0.6F * std::max(1.0F, static_cast<float>(radius));
  for (int y = 0; y < u.rows; ++y) {
    for (int x = 0; x < u.cols; ++x) {
      const float d = distance.at<float>(y, x);
      if (d > 0) continue;
      float sum = 0;
      int count = 0;
      for (const auto& [dx, dy] : {std::pair{-1, 0}, {1, 0}, {0, -1}, {0, 1}}) {
        const int nx = x + dx, ny = y + dy;
        if (nx < 0 || ny < 0 || nx >= u.cols || ny >= u.rows || distance.at<float>(ny, nx) <= 0) continue;
        sum += u.at<float>(ny, nx) * beyond(distance.at<float>(ny, nx), d);
        ++count;
      }
      u.at<float>(y, x) =
          count > 0 ? std::min(sum / static_cast<float>(count), -1e-3F) : -slope * std::clamp(-d, 0.5F, 4.0F);
    }
  }
}

}  // namespace

cv::Mat inflate(const cv::Mat& distance, float k) {
  std::vector<cv::Mat> levels{distance};
  while (std::min(levels.back().cols, levels.back().rows) >= 2 * coarsest_side) {
    cv::Mat half;
    cv::resize(levels.back(), half, {levels.back().cols / 2, levels.back().rows / 2}, 0, 0, cv::INTER_AREA);
    levels.push_back(half * 0.5);
  }
  cv::Mat u = cv::Mat::zeros(levels.back().size(), CV_32F);
  for (std::size_t i = levels.size(); i-- > 0;) {
    const cv::Mat& d = levels[i];
    if (u.size() != d.size()) cv::resize(u, u, d.size(), 0, 0, cv::INTER_LINEAR);
    u.setTo(0, d <= 0);
    // u is in the finest level's cells throughout: only the source and the springs grow with the cell.
    const auto h = static_cast<float>(1U << i);
    const Level level(d, k * k * h * h);
    for (int s = 0; s < sweeps; ++s) level.sweep(u.ptr<float>(), 4 * h * h);
  }
  continue_outside(u, distance);
  return u;
}

cv::Mat slab(const cv::Mat& distance, float half, float bevel) {
  const float most = half / swell_depth * (half / swell_depth);
  cv::Mat u(distance.size(), CV_32F);
  for (int y = 0; y < u.rows; ++y) {
    for (int x = 0; x < u.cols; ++x) {
      const float s = std::clamp(distance.at<float>(y, x) / bevel, -2.0F, 1.0F);
      u.at<float>(y, x) = s > 0 ? most * (1 - (1 - s) * (1 - s)) : most * 2 * s;
    }
  }
  return u;
}

}  // namespace i2m::engine
