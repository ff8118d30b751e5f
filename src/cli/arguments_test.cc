#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "cli/convert.h"
#include "cli/model.h"
#include "cli/report.h"
#include "image/decoder.h"
#include "image/probe.h"
#include "image/test_pictures.h"
#include "image/test_walls.h"

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

TEST_F(Arguments, WhatIsEmptyOrWithoutUseIsRefused) {
  const std::string in = glb(), out = file("out.glb");
  for (const char* option : {"--texture", "--size", "--box", "--preview", "--mask", "--out", "--walls", "--quality"}) {
    std::vector<std::string> arguments{leaf(), option, ""};
    if (option != std::string("--out")) arguments.insert(arguments.end(), {"-o", out});
    EXPECT_EQ(convert(arguments), 2) << option;
    EXPECT_TRUE(complains_of(option)) << option << ": " << complained;
  }
  for (const char* option : {"--out", "--turntable", "--size", "--preview"}) {
    EXPECT_EQ(model({in, option, ""}), 2) << option;
    EXPECT_TRUE(complains_of(std::string(option) + " is empty")) << option << ": " << complained;
  }
  EXPECT_EQ(model({""}), 2);
  EXPECT_EQ(convert({"", "-o", out}), 2);
  EXPECT_EQ(model({in, "--frames", "3"}), 2);
  EXPECT_TRUE(complains_of("--turntable")) << complained;
  EXPECT_EQ(convert({leaf(), "-o", out, "--all-presets", "--quality", "low"}), 2);
  EXPECT_TRUE(complains_of("--all-presets") && complains_of("--quality")) << complained;
  EXPECT_FALSE(fs::exists(out));
}

TEST_F(Arguments, RefusalsNameTheOptionAndTheWayOut) {
  const std::string out = file("out.glb"), mug = pictures() / "ccby-mug-A-shadow.jpg";
  struct Case {
    std::vector<std::string> arguments;
    int code;
    std::string words;
  };
  for (const Case& c :
       {Case{{"--box", "0,0,2,1"}, 2, "--box: The box reaches"},
        {{"--include", "0.5,0.5", "--include", "7,0.5"}, 2, "--include number 2: This brush point lies outside"},
        {{"--exclude", "0.5,0.5,0.9"}, 2, "--exclude number 1: A brush's radius"},
        {{"--trust-alpha"}, 1, "--trust-alpha: This picture has no transparency"},
        {{"--texture", "nan"}, 2, "--texture: must be 512, 1024 or 2048, not nan"},
        {{"--size", "width=5ft"}, 2, "in m, cm or mm"}}) {
    std::vector<std::string> arguments{mug, "-o", out};
    arguments.insert(arguments.end(), c.arguments.begin(), c.arguments.end());
    EXPECT_EQ(convert(arguments), c.code) << c.words;
    EXPECT_TRUE(complains_of(c.words)) << complained;
  }
  EXPECT_FALSE(fs::exists(out));
}

TEST_F(Arguments, OnlyWallsAreAnsweredWithTheOptionForWalls) {
  const auto missing = image::Decoder::open({.program = file("none")});
  ASSERT_FALSE(missing);
  EXPECT_TRUE(machine_words(missing.error()).contains("is missing")) << machine_words(missing.error());
  EXPECT_FALSE(machine_words(missing.error()).contains("--walls"));
  const auto words = [&](Main main, std::vector<std::string> arguments) {
    return where_filters_are_refused([&] {
      return call(main, arguments) == 3 && complains_of("give --walls limits") && !complains_of("DECODE_WALLS");
    });
  };
  EXPECT_EQ(words(convert_main, {"convert", leaf(), "-o", file("out.glb")}), 0);
  EXPECT_EQ(words(model_main, {"model", glb()}), 0);
  EXPECT_EQ(call(model_main, {"model", "--help"}), 0);
  EXPECT_TRUE(said.contains("Exit codes: 0 done")) << said;
}

