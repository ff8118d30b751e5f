#include "mesh/marching_cubes.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace i2m::mesh {
namespace {

// Corner i of a cell lies at (i & 1, i >> 1 & 1, i >> 2). Edge axis * 4 + j runs along `axis` from the j-th corner
// whose bit `axis` is clear.
constexpr int edge_count = 12;
constexpr int loop_edges_max = 12;

constexpr int lower_corner(int axis, int j) {
  const int low = 1 << axis;
  return (j & (low - 1)) | (j & ~(low - 1)) << 1;
}

constexpr int edge_between(int a, int b) {
  const int axis = (a ^ b) == 1 ? 0 : (a ^ b) == 2 ? 1 : 2;
  const int base = a & b;
  for (int j = 0; j < 4; ++j) {
    if (lower_corner(axis, j) == base) return axis * 4 + j;
  }
  return -1;
}

struct Case {
  std::int8_t triangle_count = 0;
  std::array<std::int8_t, std::size_t{loop_edges_max} * 3> edges{};
};

// The four corners of a cell's face, counter-clockwise seen from outside.
constexpr std::array<int, 4> face_corners(int axis, int side) {
  const int b = 1 << (axis + 1) % 3, c = 1 << (axis + 2) % 3, base = side << axis;
  if (side == 1) return {base, base | b, base | b | c, base | c};
  return {base, base | c, base | b | c, base | b};
}

// A loop of edges around a piece of surface within one cell.
struct Loop {
  std::array<int, loop_edges_max> edges{};
  std::size_t size = 0;
};

// Whether a line between the crossings on two edges of a cell runs within one of its faces.
constexpr bool share_face(int a, int b) {
  const int axis_a = a / 4, axis_b = b / 4, corner_a = lower_corner(axis_a, a % 4),
            corner_b = lower_corner(axis_b, b % 4);
  for (int axis = 0; axis < 3; ++axis) {
    if (axis != axis_a && axis != axis_b && (corner_a >> axis & 1) == (corner_b >> axis & 1)) return true;
  }
  return false;
}

// Triangles from one corner of the loop to all others. A diagonal within a face could be the neighbouring cell's as
// well, and the edge then have four triangles; the corner with the fewest such diagonals is taken.
constexpr void add_fan(Case& out, const Loop& loop) {
  const auto at = [&](std::size_t i) { return loop.edges[i % loop.size]; };
  std::size_t best = 0, fewest = loop.size;
  for (std::size_t from = 0; from < loop.size; ++from) {
    std::size_t within = 0;
    for (std::size_t k = 2; k + 1 < loop.size; ++k) within += share_face(at(from), at(from + k)) ? 1 : 0;
    if (within < fewest) best = from, fewest = within;
  }
  for (std::size_t k = 1; k + 1 < loop.size; ++k) {
    auto used = static_cast<std::size_t>(out.triangle_count++) * 3;
    for (const std::size_t i : {best, best + k, best + k + 1}) out.edges[used++] = static_cast<std::int8_t>(at(i));
  }
}

// Every face is walked; where a run of positive corners is entered and left, the surface crosses that face from the one
// edge to the other. Neighbouring faces walk their common edge in opposite ways, so that these segments link to loops.
constexpr Case make_case(int pattern) {
  std::array<int, edge_count> next{};
  next.fill(-1);
  const auto positive = [&](int corner) { return (pattern >> corner & 1) != 0; };
  for (int axis = 0; axis < 3; ++axis) {
    for (int side = 0; side < 2; ++side) {
      const auto corners = face_corners(axis, side);
      for (std::size_t i = 0; i < 4; ++i) {
        if (positive(corners[(i + 3) % 4]) || !positive(corners[i])) continue;
        std::size_t last = i;
        while (positive(corners[(last + 1) % 4])) last = (last + 1) % 4;
        const int entered = edge_between(corners[(i + 3) % 4], corners[i]);
        next[static_cast<std::size_t>(entered)] = edge_between(corners[last], corners[(last + 1) % 4]);
      }
    }
  }
  Case out;
  for (int start = 0; start < edge_count; ++start) {
    Loop loop;
    for (int e = start; next[static_cast<std::size_t>(e)] >= 0;) {
      loop.edges[loop.size++] = e;
      e = std::exchange(next[static_cast<std::size_t>(e)], -1);
    }
    if (loop.size >= 3) add_fan(out, loop);
  }
  return out;
}

const std::array<Case, 256>& cases() {
  static const std::array<Case, 256> table = [] {
    std::array<Case, 256> made;
    for (int pattern = 0; pattern < 256; ++pattern) made[static_cast<std::size_t>(pattern)] = make_case(pattern);
    return made;
  }();
  return table;
}

class Extractor {
 public:
  explicit Extractor(const Volume& volume) : volume_(volume) {
    for (auto& ids : flat_ids_) ids.assign(slice_size() * 2, none);
    upright_ids_.assign(slice_size(), none);
    for (auto& signs : signs_) signs.resize(slice_size());
  }

