#include "mesh/shrink.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <tuple>

#include "mesh/edges.h"

namespace i2m::mesh {
namespace {

constexpr float folded_cosine = -0.9994F;
constexpr float flat_share = 1e-5F;  // of the longest side's square: thinner than that is no triangle

float cosine(Vec3 a, Vec3 b) {
  const float size = length(a) * length(b);
  return size > 0 ? dot(a, b) / size : -1;
}

Vec3 area(Vec3 a, Vec3 b, Vec3 c) { return cross(b - a, c - a); }

bool too_thin(Vec3 a, Vec3 b, Vec3 c) {
  const float longest = std::max({dot(b - a, b - a), dot(c - b, c - b), dot(a - c, a - c)});
  return !(length(area(a, b, c)) > flat_share * longest);
}

}  // namespace

Shrinker::Shrinker(Mesh mesh) : mesh_(std::move(mesh)), around_(mesh_.positions.size()) {
  triangles_ = mesh_.triangle_count();
  for (std::uint32_t i = 0; i < mesh_.indices.size(); ++i) around_[mesh_.indices[i]].push_back(i / 3);
}

Shrinker::Shrinker(Mesh mesh, std::vector<std::uint32_t> wedges) : Shrinker(std::move(mesh)) {
  wedges_ = std::move(wedges);
}

std::vector<std::uint32_t> Shrinker::wedges() const {
  std::vector<std::uint32_t> out;
  for (std::size_t i = 0; i < wedges_.size(); ++i) {
    if (alive(static_cast<std::uint32_t>(i / 3))) out.push_back(wedges_[i]);
  }
  return out;
}

Mesh Shrinker::mesh() const {
  Mesh out{mesh_.positions, {}};
  for (std::uint32_t t = 0; t < mesh_.triangle_count(); ++t) {
    if (!alive(t)) continue;
    for (std::size_t k = 0; k < 3; ++k) out.indices.push_back(at(t, k));
  }
  return out;
}

bool Shrinker::names(std::uint32_t t, std::uint32_t v) const { return at(t, 0) == v || at(t, 1) == v || at(t, 2) == v; }

// The vertices a vertex has edges to, in ascending order.
std::vector<std::uint32_t> Shrinker::ring(std::uint32_t v) const {
  std::vector<std::uint32_t> out;
  for (const std::uint32_t t : around_[v]) {
    for (std::size_t k = 0; k < 3; ++k) {
      if (at(t, k) != v) out.push_back(at(t, k));
    }
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

// The other triangle at an edge.
std::uint32_t Shrinker::across(std::uint32_t t, std::uint32_t a, std::uint32_t b) const {
  for (const std::uint32_t other : around_[a]) {
    if (other != t && names(other, b)) return other;
  }
  return t;
}

bool Shrinker::is_bad(std::uint32_t t) const {
  const std::uint32_t* v = &mesh_.indices[std::size_t{t} * 3];
  if (too_thin(mesh_.positions[v[0]], mesh_.positions[v[1]], mesh_.positions[v[2]])) return true;
  const Vec3 own = area_of(mesh_, t);
  for (std::size_t k = 0; k < 3; ++k) {
    if (cosine(own, area_of(mesh_, across(t, v[k], v[(k + 1) % 3]))) < folded_cosine) return true;
  }
  return false;
}

// The link condition, and that no triangle thereby turns over; `strict` also forbids thin and folded ones.
bool Shrinker::may_collapse(std::uint32_t from, std::uint32_t to, bool strict) const {
  const auto a = ring(from), b = ring(to);
  std::vector<std::uint32_t> both;
  std::ranges::set_intersection(a, b, std::back_inserter(both));
  if (both.size() != 2 || (a.size() == 3 && b.size() == 3)) return false;
  constexpr float turned_cosine = 0.2F;
  for (const std::uint32_t t : around_[from]) {
    if (names(t, to)) continue;
    std::array<Vec3, 3> before{}, after{};
    for (std::size_t k = 0; k < 3; ++k) {
      const std::uint32_t v = at(t, k);
      before[k] = mesh_.positions[v];
      after[k] = mesh_.positions[v == from ? to : v];
    }
    if (too_thin(after[0], after[1], after[2])) return false;
    const Vec3 was = area(before[0], before[1], before[2]), is = area(after[0], after[1], after[2]);
    if (strict && cosine(was, is) < turned_cosine) return false;
    // Against the neighbours that stay where they are.
    for (std::size_t k = 0; k < 3; ++k) {
      const std::uint32_t v = at(t, k), w = at(t, (k + 1) % 3);
      if (v == from || w == from) continue;
      if (cosine(is, area_of(mesh_, across(t, v, w))) < folded_cosine) return false;
    }
  }
  return !strict || !folds(from, to);
}

// Whether two triangles that come to meet at an edge of `to` would lie on each other.
bool Shrinker::folds(std::uint32_t from, std::uint32_t to) const {
  struct Spoke {
    std::uint32_t end = 0;
    Vec3 area;
  };
  std::vector<Spoke> spokes;
  for (const std::uint32_t v : {from, to}) {
    for (const std::uint32_t t : around_[v]) {
      if (names(t, from) && names(t, to)) continue;
      std::array<Vec3, 3> p{};
      for (std::size_t k = 0; k < 3; ++k) p[k] = mesh_.positions[at(t, k) == from ? to : at(t, k)];
      const Vec3 n = area(p[0], p[1], p[2]);
      for (std::size_t k = 0; k < 3; ++k) {
        if (at(t, k) != v) spokes.push_back({at(t, k), n});
      }
    }
  }
  std::ranges::sort(spokes, {}, &Spoke::end);
  for (std::size_t i = 1; i < spokes.size(); ++i) {
    if (spokes[i].end == spokes[i - 1].end && cosine(spokes[i].area, spokes[i - 1].area) < folded_cosine) return true;
  }
  return false;
}

// Where a wedge of `from` goes: the wedge that lies beside it at `to`, in a triangle that both are corners of.
std::optional<std::uint32_t> Shrinker::wedge_for(std::uint32_t wedge, std::uint32_t from, std::uint32_t to) const {
  std::optional<std::uint32_t> found;
  for (const std::uint32_t t : around_[from]) {
    if (!names(t, to)) continue;
    std::uint32_t own = 0, other = 0;
    for (std::uint32_t k = 0; k < 3; ++k) {
      if (at(t, k) == from) own = wedges_[t * 3 + k];
      if (at(t, k) == to) other = wedges_[t * 3 + k];
    }
    if (own != wedge) continue;
    if (found && *found != other) return std::nullopt;
    found = other;
  }
  return found;
}

bool Shrinker::keeps_wedges(std::uint32_t from, std::uint32_t to) const {
  if (wedges_.empty()) return true;
  return std::ranges::all_of(around_[from], [&](std::uint32_t t) {
    for (std::uint32_t k = 0; k < 3; ++k) {
      if (at(t, k) == from && !wedge_for(wedges_[t * 3 + k], from, to)) return false;
    }
    return true;
  });
}

// How far the planes around `from` are from `to`, weighted by area; and a little for length.
float Shrinker::cost_of(std::uint32_t from, std::uint32_t to) const {
  const Vec3 move = mesh_.positions[to] - mesh_.positions[from];
  constexpr float length_share = 1e-3F;
  float cost = 0, whole = 0;
  for (const std::uint32_t t : around_[from]) {
    const Vec3 n = area_of(mesh_, t);
    const float size = length(n), off = size > 0 ? dot(n, move) / size : 0;
    cost += off * off * size;
    whole += size;
  }
  return cost + whole * dot(move, move) * length_share;
}

void Shrinker::collapse(std::uint32_t from, std::uint32_t to) {
  if (!wedges_.empty()) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> moves;  // corners, and what they become
    for (const std::uint32_t t : around_[from]) {
      for (std::uint32_t k = 0; k < 3; ++k) {
        const std::uint32_t corner = t * 3 + k;
        if (at(t, k) == from)
          moves.emplace_back(corner, wedge_for(wedges_[corner], from, to).value_or(wedges_[corner]));
      }
    }
    for (const auto& [corner, wedge] : moves) wedges_[corner] = wedge;
  }
  for (const std::uint32_t t : around_[from]) {
    if (names(t, to)) {
      for (std::size_t k = 0; k < 3; ++k) {
        const std::uint32_t v = at(t, k);
        if (v != from) std::erase(around_[v], t);
      }
      for (std::size_t k = 1; k < 3; ++k) at(t, k) = at(t, 0);
      --triangles_;
      continue;
    }
    for (std::size_t k = 0; k < 3; ++k) {
      if (at(t, k) == from) at(t, k) = to;
    }
    around_[to].push_back(t);
  }
  around_[from].clear();
}

// Triangle t is (a, b, c); the one across (a, b) is (b, a, d). They become (a, d, c) and (d, b, c).
bool Shrinker::turn(std::uint32_t t, std::uint32_t a, std::uint32_t b, std::uint32_t c) {
  const std::uint32_t other = across(t, a, b);
  std::uint32_t d = a;
  for (std::size_t k = 0; k < 3; ++k) {
    const std::uint32_t v = at(other, k);
    if (v != a && v != b) d = v;
  }
  if (d == c || around_[a].size() <= 3 || around_[b].size() <= 3) return false;
  if (std::ranges::binary_search(ring(c), d)) return false;
  const Vec3 pa = mesh_.positions[a], pb = mesh_.positions[b], pc = mesh_.positions[c], pd = mesh_.positions[d];
  if (too_thin(pa, pd, pc) || too_thin(pd, pb, pc)) return false;
  const Vec3 first = area(pa, pd, pc), second = area(pd, pb, pc);
  // Against each other and against the four that stay.
  const auto lies_on = [&](Vec3 n, std::uint32_t from, std::uint32_t v, std::uint32_t w) {
    return cosine(n, area_of(mesh_, across(from, v, w))) < folded_cosine;
  };
  if (cosine(first, second) < folded_cosine || lies_on(first, t, c, a) || lies_on(first, other, a, d) ||
      lies_on(second, other, d, b) || lies_on(second, t, b, c)) {
    return false;
  }
  const std::array<std::uint32_t, 6> turned{a, d, c, d, b, c};
  for (std::size_t k = 0; k < 3; ++k) {
    at(t, k) = turned[k];
    at(other, k) = turned[k + 3];
  }
  std::erase(around_[b], t);
  std::erase(around_[a], other);
  around_[d].push_back(t);
  around_[c].push_back(other);
  return true;
}

bool Shrinker::mend(std::uint32_t t) {
  const std::array<std::uint32_t, 3> v{at(t, 0), at(t, 1), at(t, 2)};
  std::array<Candidate, 6> ways;
  for (std::size_t k = 0; k < 3; ++k) {
    const std::uint32_t a = v[k], b = v[(k + 1) % 3];
    const Vec3 side = mesh_.positions[b] - mesh_.positions[a];
    ways[k * 2] = {dot(side, side), a, b};
    ways[k * 2 + 1] = {dot(side, side), b, a};
  }
  std::ranges::sort(ways, {}, &Candidate::cost);
  // The longest edges first: turning them changes the surface least. Then the shortest collapse.
  for (std::size_t i = ways.size(); i > 0; i -= 2) {
    for (std::size_t k = 0; k < 3; ++k) {
      const std::uint32_t a = v[k], b = v[(k + 1) % 3];
      if (std::min(a, b) != std::min(ways[i - 1].from, ways[i - 1].to)) continue;
      if (std::max(a, b) != std::max(ways[i - 1].from, ways[i - 1].to)) continue;
      if (turn(t, a, b, v[(k + 2) % 3])) return true;
    }
  }
  for (const Candidate& way : ways) {
    if (!may_collapse(way.from, way.to, false)) continue;
    collapse(way.from, way.to);
    return true;
  }
  return false;
}

void Shrinker::mend() {
  constexpr int passes = 6, rounds = 6;
  for (int round = 0; round < rounds; ++round) {
    for (int pass = 0, changed = 1; pass < passes && changed != 0; ++pass) {
      changed = 0;
      for (std::uint32_t t = 0; t < mesh_.triangle_count(); ++t) {
        if (alive(t) && is_bad(t) && mend(t)) changed = 1;
      }
    }
    if (!relax()) return;
  }
}

// Draws the corners of what is still bad into the middle of their neighbours. Says whether there was any.
bool Shrinker::relax() {
  std::vector<std::uint32_t> corners;
  for (std::uint32_t t = 0; t < mesh_.triangle_count(); ++t) {
    if (!alive(t) || !is_bad(t)) continue;
    for (std::size_t k = 0; k < 3; ++k) corners.push_back(at(t, k));
  }
  std::ranges::sort(corners);
  corners.erase(std::ranges::unique(corners).begin(), corners.end());
  constexpr float share = 0.7F;  // all the way, a tip of three would become flat
  for (const std::uint32_t v : corners) {
    const auto neighbours = ring(v);
    Vec3 sum;
    for (const std::uint32_t n : neighbours) sum = sum + mesh_.positions[n];
    Vec3& p = mesh_.positions[v];
    p = p + (sum * (1 / static_cast<float>(neighbours.size())) - p) * share;
  }
  return !corners.empty();
}

void Shrinker::shrink(std::size_t triangles_max) {
  while (triangles_ > triangles_max) {
    std::vector<Candidate> candidates;
    for (std::uint32_t i = 0; i < mesh_.indices.size(); ++i) {
      if (!alive(i / 3)) continue;
      const std::uint32_t from = mesh_.indices[i], to = mesh_.indices[next_corner(i)];
      candidates.push_back({cost_of(from, to), from, to});
    }
    std::ranges::sort(candidates, {}, [](const Candidate& c) { return std::tuple(c.cost, c.from, c.to); });
    // Costs age as neighbours go: a pass takes the best third, then they are reckoned anew.
    const std::size_t before = triangles_, over = triangles_ - triangles_max, enough = triangles_ - (over + 2) / 3;
    for (const Candidate& c : candidates) {
      if (triangles_ <= enough) break;
      if (around_[c.from].empty() || around_[c.to].empty()) continue;
      const bool joined = std::ranges::any_of(around_[c.from], [&](std::uint32_t t) { return names(t, c.to); });
      if (joined && keeps_wedges(c.from, c.to) && may_collapse(c.from, c.to, true)) collapse(c.from, c.to);
    }
    if (triangles_ == before) return;
  }
}

}  // namespace i2m::mesh
