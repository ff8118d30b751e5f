#include "mesh/simplify.h"

#include <meshoptimizer.h>

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>

#include "mesh/manifold.h"
#include "mesh/shrink.h"

namespace i2m::mesh {
namespace {

using Indices = std::vector<std::uint32_t>;

constexpr float any_error = 1e9F;
constexpr int attempts_max = 6;
constexpr float upright = 0.15F;  // a triangle that agrees less with its normals is folded

// Where the surface was pinched together, two triangles can end up back to back on the same corners: a black fin that
// encloses nothing. Both go, and every edge still has its opposite.
void remove_fins(Indices& indices) {
  using Corners = std::array<std::uint32_t, 3>;
  std::map<Corners, std::size_t> seen;
  std::vector<std::uint8_t> gone(indices.size() / 3);
  for (std::size_t t = 0; t < gone.size(); ++t) {
    Corners c{indices[t * 3], indices[t * 3 + 1], indices[t * 3 + 2]};
    std::ranges::rotate(c, std::ranges::min_element(c));
    if (const auto back = seen.find({c[0], c[2], c[1]}); back != seen.end()) {
      gone[t] = gone[back->second] = 1;
      seen.erase(back);
    } else {
      seen[c] = t;
    }
  }
  std::size_t kept = 0;
  for (std::size_t t = 0; t < gone.size(); ++t) {
    if (gone[t] != 0) continue;
    for (std::size_t k = 0; k < 3; ++k) indices[kept * 3 + k] = indices[t * 3 + k];
    ++kept;
  }
  indices.resize(kept * 3);
}

// Collapses go two triangles at a time, more where the surface touches itself, and end near the target. A run that ends
// more than 0.5 % below the budget is repeated with the target moved by what was missing, one that ends above it
// likewise.
Indices collapse(const Mesh& mesh, const Indices& from, std::size_t triangles_max) {
  Indices best, out;
  std::size_t target = triangles_max;
  for (int attempt = 0; attempt < attempts_max; ++attempt) {
    out.resize(from.size());
    out.resize(meshopt_simplify(out.data(), from.data(), from.size(), &mesh.positions.front().x, mesh.positions.size(),
                                sizeof(Vec3), target * 3, any_error, 0, nullptr));
    remove_fins(out);
    const std::size_t made = out.size() / 3;
    const bool fits = made <= triangles_max, best_fits = best.size() / 3 <= triangles_max;
    if (best.empty() || (fits && (!best_fits || out.size() > best.size()))) best = out;
    if (fits && made * 1000 >= triangles_max * 995) break;
    const std::size_t over = made - std::min(made, triangles_max);
    // Far above: the parts or handles cannot be collapsed further, and asking for less does not help.
    if (over * 4 > triangles_max || over >= target) break;
    target = fits ? target + (triangles_max - made) : target - over;
  }
  return best;
}

// Without its smallest part; empty when one part is all there is.
Indices without_smallest_part(const Mesh& mesh, const Indices& from) {
  const auto part = parts_of({mesh.positions, from});
  std::vector<std::size_t> size(mesh.positions.size());
  for (const std::uint32_t v : from) ++size[part[v]];
  std::size_t smallest = size.size();
  std::size_t parts = 0;
  for (std::size_t i = 0; i < size.size(); ++i) {
    if (size[i] == 0) continue;
    ++parts;
    if (smallest == size.size() || size[i] < size[smallest]) smallest = i;
  }
  Indices kept;
  if (parts < 2) return kept;
  for (const std::uint32_t v : from) {
    if (part[v] != smallest) kept.push_back(v);
  }
  return kept;
}

// Of the fine surface, the parts of which `some` still has a vertex.
Indices same_parts(const Mesh& mesh, const Indices& some) {
  const auto part = parts_of(mesh);
  std::vector<std::uint8_t> keep(mesh.positions.size());
  for (const std::uint32_t v : some) keep[part[v]] = 1;
  Indices kept;
  for (const std::uint32_t v : mesh.indices) {
    if (keep[part[v]] != 0) kept.push_back(v);
  }
  return kept;
}

// Every part needs a few triangles to stay closed. Where they are too many for the budget the smallest ones go, and
// what remains is simplified afresh.
Indices collapse_fewer(const Mesh& mesh, Indices out, std::size_t triangles_max) {
  while (out.size() / 3 > triangles_max) {
    Indices fewer = without_smallest_part(mesh, out);
    if (fewer.empty()) {
      // One part of high genus: its handles cannot be collapsed one by one, so its topology has to give way.
      const Indices from = same_parts(mesh, out);
      out.resize(from.size());
      out.resize(meshopt_simplifySloppy(out.data(), from.data(), from.size(), &mesh.positions.front().x,
                                        mesh.positions.size(), sizeof(Vec3), triangles_max * 3, any_error, nullptr));
      return out;
    }
    out = std::move(fewer);
  }
  Indices afresh = collapse(mesh, same_parts(mesh, out), triangles_max);
  return afresh.size() / 3 <= triangles_max && afresh.size() > out.size() ? afresh : out;
}

// How well a triangle agrees with the surface it stands for: the cosine between its normal and its corners'.
float agreement(const Mesh& mesh, const std::vector<Vec3>& normals, const std::array<std::uint32_t, 3>& t) {
  const Vec3 a = mesh.positions[t[0]], b = mesh.positions[t[1]], c = mesh.positions[t[2]];
  const Vec3 n = cross(b - a, c - a), m = normals[t[0]] + normals[t[1]] + normals[t[2]];
  const float size = length(n) * length(m);
  return size > 1e-12F ? dot(n, m) / size : -1;
}

// Collapses can fold a sliver over, mostly on flat lids, where it shows as a black speck. Such a triangle is mended by
// turning the edge it shares with a neighbour, or by drawing its corners into the middle of their neighbours; neither
// changes the count or the closedness.
class Mender {
 public:
  Mender(Mesh& mesh, std::vector<Vec3> normals) : mesh_(mesh), normals_(std::move(normals)) {
    for (std::uint32_t i = 0; i < mesh_.indices.size(); ++i) edges_[key(at(i), at(next(i)))].push_back(i);
  }

