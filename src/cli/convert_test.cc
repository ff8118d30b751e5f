#include "cli/convert.h"

#include <unistd.h>

#include <cstring>
#include <sstream>

#include "base/crypto.h"
#include "engine/engine.h"
#include "engine/measure.h"
#include "image/decode.h"
#include "image/test_pictures.h"
#include "image/test_walls.h"
#include "mesh/glb.h"
#include "mesh/gltf.h"
#include "mesh/json.h"
#include "mesh/manifold.h"
#include "mesh/scene.h"

namespace i2m::cli {
namespace {

namespace fs = std::filesystem;

class Convert : public testing::Test {
 protected:
  Convert() : folder_(fs::temp_directory_path() / ("i2m_convert_" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~Convert() override { fs::remove_all(folder_); }

  const fs::path& folder() const { return folder_; }
  fs::path out() const { return folder_ / "model.glb"; }
  /// What was said, line by line, each as JSON.
  std::vector<mesh::Json> json() const {
    std::vector<mesh::Json> lines;
    std::istringstream text(said);
    for (std::string line; std::getline(text, line);) {
      const auto parsed = mesh::Json::parse(line);
      EXPECT_TRUE(parsed) << line;
      lines.push_back(parsed.value_or(mesh::Json{}));
    }
    return lines;
  }
  static image::Picture decoded(const fs::path& path) {
    const FileBytes bytes = file_bytes(path);
    return *image::decode(bytes, *image::probe(bytes), 4096);
  }
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
    EXPECT_LE(summary->triangles, triangles);
    EXPECT_GE(summary->triangles, triangles * 995 / 1000);
    EXPECT_TRUE(said.contains("\"triangles\":" + std::to_string(summary->triangles))) << said;
    EXPECT_EQ(files(), 1u) << "no temporary file is left";
  }
}

TEST_F(Convert, TakesItsOptions) {
  const std::string in = pictures() / "mit-fluent-leaf.webp";
  ASSERT_EQ(run({in, "-o", out(), "--triangles", "500", "--shape", "flat", "--depth", "0.5", "--texture", "512",
                 "--back", "mirror", "--json"}),
            0)
      << complained;
  for (const char* word : {R"("shape":"flat")", R"("back":"mirror")", R"("texture_px":512)"}) {
    EXPECT_TRUE(said.contains(word)) << word << said;
  }
  EXPECT_LE(mesh::inspect_glb(file_bytes(out()))->triangles, 500u);
}

TEST_F(Convert, StretchesAndEmbossesAsTold) {
  const std::string in = pictures() / "mit-fluent-leaf.webp";
  const auto thickness = [&](const std::string& option, const std::string& value) {
    EXPECT_EQ(run({in, "-o", out(), "--quality", "low", option, value}), 0) << complained;
    const mesh::Box box = mesh::bounds_of(engine::read_surface(file_bytes(out())).positions);
    return box.max.z - box.min.z;
  };
  const float thin = thickness("--depth", "0.5"), usual = thickness("--depth", "1"), thick = thickness("--depth", "2");
  EXPECT_NEAR(thin, usual / 2, 0.1F * usual);
  EXPECT_NEAR(thick, usual * 2, 0.2F * usual);
  EXPECT_GT(thickness("--relief", "1"), usual + 0.005F);
  EXPECT_NEAR(thickness("--relief", "0"), usual, 1e-6F);
}

TEST_F(Convert, NamesTheSliderThatIsOutOfRange) {
  const std::string in = pictures() / "mit-fluent-leaf.webp";
  for (const auto& [option, value] : {std::pair{"--depth", "0.2"},
                                      {"--depth", "2.1"},
                                      {"--depth", "nan"},
                                      {"--relief", "-0.1"},
                                      {"--relief", "1.1"},
                                      {"--relief", "nan"},
                                      {"--relief", "much"}}) {
    EXPECT_EQ(run({in, "-o", out(), option, value}), 2) << option << value;
    EXPECT_TRUE(complained.contains(option)) << complained;
  }
  EXPECT_EQ(run({"--help"}), 0);
  EXPECT_TRUE(said.contains("--depth") && said.contains("--relief")) << said;
  EXPECT_EQ(files(), 0u);
}

TEST_F(Convert, TakesTheLightOutOfTheTextureWhereAsked) {
  const std::string in = pictures() / "mit-fluent-amphora.webp";
  ASSERT_EQ(run({in, "-o", out(), "--quality", "low"}), 0) << complained;
  const auto lit = file_bytes(out());
  ASSERT_EQ(run({in, "-o", out(), "--quality", "low", "--delight"}), 0) << complained;
  engine::Params params = engine::params_of(engine::Quality::Low);
  params.delight = true;
  params.picture_sha256 = hex(sha256(as_text(file_bytes(in))));
  const auto expected = engine::make_model(picture("mit-fluent-amphora.webp"), params);
  ASSERT_TRUE(expected);
  EXPECT_EQ(file_bytes(out()), expected->glb);
  EXPECT_NE(file_bytes(out()), lit);
}

TEST_F(Convert, ComplainsPlainlyAndWritesNothing) {
  EXPECT_EQ(run({pictures() / "edge-blank-white.png", "-o", out()}), 1);
  EXPECT_TRUE(complained.contains("no object")) << complained;
  EXPECT_EQ(run({"/nowhere/at/all.png", "-o", out()}), 1);
  EXPECT_EQ(run({pictures() / "NOTICE.txt", "-o", out()}), 1);
  EXPECT_EQ(run({pictures() / "mit-fluent-leaf.webp", "-o", "/nowhere/at/all.glb", "--quality", "low"}), 1);
  EXPECT_EQ(files(), 0u);
}

TEST_F(Convert, MakesAllPresetsFromOneLookAndThoseThatEachWouldBe) {
  const std::string in = pictures() / "ccby-mug-A-shadow.jpg";
  ASSERT_EQ(run({in, "-o", out(), "--all-presets"}), 0) << complained;
  for (const char* word : {"low ", "medium ", "high ", "triangles", "model-low.glb", "once to decode"}) {
    EXPECT_TRUE(said.contains(word)) << word << said;
  }
  EXPECT_EQ(files(), 3u);
  for (const auto& [name, quality] : {std::pair{"low", engine::Quality::Low}, {"high", engine::Quality::High}}) {
    engine::Params params = engine::params_of(quality);
    params.picture_sha256 = hex(sha256(as_text(file_bytes(in))));
    const auto model = engine::make_model(picture("ccby-mug-A-shadow.jpg"), params);
    EXPECT_EQ(file_bytes(folder() / ("model-" + std::string(name) + ".glb")), model->glb) << name;
  }
  ASSERT_EQ(run({in, "-o", out(), "--all-presets", "--json"}), 0);
  const auto lines = json();
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[2].string("quality"), "high");
  EXPECT_EQ(lines[2].find("stage_ms")->find("mask")->number, lines[0].find("stage_ms")->find("mask")->number);
}

TEST_F(Convert, GoesOnWithTheOthersWhenOnePictureIsRefused) {
  const std::string good = pictures() / "mit-fluent-leaf.webp", bad = pictures() / "edge-blank-white.png",
                    other = pictures() / "mit-fluent-plant.webp", to = folder() / "models/";
  EXPECT_EQ(run({good, bad, other, "-o", to, "--quality", "low"}), 1);
  EXPECT_TRUE(said.contains("mit-fluent-leaf.glb")) << said;
  EXPECT_TRUE(said.contains("2 of 3 pictures")) << said;
  EXPECT_TRUE(complained.contains("edge-blank-white.png: We found no object")) << complained;
  EXPECT_TRUE(fs::exists(folder() / "models/mit-fluent-plant.glb"));
  EXPECT_FALSE(fs::exists(folder() / "models/edge-blank-white.glb"));
  EXPECT_EQ(run({good, bad, "-o", to, "--quality", "low", "--json"}), 1);
  const auto lines = json();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1].string("in"), bad);
  EXPECT_TRUE(lines[1].string("error").contains("no object")) << said;
}

