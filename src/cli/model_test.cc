#include "cli/model.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "cli/convert.h"
#include "cli/files.h"
#include "image/probe.h"
#include "mesh/check.h"
#include "mesh/glb.h"
#include "mesh/json.h"

namespace i2m::cli {
namespace {

namespace fs = std::filesystem;
using mesh::Json;

class ModelCommand : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = fs::temp_directory_path() / ("i2m_model_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    const std::string in = fs::path(I2M_PICTURES) / "mit-fluent-leaf.webp";
    ASSERT_EQ(call(convert_main, {"convert", in, "-o", glb(), "--triangles", "2000", "--texture", "512"}), 0);
  }
  static void TearDownTestSuite() { fs::remove_all(folder_); }

  static std::string glb() { return folder_ / "leaf.glb"; }
  static std::string file(const std::string& name) { return folder_ / name; }

  static int call(int (*main)(int, char**), std::vector<std::string> arguments) {
    std::vector<char*> argv;
    for (auto& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = main(static_cast<int>(argv.size()) - 1, argv.data());
    said = testing::internal::GetCapturedStdout();
    complained = testing::internal::GetCapturedStderr();
    return code;
  }
  static int run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "model");
    return call(model_main, std::move(arguments));
  }
  static std::vector<std::uint8_t> bytes(const std::string& name) {
    const auto read = read_file(file(name), 100U << 20);
    EXPECT_TRUE(read) << name;
    return read ? *read : std::vector<std::uint8_t>{};
  }
  static Json report() {
    const auto json = Json::parse(said.substr(0, said.find('\n')));
    EXPECT_TRUE(json) << said;
    return json.value_or(Json{});
  }

  static inline fs::path folder_;
  static inline std::string said, complained;
};

TEST_F(ModelCommand, SaysWhatAModelIsMadeOf) {
  ASSERT_EQ(run({glb(), "--json"}), 0) << complained;
  EXPECT_EQ(report().count("triangles"), 2000u);
  EXPECT_EQ(report().count("images"), 1u);
  EXPECT_TRUE(report().find("closed")->truth);
  EXPECT_TRUE(report().find("printable")->truth);
  ASSERT_EQ(run({glb()}), 0);
  EXPECT_TRUE(said.contains("2000 triangles")) << said;
}

TEST_F(ModelCommand, SimplifiesScalesAndCompresses) {
  ASSERT_EQ(run({glb(), "--simplify", "500", "--size", "width=120mm", "--compress", "-o", file("small.glb"), "--json"}),
            0)
      << complained;
  EXPECT_TRUE(report().find("rewritten")->find("reached")->truth);
  const auto scene = mesh::read_scene(bytes("small.glb"));
  ASSERT_TRUE(scene);
  EXPECT_LE(scene->triangle_count(), 500u);
  EXPECT_GE(scene->triangle_count(), 480u);
  const mesh::Box box = bounds_of(*scene);
  EXPECT_NEAR(box.max.x - box.min.x, 0.12F, 1e-5);
  EXPECT_TRUE(mesh::inspect_glb(bytes("small.glb"))->compressed);
}

TEST_F(ModelCommand, WritesWhatItsNameSays) {
  for (const auto& [name, begins] :
       {std::pair{"a.stl", "Image2Model"}, {"a.zip", "PK"}, {"a.USDZ", "PK"}, {"a.glb", "glTF"}}) {
    ASSERT_EQ(run({glb(), "-o", file(name)}), 0) << complained;
    const auto made = bytes(name);
    EXPECT_EQ(std::memcmp(made.data(), begins, std::strlen(begins)), 0) << name;
  }
  EXPECT_EQ(bytes("a.glb").size(), fs::file_size(glb()));
  EXPECT_EQ(bytes("a.stl").size(), 84 + 2000 * 50u);
}

TEST_F(ModelCommand, MakesAPrintableSolid) {
  ASSERT_EQ(run({glb(), "-o", file("solid.stl"), "--solid", "--size", "height=6cm"}), 0) << complained;
  const auto stl = bytes("solid.stl");
  mesh::Mesh read;
  for (std::size_t at = 84; at < stl.size(); at += 50) {
    for (std::size_t k = 1; k <= 3; ++k) {
      mesh::Vec3 p;
      std::memcpy(&p, &stl[at + k * 12], sizeof p);
      read.indices.push_back(static_cast<std::uint32_t>(read.positions.size()));
      read.positions.push_back(p);
    }
  }
  EXPECT_TRUE(mesh::faults_of(read).none()) << "as a slicer reads it";
  const mesh::Box box = mesh::bounds_of(read.positions);
  EXPECT_NEAR(box.max.z - box.min.z, 60, 0.01);
}

TEST_F(ModelCommand, DrawsItFromAllSides) {
  ASSERT_EQ(run({glb(), "--preview", file("p.png"), "--turntable", file("turn"), "--frames", "3", "--pixels", "64"}), 0)
      << complained;
  for (const char* name : {"p.png", "turn/frame_000.png", "turn/frame_002.png"}) {
    const auto info = image::probe(bytes(name));
    ASSERT_TRUE(info) << name;
    EXPECT_EQ(info->width, 64u);
    EXPECT_EQ(info->height, 64u);
  }
  EXPECT_FALSE(fs::exists(file("turn/frame_003.png")));
}

TEST_F(ModelCommand, ComplainsPlainlyAndWritesNothing) {
  EXPECT_EQ(run({"/nowhere/at/all.glb"}), 1);
  EXPECT_TRUE(complained.contains("cannot open")) << complained;
  EXPECT_EQ(run({fs::path(I2M_PICTURES) / "NOTICE.txt", "-o", file("no.glb")}), 1);
  EXPECT_TRUE(complained.contains("not a GLB")) << complained;
  EXPECT_EQ(run({glb(), "-o", "/nowhere/at/all.glb"}), 1);
  EXPECT_FALSE(fs::exists(file("no.glb")));
}

TEST_F(ModelCommand, TellsWrongArguments) {
  EXPECT_EQ(run({}), 2);
  EXPECT_EQ(run({glb(), "-o", file("a.obj")}), 2);
  EXPECT_EQ(run({glb(), "--size", "height"}), 2);
  EXPECT_EQ(run({glb(), "--size", "girth=3"}), 2);
  EXPECT_EQ(run({glb(), "--size", "height=3miles"}), 2);
  EXPECT_EQ(run({glb(), "--size", "height=-1"}), 2);
  EXPECT_EQ(run({glb(), "--size", "height=nan"}), 2);
  EXPECT_EQ(run({glb(), "--compress"}), 2);
  EXPECT_EQ(run({glb(), "--solid", "-o", file("b.glb")}), 2);
  EXPECT_EQ(run({glb(), "--frames", "0"}), 2);
  EXPECT_EQ(run({"--help"}), 0);
}

}  // namespace
}  // namespace i2m::cli