  // Says whether anything was changed.
  bool run() {
    constexpr int passes = 4;
    bool any = false;
    for (int pass = 0; pass < passes; ++pass) {
      bool changed = false;
      for (std::uint32_t t = 0; t < mesh_.indices.size(); t += 3) {
        if (folded(t)) changed = mend(t) || changed;
      }
      any = any || changed;
      if (!changed) break;
    }
    for (int pass = 0; pass < passes && relax(); ++pass) any = true;
    return any;
  }

 private:
  using Triangle = std::array<std::uint32_t, 3>;

  static std::uint64_t key(std::uint32_t from, std::uint32_t to) { return std::uint64_t{from} << 32 | to; }
  static std::uint32_t next(std::uint32_t i) { return i % 3 == 2 ? i - 2 : i + 1; }
  std::uint32_t at(std::uint32_t i) const { return mesh_.indices[i]; }
  Triangle corners(std::uint32_t t) const { return {at(t), at(t + 1), at(t + 2)}; }

  bool folded(std::uint32_t t) const { return agreement(mesh_, normals_, corners(t)) < upright; }

  // The half edges from one vertex to the other; more than one where the surface touches itself.
  std::size_t count(std::uint32_t from, std::uint32_t to) const {
    const auto found = edges_.find(key(from, to));
    return found == edges_.end() ? 0 : found->second.size();
  }

  struct Turn {
    std::uint32_t twin = 0;
    Triangle first{}, second{};
    float worst = -2;
  };

  // The triangles (a, b, c) and (b, a, d) become (c, d, b) and (d, c, a).
  Turn turn_at(std::uint32_t half) const {
    Turn turn;
    const std::uint32_t a = at(half), b = at(next(half)), c = at(next(next(half)));
    if (count(a, b) != 1 || count(b, a) != 1) return turn;
    turn.twin = edges_.at(key(b, a)).front();
    const std::uint32_t d = at(next(next(turn.twin)));
    if (c == d || count(c, d) != 0 || count(d, c) != 0) return turn;
    turn.first = {c, d, b};
    turn.second = {d, c, a};
    turn.worst = std::min(agreement(mesh_, normals_, turn.first), agreement(mesh_, normals_, turn.second));
    return turn;
  }

  bool mend(std::uint32_t t) {
    constexpr float clearly = 0.05F;
    Turn best;
    for (std::uint32_t half = t; half < t + 3; ++half) {
      const Turn turn = turn_at(half);
      if (turn.worst > best.worst) best = turn;
    }
    if (best.worst < agreement(mesh_, normals_, corners(t)) + clearly) return false;
    replace(t, best.first, best.twin - best.twin % 3, best.second);
    return true;
  }

  void replace(std::uint32_t t, const Triangle& first, std::uint32_t other, const Triangle& second) {
    for (const std::uint32_t from : {t, other}) {
      for (std::uint32_t i = from; i < from + 3; ++i) std::erase(edges_[key(at(i), at(next(i)))], i);
    }
    std::ranges::copy(first, mesh_.indices.begin() + t);
    std::ranges::copy(second, mesh_.indices.begin() + other);
    for (const std::uint32_t from : {t, other}) {
      for (std::uint32_t i = from; i < from + 3; ++i) edges_[key(at(i), at(next(i)))].push_back(i);
    }
  }

