#include "mesh/manifold.h"

#include <gtest/gtest.h>

#include <random>

#include "mesh/check.h"
#include "mesh/edges.h"
#include "mesh/marching_cubes.h"
#include "mesh/rewrite.h"
#include "mesh/simplify.h"
#include "mesh/upright.h"

namespace i2m::mesh {
namespace {

std::string words(const Faults& f) {
  return std::to_string(f.open_edges) + " open, " + std::to_string(f.crowded_edges) + " crowded, " +
         std::to_string(f.twisted_edges) + " twisted, " + std::to_string(f.pinched_vertices) + " pinched, " +
         std::to_string(f.degenerate_triangles) + " degenerate, " + std::to_string(f.duplicate_triangles) +
         " double, " + std::to_string(f.folded_edges) + " folded";
}

double enclosed(const Mesh& mesh) {
  double six = 0;
  for (std::size_t i = 0; i + 2 < mesh.indices.size(); i += 3) {
    six += static_cast<double>(dot(mesh.positions[mesh.indices[i]],
                                   cross(mesh.positions[mesh.indices[i + 1]], mesh.positions[mesh.indices[i + 2]])));
  }
  return six / 6;
}

Mesh tetrahedron(Vec3 at, float size) {
  return {{at, at + Vec3{size, 0, 0}, at + Vec3{0, size, 0}, at + Vec3{0, 0, size}},
          {0, 2, 1, 0, 1, 3, 1, 2, 3, 2, 0, 3}};
}

Mesh cube(Vec3 at, float size) {
  Mesh out;
  for (int i = 0; i < 8; ++i) {
    out.positions.push_back(at + Vec3{i & 1 ? size : 0, i & 2 ? size : 0, i & 4 ? size : 0});
  }
  out.indices = {0, 2, 1, 1, 2, 3, 4, 5, 6, 5, 7, 6, 0, 1, 4, 1, 5, 4,
                 2, 6, 3, 3, 6, 7, 0, 4, 2, 2, 4, 6, 1, 3, 5, 3, 7, 5};
  return out;
}

Mesh both(Mesh a, const Mesh& b) {
  const auto begin = static_cast<std::uint32_t>(a.positions.size());
  a.positions.insert(a.positions.end(), b.positions.begin(), b.positions.end());
  for (const std::uint32_t v : b.indices) a.indices.push_back(begin + v);
  return a;
}

// Random bodies that run into each other, on a coarse grid so that they also touch in every way.
Mesh random_union(std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto one = [&](int below) {
    return static_cast<float>(static_cast<int>(random() % static_cast<unsigned>(below)));
  };
  Volume v(32, 32, 32, {});
  for (int n = 0; n < 7; ++n) {
    const Vec3 c{5 + one(22), 5 + one(22), 5 + one(22)};
    const float r = 2 + one(5);
    const bool box = random() % 2 == 0;
    for (int z = 0; z < 32; ++z) {
      for (int y = 0; y < 32; ++y) {
        for (int x = 0; x < 32; ++x) {
          const Vec3 d = Vec3{static_cast<float>(x), static_cast<float>(y), static_cast<float>(z)} - c;
          const float f = box ? r - std::max({std::abs(d.x), std::abs(d.y), std::abs(d.z)}) : r - length(d);
          v.at(x, y, z) = std::max(v.at(x, y, z), std::clamp(f, -1.0F, 1.0F));
        }
      }
    }
  }
  v.seal();
  return marching_cubes(v);
}

TEST(Faults, FindsEachKind) {
  const Mesh good = tetrahedron({}, 1);
  EXPECT_TRUE(faults_of(good).none());
  Mesh bad = good;
  bad.indices.resize(9);
  EXPECT_EQ(faults_of(bad).open_edges, 3u);
  bad = good;
  std::swap(bad.indices[0], bad.indices[1]);
  EXPECT_EQ(faults_of(bad).twisted_edges, 3u);
  bad = good;
  bad.indices.insert(bad.indices.end(), {0, 1, 1});
  EXPECT_EQ(faults_of(bad).degenerate_triangles, 1u);
  bad = good;
  bad.indices.insert(bad.indices.end(), {0, 1, 2});
  EXPECT_EQ(faults_of(bad).duplicate_triangles, 1u);
  EXPECT_EQ(faults_of(bad).crowded_edges, 3u);
  // Two bodies that touch at a corner, and along an edge.
  EXPECT_EQ(faults_of(both(cube({}, 1), cube({1, 1, 1}, 1))).pinched_vertices, 1u);
  EXPECT_EQ(faults_of(both(cube({}, 1), cube({1, 1, 0}, 1))).crowded_edges, 1u);
  const Mesh folded{{{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0.2F, 0.7F, 0}}, {0, 1, 2, 1, 0, 3}};
  EXPECT_EQ(faults_of(folded).folded_edges, 1u);
}

TEST(Manifold, LeavesAGoodMeshAsItIs) {
  const Mesh mesh = simplify(random_union(1), 3000);
  ASSERT_TRUE(faults_of(cube({}, 1)).none());
  EXPECT_EQ(make_manifold(cube({}, 1), 12).triangle_count(), 12u);
  const Mesh made = make_manifold(mesh, 3000);
  EXPECT_NEAR(enclosed(made) / enclosed(mesh), 1, 0.002);
}

TEST(Manifold, CutsBodiesThatTouch) {
  for (const Vec3 at : {Vec3{1, 1, 1}, Vec3{1, 1, 0}, Vec3{1, 0, 0}, Vec3{0, 1, 1}}) {
    const Mesh made = make_manifold(both(cube({}, 1), cube(at, 1)), 100);
    const Faults faults = faults_of(made);
    EXPECT_TRUE(faults.none()) << words(faults);
    EXPECT_NEAR(enclosed(made), 2, 0.25);
  }
}

TEST(Manifold, ClosesHoles) {
  Mesh mesh = simplify(random_union(3), 2000);
  std::mt19937 random(5);
  const double before = enclosed(mesh);
  for (int i = 0; i < 40; ++i) {
    const std::size_t t = random() % mesh.triangle_count();
    mesh.indices.erase(mesh.indices.begin() + static_cast<std::ptrdiff_t>(t) * 3,
                       mesh.indices.begin() + static_cast<std::ptrdiff_t>(t) * 3 + 3);
  }
  const Mesh made = make_manifold(mesh, 2000);
  const Faults faults = faults_of(made);
  EXPECT_TRUE(faults.none()) << words(faults);
  EXPECT_LE(made.triangle_count(), 2000u);
  EXPECT_NEAR(enclosed(made) / before, 1, 0.05);
}

TEST(Manifold, IsStrictForRandomUnionsAtAnyBudget) {
  for (std::uint32_t seed = 0; seed < 25; ++seed) {
    const Mesh fine = random_union(seed);
    for (const std::size_t budget : {200U, 600U, 3000U}) {
      const Mesh small = simplify(fine, budget);
      const Mesh made = make_manifold(small, budget);
      const Faults faults = faults_of(made);
      EXPECT_TRUE(faults.none()) << seed << " at " << budget << ": " << words(faults);
      EXPECT_LE(made.triangle_count(), budget);
      EXPECT_GT(made.triangle_count(), 0u);
      EXPECT_NEAR(enclosed(made) / enclosed(small), 1, 0.05) << seed << " at " << budget;
    }
  }
}

TEST(Manifold, SimplifyKeepsSolidsSoundAtTheSmallestBudgets) {
  for (std::uint32_t seed = 0; seed < 25; ++seed) {
    for (const std::size_t budget : {60U, 100U, 300U}) {
      const Mesh made = simplify(random_union(seed), budget);
      const Faults faults = faults_of(made);
      EXPECT_TRUE(faults.none()) << seed << " at " << budget << ": " << words(faults);
      EXPECT_LE(made.triangle_count(), budget);
      EXPECT_GT(made.triangle_count(), 0u);
    }
  }
}

// As the engine textures it: what faces the viewer shows one half of the picture, the rest the other.
TexturedMesh two_sided(const Mesh& mesh) {
  TexturedMesh out;
  const auto normals = normals_of(mesh);
  for (std::size_t i = 0; i < mesh.indices.size(); ++i) {
    const float side = area_of(mesh, i / 3).z < 0 ? 0.5F : 0;
    const std::uint32_t v = mesh.indices[i];
    const Vec3 p = mesh.positions[v];
    out.mesh.positions.push_back(p);
    out.normals.push_back(normals[v]);
    out.texture.push_back({p.x * 0.01F + side, p.y * 0.01F});
    out.mesh.indices.push_back(static_cast<std::uint32_t>(i));
  }
  out.jpeg = {0xFF, 0xD8, 0xFF, 0xD9};
  make_upright(out);
  return out;
}

TEST(Manifold, RewritingKeepsASoundModelSound) {
  for (std::uint32_t seed = 0; seed < 8; ++seed) {
    const auto glb = write_glb(two_sided(simplify(random_union(seed), 3000)));
    for (const std::size_t budget : {300U, 600U}) {
      const auto made = rewrite_glb(glb, {.triangles_max = budget});
      ASSERT_TRUE(made);
      const auto scene = read_scene(made->glb);
      ASSERT_TRUE(scene);
      const ModelCheck found = check(*scene);
      EXPECT_TRUE(found.faults.none()) << seed << " at " << budget << ": " << words(found.faults);
      EXPECT_EQ(found.triangles_against_normals, 0u) << seed << " at " << budget;
      EXPECT_LT(found.triangles, 1500u);
    }
  }
}

// Nothing that comes in may bring more than an empty mesh out, and whatever comes out is strict.
TEST(Manifold, MakesSomethingStrictOrNothingOfAnySoup) {
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    Mesh soup;
    const std::uint32_t vertices = 4 + random() % 40;
    for (std::uint32_t v = 0; v < vertices; ++v) {
      const auto one = [&] { return static_cast<float>(random() % 5); };
      soup.positions.push_back({one(), one(), one()});
    }
    for (std::uint32_t t = random() % 120; t > 0; --t) {
      for (int k = 0; k < 3; ++k) soup.indices.push_back(random() % vertices);
    }
    const Mesh made = make_manifold(soup, 1000);
    Faults faults = faults_of(made);
    faults.folded_edges = faults.degenerate_triangles = 0;  // soup may leave no room to unfold in
    EXPECT_TRUE(faults.none()) << seed << ": " << words(faults);
  }
  EXPECT_TRUE(make_manifold(Mesh{}, 100).indices.empty());
}

TEST(Manifold, GivesTheSameForTheSame) {
  const Mesh mesh = simplify(random_union(9), 600);
  const Mesh a = make_manifold(mesh, 600), b = make_manifold(mesh, 600);
  EXPECT_EQ(a.indices, b.indices);
}

}  // namespace
}  // namespace i2m::mesh
