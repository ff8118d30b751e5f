#include "engine/mask.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <opencv2/imgproc.hpp>

#include "engine/matting.h"
#include "engine/test_networks.h"

namespace i2m::engine {
namespace {

const cv::Scalar white{255, 255, 255}, red{190, 40, 30}, blue{30, 60, 180};

double agreement(const cv::Mat& a, const cv::Mat& b) {
  return static_cast<double>(cv::countNonZero(a & b)) / std::max(1, cv::countNonZero(a | b));
}

// The share of `part` that the mask takes.
double taken(const Mask& mask, const cv::Mat& part) {
  return static_cast<double>(cv::countNonZero((mask.alpha > 127) & part)) / cv::countNonZero(part);
}

Mask found(const image::Picture& picture, const Hints& hints = {}, const Network* network = nullptr) {
  cv::setRNGSeed(1);
  auto mask = find_object(picture, hints, network);
  EXPECT_TRUE(mask) << mask.error().field << ": " << mask.error().message;
  return mask ? *std::move(mask) : Mask{.alpha = cv::Mat::zeros(picture.rgb.size(), CV_8U)};
}

Error refused(const image::Picture& picture, const Hints& hints) {
  const auto mask = find_object(picture, hints);
  EXPECT_FALSE(mask);
  return mask ? Error{} : mask.error();
}

cv::Mat disc(cv::Size size, cv::Point at, int radius) {
  cv::Mat out = cv::Mat::zeros(size, CV_8U);
  cv::circle(out, at, radius, cv::Scalar(255), cv::FILLED);
  return out;
}

std::vector<Hints::Dab> stroke(cv::Point2f from, cv::Point2f to, float radius) {
  std::vector<Hints::Dab> dabs;
  for (int i = 0; i <= 10; ++i) {
    const cv::Point2f at = from + (to - from) * (static_cast<float>(i) / 10);
    dabs.push_back({at.x, at.y, radius});
  }
  return dabs;
}

struct TwoDiscs {
  cv::Size size{600, 400};
  cv::Mat left = disc(size, {170, 200}, 100), right = disc(size, {430, 200}, 100);
  image::Picture picture{cv::Mat(size, CV_8UC3, white), {}};
  TwoDiscs() { picture.rgb.setTo(red, left), picture.rgb.setTo(blue, right); }
};

TEST(Hints, ABoxAroundOneOfTwoThingsTakesThatOneAlone) {
  const TwoDiscs two;
  EXPECT_GT(agreement(found(two.picture).alpha > 127, two.left | two.right), 0.97);
  Hints hints;
  hints.box = {.left = 0.05F, .top = 0.1F, .right = 0.5F, .bottom = 0.9F};
  EXPECT_GT(agreement(found(two.picture, hints).alpha > 127, two.left), 0.97);
  hints.box = {.left = 0.52F, .top = 0.1F, .right = 1, .bottom = 1};
  EXPECT_GT(agreement(found(two.picture, hints).alpha > 127, two.right), 0.97);
}

TEST(Hints, ABoxThatCutsThroughAThingKeepsWhatIsInside) {
  const TwoDiscs two;
  Hints hints;
  hints.box = {.left = 0.5F, .top = 0, .right = 430.0F / 600, .bottom = 1};
  const Mask mask = found(two.picture, hints);
  cv::Mat half = two.right.clone();
  half.colRange(430, 600).setTo(0);
  EXPECT_GT(agreement(mask.alpha > 127, half), 0.95);
}

// A red box on light grey, with a grey shape beside it that is as sharp as an object.
struct WithShadow {
  cv::Mat object = cv::Mat::zeros(500, 500, CV_8U), shadow = cv::Mat::zeros(500, 500, CV_8U);
  image::Picture picture{cv::Mat(500, 500, CV_8UC3, cv::Scalar::all(225)), {}};
  WithShadow() {
    cv::rectangle(object, {150, 120}, {300, 380}, cv::Scalar(255), cv::FILLED);
    cv::ellipse(shadow, {300, 370}, {150, 30}, 0, 0, 360, cv::Scalar(255), cv::FILLED);
    shadow &= ~object;
    picture.rgb.setTo(cv::Scalar::all(120), shadow);
    picture.rgb.setTo(red, object);
  }
};

TEST(Hints, AStrokeToExcludeTakesTheWholeShadowAway) {
  const WithShadow scene;
  EXPECT_GT(taken(found(scene.picture), scene.shadow), 0.8) << "nothing to take away";
  Hints hints;
  hints.exclude = stroke({0.64F, 0.74F}, {0.85F, 0.74F}, 0.015F);
  const Mask mask = found(scene.picture, hints);
  EXPECT_LT(taken(mask, scene.shadow), 0.06);
  EXPECT_GT(agreement(mask.alpha > 127, scene.object), 0.97);
}

// A red cup with a white rim on white: only a faint line tells the rim from the ground.
struct WhiteOnWhite {
  cv::Mat red_part = cv::Mat::zeros(500, 500, CV_8U), white_part = cv::Mat::zeros(500, 500, CV_8U);
  image::Picture picture{cv::Mat(500, 500, CV_8UC3, white), {}};
  WhiteOnWhite() {
    cv::rectangle(red_part, {150, 200}, {350, 420}, cv::Scalar(255), cv::FILLED);
    cv::rectangle(white_part, {150, 100}, {350, 199}, cv::Scalar(255), cv::FILLED);
    picture.rgb.setTo(red, red_part);
    picture.rgb.setTo(cv::Scalar::all(252), white_part);
    cv::rectangle(picture.rgb, {150, 100}, {350, 199}, cv::Scalar::all(244), 1);
  }
};

TEST(Hints, AStrokeToIncludeAddsTheWhitePartOnWhite) {
  const WhiteOnWhite scene;
  EXPECT_LT(taken(found(scene.picture), scene.white_part), 0.1) << "nothing to add";
  Hints hints;
  hints.include = stroke({0.36F, 0.3F}, {0.64F, 0.3F}, 0.05F);
  const Mask mask = found(scene.picture, hints);
  EXPECT_GT(taken(mask, scene.white_part), 0.5);
  EXPECT_GT(taken(mask, scene.red_part), 0.97);
  // Nothing of the ground above and beside it.
  EXPECT_GT(agreement(mask.alpha > 127, scene.red_part | scene.white_part), 0.8);
}

TEST(Hints, AStrokeToIncludeFindsAnObjectWhereThereSeemedNone) {
  image::Picture plain{cv::Mat(300, 300, CV_8UC3, cv::Scalar(200, 210, 220)), {}};
  EXPECT_EQ(refused(plain, {}).code, Code::NoObjectFound);
  Hints hints;
  hints.include = stroke({0.4F, 0.5F}, {0.6F, 0.5F}, 0.08F);
  const Mask mask = found(plain, hints);
  EXPECT_EQ(mask.alpha.at<std::uint8_t>(150, 150), 255);
  EXPECT_EQ(mask.alpha.at<std::uint8_t>(20, 20), 0);
}

TEST(Hints, StrokesWorkOnTransparentPicturesToo) {
  const TwoDiscs two;
  image::Picture picture = two.picture;
  picture.alpha = two.left | two.right;
  Hints hints;
  hints.box = {.left = 0, .top = 0, .right = 0.5F, .bottom = 1};
  EXPECT_GT(agreement(found(picture, hints).alpha > 127, two.left), 0.99);
  hints.box.reset();
  hints.exclude = {{430.0F / 600, 0.5F, 0.2F}};
  EXPECT_GT(agreement(found(picture, hints).alpha > 127, two.left), 0.99);
}

TEST(Hints, TransparencyIsTrustedWhenSaid) {
  const cv::Mat shape = disc({300, 300}, {150, 150}, 90);
  image::Picture picture{cv::Mat(300, 300, CV_8UC3, cv::Scalar(120, 120, 120)),
                         cv::Mat(300, 300, CV_8U, cv::Scalar(30))};
  picture.alpha.setTo(90, shape);  // glass: never more than a third, never quite nothing
  EXPECT_EQ(refused(picture, {}).code, Code::NoObjectFound);
  Hints hints;
  hints.trust_alpha = true;
  const Mask mask = found(picture, hints);
  EXPECT_TRUE(mask.from_alpha);
  EXPECT_GT(agreement(mask.alpha > 127, shape), 0.99);
}

TEST(Hints, RefusesWhatCannotBeAndNamesIt) {
  const TwoDiscs two;
  const auto blamed = [&](const auto& set) {
    Hints hints;
    set(hints);
    const Error error = refused(two.picture, hints);
    EXPECT_EQ(error.code, Code::Invalid);
    EXPECT_GT(error.message.size(), 30u);
    return error.field;
  };
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(blamed([](Hints& h) { h.box = {.left = -0.1F}; }), "hints.box");
  EXPECT_EQ(blamed([](Hints& h) { h.box = {.right = 1.01F}; }), "hints.box");
  EXPECT_EQ(blamed([](Hints& h) { h.box = {.top = nan}; }), "hints.box");
  EXPECT_EQ(blamed([](Hints& h) { h.box = {.left = 0.6F, .right = 0.4F}; }), "hints.box");
  EXPECT_EQ(blamed([](Hints& h) { h.box = {.top = 0.5F, .bottom = 0.51F}; }), "hints.box");
  EXPECT_EQ(blamed([](Hints& h) { h.box = {.right = 0.05F, .bottom = 0.05F}; }), "hints.box") << "nothing there";
  EXPECT_EQ(blamed([](Hints& h) { h.include = {{0.5F, 0.5F, 0.1F}, {1.2F, 0.5F, 0.1F}}; }), "hints.include[1]");
  EXPECT_EQ(blamed([](Hints& h) { h.exclude = {{0.5F, nan, 0.1F}}; }), "hints.exclude[0]");
  EXPECT_EQ(blamed([](Hints& h) { h.exclude = {{0.5F, 0.5F, 0}}; }), "hints.exclude[0]");
  EXPECT_EQ(blamed([](Hints& h) { h.include = {{0.5F, 0.5F, 0.7F}}; }), "hints.include[0]");
  EXPECT_EQ(blamed([](Hints& h) { h.include.assign(dabs_most + 1, {0.5F, 0.5F, 0.1F}); }), "hints.include");
  EXPECT_EQ(blamed([](Hints& h) {
              h.include = {{0.3F, 0.5F, 0.02F}};
              h.exclude = {{0.3F, 0.5F, 0.05F}};
            }),
            "hints.include[0]");
  EXPECT_EQ(blamed([](Hints& h) {
              h.box = {.right = 0.5F};
              h.include = {{0.7F, 0.5F, 0.02F}};
            }),
            "hints.include[0]");
  EXPECT_EQ(blamed([](Hints& h) { h.exclude = {{0.25F, 0.5F, 0.5F}, {0.75F, 0.5F, 0.5F}}; }), "hints.exclude");
  EXPECT_EQ(blamed([](Hints& h) { h.trust_alpha = true; }), "hints.trust_alpha");
}

TEST(Mask, LeavesSoftShadowsOut) {
  for (const int depth : {15, 40, 60}) {
    cv::Mat object = cv::Mat::zeros(600, 600, CV_8U), shadow = cv::Mat::zeros(600, 600, CV_32F);
    cv::rectangle(object, {200, 120}, {400, 470}, cv::Scalar(255), cv::FILLED);
    cv::ellipse(shadow, {310, 470}, {150, 26}, 0, 0, 360, cv::Scalar(1), cv::FILLED);
    cv::GaussianBlur(shadow, shadow, {}, 10);
    image::Picture picture{cv::Mat(600, 600, CV_8UC3), {}};
    for (int y = 0; y < 600; ++y) {
      for (int x = 0; x < 600; ++x) {
        const double light = 235 * (1 - 0.01 * depth * static_cast<double>(shadow.at<float>(y, x)));
        picture.rgb.at<cv::Vec3b>(y, x) = cv::Vec3b::all(cv::saturate_cast<std::uint8_t>(light));
      }
    }
    picture.rgb.setTo(blue, object);
    EXPECT_GT(agreement(found(picture).alpha > 127, object), 0.97) << depth;
  }
}

TEST(Mask, KeepsThePaleSideOfAThing) {
  // A grey ball lit from above on white: its shading is as smooth as a shadow, but it ends sharply.
  image::Picture picture{cv::Mat(500, 500, CV_8UC3, white), {}};
  const cv::Mat ball = disc({500, 500}, {250, 250}, 140);
  for (int y = 110; y <= 390; ++y) {
    for (int x = 110; x <= 390; ++x) {
      if (ball.at<std::uint8_t>(y, x) == 0) continue;
      picture.rgb.at<cv::Vec3b>(y, x) = cv::Vec3b::all(static_cast<std::uint8_t>(215 - (y - 110) / 2));
    }
  }
  EXPECT_GT(agreement(found(picture).alpha > 127, ball), 0.97);
}

TEST(Mask, KeepsThinLegsAndTheGapsBetweenThem) {
  image::Picture picture{cv::Mat(768, 768, CV_8UC3, cv::Scalar(236, 236, 240)), {}};
  cv::Mat stool = cv::Mat::zeros(768, 768, CV_8U);
  cv::rectangle(stool, {220, 200}, {548, 230}, cv::Scalar(255), cv::FILLED);
  for (const int x : {240, 380, 520}) cv::rectangle(stool, {x, 230}, {x + 5, 650}, cv::Scalar(255), cv::FILLED);
  cv::rectangle(stool, {240, 520}, {525, 525}, cv::Scalar(255), cv::FILLED);
  picture.rgb.setTo(cv::Scalar(90, 60, 40), stool);
  EXPECT_GT(agreement(found(picture).alpha > 127, stool), 0.85);
}

TEST(Mask, TheOperatorsNetworkDecides) {
  const TwoDiscs two;
  // By colours alone both discs stand out; this network takes what is bright for ground, and blue is darker than red.
  auto network = Network::of(bright_network(128, 4, 2.2F));
  ASSERT_TRUE(network) << network.error().message;
  ASSERT_TRUE(check_matting(*network));
  const cv::Mat likely = foreground_of(*network, usual_matting, two.picture.rgb);
  EXPECT_EQ(likely.size(), two.picture.rgb.size());
  auto inverse = Network::of(bright_network(128, -4, -4));
  ASSERT_TRUE(inverse);
  const Mask mask = found(two.picture, {}, &*inverse);
  EXPECT_GT(agreement(mask.alpha > 127, two.left | two.right), 0.95);
  const Mask ground = found(two.picture, {}, &*network);
  EXPECT_LT(taken(ground, two.left | two.right), 0.05);
  EXPECT_GT(ground.confidence, 0.8);
}

TEST(Mask, TakesLogitsForWhatTheyAre) {
  const TwoDiscs two;
  auto logits = Network::of(bright_network(64, -4, -4, Outputs::LogitFirst)),
       plain = Network::of(bright_network(64, -4, -4));
  ASSERT_TRUE(logits && plain);
  const cv::Mat a = foreground_of(*logits, usual_matting, two.picture.rgb),
                b = foreground_of(*plain, usual_matting, two.picture.rgb);
  EXPECT_LT(cv::norm(a, b, cv::NORM_INF), 1e-4);
}

TEST(Mask, RefusesNetworksThatSayNoPlace) {
  auto network = Network::of(mean_network(64));
  ASSERT_TRUE(network);
  const auto fit = check_matting(*network);
  ASSERT_FALSE(fit);
  EXPECT_EQ(fit.error().message, "its first output is 1 x 3 x 1 x 1 instead of 1 x 1 x H x W");
}

TEST(Mask, LoadsTheOperatorsNetworkOrSaysWhatIsWrong) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "i2m-matting";
  std::filesystem::create_directories(folder);
  const auto file = [&](const std::string& name, const std::vector<std::uint8_t>& bytes) {
    std::ofstream(folder / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return (folder / name).string();
  };
  EXPECT_TRUE(load_matting(file("good.onnx", bright_network(64, 1, 0)), "SETTING"));
  for (const std::string& bad :
       {file("mean.onnx", mean_network(64)), file("text.onnx", {'h', 'i'}), (folder / "missing.onnx").string()}) {
    const auto network = load_matting(bad, "SETTING");
    ASSERT_FALSE(network) << bad;
    EXPECT_EQ(network.error().field, "SETTING");
    EXPECT_EQ(network.error().message.find(bad), 0u) << network.error().message;
  }
  std::filesystem::remove_all(folder);
}

TEST(Mask, IsDrawnOverThePicture) {
  const TwoDiscs two;
  const Mask mask = found(two.picture);
  const cv::Mat drawn = draw_mask(two.picture, mask, 300);
  EXPECT_EQ(drawn.size(), cv::Size(300, 200));
  EXPECT_EQ(drawn.at<cv::Vec3b>(100, 85), cv::Vec3b(190, 40, 30)) << "the object as it is";
  const cv::Vec3b &ground = drawn.at<cv::Vec3b>(8, 8), next = drawn.at<cv::Vec3b>(8, 24);
  EXPECT_NE(ground, next) << "a chessboard where the object is not";
  const cv::Vec3b& line = drawn.at<cv::Vec3b>(100, 35);
  EXPECT_GT(line[0] - line[2], 100) << "a line around it: " << line;
}

}  // namespace
}  // namespace i2m::engine