  Mesh run() {
    read_signs(0, signs_[0]);
    for (int z = 0; z + 1 < volume_.nz; ++z) {
      read_signs(z + 1, signs_[1]);
      std::ranges::fill(upright_ids_, none);
      std::ranges::fill(flat_ids_[1], none);
      for (int y = 0; y + 1 < volume_.ny; ++y) row(y, z);
      std::swap(signs_[0], signs_[1]);
      std::swap(flat_ids_[0], flat_ids_[1]);
    }
    return std::move(mesh_);
  }

 private:
  static constexpr std::uint32_t none = ~0U;

  std::size_t slice_size() const { return static_cast<std::size_t>(volume_.nx) * static_cast<std::size_t>(volume_.ny); }

  void read_signs(int z, std::vector<std::uint8_t>& signs) const {
    const float* values = volume_.values.data() + volume_.index(0, 0, z);
    for (std::size_t i = 0; i < signs.size(); ++i) signs[i] = values[i] > 0 ? 1 : 0;
  }

  void row(int y, int z) {
    const auto nx = static_cast<std::size_t>(volume_.nx);
    const std::size_t at = static_cast<std::size_t>(y) * nx;
    const std::uint8_t* s[4] = {&signs_[0][at], &signs_[0][at + nx], &signs_[1][at], &signs_[1][at + nx]};
    const auto column = [&](std::size_t x) { return s[0][x] | s[1][x] << 2 | s[2][x] << 4 | s[3][x] << 6; };
    int left = column(0);
    for (std::size_t x = 0; x + 1 < nx; ++x) {
      const int right = column(x + 1);
      const int pattern = left | right << 1;
      left = right;
      if (pattern == 0 || pattern == 255) continue;
      cell(static_cast<int>(x), y, z, cases()[static_cast<std::size_t>(pattern)]);
    }
  }

  void cell(int x, int y, int z, const Case& shape) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(shape.triangle_count) * 3; ++i) {
      mesh_.indices.push_back(vertex(x, y, z, shape.edges[i]));
    }
  }

  std::uint32_t vertex(int x, int y, int z, int edge) {
    const int axis = edge / 4;
    const int corner = lower_corner(axis, edge % 4);
    const int cx = x + (corner & 1), cy = y + (corner >> 1 & 1), dz = corner >> 2;
    const std::size_t at =
        static_cast<std::size_t>(cy) * static_cast<std::size_t>(volume_.nx) + static_cast<std::size_t>(cx);
    std::uint32_t& id =
        axis == 2 ? upright_ids_[at] : flat_ids_[static_cast<std::size_t>(dz)][at * 2 + static_cast<std::size_t>(axis)];
    if (id == none) {
      id = static_cast<std::uint32_t>(mesh_.positions.size());
      mesh_.positions.push_back(crossing(cx, cy, z + dz, axis));
    }
    return id;
  }

  Vec3 crossing(int x, int y, int z, int axis) const {
    const std::size_t from = volume_.index(x, y, z);
    const std::size_t to = volume_.index(x + (axis == 0), y + (axis == 1), z + (axis == 2));
    const float a = volume_.values[from], b = volume_.values[to];
    // Kept off the corners: coinciding vertices would make triangles without area, which the simplifier chokes on.
    const float t = std::clamp(a / (a - b), 0.02F, 0.98F);
    Vec3 p = volume_.origin + Vec3{static_cast<float>(x), static_cast<float>(y), static_cast<float>(z)};
    (axis == 0 ? p.x : axis == 1 ? p.y : p.z) += t;
    return p;
  }

  const Volume& volume_;
  Mesh mesh_;
  std::array<std::vector<std::uint8_t>, 2> signs_;      // this slice and the next
  std::array<std::vector<std::uint32_t>, 2> flat_ids_;  // vertices on edges along x and y, of both slices
  std::vector<std::uint32_t> upright_ids_;              // vertices on edges along z, between them
};

}  // namespace

void Volume::seal() {
  constexpr float outside = -0.5F;
  for (int z = 0; z < nz; ++z) {
    for (int y = 0; y < ny; ++y) {
      const bool rim = z == 0 || z == nz - 1 || y == 0 || y == ny - 1;
      for (int x = 0; x < nx; x += rim ? 1 : std::max(1, nx - 1)) at(x, y, z) = std::min(at(x, y, z), outside);
    }
  }
}

Mesh marching_cubes(const Volume& volume) {
  if (volume.nx < 2 || volume.ny < 2 || volume.nz < 2) return {};
  return Extractor{volume}.run();
}

}  // namespace i2m::mesh
