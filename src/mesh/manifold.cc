#include "mesh/manifold.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <span>
#include <tuple>

#include "mesh/edges.h"
#include "mesh/shrink.h"

namespace i2m::mesh {
namespace {

using Indices = std::vector<std::uint32_t>;
constexpr std::uint32_t none = ~0U;

// One vertex a place, no triangle that names a corner twice, and of those over the same corners what is left when
// opposite ones have cancelled out.
Mesh welded(const Mesh& mesh) {
  const auto first = first_at_place(mesh.positions);
  using Corners = std::array<std::uint32_t, 3>;
  struct Seen {
    int way = 0;
    std::uint32_t at = 0;
  };
  std::map<Corners, Seen> seen;
  for (std::uint32_t i = 0; i + 2 < mesh.indices.size(); i += 3) {
    Corners c{first[mesh.indices[i]], first[mesh.indices[i + 1]], first[mesh.indices[i + 2]]};
    if (c[0] == c[1] || c[1] == c[2] || c[2] == c[0]) continue;
    std::ranges::rotate(c, std::ranges::min_element(c));
    const bool turned = c[1] > c[2];
    if (turned) std::swap(c[1], c[2]);
    Seen& s = seen.try_emplace(c, Seen{0, i}).first->second;
    s.way += turned ? -1 : 1;
  }
  std::vector<std::pair<std::uint32_t, Corners>> kept;
  for (const auto& [c, s] : seen) {
    if (s.way != 0) kept.emplace_back(s.at, s.way > 0 ? c : Corners{c[0], c[2], c[1]});
  }
  std::ranges::sort(kept);
  Mesh out{mesh.positions, {}};
  for (const auto& [at, c] : kept) out.indices.insert(out.indices.end(), c.begin(), c.end());
  return out;
}

// Which side meets which. Around an edge of many triangles, those belong together that have the solid between them.
class Pairing {
 public:
  explicit Pairing(const Mesh& mesh) : mesh_(mesh), twin_(mesh.indices.size(), none) {
    const auto sides = sides_of(mesh.indices);
    each_edge(sides, [&](const Side* first, const Side* last) {
      if (last - first == 2 && first->forward(mesh_.indices) != (first + 1)->forward(mesh_.indices)) {
        pair(first->half, (first + 1)->half);
      } else if (last - first > 2) {
        pair_by_angle({first, last});
      }
    });
  }

  const Indices& twins() const { return twin_; }

 private:
  struct Turn {
    float angle = 0;
    bool forward = false;
    std::uint32_t half = 0;
  };

  void pair(std::uint32_t a, std::uint32_t b) { twin_[a] = b, twin_[b] = a; }

  // Seen along the edge, a triangle that runs backward has the solid on the side of growing angles, one that runs
  // forward on the other: they match like brackets, around the circle.
  void pair_by_angle(std::span<const Side> sides) {
    const Vec3 from = mesh_.positions[sides.front().low], axis = mesh_.positions[sides.front().high] - from;
    const float along = std::max(dot(axis, axis), 1e-30F);
    const auto radial = [&](const Side& s) {
      const Vec3 r = mesh_.positions[mesh_.indices[next_corner(next_corner(s.half))]] - from;
      return r - axis * (dot(r, axis) / along);
    };
    const Vec3 x = radial(sides.front()), y = cross(axis, x) * (1 / std::sqrt(along));
    std::vector<Turn> turns;
    for (const Side& s : sides) {
      const Vec3 r = radial(s);
      turns.push_back({&s == &sides.front() ? 0 : std::atan2(dot(r, y), dot(r, x)), s.forward(mesh_.indices), s.half});
    }
    std::ranges::sort(turns, {}, [](const Turn& t) { return std::tuple(t.angle, t.forward, t.half); });
    std::vector<std::uint32_t> open;
    for (std::size_t i = 0; i < turns.size() * 2; ++i) {
      const Turn& t = turns[i % turns.size()];
      if (twin_[t.half] != none) continue;
      if (!t.forward) {
        if (i < turns.size()) open.push_back(t.half);
      } else if (!open.empty()) {
        pair(open.back(), t.half);
        open.pop_back();
      }
    }
  }

  const Mesh& mesh_;
  Indices twin_;
};

// Gives each fan of triangles a vertex of its own. Copies of what was one are moved into their own body by a share of
// its size, or a slicer would weld them again.
class Cutter {
 public:
  Cutter(const Mesh& mesh, Indices& twin) : mesh_(mesh), twin_(twin) {}