  // Says whether there was anything left to relax.
  bool relax() {
    std::vector<float> weight(mesh_.positions.size());
    bool any = false;
    for (std::uint32_t t = 0; t < mesh_.indices.size(); t += 3) {
      if (!folded(t)) continue;
      any = true;
      for (const std::uint32_t v : corners(t)) weight[v] = 1;
    }
    if (!any) return false;
    std::vector<Vec3> sum(mesh_.positions.size());
    std::vector<float> count(mesh_.positions.size());
    for (std::uint32_t i = 0; i < mesh_.indices.size(); ++i) {
      sum[at(i)] = sum[at(i)] + mesh_.positions[at(next(i))];
      ++count[at(i)];
    }
    for (std::size_t v = 0; v < sum.size(); ++v) {
      if (weight[v] > 0) mesh_.positions[v] = sum[v] * (1 / count[v]);
    }
    return true;
  }

  Mesh& mesh_;
  const std::vector<Vec3> normals_;  // of the fine surface
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> edges_;
};

// Building the Mender's edges takes longer than looking whether there is anything for it to do.
bool mend(Mesh& mesh, std::vector<Vec3> normals) {
  for (std::size_t i = 0; i < mesh.indices.size(); i += 3) {
    if (agreement(mesh, normals, {mesh.indices[i], mesh.indices[i + 1], mesh.indices[i + 2]}) < upright) {
      return Mender{mesh, std::move(normals)}.run();
    }
  }
  return false;
}

Mesh compact(const Mesh& mesh, const Indices& indices) {
  Mesh out;
  out.indices.resize(indices.size());
  meshopt_optimizeVertexCache(out.indices.data(), indices.data(), indices.size(), mesh.positions.size());
  out.positions.resize(mesh.positions.size());
  out.positions.resize(meshopt_optimizeVertexFetch(out.positions.data(), out.indices.data(), out.indices.size(),
                                                   mesh.positions.data(), mesh.positions.size(), sizeof(Vec3)));
  return out;
}

// The same parts from a finer surface that is sound, by steps that keep it so. Empty if that does not come so far.
Mesh by_sound_steps(const Mesh& mesh, const Indices& parts, std::size_t triangles_max) {
  const Indices from = same_parts(mesh, parts);
  constexpr std::size_t finer = 2;
  for (std::size_t room = triangles_max * finer; room < from.size() / 3; room *= finer) {
    const Mesh fine = make_manifold({mesh.positions, collapse(mesh, from, room)}, room);
    if (fine.indices.empty() || !faults_of(fine).none()) continue;
    Shrinker shrinker(fine);
    shrinker.shrink(triangles_max);
    Mesh made = shrinker.mesh();
    if (made.triangle_count() <= triangles_max && faults_of(made).none()) return made;
  }
  return {};
}

// One model in fourteen touches itself somewhere or has a fold that no turned edge took out, or lost its handles. A
// closed surface is worth the cut; of an open one the borders would be taken for holes.
Mesh mended_solid(const Mesh& mesh, Mesh made, std::size_t triangles_max) {
  const Faults faults = faults_of(made);
  if (faults.none() || (faults.open_edges > 0 && faults_of(mesh).open_edges > 0)) return made;
  Mesh cut = make_manifold(made, triangles_max);
  if (faults.open_edges == 0 && faults_of(cut).none()) return cut;
  Mesh stepped = by_sound_steps(mesh, made.indices, triangles_max);
  return stepped.indices.empty() ? cut : stepped;
}

}  // namespace

Mesh simplify(const Mesh& mesh, std::size_t triangles_max) {
  if (mesh.triangle_count() <= triangles_max || mesh.positions.empty()) return compact(mesh, mesh.indices);
  Indices out = collapse(mesh, mesh.indices, triangles_max);
  if (out.size() / 3 > triangles_max) out = collapse_fewer(mesh, std::move(out), triangles_max);
  Mesh made{mesh.positions, std::move(out)};
  mend(made, normals_of(mesh));
  made = mended_solid(mesh, std::move(made), triangles_max);
  // Once more by the normals it will be drawn with, if that does no harm.
  Mesh drawn = made;
  if (mend(drawn, normals_of(drawn)) && faults_of(drawn).none()) made = std::move(drawn);
  return compact(made, made.indices);
}

}  // namespace i2m::mesh
