#include <meshoptimizer.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>
#include <tuple>

#include "mesh/edges.h"
#include "mesh/manifold.h"
#include "mesh/shrink.h"
#include "mesh/streams.h"
#include "mesh/upright.h"

namespace i2m::mesh {
namespace {

using Indices = std::vector<std::uint32_t>;

constexpr float any_error = 1e9F;
constexpr int attempts_max = 4;

bool shades(const Attribute& attribute) { return attribute.name == "NORMAL" || attribute.name == "TANGENT"; }

// Vertices that agree in everything become one, or every facet of an unindexed file would be an island; those that no
// triangle names go, or each would count as one more side of a seam where it lies on another.
void weld(Stream& stream) {
  std::vector<std::uint32_t> order(stream.vertices);
  std::iota(order.begin(), order.end(), 0U);
  const auto compare = [&](std::uint32_t a, std::uint32_t b) {
    for (const Attribute& attribute : stream.attributes) {
      const std::size_t size = attribute.element_bytes();
      const int way = std::memcmp(&attribute.bytes[a * size], &attribute.bytes[b * size], size);
      if (way != 0) return way;
    }
    return 0;
  };
  std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) {
    const int way = compare(a, b);
    return way != 0 ? way < 0 : a < b;
  });
  std::vector<std::uint32_t> first(stream.vertices);
  for (std::size_t i = 0; i < order.size(); ++i) {
    first[order[i]] = i > 0 && compare(order[i - 1], order[i]) == 0 ? first[order[i - 1]] : order[i];
  }
  for (std::uint32_t& v : stream.indices) v = first[v];
  compact(stream);
}

bool same(Vec3 a, Vec3 b) { return a.x == b.x && a.y == b.y && a.z == b.z; }

// All streams as one mesh in the world: vertices of different streams at one place are two sides of a seam.
struct Joined {
  std::vector<Vec3> positions;
  Indices indices;
  std::vector<std::size_t> begins;  // where each stream's vertices begin
};

Joined join(const std::vector<Stream>& streams) {
  Joined out;
  for (const Stream& stream : streams) {
    const auto begin = static_cast<std::uint32_t>(out.positions.size());
    out.begins.push_back(begin);
    out.positions.insert(out.positions.end(), stream.positions.begin(), stream.positions.end());
    for (std::size_t i = 0; i < stream.indices.size(); i += 3) {
      const std::uint32_t* v = &stream.indices[i];
      const Vec3 a = stream.positions[v[0]], b = stream.positions[v[1]], c = stream.positions[v[2]];
      if (same(a, b) || same(b, c) || same(c, a)) continue;
      for (std::size_t k = 0; k < 3; ++k) out.indices.push_back(begin + v[k]);
    }
  }
  out.begins.push_back(out.positions.size());
  return out;
}

// As near below the budget as a few attempts come.
Indices collapse(const Joined& joined, std::size_t triangles_max) {
  Indices best, out;
  std::size_t target = triangles_max;
  for (int attempt = 0; attempt < attempts_max; ++attempt) {
    out.resize(joined.indices.size());
    out.resize(meshopt_simplify(out.data(), joined.indices.data(), joined.indices.size(), &joined.positions.front().x,
                                joined.positions.size(), sizeof(Vec3), target * 3, any_error, 0, nullptr));
    const std::size_t made = out.size() / 3;
    const bool fits = made <= triangles_max, best_fits = best.size() / 3 <= triangles_max;
    if (best.empty() || (fits ? !best_fits || out.size() > best.size() : !best_fits && out.size() < best.size())) {
      best = out;
    }
    if (fits && made * 1000 >= triangles_max * 995) break;
    const std::size_t over = made - std::min(made, triangles_max);
    if (over * 4 > triangles_max || over >= target) break;
    target = fits ? target + (triangles_max - made) : target - over;
  }
  return best;
}

std::size_t stream_of(const Joined& joined, std::uint32_t vertex) {
  return static_cast<std::size_t>(std::ranges::upper_bound(joined.begins, vertex) - joined.begins.begin() - 1);
}