TEST_F(Convert, LosesNoFile) {
  const fs::path here = folder() / "picture.glb", deeper = folder() / "deeper";
  fs::copy_file(pictures() / "mit-fluent-leaf.webp", here);
  EXPECT_EQ(run({here, "-o", here}), 2);
  EXPECT_TRUE(complained.contains("overwritten by its own result")) << complained;
  EXPECT_EQ(file_bytes(here), picture("mit-fluent-leaf.webp"));
  fs::create_directory(deeper);
  fs::copy_file(here, deeper / "picture.webp");
  EXPECT_EQ(run({here, deeper / "picture.webp", "-o", (folder() / "out/").string()}), 2);
  EXPECT_TRUE(complained.contains("would both become")) << complained;
  EXPECT_EQ(run({here, deeper / "picture.webp", "-o", out()}), 2);
  EXPECT_TRUE(complained.contains("--out must be a folder")) << complained;
  EXPECT_FALSE(fs::exists(folder() / "out"));
  // An older model is not in the way.
  ASSERT_EQ(run({deeper / "picture.webp", "-o", out(), "--quality", "low"}), 0) << complained;
  ASSERT_EQ(run({deeper / "picture.webp", "-o", out(), "--quality", "medium"}), 0) << complained;
  EXPECT_EQ(mesh::inspect_glb(file_bytes(out()))->triangles, 5000u);
}

