#include "mesh/glb.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>

#include "mesh/json.h"

namespace i2m::mesh {
namespace {

using Bytes = std::vector<std::uint8_t>;

TexturedMesh tetrahedron() {
  TexturedMesh m;
  m.mesh = {{{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, {0, 2, 1, 0, 1, 3, 1, 2, 3, 2, 0, 3}};
  m.normals = normals_of(m.mesh);
  m.texture.resize(4);
  m.jpeg = {0xff, 0xd8, 0xff, 0xd9, 0};
  return m;
}

std::string json_of(const Bytes& glb) {
  std::uint32_t size = 0;
  std::memcpy(&size, glb.data() + 12, 4);
  return {glb.begin() + 20, glb.begin() + 20 + size};
}

// A GLB of that JSON and `bin_bytes` zero bytes, its lengths right.
Bytes glb_of(std::string json, std::size_t bin_bytes) {
  while (json.size() % 4 != 0) json += ' ';
  Bytes out;
  const auto put = [&](std::size_t value) {
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::uint8_t>(value >> 8 * i));
  };
  put(0x46546C67), put(2), put(12 + 8 + json.size() + (bin_bytes > 0 ? 8 + bin_bytes : 0));
  put(json.size()), put(0x4E4F534A);
  out.insert(out.end(), json.begin(), json.end());
  if (bin_bytes > 0) {
    put(bin_bytes), put(0x004E4942);
    out.resize(out.size() + bin_bytes);
  }
  return out;
}

TEST(Glb, SaysWhatWasWritten) {
  const Bytes glb = write_glb(tetrahedron());
  const auto summary = inspect_glb(glb);
  ASSERT_TRUE(summary) << summary.error().detail;
  EXPECT_EQ(summary->bytes, glb.size());
  EXPECT_EQ(summary->triangles, 4u);
  EXPECT_EQ(summary->vertices, 4u);
  EXPECT_EQ(summary->meshes, 1u);
  EXPECT_EQ(summary->primitives, 1u);
  EXPECT_EQ(summary->materials, 1u);
  EXPECT_EQ(summary->textures, 1u);
  EXPECT_EQ(summary->images, 1u);
  EXPECT_FALSE(summary->compressed);
}

TEST(Glb, UsesWideIndicesForManyVertices) {
  TexturedMesh m = tetrahedron();
  m.mesh.positions.resize(70'000);
  m.normals.resize(70'000, {0, 1, 0});
  m.texture.resize(70'000);
  m.mesh.indices.push_back(69'999), m.mesh.indices.push_back(0), m.mesh.indices.push_back(1);
  const auto summary = inspect_glb(write_glb(m));
  ASSERT_TRUE(summary) << summary.error().detail;
  EXPECT_EQ(summary->triangles, 5u);
}

TEST(Glb, RefusesEveryTruncation) {
  const Bytes glb = write_glb(tetrahedron());
  for (std::size_t size = 0; size < glb.size(); ++size) {
    const auto summary = inspect_glb({glb.data(), size});
    ASSERT_FALSE(summary) << size;
    EXPECT_EQ(summary.error().code, Code::ContractMissed);
  }
}

TEST(Glb, RefusesMalformedHeaders) {
  const Bytes good = write_glb(tetrahedron());
  const auto with = [&](std::size_t at, std::uint8_t value) {
    Bytes bad = good;
    bad[at] = value;
    return bad;
  };
  EXPECT_FALSE(inspect_glb(with(0, 'G')));            // magic
  EXPECT_FALSE(inspect_glb(with(4, 1)));              // version
  EXPECT_FALSE(inspect_glb(with(8, good[8] ^ 4)));    // total length
  EXPECT_FALSE(inspect_glb(with(12, good[12] ^ 4)));  // JSON chunk's length
  EXPECT_FALSE(inspect_glb(with(15, 0x7f)));
  EXPECT_FALSE(inspect_glb(with(16, 'j')));  // its type
  EXPECT_FALSE(inspect_glb(with(20, '[')));  // JSON itself
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_FALSE(inspect_glb(longer));
}

// Each row changes one thing in a good file's JSON; every change has to be noticed.
TEST(Glb, RefusesWhatReachesOutsideOrNamesNothing) {
  const Bytes good = write_glb(tetrahedron());
  const std::string json = json_of(good);
  const std::size_t bin_bytes = good.size() - 28 - json.size();
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = json;
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return inspect_glb(glb_of(text.replace(at, from.size(), to), bin_bytes));
  };
  ASSERT_TRUE(inspect_glb(glb_of(json, bin_bytes)));
  const std::pair<const char*, const char*> rows[] = {
      {R"("version":"2.0")", R"("version":"1.0")"},
      {R"("count":4,"type":"VEC3","min")", R"("count":5,"type":"VEC3","min")"},
      {R"("count":4,"type":"VEC2")", R"("count":3,"type":"VEC2")"},
      {R"("count":12)", R"("count":1200)"},
      {R"("count":12)", R"("count":11)"},
      {R"("count":12)", R"("count":0)"},
      {R"("count":12)", R"("count":-3)"},
      {R"("count":12)", R"("count":1.5)"},
      {R"("bufferView":3)", R"("bufferView":77)"},
      {R"("bufferView":4)", R"("bufferView":5)"},
      {R"("byteOffset":0)", R"("byteOffset":99999)"},
      {R"("byteLength":48)", R"("byteLength":9007199254740992)"},
      {R"("indices":3)", R"("indices":9)"},
      {R"("indices":3)", R"("indices":0)"},
      {R"("POSITION":0)", R"("POSITION":2)"},
      {R"("POSITION":0)", R"("POSITION":40)"},
      {R"("material":0)", R"("material":1)"},
      {R"("source":0)", R"("source":1)"},
      {R"("index":0)", R"("index":4)"},
      {R"("mesh":0)", R"("mesh":1)"},
      {R"("nodes":[0])", R"("nodes":[1])"},
      {R"("componentType":5123)", R"("componentType":5126)"},
      {R"("componentType":5123)", R"("componentType":5)"},
      {R"("mimeType":"image/jpeg")", R"("mimeType":"text/html")"},
      {R"("bufferView":4,)", R"("uri":"https://example.com/a.jpg",)"},
      {R"("buffers":[{)", R"("buffers":[{"uri":"model.bin",)"},
      {R"("scene":0)", R"("scene":0,)"},
  };
  for (const auto& [from, to] : rows) EXPECT_FALSE(changed(from, to)) << from << " -> " << to;
}

TEST(Glb, RefusesIndicesBeyondTheVertices) {
  TexturedMesh m = tetrahedron();
  m.mesh.indices[5] = 4;
  const auto summary = inspect_glb(write_glb(m));
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().detail, "GLB: an index names no vertex");
}

TEST(Glb, SurvivesAnyChangedByte) {
  const Bytes good = write_glb(tetrahedron());
  std::mt19937 random(3);
  for (int round = 0; round < 30'000; ++round) {
    // A copy without slack: the sanitizer sees a read of even one byte too many.
    Bytes bad(good.begin(),
              good.begin() + static_cast<std::ptrdiff_t>(random() % 8 == 0 ? random() % good.size() : good.size()));
    for (std::uint32_t n = 1 + random() % 4; n > 0 && !bad.empty(); --n) {
      bad[random() % bad.size()] = static_cast<std::uint8_t>(random());
    }
    if (const auto summary = inspect_glb(bad)) {
      EXPECT_LE(summary->triangles, good.size());
    }
  }
}

TEST(Json, ReadsWhatIsRight) {
  const auto json = Json::parse(R"( {"a":[1,-2.5e3,true,null,"x\u00e9\n\ud83d\ude00"],"b":{"c":7}} )");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->list("a").size(), 5u);
  EXPECT_EQ(json->list("a")[1].number, -2500);
  EXPECT_EQ(json->list("a")[4].text, "x\xc3\xa9\n\xf0\x9f\x98\x80");
  EXPECT_EQ(json->find("b")->count("c"), 7u);
  EXPECT_EQ(json->count("a"), std::nullopt);
}

TEST(Json, RefusesWhatIsWrong) {
  for (const char* bad : {"",      "{",   "[1,]",  "{\"a\"}",     "{\"a\":1,}", "01",    "1.",          ".5",
                          "+1",    "nul", "\"a",   "\"\\x\"",     "[1 2]",      "{} {}", "\"\\ud800\"", "\"\x01\"",
                          "1e999", "-",   "{a:1}", "[\"\\u12\"]", "NaN",        "inf"}) {
    EXPECT_FALSE(Json::parse(bad)) << bad;
  }
  EXPECT_FALSE(Json::parse(std::string(100'000, '[')));
}

}  // namespace
}  // namespace i2m::mesh