// Collapsing as such can pinch a closed surface and fold it. One that was sound is taken to where it is still sound
// that way, and from there by steps that keep it so, as far as they come.
Indices collapse_soundly(const Joined& joined, std::size_t triangles_max) {
  Indices out = collapse(joined, triangles_max);
  if (faults_of({joined.positions, out}).none() || !faults_of({joined.positions, joined.indices}).none()) return out;
  constexpr std::size_t finer = 2;
  for (std::size_t room = std::max<std::size_t>(triangles_max, 1) * finer;; room *= finer) {
    out = room < joined.indices.size() / 3 ? collapse(joined, room) : joined.indices;
    if (room >= joined.indices.size() / 3 || faults_of({joined.positions, out}).none()) break;
  }
  const auto first = first_at_place(joined.positions);
  Mesh mesh{joined.positions, {}};
  for (const std::uint32_t v : out) mesh.indices.push_back(first[v]);
  Shrinker shrinker(std::move(mesh), std::move(out));
  shrinker.shrink(triangles_max);
  return shrinker.wedges();
}

// Streams that lose everything keep one triangle each (see `part`), which the budget has to have room for.
Indices collapse_with_room(const Joined& joined, std::size_t triangles_max) {
  Indices out = collapse_soundly(joined, triangles_max);
  std::vector<std::uint8_t> present(joined.begins.size() - 1);
  for (const std::uint32_t v : out) present[stream_of(joined, v)] = 1;
  const auto empty = static_cast<std::size_t>(std::ranges::count(present, 0));
  if (empty > 0 && empty < triangles_max && out.size() / 3 + empty > triangles_max) {
    out = collapse_soundly(joined, triangles_max - empty);
  }
  return out;
}

// Back to the streams. One of which nothing is left keeps its largest triangle: glTF has no empty primitive.
void part(const Joined& joined, const Indices& indices, std::vector<Stream>& streams) {
  std::vector<Indices> parts(streams.size());
  for (std::size_t i = 0; i < indices.size(); i += 3) {
    const std::size_t s = stream_of(joined, indices[i]);
    for (std::size_t k = 0; k < 3; ++k) {
      parts[s].push_back(indices[i + k] - static_cast<std::uint32_t>(joined.begins[s]));
    }
  }
  for (std::size_t s = 0; s < streams.size(); ++s) {
    Stream& stream = streams[s];
    if (parts[s].empty()) {
      float largest = -1;
      for (std::size_t i = 0; i < stream.indices.size(); i += 3) {
        const Vec3 a = stream.positions[stream.indices[i]];
        const float area =
            length(cross(stream.positions[stream.indices[i + 1]] - a, stream.positions[stream.indices[i + 2]] - a));
        if (area <= largest) continue;
        largest = area;
        parts[s].assign(stream.indices.begin() + static_cast<std::ptrdiff_t>(i),
                        stream.indices.begin() + static_cast<std::ptrdiff_t>(i) + 3);
      }
    }
    stream.indices = std::move(parts[s]);
  }
}

// Normals of facets that meet at less than an edge's angle run together; a vertex on an edge becomes several.
class Shading {
 public:
  explicit Shading(Stream& stream) : stream_(stream), around_(stream.indices.size()) {}

  void run() {
    using Place = std::tuple<float, float, float>;
    std::map<Place, std::vector<std::uint32_t>> facets;
    for (std::uint32_t i = 0; i < stream_.indices.size(); ++i) {
      const Vec3 p = stream_.positions[stream_.indices[i]];
      facets[{p.x, p.y, p.z}].push_back(i / 3);
      if (i % 3 == 0) areas_.push_back(area_of(i));
    }
    using Vertex = std::tuple<std::uint32_t, float, float, float>;
    std::map<Vertex, std::uint32_t> made;
    std::vector<std::uint32_t> sources;
    std::vector<float> normals;
    for (std::uint32_t i = 0; i < stream_.indices.size(); ++i) {
      const std::uint32_t v = stream_.indices[i];
      const Vec3 p = stream_.positions[v];
      const Vec3 n = normal_of(i / 3, facets[{p.x, p.y, p.z}]);
      const auto [at, added] = made.try_emplace({v, n.x, n.y, n.z}, static_cast<std::uint32_t>(sources.size()));
      if (added) {
        sources.push_back(v);
        normals.insert(normals.end(), {n.x, n.y, n.z});
      }
      around_[i] = at->second;
    }
    split(sources, normals);
  }