TEST_F(Convert, ShowsWhatItTookForTheObjectInAFormThatCanBeMended) {
  const std::string in = pictures() / "cc0-teddy-A-white.jpg", mask = folder() / "mask.png";
  ASSERT_EQ(run({in, "-o", out(), "--quality", "low", "--mask", mask, "--json"}), 0) << complained;
  const image::Picture shown = decoded(mask), original = decoded(in);
  ASSERT_EQ(shown.rgb.size(), original.rgb.size());
  ASSERT_FALSE(shown.alpha.empty());
  EXPECT_EQ(shown.alpha.at<std::uint8_t>(5, 5), 0) << "background";
  EXPECT_EQ(shown.alpha.at<std::uint8_t>(320, 320), 255) << "the bear's belly";
  EXPECT_NEAR(json()[0].find("mask_covered")->number, cv::mean(shown.alpha > 127)[0] / 255, 0.01);
  ASSERT_EQ(run({mask, "-o", out(), "--quality", "low", "--json"}), 0) << complained;
  EXPECT_TRUE(json()[0].find("mask_from_alpha")->truth);
}

TEST_F(Convert, DrawsWhatItTookForTheObject) {
  const std::string in = pictures() / "cc0-teddy-A-white.jpg", preview = folder() / "seen.png";
  ASSERT_EQ(run({in, "-o", out(), "--quality", "low", "--mask-preview", preview}), 0) << complained;
  const image::Picture shown = decoded(preview), original = decoded(in);
  ASSERT_EQ(shown.rgb.size(), original.rgb.size());
  const auto differs = [&](int y, int x) {
    return cv::norm(shown.rgb.at<cv::Vec3b>(y, x), original.rgb.at<cv::Vec3b>(y, x), cv::NORM_INF);
  };
  EXPECT_GT(differs(5, 5), 10) << "a light square of the board that shines through the background";
  EXPECT_GT(differs(5, 24), 30) << "a dark one";
  EXPECT_LT(differs(320, 320), 4) << "the bear's belly is left alone";
}

TEST_F(Convert, EachModelTellsOfWhatItWasMade) {
  const std::string in = pictures() / "cc0-barrel-B-shadow.jpg";
  ASSERT_EQ(run({in, "-o", out(), "--quality", "low", "--back", "mirror"}), 0) << complained;
  const FileBytes glb = file_bytes(out());
  const auto file = mesh::Gltf::open(glb);
  ASSERT_TRUE(file);
  const mesh::Json* const told = file->root().find("asset")->find("extras")->find("image2model");
  ASSERT_NE(told, nullptr);
  EXPECT_EQ(told->find("engine_version")->text, engine::engine_version);
  EXPECT_EQ(told->find("picture_sha256")->text, hex(sha256(as_text(file_bytes(in)))));
  const mesh::Json* const params = told->find("params");
  EXPECT_EQ(params->find("triangles")->text, "1000");
  EXPECT_EQ(params->find("shape")->text, "auto");
  EXPECT_EQ(params->find("shape_chosen")->text, "turned");
  EXPECT_EQ(params->find("back")->text, "mirror");
  EXPECT_EQ(params->find("mask")->text, "background");
}

