#include "mesh/scene.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "mesh/check.h"
#include "mesh/gltf.h"
#include "mesh/rewrite.h"
#include "mesh/test_models.h"

namespace i2m::mesh {
namespace {

std::string why(const Bytes& glb) {
  const auto scene = read_scene(glb);
  return scene ? "read" : scene.error().message;
}

TEST(Scene, PlacesMeshesByTheirNodes) {
  const auto scene = read_scene(model(R"("nodes":[{"children":[1,2],"translation":[10,0,0],"scale":[2,2,2]},)"
                                      R"({"mesh":0,"translation":[1,0,0]},{"mesh":0,"scale":[-1,1,1]}],)"
                                      R"("scenes":[{"nodes":[0]}])"));
  ASSERT_TRUE(scene) << scene.error().message;
  ASSERT_EQ(scene->parts.size(), 2u);
  const Box first = bounds_of(scene->parts[0].mesh.positions), second = bounds_of(scene->parts[1].mesh.positions);
  EXPECT_FLOAT_EQ(first.min.x, 12);
  EXPECT_FLOAT_EQ(first.max.x, 14);
  EXPECT_FLOAT_EQ(second.min.x, 8);
  // The mirrored one still faces outwards.
  EXPECT_EQ(check(*scene).triangles_against_normals, 0u);
  EXPECT_TRUE(check(*scene).faults.none());
}

TEST(Scene, TakesStripsAndFansApart) {
  for (const int mode : {5, 6}) {
    const auto scene = read_scene(model(single_node, {.mode = mode, .indices = {0, 1, 2, 3}}));
    ASSERT_TRUE(scene);
    EXPECT_EQ(scene->triangle_count(), 2u);
    EXPECT_EQ(scene->parts[0].mesh.indices, mode == 5 ? (std::vector<std::uint32_t>{0, 1, 2, 1, 3, 2})
                                                      : (std::vector<std::uint32_t>{0, 1, 2, 0, 2, 3}));
  }
}

TEST(Scene, ReadsSparseAndNormalisedValues) {
  ModelWish wish;
  wish.sparse = true;
  const auto scene = read_scene(model(single_node, wish));
  ASSERT_TRUE(scene) << scene.error().message;
  EXPECT_FLOAT_EQ(scene->parts[0].mesh.positions[1].x, 5);  // the sparse value, in place of 1
  EXPECT_FLOAT_EQ(scene->parts[0].texture[1].x, 1);         // 255 of a normalised byte
}

TEST(Scene, MovesTextureCoordinates) {
  ModelWish wish;
  wish.material = R"({"pbrMetallicRoughness":{"baseColorTexture":{"index":0,"extensions":{"KHR_texture_transform":)"
                  R"({"offset":[0.25,0.5],"scale":[0.5,0.5]}}}},"alphaMode":"MASK","doubleSided":true})";
  const auto scene = read_scene(model(single_node, wish));
  ASSERT_TRUE(scene);
  EXPECT_FLOAT_EQ(scene->parts[0].texture[1].x, 0.75F);
  EXPECT_FLOAT_EQ(scene->parts[0].texture[1].y, 0.5F);
  EXPECT_EQ(scene->materials[0].alpha, Alpha::Mask);
  EXPECT_TRUE(scene->materials[0].double_sided);
  ASSERT_TRUE(scene->materials[0].image);
  EXPECT_EQ(scene->images[0].type, "image/png");
}

TEST(Scene, RefusesNodesThatAreNoTree) {
  const std::pair<const char*, const char*> rows[] = {
      {R"("nodes":[{"children":[1],"mesh":0},{"children":[0]}],"scenes":[{"nodes":[0]}])", "cycle"},
      {R"("nodes":[{"children":[1]},{"mesh":0}],"scenes":[{"nodes":[1]}])", "no root"},
      {R"("nodes":[{"children":[0],"mesh":0}],"scenes":[{"nodes":[0]}])", "its own"},
      {R"("nodes":[{"mesh":0},{"children":[2]},{"children":[1]}],"scenes":[{"nodes":[0]}])", "cycle"},
      {R"("nodes":[{"children":[2]},{"children":[2]},{"mesh":0}],"scenes":[{"nodes":[0,1]}])", "two parents"},
      {R"("nodes":[{"children":[9],"mesh":0}],"scenes":[{"nodes":[0]}])", "child"},
      {R"("nodes":[{"mesh":0}],"scenes":[{"nodes":[0,0]}])", "root"},
      {R"("nodes":[{"mesh":0,"scale":[1,1]}],"scenes":[{"nodes":[0]}])", "length"},
      {R"("nodes":[{"mesh":0,"matrix":[1e300,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1]}],"scenes":[{"nodes":[0]}])", "number"},
  };
  for (const auto& [nodes, words] : rows)
    EXPECT_TRUE(why(model(nodes)).contains(words)) << nodes << ": " << why(model(nodes));
}

TEST(Scene, RefusesADeepChainWithoutRunningOutOfStack) {
  std::string nodes = R"("scenes":[{"nodes":[0]}],"nodes":[)";
  for (int i = 0; i < 5000; ++i) nodes += R"({"children":[)" + std::to_string(i + 1) + "]},";
  EXPECT_TRUE(why(model(nodes + R"({"mesh":0}])")).contains("too deep"));
}

// Each asks for far more than it brings.
TEST(Scene, RefusesBombsBeforeTheyGoOff) {
  ModelWish zeros;
  zeros.claimed_vertices = 4'000'000'000;  // no view: all of them zero
  EXPECT_TRUE(why(model(single_node, zeros)).contains("fit")) << why(model(single_node, zeros));
  std::string many = R"("scenes":[{"nodes":[)", nodes;
  ModelWish some;
  some.claimed_vertices = 100'000;
  for (int i = 0; i < 500; ++i) {
    many += (i > 0 ? "," : "") + std::to_string(i);
    nodes += std::string(i > 0 ? "," : "") + R"({"mesh":0})";
  }
  EXPECT_TRUE(why(model(many + R"(]}],"nodes":[)" + nodes + "]", some)).contains("fit"));
  const auto rewritten = rewrite_glb(model(single_node, zeros), {.triangles_max = 1});
  ASSERT_FALSE(rewritten);
  ModelWish packed;
  packed.packed_count = 1ULL << 40;
  EXPECT_NE(why(model(single_node, packed)), "read");
}

// A node of a few bytes draws a mesh once more: 7500 of them made half a gigabyte of text.
TEST(Scene, RefusesAMeshPlacedTooOften) {
  std::string roots, nodes;
  ModelWish wish;
  wish.claimed_vertices = 1000;
  const auto placed = [&](int times) {
    for (int i = 0; i < times; ++i) {
      roots += (i > 0 ? "," : "") + std::to_string(i);
      nodes += std::string(i > 0 ? "," : "") + R"({"mesh":0})";
    }
    const std::string text = R"("scenes":[{"nodes":[)" + roots + R"(]}],"nodes":[)" + nodes + "]";
    roots.clear(), nodes.clear();
    return model(text, wish);
  };
  EXPECT_EQ(why(placed(100)), "read");
  EXPECT_TRUE(why(placed(7500)).contains("placed so often")) << why(placed(7500));
}

TEST(Scene, SimplifyingCountsWhatIsDrawn) {
  const Bytes thrice =
      model(R"("nodes":[{"mesh":0},{"mesh":0,"translation":[3,0,0]},{"mesh":0,"translation":[6,0,0]}],)"
            R"("scenes":[{"nodes":[0,1,2]}])");
  const auto same = rewrite_glb(thrice, {.triangles_max = 12});
  ASSERT_TRUE(same);
  EXPECT_EQ(same->triangles, 12u);
  EXPECT_EQ(same->triangles_before, 12u);
  // A tetrahedron has no fewer: who asks for less is told so.
  const auto fewer = rewrite_glb(thrice, {.triangles_max = 11});
  ASSERT_TRUE(fewer);
  EXPECT_EQ(fewer->triangles, read_scene(fewer->glb)->triangle_count());
  EXPECT_EQ(fewer->reached, fewer->triangles <= 11);
}

TEST(Scene, RefusesWhatItWouldShowWrongly) {
  const auto needing = [](const std::string& name) {
    return model(R"("extensionsRequired":[")" + name + R"("],)" + single_node);
  };
  for (const char* known : {"KHR_mesh_quantization", "KHR_materials_clearcoat", "EXT_texture_webp"}) {
    EXPECT_EQ(why(needing(known)), "read") << known;
  }
  EXPECT_TRUE(why(needing("ACME_voxels")).contains("ACME_voxels")) << why(needing("ACME_voxels"));
  EXPECT_FALSE(rewrite_glb(needing("ACME_voxels"), {.triangles_max = 2}));
  const Bytes plain = model(single_node);
  const auto text = std::string(plain.begin(), plain.end());
  const std::size_t begin = text.find('{'), end = text.rfind("]}") + 2;
  std::string json = text.substr(begin, end - begin);
  json.replace(json.find(R"("version":"2.0")"), 15, R"("version":"2.0","minVersion":"2.1")");
  EXPECT_TRUE(why(join_glb(json, {})).contains("2.1")) << why(join_glb(json, {}));
}

TEST(Scene, RefusesDracoByName) {
  ModelWish wish;
  wish.primitive_extension = R"("KHR_draco_mesh_compression":{"bufferView":0,"attributes":{"POSITION":0}})";
  EXPECT_TRUE(why(model(single_node, wish)).contains("Draco")) << why(model(single_node, wish));
}

TEST(Check, CountsAndMeasures) {
  const auto scene = read_scene(model(single_node));
  ASSERT_TRUE(scene);
  const ModelCheck found = check(*scene);
  EXPECT_EQ(found.triangles, 4u);
  EXPECT_EQ(found.parts, 1u);
  EXPECT_EQ(found.materials, 1u);
  EXPECT_EQ(found.images, 1u);
  EXPECT_TRUE(found.closed());
  EXPECT_FLOAT_EQ(found.bounds.max.y, 1);
  EXPECT_FLOAT_EQ(found.texture_max.x, 1);
}

}  // namespace
}  // namespace i2m::mesh