 private:
  Vec3 area_of(std::uint32_t i) const {
    const Vec3 a = stream_.positions[stream_.indices[i]];
    return cross(stream_.positions[stream_.indices[i + 1]] - a, stream_.positions[stream_.indices[i + 2]] - a);
  }

  Vec3 normal_of(std::uint32_t facet, const std::vector<std::uint32_t>& facets) const {
    constexpr float edge_cosine = 0.64F;  // 50 degrees
    const Vec3 own = areas_[facet];
    Vec3 sum;
    for (const std::uint32_t other : facets) {
      const float size = length(own) * length(areas_[other]);
      if (other == facet || (size > 0 && dot(own, areas_[other]) > edge_cosine * size)) sum = sum + areas_[other];
    }
    // From the world's axes to the mesh's own: the transform's transpose takes normals back.
    const Matrix& m = stream_.world;
    const Vec3 n = Vec3{dot(m.columns[0], sum), dot(m.columns[1], sum), dot(m.columns[2], sum)} *
                   (m.turns_inside_out() ? -1.0F : 1.0F);
    const float size = length(n);
    return size > 0 && std::isfinite(size) ? n * (1 / size) : Vec3{0, 1, 0};
  }

  void split(const std::vector<std::uint32_t>& sources, const std::vector<float>& normals) {
    for (Attribute& attribute : stream_.attributes) {
      const std::size_t size = attribute.element_bytes();
      std::vector<std::uint8_t> bytes(sources.size() * size);
      for (std::size_t v = 0; v < sources.size(); ++v) {
        std::memcpy(&bytes[v * size], &attribute.bytes[sources[v] * size], size);
      }
      attribute.bytes = std::move(bytes);
    }
    std::vector<Vec3> positions;
    for (const std::uint32_t v : sources) positions.push_back(stream_.positions[v]);
    stream_.positions = std::move(positions);
    stream_.vertices = sources.size();
    stream_.indices = around_;
    Attribute normal{"NORMAL", Attribute::base, static_cast<std::uint64_t>(Component::Float), "VEC3", false, {}};
    normal.bytes.resize(normals.size() * sizeof(float));
    std::memcpy(normal.bytes.data(), normals.data(), normal.bytes.size());
    stream_.attributes.push_back(std::move(normal));
  }

  Stream& stream_;
  Indices around_;
  std::vector<Vec3> areas_;
};

// A stream's triangles that would be drawn black, as upright.h has it. The normals of files may be packed.
class Uprighter {
 public:
  explicit Uprighter(Stream& stream) : stream_(stream) {
    const auto found = std::ranges::find_if(stream.attributes, [](const Attribute& a) { return a.is("NORMAL"); });
    if (found == stream.attributes.end() || found->type != "VEC3") return;
    normal_ = &*found;
    numbers_ = numbers_of(normal_->bytes, normal_->component_type, normal_->normalized);
  }

  std::vector<std::size_t> black() const {
    std::vector<std::size_t> out;
    for (std::size_t t = 0; normal_ != nullptr && t < stream_.indices.size() / 3; ++t) {
      const Vec3 area = area_of(t);
      if (!(length(area) > 0)) continue;
      Vec3 sum;
      for (std::size_t k = 0; k < 3; ++k) sum = sum + world_normal(stream_.indices[t * 3 + k]);
      if (faces_away(area, sum)) out.push_back(t);
    }
    return out;
  }