TEST_F(Arguments, PicturesAreNamedForWhatTheyAre) {
  const std::string in = glb(), out = file("out.glb");
  for (const char* option : {"--preview", "--mask", "--mask-preview"}) {
    EXPECT_EQ(convert({leaf(), "-o", out, option, file("y.jpg")}), 2);
    EXPECT_TRUE(complains_of(std::string(option) + " writes a PNG")) << complained;
  }
  EXPECT_EQ(model({in, "--preview", file("y.jpg")}), 2);
  EXPECT_TRUE(complains_of("--preview writes a PNG")) << complained;
  EXPECT_FALSE(fs::exists(file("y.jpg")) || fs::exists(out));
  EXPECT_EQ(model({in, "--preview", file("y.PNG")}), 0) << complained;
}

TEST_F(Arguments, BothCommandsKnowBothSpellings) {
  const std::string in = glb();
  for (const char* print : {"--print", "--solid"}) {
    EXPECT_EQ(convert({leaf(), "-o", file("p.glb"), "--quality", "low", print}), 0) << complained;
    EXPECT_EQ(model({in, "-o", file("p.stl"), print}), 0) << complained;
  }
  for (const std::vector<std::string>& walls :
       {std::vector<std::string>{"--walls", "limits"}, std::vector<std::string>{"--walls-limits"}}) {
    const auto limited = [&](Main main, std::vector<std::string> arguments) {
      arguments.insert(arguments.end(), walls.begin(), walls.end());
      return where_filters_are_refused([&] { return call(main, arguments) == 0; });
    };
    EXPECT_EQ(limited(convert_main, {"convert", leaf(), "-o", file("w.glb"), "--quality", "low"}), 0);
    EXPECT_EQ(limited(model_main, {"model", in}), 0);
  }
}

TEST_F(Arguments, NoWordsOfAWebPageAreSaid) {
  std::ofstream(file("empty.png")).flush();
  for (const std::string& in : {file("empty.png"), (pictures() / "NOTICE.txt").string()}) {
    EXPECT_EQ(convert({in, "-o", file("out.glb")}), 1);
    EXPECT_FALSE(complains_of("upload")) << complained;
  }
  EXPECT_EQ(convert({pictures() / "edge-1x1.png", "-o", file("out.glb")}), 1);
  EXPECT_TRUE(complains_of("1 x 1 pixels; at least 8 a side are needed")) << complained;
}

TEST_F(Arguments, TheReportHasThePictureUpright) {
  // The EXIF block of a camera that lay on its side.
  FileBytes jpeg = picture("cc0-photo-coffee.jpg");
  const auto stored = image::probe(jpeg);
  ASSERT_TRUE(stored && stored->width != stored->height);
  const FileBytes exif{0xff, 0xe1, 0,    34,   'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8,
                       0,    1,    0x01, 0x12, 0,   3,   0,   0,   0, 1, 0,   6,   0, 0,  0, 0, 0, 0};
  jpeg.insert(jpeg.begin() + 2, exif.begin(), exif.end());
  std::ofstream(file("turned.jpg"), std::ios::binary)
      .write(reinterpret_cast<const char*>(jpeg.data()), static_cast<std::streamsize>(jpeg.size()));
  const std::string width = std::to_string(stored->width), height = std::to_string(stored->height);
  const std::vector<std::string> arguments{file("turned.jpg"), "-o", file("out.glb"), "--quality", "low", "--anyway"};
  ASSERT_EQ(convert(arguments), 0) << complained;
  EXPECT_TRUE(said.contains("% of " + height + " x " + width)) << said;
  std::vector<std::string> as_json = arguments;
  as_json.emplace_back("--json");
  ASSERT_EQ(convert(as_json), 0) << complained;
  EXPECT_TRUE(said.contains("\"width\":" + height + ",\"height\":" + width)) << said;
}

}  // namespace
}  // namespace i2m::cli