  Mesh run() {
    Sets corners(mesh_.indices.size());
    for (std::uint32_t h = 0; h < twin_.size(); ++h) {
      if (twin_[h] == none) continue;
      corners.join(h, next_corner(twin_[h]));
      corners.join(next_corner(h), twin_[h]);
    }
    std::vector<std::uint32_t> number(mesh_.indices.size(), none);
    std::vector<std::uint32_t> copies(mesh_.positions.size());
    Mesh out;
    for (std::uint32_t i = 0; i < mesh_.indices.size(); ++i) {
      std::uint32_t& n = number[corners.of(i)];
      if (n == none) {
        n = static_cast<std::uint32_t>(out.positions.size());
        out.positions.push_back(mesh_.positions[mesh_.indices[i]]);
        sources_.push_back(mesh_.indices[i]);
        ++copies[mesh_.indices[i]];
      }
      out.indices.push_back(n);
    }
    move_apart(out, copies);
    return out;
  }

 private:
  void move_apart(Mesh& out, const std::vector<std::uint32_t>& copies) const {
    constexpr float share = 0.06F;
    std::vector<Vec3> sum(out.positions.size());
    std::vector<float> weight(out.positions.size());
    for (std::uint32_t i = 0; i < out.indices.size(); ++i) {
      const std::uint32_t v = out.indices[i];
      sum[v] =
          sum[v] + out.positions[out.indices[next_corner(i)]] + out.positions[out.indices[next_corner(next_corner(i))]];
      weight[v] += 2;
    }
    for (std::size_t v = 0; v < sum.size(); ++v) {
      if (copies[sources_[v]] < 2) continue;
      out.positions[v] = out.positions[v] + (sum[v] * (1 / weight[v]) - out.positions[v]) * share;
    }
  }

