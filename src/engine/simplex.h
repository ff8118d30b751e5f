#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace i2m::engine {

/// Walks downhill from `start` without derivatives: a simplex of size + 1 points, the worst of which is replaced again
/// and again. `steps` are the first simplex's edges. Answers the lowest point met.
///
/// Cost:   about `rounds` * 1.3 calls of `cost`.
/// Source: Nelder & Mead, A Simplex Method for Function Minimization, 1965.
template <std::size_t size, class Cost>
std::array<float, size> descend(const Cost& cost, const std::array<float, size>& start,
                                const std::array<float, size>& steps, int rounds) {
  using Point = std::array<float, size>;
  struct Vertex {
    float cost;
    Point at;
  };
  std::array<Vertex, size + 1> simplex;
  simplex[0] = {cost(start), start};
  for (std::size_t i = 0; i < size; ++i) {
    Point p = start;
    p[i] += steps[i];
    simplex[i + 1] = {cost(p), p};
  }
  const auto by_cost = [](const Vertex& a, const Vertex& b) { return a.cost < b.cost; };
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 1; i <= size; ++i) {
      for (std::size_t k = i; k > 0 && by_cost(simplex[k], simplex[k - 1]); --k) std::swap(simplex[k], simplex[k - 1]);
    }
    Point middle{};
    for (std::size_t v = 0; v < size; ++v) {
      for (std::size_t i = 0; i < size; ++i) middle[i] += simplex[v].at[i] / static_cast<float>(size);
    }
    Vertex& worst = simplex[size];
    const auto moved = [&](float by) {
      Point p{};
      for (std::size_t i = 0; i < size; ++i) p[i] = middle[i] + by * (worst.at[i] - middle[i]);
      return Vertex{cost(p), p};
    };
    const Vertex reflected = moved(-1);
    if (reflected.cost < simplex[0].cost) {
      const Vertex expanded = moved(-2);
      worst = expanded.cost < reflected.cost ? expanded : reflected;
    } else if (reflected.cost < simplex[size - 1].cost) {
      worst = reflected;
    } else {
      const Vertex nearer = reflected.cost < worst.cost ? moved(-0.5F) : moved(0.5F);
      if (nearer.cost < std::min(worst.cost, reflected.cost)) {
        worst = nearer;
      } else {
        for (std::size_t v = 1; v <= size; ++v) {
          for (std::size_t i = 0; i < size; ++i) simplex[v].at[i] = (simplex[v].at[i] + simplex[0].at[i]) / 2;
          simplex[v].cost = cost(simplex[v].at);
        }
      }
    }
  }
  return std::ranges::min_element(simplex, by_cost)->at;
}

}  // namespace i2m::engine