TEST_F(Convert, TakesTheUsersWordForWhereTheObjectIs) {
  const std::string in = pictures() / "edge-two-objects.png", mask = folder() / "mask.png";
  const auto halves = [&](const std::vector<std::string>& hints) {
    std::vector<std::string> arguments{in, "-o", out(), "--quality", "low", "--mask", mask};
    arguments.insert(arguments.end(), hints.begin(), hints.end());
    EXPECT_EQ(run(arguments), 0) << complained;
    const cv::Mat alpha = decoded(mask).alpha > 127;
    const int middle = alpha.cols / 2;
    return std::pair{cv::countNonZero(alpha.colRange(0, middle)), cv::countNonZero(alpha.colRange(middle, alpha.cols))};
  };
  const auto [left, right] = halves({});
  EXPECT_GT(left, 0);
  EXPECT_GT(right, 0);
  const auto boxed = halves({"--box", "0,0,0.5,1"});
  EXPECT_GT(boxed.first, left / 2);
  EXPECT_EQ(boxed.second, 0);
  EXPECT_LT(halves({"--exclude", "0.25,0.5,0.2"}).first, left / 2);
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--box", "0,0,1"},
                                                {"--box", "0,0,2,1"},
                                                {"--include", "0.5"},
                                                {"--include", "a,b"},
                                                {"--exclude", "0.5,0.5,-1"},
                                                {"--exclude", "0.1,0.2,0.3,0.4"}}) {
    std::vector<std::string> arguments{in, "-o", out()};
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    EXPECT_EQ(run(arguments), 2) << wrong[0] << " " << wrong[1];
  }
}

TEST_F(Convert, DrawsAPreview) {
  const std::string in = pictures() / "mit-fluent-teddy.webp", preview = folder() / "preview.png";
  ASSERT_EQ(run({in, "-o", out(), "--preview", preview}), 0) << complained;
  const image::Picture drawn = decoded(preview);
  EXPECT_EQ(drawn.rgb.cols, 768);
  EXPECT_NE(drawn.rgb.at<cv::Vec3b>(384, 384), drawn.rgb.at<cv::Vec3b>(5, 5)) << "something is in the middle";
}

TEST_F(Convert, MakesItAsLargeAsItIs) {
  const std::string in = pictures() / "ccby-winebottle-B-white.jpg";
  ASSERT_EQ(run({in, "-o", out(), "--size", "height=30cm", "--quality", "low", "--json"}), 0) << complained;
  const auto scene = mesh::read_scene(file_bytes(out()));
  ASSERT_TRUE(scene);
  const mesh::Box box = mesh::bounds_of(*scene);
  EXPECT_NEAR(box.max.y - box.min.y, 0.3F, 1e-4);
  EXPECT_NEAR(json()[0].find("size_m")->items[1].number, 0.3, 1e-4);
  for (const char* wrong : {"height", "height=", "height=0", "weight=3", "height=-1", "width=nan", "depth=1 mile"}) {
    EXPECT_EQ(run({in, "-o", out(), "--size", wrong}), 2) << wrong;
  }
}

TEST_F(Convert, WritesWhatTheNameEndsIn) {
  const std::string in = pictures() / "mit-fluent-leaf.webp";
  for (const auto& [name, magic] : {std::pair{"a.glb", "glTF"}, {"a.zip", "PK"}, {"a.usdz", "PK"}, {"A.STL", ""}}) {
    ASSERT_EQ(run({in, "-o", folder() / name, "--quality", "low"}), 0) << complained;
    const FileBytes bytes = file_bytes(folder() / name);
    EXPECT_TRUE(std::equal(magic, magic + std::strlen(magic), bytes.begin())) << name;
  }
  EXPECT_EQ(file_bytes(folder() / "A.STL").size(), 84u + 50u * 1000u);
  EXPECT_EQ(run({in, "-o", folder() / "a.obj"}), 2);
  EXPECT_TRUE(complained.contains(".glb, .zip, .stl or .usdz")) << complained;
}

