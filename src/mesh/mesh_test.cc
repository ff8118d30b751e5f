#include "mesh/mesh.h"

#include <gtest/gtest.h>

#include <random>

#include "mesh/marching_cubes.h"
#include "mesh/simplify.h"

namespace i2m::mesh {
namespace {

Volume ball(int side, float radius) {
  Volume v(side, side, side, {});
  const float middle = static_cast<float>(side - 1) / 2;
  for (int z = 0; z < side; ++z) {
    for (int y = 0; y < side; ++y) {
      for (int x = 0; x < side; ++x) {
        const Vec3 d =
            Vec3{static_cast<float>(x), static_cast<float>(y), static_cast<float>(z)} - Vec3{middle, middle, middle};
        v.at(x, y, z) = radius - length(d);
      }
    }
  }
  return v;
}

double enclosed(const Mesh& mesh) {
  double six = 0;
  for (std::size_t i = 0; i + 2 < mesh.indices.size(); i += 3) {
    six += static_cast<double>(dot(mesh.positions[mesh.indices[i]],
                                   cross(mesh.positions[mesh.indices[i + 1]], mesh.positions[mesh.indices[i + 2]])));
  }
  return six / 6;
}

TEST(MarchingCubes, MakesABallOfTheRightSizeFacingOutwards) {
  const Mesh mesh = marching_cubes(ball(64, 25));
  EXPECT_NEAR(enclosed(mesh), 4.0 / 3 * 3.14159265 * 25 * 25 * 25, 300);
  const Vec3 middle{31.5F, 31.5F, 31.5F};
  const auto normals = normals_of(mesh);
  for (std::size_t i = 0; i < normals.size(); ++i) {
    ASSERT_GT(dot(normals[i], mesh.positions[i] - middle), 0.9F * 25) << i;
  }
}

// Random signs meet every case, the ambiguous faces too.
TEST(MarchingCubes, IsClosedAndManifoldForAnySigns) {
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    Volume v(14, 15, 16, {});
    for (int z = 1; z < 15; ++z) {
      for (int y = 1; y < 14; ++y) {
        for (int x = 1; x < 13; ++x) v.at(x, y, z) = static_cast<float>(random() % 200) / 100 - 1 + 0.001F;
      }
    }
    const EdgeCount edges = count_edges(marching_cubes(v));
    EXPECT_EQ(edges.open, 0u);
    EXPECT_EQ(edges.non_manifold, 0u);
  }
}

TEST(MarchingCubes, MakesNothingOfNothing) {
  EXPECT_TRUE(marching_cubes(Volume(8, 8, 8, {})).indices.empty());
  EXPECT_TRUE(marching_cubes(Volume(1, 8, 8, {})).indices.empty());
}

TEST(Smooth, KeepsTheSize) {
  Mesh mesh = marching_cubes(ball(48, 18));
  const double before = enclosed(mesh);
  smooth(mesh, 2);
  EXPECT_NEAR(enclosed(mesh) / before, 1, 0.01);
}

TEST(Simplify, UsesItsBudgetAndStaysClosed) {
  const Mesh mesh = marching_cubes(ball(96, 44));
  ASSERT_GT(mesh.triangle_count(), 20'000u);
  for (const std::size_t budget : {100u, 1000u, 1001u, 5000u, 10'000u}) {
    const Mesh small = simplify(mesh, budget);
    EXPECT_LE(small.triangle_count(), budget);
    EXPECT_GE(static_cast<double>(small.triangle_count()), 0.995 * static_cast<double>(budget) - 1);
    EXPECT_EQ(count_edges(small).open, 0u);
    EXPECT_EQ(small.positions.size(), small.triangle_count() / 2 + 2);  // Euler: closed, of one part, without a handle
    EXPECT_NEAR(enclosed(small) / enclosed(mesh), 1, budget < 200 ? 0.15 : 0.02);
  }
}

TEST(Simplify, LeavesASmallMeshAsItIs) {
  const Mesh mesh = marching_cubes(ball(12, 3));
  EXPECT_EQ(simplify(mesh, 100'000).triangle_count(), mesh.triangle_count());
  EXPECT_TRUE(simplify(Mesh{}, 100).indices.empty());
}

TEST(Simplify, DropsTheSmallestPartsWhenTheBudgetIsTooSmallForAll) {
  Volume v(100, 100, 8, {});
  for (int y = 0; y < 100; ++y) {
    for (int x = 0; x < 100; ++x) {
      if (x % 4 == 1 && y % 4 == 1 && x < 96 && y < 96) v.at(x, y, 3) = 1;
    }
  }
  for (int y = 40; y < 70; ++y) {
    for (int x = 40; x < 70; ++x) v.at(x, y, 3) = v.at(x, y, 4) = 1;
  }
  const Mesh mesh = marching_cubes(v);
  const Mesh small = simplify(mesh, 400);
  EXPECT_LE(small.triangle_count(), 400u);
  EXPECT_GT(small.triangle_count(), 0u);
  const Box box = bounds_of(small.positions);
  EXPECT_GE(box.max.x - box.min.x, 29.0F);
}

TEST(Edges, AreCountedAsOpenOrShared) {
  Mesh mesh{{{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, {0, 2, 1, 0, 1, 3, 1, 2, 3, 2, 0, 3}};
  EXPECT_EQ(count_edges(mesh).open, 0u);
  mesh.indices.resize(9);
  EXPECT_EQ(count_edges(mesh).open, 3u);
  mesh.indices.insert(mesh.indices.end(), {0, 1, 3});
  EXPECT_GT(count_edges(mesh).non_manifold, 0u);
}

TEST(Parts, AreNumberedInOrder) {
  const Mesh mesh{{{}, {}, {}, {}, {}, {}}, {0, 2, 4, 1, 3, 5}};
  EXPECT_EQ(parts_of(mesh), (std::vector<std::uint32_t>{0, 1, 0, 1, 0, 1}));
}

}  // namespace
}  // namespace i2m::mesh
