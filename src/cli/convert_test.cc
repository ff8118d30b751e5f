#include "cli/convert.h"

#include <unistd.h>

#include "image/test_pictures.h"
#include "mesh/glb.h"

namespace i2m::cli {
namespace {

namespace fs = std::filesystem;

class Convert : public testing::Test {
 protected:
  Convert() : folder_(fs::temp_directory_path() / ("i2m_convert_" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~Convert() override { fs::remove_all(folder_); }

  fs::path out() const { return folder_ / "model.glb"; }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator{}));
  }

  int run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "convert");
    std::vector<char*> argv;
    for (auto& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = convert_main(static_cast<int>(argv.size()) - 1, argv.data());
    said = testing::internal::GetCapturedStdout();
    complained = testing::internal::GetCapturedStderr();
    return code;
  }

  mutable std::string said, complained;

 private:
  fs::path folder_;
};

TEST_F(Convert, WritesAModelOfTheAskedQuality) {
  const std::string in = pictures() / "mit-fluent-plant.webp";
  for (const auto& [quality, triangles] : {std::pair{"low", 1000u}, {"medium", 5000u}}) {
    ASSERT_EQ(run({in, "-o", out(), "--quality", quality, "--json"}), 0) << complained;
    const auto summary = mesh::inspect_glb(file_bytes(out()));
    ASSERT_TRUE(summary);
    EXPECT_EQ(summary->triangles, triangles);
    EXPECT_TRUE(said.contains("\"triangles\":" + std::to_string(triangles))) << said;
    EXPECT_EQ(files(), 1u) << "no temporary file is left";
  }
}

TEST_F(Convert, TakesItsOptions) {
  const std::string in = pictures() / "mit-fluent-leaf.webp";
  ASSERT_EQ(run({in, "-o", out(), "--triangles", "500", "--shape", "flat", "--depth", "0.5", "--texture", "256",
                 "--back", "mirror", "--json"}),
            0)
      << complained;
  EXPECT_TRUE(said.contains("\"shape\":\"flat\"")) << said;
  EXPECT_LE(mesh::inspect_glb(file_bytes(out()))->triangles, 500u);
}

TEST_F(Convert, ComplainsPlainlyAndWritesNothing) {
  EXPECT_EQ(run({pictures() / "edge-blank-white.png", "-o", out()}), 1);
  EXPECT_TRUE(complained.contains("no object")) << complained;
  EXPECT_EQ(run({"/nowhere/at/all.png", "-o", out()}), 1);
  EXPECT_EQ(run({pictures() / "NOTICE.txt", "-o", out()}), 1);
  EXPECT_EQ(run({pictures() / "mit-fluent-leaf.webp", "-o", "/nowhere/at/all.glb", "--quality", "low"}), 1);
  EXPECT_EQ(files(), 0u);
}

TEST_F(Convert, TellsWrongArgumentsFromWrongPictures) {
  const std::string in = pictures() / "mit-fluent-leaf.webp";
  EXPECT_EQ(run({}), 2);
  EXPECT_EQ(run({in}), 2);
  EXPECT_EQ(run({in, "-o", out(), "--quality", "perfect"}), 2);
  EXPECT_EQ(run({in, "-o", out(), "--triangles", "3"}), 2);
  EXPECT_EQ(run({in, "-o", out(), "--depth", "nan"}), 2);
  EXPECT_EQ(run({in, "-o", out(), "--shape", "round"}), 2);
  EXPECT_EQ(run({"--help"}), 0);
  EXPECT_EQ(files(), 0u);
}

}  // namespace
}  // namespace i2m::cli