TEST_F(Convert, MakesSolidsForPrinting) {
  const std::string in = pictures() / "cc0-chairoak-B-alpha.png";
  ASSERT_EQ(run({in, "-o", out(), "--print"}), 0) << complained;
  EXPECT_TRUE(mesh::faults_of(engine::read_surface(file_bytes(out()))).none());
}

TEST_F(Convert, SaysHowFarItIsWhenAsked) {
  const std::string in = pictures() / "mit-fluent-leaf.webp";
  ASSERT_EQ(run({in, "-o", out(), "--quality", "low"}), 0);
  EXPECT_FALSE(complained.contains('%')) << "no bar where there is no terminal: " << complained;
  ASSERT_EQ(run({in, "-o", out(), "--all-presets", "--progress"}), 0);
  std::istringstream lines(complained);
  int last = -1, steps = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t percent = line.find(" %");
    if (percent == std::string::npos) continue;
    const int now = std::stoi(line.substr(percent - 3, 3));
    EXPECT_GE(now, last) << complained;
    last = now;
    ++steps;
  }
  EXPECT_EQ(steps, 2 + 3 * 5) << "decode and mask once, the other five for each quality";
  EXPECT_GT(last, 90);
}

TEST_F(Convert, GivesHintsWithWhatItMakes) {
  const std::string in = pictures() / "cc0-photo-coffee.jpg";
  ASSERT_EQ(run({in, "-o", out(), "--quality", "low", "--json"}), 0) << complained;
  const auto line = json()[0];
  ASSERT_FALSE(line.list("hints").empty());
  EXPECT_TRUE(line.list("hints")[0].text.contains("plain background")) << said;
  EXPECT_TRUE(line.find("decode")->find("filtered")->truth);
}

TEST_F(Convert, WritesJsonWhateverTheFileIsCalled) {
  for (const char* name :
       {"a \"quoted\" \\ name.webp", "two\nlines.webp", "gr\xc3\xbc\xc3\x9f.webp", "latin\xfc.webp"}) {
    const fs::path in = folder() / name;
    fs::copy_file(pictures() / "mit-fluent-leaf.webp", in);
    ASSERT_EQ(run({in, "-o", out(), "--quality", "low", "--json"}), 0) << complained;
    ASSERT_EQ(json().size(), 1u) << said;
  }
}

TEST_F(Convert, NeedsWallsUnlessToldOtherwise) {
  const std::string in = pictures() / "mit-fluent-leaf.webp";
  EXPECT_EQ(where_filters_are_refused([&] { return run({in, "-o", out(), "--quality", "low"}) == 3; }), 0);
  EXPECT_FALSE(fs::exists(out()));
  EXPECT_EQ(where_filters_are_refused([&] {
              return run({in, "-o", out(), "--quality", "low", "--walls", "limits"}) == 0 &&
                     complained.contains("limits alone");
            }),
            0);
  EXPECT_TRUE(fs::exists(out()));
}

TEST_F(Convert, TellsWrongArgumentsFromWrongPictures) {
  const std::string in = pictures() / "mit-fluent-leaf.webp";
  EXPECT_EQ(run({}), 2);
  EXPECT_EQ(run({in}), 2);
  EXPECT_EQ(run({in, "-o", out(), "--quality", "perfect"}), 2);
  EXPECT_EQ(run({in, "-o", out(), "--triangles", "3"}), 2);
  for (const auto& [option, wrong] : {std::pair{"--texture", "1000"}, {"--texture", "4096"}, {"--back", "blue"}}) {
    EXPECT_EQ(run({in, "-o", out(), option, wrong}), 2);
    EXPECT_TRUE(complained.contains(option)) << complained;
  }
  EXPECT_EQ(run({in, "-o", out(), "--depth", "nan"}), 2);
  EXPECT_EQ(run({in, "-o", out(), "--shape", "round"}), 2);
  EXPECT_EQ(run({"--help"}), 0);
  EXPECT_EQ(files(), 0u);
}

}  // namespace
}  // namespace i2m::cli
