#include "mesh/matrix.h"

#include <algorithm>
#include <cmath>

#include "mesh/scene.h"

namespace i2m::mesh {
namespace {

std::unexpected<Error> bad(std::string why) { return fail(Code::ContractMissed, "GLB: " + std::move(why)); }

template <std::size_t N>
Result<> read_row(const Json& node, std::string_view name, std::array<float, N>& out) {
  const Json* found = node.find(name);
  if (found == nullptr) return {};
  if (found->items.size() != N) return bad("a node's transform has the wrong length");
  for (std::size_t i = 0; i < N; ++i) {
    out[i] = static_cast<float>(found->items[i].number);
    if (found->items[i].kind != Json::Kind::Number || !std::isfinite(out[i])) {
      return bad("a node's transform is not made of numbers");
    }
  }
  return {};
}

Result<Matrix> local_of(const Json& node) {
  Matrix out;
  if (node.find("matrix") != nullptr) {
    std::array<float, 16> m{};
    CHECK_OK(read_row(node, "matrix", m));
    for (std::size_t k = 0; k < 3; ++k) out.columns[k] = {m[k * 4], m[k * 4 + 1], m[k * 4 + 2]};
    out.origin = {m[12], m[13], m[14]};
    return out;
  }
  std::array<float, 3> move{}, scale{1, 1, 1};
  std::array<float, 4> turn{0, 0, 0, 1};
  CHECK_OK(read_row(node, "translation", move));
  CHECK_OK(read_row(node, "rotation", turn));
  CHECK_OK(read_row(node, "scale", scale));
  const auto [x, y, z, w] = turn;
  out.columns[0] = Vec3{1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w)} * scale[0];
  out.columns[1] = Vec3{2 * (x * y - z * w), 1 - 2 * (x * x + z * z), 2 * (y * z + x * w)} * scale[1];
  out.columns[2] = Vec3{2 * (x * z + y * w), 2 * (y * z - x * w), 1 - 2 * (x * x + y * y)} * scale[2];
  out.origin = {move[0], move[1], move[2]};
  return out;
}

// The parent of every node; itself where it has none.
Result<std::vector<std::size_t>> parents_of(const std::vector<Json>& nodes) {
  std::vector<std::size_t> parents(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) parents[i] = i;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const Json& child : nodes[i].list("children")) {
      const auto at = child.whole();
      if (!at || *at >= nodes.size()) return bad("a node names a child that is none");
      if (*at == i || parents[*at] != *at) return bad("a node has two parents or is its own");
      parents[*at] = i;
    }
  }
  return parents;
}

// With one parent each, only a ring is left to look for: a chain of them that does not end.
Result<> check_depth(const std::vector<std::size_t>& parents) {
  for (std::size_t i = 0; i < parents.size(); ++i) {
    std::size_t at = i, depth = 0;
    for (; parents[at] != at && depth <= node_depth_max; ++depth) at = parents[at];
    if (depth > node_depth_max) return bad("nodes in a cycle, or nested too deep");
  }
  return {};
}

}  // namespace

Vec3 Matrix::normal(Vec3 n) const {
  const float way = turns_inside_out() ? -1.0F : 1.0F;
  return (cross(columns[1], columns[2]) * n.x + cross(columns[2], columns[0]) * n.y +
          cross(columns[0], columns[1]) * n.z) *
         way;
}

Matrix Matrix::operator*(const Matrix& inner) const {
  Matrix out;
  for (std::size_t k = 0; k < 3; ++k) out.columns[k] = vector(inner.columns[k]);
  out.origin = point(inner.origin);
  return out;
}

Result<std::vector<PlacedNode>> place_nodes(const Json& root) {
  const auto& nodes = root.list("nodes");
  const auto& scenes = root.list("scenes");
  TRY(const auto parents, parents_of(nodes));
  CHECK_OK(check_depth(parents));
  std::vector<PlacedNode> todo, placed;
  const auto push = [&](std::size_t node, const Matrix& outer) -> Result<> {
    TRY(const Matrix local, local_of(nodes[node]));
    todo.push_back({node, outer * local});
    return {};
  };
  if (const auto shown = root.count_or("scene", 0).value_or(0); shown < scenes.size()) {
    const auto& roots = scenes[shown].list("nodes");
    std::vector<std::uint8_t> listed(nodes.size());
    for (auto it = roots.rbegin(); it != roots.rend(); ++it) {
      const auto node = it->whole();
      if (!node || parents[*node] != *node || listed[*node]++ != 0) return bad("a scene's root is no root");
      CHECK_OK(push(*node, {}));
    }
  } else {
    for (std::size_t i = nodes.size(); i-- > 0;) {
      if (parents[i] == i) CHECK_OK(push(i, {}));
    }
  }
  while (!todo.empty()) {
    const PlacedNode at = todo.back();
    todo.pop_back();
    if (nodes[at.node].find("mesh") != nullptr) placed.push_back(at);
    const auto& children = nodes[at.node].list("children");
    for (auto it = children.rbegin(); it != children.rend(); ++it) CHECK_OK(push(*it->whole(), at.world));
  }
  return placed;
}

}  // namespace i2m::mesh