  void run() {
    const auto triangles = black();
    if (triangles.empty()) return;
    for (const std::size_t t : triangles) {
      for (std::size_t k = 0; k < 3; ++k) stream_.indices[t * 3 + k] = copy(stream_.indices[t * 3 + k], own_normal(t));
    }
    normal_->component_type = static_cast<std::uint64_t>(Component::Float);
    normal_->normalized = false;
    normal_->bytes.resize(numbers_.size() * sizeof(float));
    std::memcpy(normal_->bytes.data(), numbers_.data(), normal_->bytes.size());
  }

 private:
  // Seen from outside, also where the transform mirrors.
  Vec3 area_of(std::size_t t) const {
    const std::uint32_t* v = &stream_.indices[t * 3];
    const Vec3 a = stream_.positions[v[0]];
    return cross(stream_.positions[v[1]] - a, stream_.positions[v[2]] - a) *
           (stream_.world.turns_inside_out() ? -1.0F : 1.0F);
  }

  Vec3 world_normal(std::size_t v) const {
    const Vec3 n = stream_.world.normal({numbers_[v * 3], numbers_[v * 3 + 1], numbers_[v * 3 + 2]});
    const float size = length(n);
    return size > 0 ? n * (1 / size) : n;
  }

  Vec3 own_normal(std::size_t t) const {
    const Vec3 area = area_of(t);
    const auto& columns = stream_.world.columns;
    const Vec3 n{dot(columns[0], area), dot(columns[1], area), dot(columns[2], area)};
    const float size = length(n);
    return size > 0 ? n * (1 / size) : Vec3{0, 1, 0};
  }

  std::uint32_t copy(std::size_t v, Vec3 normal) {
    for (Attribute& attribute : stream_.attributes) {
      if (&attribute == normal_) continue;
      const std::size_t size = attribute.element_bytes();
      const std::vector<std::uint8_t> bytes(attribute.bytes.begin() + static_cast<std::ptrdiff_t>(v * size),
                                            attribute.bytes.begin() + static_cast<std::ptrdiff_t>((v + 1) * size));
      attribute.bytes.insert(attribute.bytes.end(), bytes.begin(), bytes.end());
    }
    numbers_.insert(numbers_.end(), {normal.x, normal.y, normal.z});
    const Vec3 place = stream_.positions[v];
    stream_.positions.push_back(place);
    return static_cast<std::uint32_t>(stream_.vertices++);
  }

  Stream& stream_;
  Attribute* normal_ = nullptr;
  std::vector<float> numbers_;
};

std::size_t count(const std::vector<Stream>& streams) {
  std::size_t corners = 0;
  for (const Stream& stream : streams) corners += stream.indices.size();
  return corners / 3;
}

}  // namespace

Slimmed slim(std::vector<Stream>& streams, std::size_t triangles_max) {
  Slimmed out{.triangles = count(streams)};
  if (out.triangles <= triangles_max) return out;
  std::vector<std::uint8_t> was_upright;
  for (Stream& stream : streams) was_upright.push_back(Uprighter(stream).black().empty() ? 1 : 0);
  for (Stream& stream : streams) weld(stream);
  const Joined joined = join(streams);
  Indices indices = joined.indices.empty() ? Indices{} : collapse_with_room(joined, triangles_max);
  const bool any_shading =
      std::ranges::any_of(streams, [](const Stream& stream) { return std::ranges::any_of(stream.attributes, shades); });
  if (indices.size() / 3 > triangles_max && any_shading) {
    std::vector<Stream> bare = streams;
    for (Stream& stream : bare) {
      std::erase_if(stream.attributes, shades);
      weld(stream);
    }
    const Joined joined_bare = join(bare);
    Indices fewer = collapse_with_room(joined_bare, triangles_max);
    if (fewer.size() < indices.size()) {
      part(joined_bare, fewer, bare);
      for (Stream& stream : bare) Shading(stream).run();
      streams = std::move(bare);
      out.normals_remade = true;
    }
  }
  if (!out.normals_remade) part(joined, indices, streams);
  for (std::size_t s = 0; s < streams.size(); ++s) {
    if (was_upright[s] != 0) Uprighter(streams[s]).run();
  }
  out.triangles = count(streams);
  out.reached = out.triangles <= triangles_max;
  return out;
}

}  // namespace i2m::mesh
