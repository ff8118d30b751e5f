// What no model can be made of is refused in words that help; what is made is whole.
#include "engine/engine.h"
#include "engine/mask.h"
#include "engine/measure.h"
#include "image/test_pictures.h"
#include "mesh/glb.h"

namespace i2m::engine {
namespace {

image::Picture decoded(const std::string& name) {
  const FileBytes bytes = picture(name);
  return *image::decode(bytes, *image::probe(bytes), decode_side_px({}));
}

TEST(BadInput, EachKindIsToldWhatHelps) {
  struct Row {
    const char* what;
    FileBytes bytes;
    Code code;
    const char* hint;
  };
  cv::Mat speck(300, 300, CV_8UC4, cv::Scalar(0, 0, 0, 0));
  speck.at<cv::Vec4b>(150, 150) = {255, 0, 0, 255};
  cv::Mat hair(400, 400, CV_8UC4, cv::Scalar(0, 0, 0, 0));
  cv::line(hair, {10, 10}, {390, 390}, cv::Scalar(0, 0, 0, 255), 1);
  const cv::Mat grey(200, 200, CV_8UC1, cv::Scalar(128)), blue(300, 400, CV_8UC3, cv::Scalar(90, 120, 200));
  const Row rows[] = {
      {"nothing", {}, Code::FileEmpty, "save the picture again"},
      {"blank", picture("edge-blank-white.png"), Code::NoObjectFound, "plain background"},
      {"one colour", png_of(blue), Code::NoObjectFound, "plain background"},
      {"one grey", png_of(grey), Code::NoObjectFound, "plain background"},
      {"transparent", picture("edge-all-transparent.png"), Code::NoObjectFound, "object visible"},
      {"a speck", png_of(speck), Code::NoObjectFound, "object visible"},
      {"1x1", picture("edge-1x1.png"), Code::NoObjectFound, "at least 8 a side"},
      {"one row", png_of(cv::Mat(1, 4000, CV_8UC3, cv::Scalar(9, 9, 9))), Code::NoObjectFound, "at least 8 a side"},
  };
  for (const Row& row : rows) {
    const auto model = make_model(row.bytes, params_of(Quality::Low));
    ASSERT_FALSE(model) << row.what;
    EXPECT_EQ(model.error().code, row.code) << row.what;
    EXPECT_EQ(model.error().field, "files") << row.what;
    EXPECT_TRUE(model.error().message.contains(row.hint)) << row.what << ": " << model.error().message;
  }
  if (const auto thin = make_model(png_of(hair), params_of(Quality::Low))) {
    EXPECT_EQ(mesh::count_edges(read_surface(thin->glb)).open, 0u) << "a hair";
  }
}

TEST(BadInput, AGuessedOutlineIsRefusedWhereTheCallerAsksForMore) {
  Params strict = params_of(Quality::Low);
  strict.confidence_min = 0.9F;
  const auto refused = make_model(picture("cc0-photo-coffee.jpg"), strict);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::ObjectUnclear);
  EXPECT_EQ(refused.error().field, "files");
  EXPECT_TRUE(refused.error().message.contains("plain background")) << refused.error().message;
  EXPECT_TRUE(make_model(picture("cc0-teddy-A-white.jpg"), strict)) << "this one is clear";
  strict.confidence_min = 2;
  EXPECT_TRUE(make_model(picture("mit-fluent-leaf.webp"), strict)) << "transparency is no guess";
  Params insisting = params_of(Quality::Low);
  insisting.confidence_min = 0;
  EXPECT_TRUE(make_model(picture("cc0-photo-chelsea.jpg"), insisting));
}

TEST(BadInput, ABoxAroundWhatCannotBeToldIsNotEnough) {
  Params boxed = params_of(Quality::Low);
  boxed.hints.box = {.left = 0.1F, .top = 0.05F, .right = 0.9F, .bottom = 0.95F};
  const auto refused = make_model(picture("cc0-photo-chelsea.jpg"), boxed);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::ObjectUnclear);
  EXPECT_EQ(refused.error().field, "hints.include");
  EXPECT_TRUE(refused.error().message.contains("Paint over a part")) << refused.error().message;
  boxed.hints.include = {{.x = 0.5F, .y = 0.5F, .radius = 0.1F}};
  EXPECT_TRUE(make_model(picture("cc0-photo-chelsea.jpg"), boxed)) << "the user's word";
}

TEST(InSteps, OneMaskServesEveryQualityAndChangesNothing) {
  const FileBytes bytes = picture("ccby-mug-A-shadow.jpg");
  const image::PictureInfo info = *image::probe(bytes);
  const image::Picture seen = decoded("ccby-mug-A-shadow.jpg");
  const auto mask = find_mask(seen, {});
  ASSERT_TRUE(mask);
  for (const Quality quality : {Quality::Low, Quality::Medium}) {
    const Params params = params_of(quality);
    const auto whole = make_model(bytes, params), halves = make_model(seen, info, params),
               steps = make_model(seen, info, *mask, params);
    ASSERT_TRUE(whole && halves && steps);
    EXPECT_EQ(whole->glb, halves->glb);
    EXPECT_EQ(whole->glb, steps->glb);
    EXPECT_EQ(whole->report.mask_confidence, steps->report.mask_confidence);
    EXPECT_EQ(steps->report.picture.width, info.width);
    EXPECT_EQ(steps->report.stage_ms[0], 0);
  }
}

TEST(InSteps, BeginAtTheirStagesAndStopWhenTold) {
  const image::Picture seen = decoded("mit-fluent-leaf.webp");
  std::vector<Stage> stages;
  const Progress note = [&stages](Stage stage, float) { return stages.push_back(stage), true; };
  const auto mask = find_mask(seen, {}, note);
  ASSERT_TRUE(mask);
  EXPECT_EQ(stages, std::vector{Stage::Mask});
  stages.clear();
  ASSERT_TRUE(make_model(seen, {}, *mask, params_of(Quality::Low), note));
  EXPECT_EQ(stages.front(), Stage::Shape);
  EXPECT_EQ(find_mask(seen, {}, [](Stage, float) { return false; }).error().code, Code::Cancelled);
}

}  // namespace
}  // namespace i2m::engine