  const Mesh& mesh_;
  Indices& twin_;
  std::vector<std::uint32_t> sources_;  // by new vertex
};

void add_triangle(Mesh& mesh, Indices& twin, std::uint32_t a, std::uint32_t b, std::uint32_t c) {
  mesh.indices.insert(mesh.indices.end(), {a, b, c});
  twin.insert(twin.end(), {none, none, none});
}

// Closes each hole by a fan around its middle; a vertex of its own there can be in nobody's way.
void close_holes(Mesh& mesh, Indices& twin) {
  std::map<std::uint32_t, std::uint32_t> open;  // by the vertex they start at
  for (std::uint32_t h = 0; h < twin.size(); ++h) {
    if (twin[h] == none) open[mesh.indices[h]] = h;
  }
  const auto join = [&](std::uint32_t a, std::uint32_t b) { twin[a] = b, twin[b] = a; };
  while (!open.empty()) {
    std::vector<std::uint32_t> ring;
    for (auto at = open.begin(); at != open.end(); at = open.find(mesh.indices[next_corner(ring.back())])) {
      ring.push_back(at->second);
      open.erase(at);
    }
    const auto size = static_cast<std::uint32_t>(ring.size());
    const auto start = [&](std::uint32_t i) { return mesh.indices[ring[i % size]]; };
    const auto first = static_cast<std::uint32_t>(mesh.indices.size());
    if (size == 2) {
      join(ring[0], ring[1]);
    } else if (size == 3) {
      add_triangle(mesh, twin, start(0), start(2), start(1));  // sides: 0-2, 2-1, 1-0
      join(first, ring[2]), join(first + 1, ring[1]), join(first + 2, ring[0]);
    } else if (size > 3) {
      Vec3 middle;
      for (std::uint32_t i = 0; i < size; ++i)
        middle = middle + mesh.positions[start(i)] * (1 / static_cast<float>(size));
      const auto centre = static_cast<std::uint32_t>(mesh.positions.size());
      mesh.positions.push_back(middle);
      for (std::uint32_t i = 0; i < size; ++i) {
        add_triangle(mesh, twin, start(i + 1), start(i), centre);  // sides: the ring's, to the centre, from it
        join(first + i * 3, ring[i]);
      }
      for (std::uint32_t i = 0; i < size; ++i) join(first + i * 3 + 1, first + (i + size - 1) % size * 3 + 2);
    }
  }
}

// A vertex in the middle of an edge, drawn a little into the triangles beside it.
void halve(Mesh& mesh, Indices& twin, std::uint32_t h) {
  constexpr float share = 0.12F;
  const std::uint32_t g = twin[h], h1 = next_corner(h), h2 = next_corner(h1), g1 = next_corner(g), g2 = next_corner(g1);
  const std::uint32_t a = mesh.indices[h], b = mesh.indices[h1], c = mesh.indices[h2], d = mesh.indices[g2];
  const auto m = static_cast<std::uint32_t>(mesh.positions.size());
  const Vec3 middle = (mesh.positions[a] + mesh.positions[b]) * 0.5F;
  const Vec3 beside = (mesh.positions[c] + mesh.positions[d]) * 0.5F;
  mesh.positions.push_back(middle + (beside - middle) * share);
  const auto n = static_cast<std::uint32_t>(mesh.indices.size());
  // (a, b, c) becomes (a, m, c) and (m, b, c); (b, a, d) becomes (b, m, d) and (m, a, d).
  const std::uint32_t outer_h = twin[h1], outer_g = twin[g1];
  mesh.indices[h1] = m;
  mesh.indices[g1] = m;
  add_triangle(mesh, twin, m, b, c);  // n: m-b, b-c, c-m
  add_triangle(mesh, twin, m, a, d);  // n + 3: m-a, a-d, d-m
  const auto join = [&](std::uint32_t p, std::uint32_t q) { twin[p] = q, twin[q] = p; };
  join(h, n + 3), join(g, n);
  join(n + 1, outer_h), join(n + 4, outer_g);
  join(h1, n + 2), join(g1, n + 5);
}

// Two vertices can be joined by two edges, on either side of a handle. All but one of them are halved; where two of
// them lie at one triangle, in another round.
void part_double_edges(Mesh& mesh, Indices& twin) {
  for (bool any = true; any;) {
    any = false;
    std::set<std::uint32_t> chosen, touched;
    each_edge(sides_of(mesh.indices), [&](const Side* first, const Side* last) {
      if (last - first <= 2) return;
      any = true;
      std::set<std::uint32_t> left;
      for (const Side* s = first; s < last; ++s) left.insert(std::min(s->half, twin[s->half]));
      left.erase(left.begin());
      for (const std::uint32_t h : left) {
        const std::uint32_t t = h / 3, other = twin[h] / 3;
        if (t == other || touched.contains(t) || touched.contains(other)) continue;
        touched.insert({t, other});
        chosen.insert(h);
      }
    });
    if (chosen.empty()) return;
    for (const std::uint32_t h : chosen) halve(mesh, twin, h);
  }
}

// Parts that enclose nothing worth a drop of plastic.
void drop_empty_parts(Mesh& mesh) {
  const auto part = parts_of(mesh);
  std::map<std::uint32_t, std::pair<double, std::size_t>> content;
  std::map<std::uint32_t, double> surface;
  const Vec3 origin = mesh.positions.empty() ? Vec3{} : mesh.positions.front();
  for (std::size_t t = 0; t < mesh.triangle_count(); ++t) {
    const std::uint32_t p = part[mesh.indices[t * 3]];
    const Vec3 n = area_of(mesh, t);
    content[p].first += static_cast<double>(dot(mesh.positions[mesh.indices[t * 3]] - origin, n));
    content[p].second += 1;
    surface[p] += static_cast<double>(length(n));
  }
  constexpr double flat = 1e-7;
  Indices kept;
  for (std::size_t i = 0; i < mesh.indices.size(); ++i) {
    const std::uint32_t p = part[mesh.indices[i / 3 * 3]];
    const auto& [volume, triangles] = content[p];
    if (triangles >= 4 && std::abs(volume) > flat * std::pow(surface[p], 1.5)) kept.push_back(mesh.indices[i]);
  }
  mesh.indices = std::move(kept);
}

Mesh compacted(const Mesh& mesh) {
  Mesh out;
  std::vector<std::uint32_t> number(mesh.positions.size(), none);
  for (const std::uint32_t v : mesh.indices) {
    if (number[v] == none) {
      number[v] = static_cast<std::uint32_t>(out.positions.size());
      out.positions.push_back(mesh.positions[v]);
    }
    out.indices.push_back(number[v]);
  }
  return out;
}

// Steps that were too small for the numbers leave two vertices at one place. They go further, each into its own body.
void part_places(Mesh& mesh) {
  constexpr int rounds = 8;
  for (int round = 0; round < rounds; ++round) {
    const auto first = first_at_place(mesh.positions);
    std::vector<std::uint8_t> shared(first.size());
    bool any = false;
    for (std::uint32_t v = 0; v < first.size(); ++v) {
      if (first[v] != v) shared[v] = 1, any = true;
    }
    if (!any) return;
    std::vector<Vec3> sum(first.size());
    std::vector<float> weight(first.size());
    for (std::uint32_t i = 0; i < mesh.indices.size(); ++i) {
      sum[mesh.indices[i]] = sum[mesh.indices[i]] + mesh.positions[mesh.indices[next_corner(i)]];
      ++weight[mesh.indices[i]];
    }
    const float share = 0.05F * static_cast<float>(round + 1);
    for (std::size_t v = 0; v < first.size(); ++v) {
      if (shared[v] == 0) continue;
      mesh.positions[v] = mesh.positions[v] + (sum[v] * (1 / weight[v]) - mesh.positions[v]) * share;
    }
  }
}

}  // namespace

Mesh make_manifold(const Mesh& given, std::size_t triangles_max) {
  Mesh mesh = welded(given);
  Indices twin = Pairing(mesh).twins();
  mesh = Cutter(mesh, twin).run();
  close_holes(mesh, twin);
  part_double_edges(mesh, twin);
  drop_empty_parts(mesh);
  mesh = compacted(mesh);
  part_places(mesh);
  Shrinker shrinker(mesh);
  shrinker.mend();
  shrinker.shrink(triangles_max);
  return compacted(shrinker.mesh());
}

}  // namespace i2m::mesh
