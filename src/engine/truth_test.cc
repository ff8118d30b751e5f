#include "engine/engine.h"
#include "engine/mask.h"
#include "engine/measure.h"
#include "engine/subject.h"
#include "image/decode.h"
#include "image/test_pictures.h"

// What the models are worth, against the objects that the pictures were rendered from.
namespace i2m::engine {
namespace {

struct Bar {
  const char* picture;
  const char* truth;
  double f_min;         // at 0.1 of the half side
  double distance_max;  // Chamfer, both ways summed
};

// A little below what engine.md 4 measured and this engine reaches: a change that costs quality has to say so here.
// Learned depth brought the chair from .62 to .94 and cost this teddy .06.
constexpr Bar bars[] = {
    {"cc0-barrel-B-shadow.jpg", "cc0-barrel-B", 0.95, 0.11},
    {"cc0-basketball-A-colour.webp", "cc0-basketball-A", 0.95, 0.07},
    {"cc0-tetrapak-B-colour.jpg", "cc0-tetrapak-B", 0.90, 0.12},
    {"cc0-teddy-A-white.jpg", "cc0-teddy-A", 0.60, 0.19},
    {"cc0-teddy-B-alpha.png", "cc0-teddy-B", 0.55, 0.22},
    {"cc0-chairoak-B-alpha.png", "cc0-chairoak-B", 0.85, 0.12},
    {"cc0-kitchenaid-B-white.webp", "cc0-kitchenaid-B", 0.40, 0.27},
};

TEST(Truth, IsMet) {
  for (const Bar& bar : bars) {
    const auto cloud = read_cloud(pictures() / "truth" / (std::string(bar.truth) + ".f32"));
    ASSERT_EQ(cloud.size(), 4000u) << bar.truth;
    const auto model = make_model(picture(bar.picture), params_of(Quality::Medium));
    ASSERT_TRUE(model) << bar.picture;
    const mesh::Mesh seen = seen_by_camera(read_surface(model->glb), model->report);
    const Score score = compare(spread_points(seen, 4000), cloud);
    EXPECT_GE(score.f, bar.f_min) << bar.picture;
    EXPECT_LE(score.distance, bar.distance_max) << bar.picture;
  }
}

TEST(Outline, IsThePictures) {
  for (const std::string& name : picture_names()) {
    const FileBytes bytes = picture(name);
    const auto decoded = image::decode(bytes, *image::probe(bytes), 2048);
    cv::setRNGSeed(1);
    const auto mask = find_object(*decoded);
    ASSERT_TRUE(mask) << name;
    if (mask->confidence < doubtful_confidence)
      continue;  // a busy photograph: its mask is a guess that hangs on the random numbers
    const Subject subject = cut_out(*decoded, mask->alpha, 512, 0);
    for (const Quality quality : {Quality::Low, Quality::High}) {
      const auto model = make_model(bytes, params_of(quality));
      ASSERT_TRUE(model) << name;
      const mesh::Mesh seen = seen_by_camera(read_surface(model->glb), model->report);
      const bool spindly = name.contains("chair");
      EXPECT_GE(outline_agreement(seen, subject.alpha > 127, model->report.nearness), spindly ? 0.85 : 0.93) << name;
    }
  }
}

// Both stand on a drop shadow that would add a tenth to their area.
TEST(Mask, LeavesShadowsOut) {
  for (const auto& [name, share] : {std::pair{"cc0-barrel-B-shadow.jpg", 0.563}, {"ccby-mug-A-shadow.jpg", 0.328}}) {
    const FileBytes bytes = picture(name);
    const auto decoded = image::decode(bytes, *image::probe(bytes), 2048);
    cv::setRNGSeed(1);
    const auto mask = find_object(*decoded);
    ASSERT_TRUE(mask) << name;
    EXPECT_GT(mask->confidence, 0.6F) << name;
    const double covered = static_cast<double>(cv::countNonZero(mask->alpha > 127));
    EXPECT_NEAR(covered / static_cast<double>(mask->alpha.total()), share, 0.01) << name;
  }
}

TEST(Mask, IsUnsureOfBusyPhotographs) {
  const auto coffee = make_model(picture("cc0-photo-coffee.jpg"), params_of(Quality::Low));
  ASSERT_TRUE(coffee);
  EXPECT_LT(coffee->report.mask_confidence, doubtful_confidence);
  EXPECT_NE(coffee->report.back, Back::Mirror) << "no second cup behind";
  const auto cat = make_model(picture("cc0-photo-chelsea.jpg"), params_of(Quality::Low));
  ASSERT_FALSE(cat) << "a face that fills the picture: what was cut out of it is no object";
  EXPECT_EQ(cat.error().code, Code::ObjectUnclear);
}

}  // namespace
}  // namespace i2m::engine
