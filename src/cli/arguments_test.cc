#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/convert.h"
#include "cli/model.h"
#include "image/test_pictures.h"

namespace i2m::cli {
namespace {

namespace fs = std::filesystem;

/// What both commands refuse, and how they say so.
class Arguments : public testing::Test {
 protected:
  Arguments() : folder_(fs::temp_directory_path() / ("i2m_arguments_" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~Arguments() override { fs::remove_all(folder_); }

  using Main = int (*)(int, char**);
  static int main_of(Main main, std::vector<std::string> arguments) {
    std::vector<char*> argv;
    for (auto& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);
    return main(static_cast<int>(argv.size()) - 1, argv.data());
  }
  static int call(Main main, std::vector<std::string> arguments) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = main_of(main, std::move(arguments));
    said = testing::internal::GetCapturedStdout();
    complained = testing::internal::GetCapturedStderr();
    return code;
  }
  static int convert(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "convert");
    return call(convert_main, std::move(arguments));
  }
  static int model(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "model");
    return call(model_main, std::move(arguments));
  }

  std::string file(const std::string& name) const { return folder_ / name; }
  std::string leaf() const { return pictures() / "mit-fluent-leaf.webp"; }
  /// A model to look at.
  std::string glb() const {
    const std::string path = file("leaf.glb");
    EXPECT_EQ(convert({leaf(), "-o", path, "--triangles", "500", "--texture", "512"}), 0) << complained;
    return path;
  }
  static bool complains_of(const std::string& words) { return complained.contains(words); }

  static inline std::string said, complained;

 private:
  fs::path folder_;
};

TEST_F(Arguments, NoFileTakesAnothersPlace) {
  const std::string in = glb(), other = file("other.glb");
  const FileBytes before = file_bytes(in);
  fs::create_symlink(in, file("link.png"));
  EXPECT_EQ(model({in, "--preview", in}), 2) << complained;
  EXPECT_TRUE(complains_of("--preview: " + in + " would be overwritten")) << complained;
  EXPECT_EQ(model({in, "--preview", file("link.png")}), 2) << complained;
  EXPECT_EQ(model({in, "-o", in}), 2) << complained;
  EXPECT_EQ(file_bytes(in), before);
  EXPECT_EQ(model({in, "-o", other, "--preview", file("./other.glb")}), 2);
  EXPECT_TRUE(complains_of("--out and --preview would both write")) << complained;
  EXPECT_EQ(model({in, "--preview", file("turn/frame_001.png"), "--turntable", file("turn")}), 2);
  EXPECT_TRUE(complains_of("--preview and --turntable would both write")) << complained;
  EXPECT_EQ(convert({leaf(), "-o", other, "--preview", other}), 2);
  EXPECT_TRUE(complains_of("--out and --preview would both write")) << complained;
  EXPECT_EQ(convert({leaf(), "-o", other, "--mask", file("m.png"), "--mask-preview", file("m.png")}), 2);
  EXPECT_TRUE(complains_of("--mask and --mask-preview would both write")) << complained;
  EXPECT_FALSE(fs::exists(other));
  EXPECT_FALSE(fs::exists(file("turn")));
}

TEST_F(Arguments, AReportThatIsLostIsAFailure) {
  const std::string in = glb(), out = file("out.glb");
  const auto on_full_disk = [](const auto& command) {
    std::fflush(stdout);
    const int kept = ::dup(STDOUT_FILENO), full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
    testing::internal::CaptureStderr();
    ::dup2(full, STDOUT_FILENO);
    const int code = command();
    ::dup2(kept, STDOUT_FILENO);
    std::clearerr(stdout);
    ::close(full);
    ::close(kept);
    complained = testing::internal::GetCapturedStderr();
    return code;
  };
  EXPECT_EQ(on_full_disk([&] { return main_of(convert_main, {"convert", leaf(), "-o", out, "--json"}); }), 1);
  EXPECT_TRUE(complains_of("standard output")) << complained;
  EXPECT_EQ(on_full_disk([&] { return main_of(model_main, {"model", in, "--json"}); }), 1);
  EXPECT_TRUE(complains_of("standard output")) << complained;
}

}  // namespace
}  // namespace i2m::cli
