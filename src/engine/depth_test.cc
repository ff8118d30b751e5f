#include "engine/depth.h"

#include <gtest/gtest.h>

#include <opencv2/imgproc.hpp>
#include <thread>

#include "engine/engine.h"
#include "engine/mask.h"
#include "engine/measure.h"
#include "engine/relief.h"
#include "engine/test_networks.h"
#include "engine/weights.h"
#include "image/decode.h"
#include "image/test_pictures.h"

// What the depth network says, and the solid that is made of it.
namespace i2m::engine {
namespace {

Subject subject_of(const char* name) {
  const FileBytes bytes = picture(name);
  const auto decoded = image::decode(bytes, *image::probe(bytes), 2048);
  cv::setRNGSeed(1);
  const auto mask = find_object(*decoded);
  return cut_out(*decoded, mask->alpha, 512, 0);
}

// A ball lit from the upper left, as large as a subject is.
Subject ball() {
  constexpr int side = 256;
  constexpr float radius = 0.45F * side;
  Subject out{cv::Mat(side, side, CV_8UC3, cv::Scalar::all(0)), cv::Mat::zeros(side, side, CV_8U)};
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const float u = (static_cast<float>(x) + 0.5F - side / 2.0F) / radius,
                  v = (side / 2.0F - static_cast<float>(y)) / radius;
      if (u * u + v * v >= 1) continue;
      const float lit = 0.35F + 0.6F * std::max(0.0F, -0.4F * u + 0.5F * v + 0.75F * std::sqrt(1 - u * u - v * v));
      out.alpha.at<std::uint8_t>(y, x) = 255;
      out.rgb.at<cv::Vec3b>(y, x) =
          cv::Vec3b(cv::saturate_cast<std::uint8_t>(220 * lit), cv::saturate_cast<std::uint8_t>(120 * lit),
                    cv::saturate_cast<std::uint8_t>(60 * lit));
    }
  }
  return out;
}

float at(const cv::Mat& map, float x, float y) {
  return map.at<float>(static_cast<int>(y * static_cast<float>(map.rows)),
                       static_cast<int>(x * static_cast<float>(map.cols)));
}

TEST(Depth, OfABallIsABalls) {
  const auto depth = guess_depth(ball(), depth_network());
  ASSERT_TRUE(depth);
  const auto thickness = [&](float x) { return at(depth->front, x, 0.5F) - at(depth->back, x, 0.5F); };
  EXPECT_NEAR(thickness(0.5F), 0.9F, 0.2F);
  EXPECT_GT(thickness(0.5F), thickness(0.3F));
  EXPECT_GT(thickness(0.3F), thickness(0.1F));
  EXPECT_NEAR(thickness(0.25F), thickness(0.75F), 0.12F);
  EXPECT_GT(at(depth->front, 0.5F, 0.5F), at(depth->front, 0.12F, 0.5F) + 0.08F);
}

TEST(Depth, IsKnownForEveryCellAndOrdered) {
  for (const char* name : {"cc0-chairoak-B-alpha.png", "mit-fluent-leaf.webp"}) {
    const auto depth = guess_depth(subject_of(name), depth_network());
    ASSERT_TRUE(depth) << name;
    EXPECT_TRUE(cv::checkRange(depth->front)) << name;
    EXPECT_EQ(cv::countNonZero(depth->front < depth->back), 0) << name;
    EXPECT_LE(std::abs(depth->sin_pitch), 1) << name;
    EXPECT_GE(depth->perspective, 0) << name;
  }
}

TEST(Depth, KnowsHowTheCameraLooksDown) {
  constexpr float ten = 0.174F, eighteen = 0.309F;  // sines
  EXPECT_NEAR(guess_depth(subject_of("cc0-chairoak-B-alpha.png"), depth_network())->sin_pitch, eighteen, 0.12F);
  EXPECT_NEAR(guess_depth(subject_of("cc0-tetrapak-B-colour.jpg"), depth_network())->sin_pitch, eighteen, 0.12F);
  EXPECT_NEAR(guess_depth(subject_of("cc0-teddy-A-white.jpg"), depth_network())->sin_pitch, ten, 0.12F);
}

TEST(Depth, IsTheSameOnEveryThread) {
  const Subject subject = ball();
  const auto alone = guess_depth(subject, depth_network());
  std::vector<cv::Mat> fronts(4);
  {
    std::vector<std::jthread> threads;
    for (cv::Mat& front : fronts) {
      threads.emplace_back([&] { front = guess_depth(subject, depth_network())->front; });
    }
  }
  for (const cv::Mat& front : fronts) EXPECT_EQ(cv::countNonZero(front != alone->front), 0);
}

TEST(Depth, RefusesAnotherNetwork) {
  const auto network = Network::of(mean_network(64));
  ASSERT_TRUE(network);
  const auto depth = guess_depth(ball(), *network);
  ASSERT_FALSE(depth);
  EXPECT_EQ(depth.error().code, Code::Invalid);
}

TEST(Camera, SeesWhereItStoodThingsUp) {
  const Camera camera{.side = 200, .sine = 0.3F, .cosine = std::sqrt(1 - 0.09F), .pull = 0.5F / 200, .stretch = 0.7F};
  for (const mesh::Vec3 seen : {mesh::Vec3{0, 0, 0}, mesh::Vec3{50, -30, 40}, mesh::Vec3{-80, 70, -60}}) {
    const mesh::Vec2 uv = camera.see(camera.upright(seen));
    EXPECT_NEAR(uv.x, 0.5F + seen.x / 200, 1e-4F);
    EXPECT_NEAR(uv.y, 0.5F - seen.y / 200, 1e-4F);
  }
}

TEST(Relief, HasTheOutlineAndTheDepthThatItWasGiven) {
  const Subject subject = ball();
  const Grid grid = make_grid(subject, 96);
  constexpr int cells = 32;
  const Depth plate{.front = cv::Mat(cells, cells, CV_32F, cv::Scalar(0.2)),
                    .back = cv::Mat(cells, cells, CV_32F, cv::Scalar(-0.1))};
  const Solid solid = make_relief(grid, plate, {.depth = 1, .relief = 0});
  const mesh::Box box = mesh::bounds_of(solid.mesh.positions);
  EXPECT_NEAR(box.max.x - box.min.x, 0.9F * 96, 2);
  EXPECT_NEAR(box.max.y - box.min.y, 0.9F * 96, 2);
  EXPECT_NEAR(box.max.z, 0.2F * 96, 1);
  EXPECT_NEAR(box.min.z, -0.1F * 96, 1);
  EXPECT_EQ(mesh::count_edges(solid.mesh).open, 0u);
}

TEST(Relief, TakesTheLensOutAndStandsThingsUp) {
  const Grid grid = make_grid(ball(), 96);
  constexpr int cells = 32;
  Depth plate{.front = cv::Mat(cells, cells, CV_32F, cv::Scalar(0.4)),
              .back = cv::Mat(cells, cells, CV_32F, cv::Scalar(0.35))};
  plate.perspective = 0.5F;
  const mesh::Box near = mesh::bounds_of(make_relief(grid, plate, {.depth = 1, .relief = 0}).mesh.positions);
  // It lies 0.375 sides before the middle, 2 sides from the camera: it only looks large.
  EXPECT_NEAR(near.max.x - near.min.x, 0.9F * 96 * (1 - 0.375F * 0.5F), 3);
  plate.perspective = 0;
  plate.sin_pitch = 0.5F;  // 30 degrees from above: what faced the camera then leans back
  const mesh::Mesh leaning = make_relief(grid, plate, {.depth = 1, .relief = 0}).mesh;
  mesh::Vec3 top = leaning.positions[0], bottom = top;
  for (const mesh::Vec3& p : leaning.positions) {
    if (p.y > top.y) top = p;
    if (p.y < bottom.y) bottom = p;
  }
  EXPECT_NEAR((top.z - bottom.z) / (top.y - bottom.y), -0.5F / 0.866F, 0.1F);
}

TEST(Learned, ShapesWhatWasNotTurnedUnlessForbidden) {
  const FileBytes chair = picture("cc0-chairoak-B-alpha.png"), barrel = picture("cc0-barrel-B-shadow.jpg");
  Params params = params_of(Quality::Low);
  const auto with = make_model(chair, params), turned = make_model(barrel, params);
  params.learned = false;
  const auto without = make_model(chair, params);
  params.learned = true;
  params.shape = Shape::Soft;  // the user's word
  const auto soft = make_model(chair, params);
  ASSERT_TRUE(with && turned && without && soft);
  EXPECT_TRUE(with->report.learned);
  EXPECT_GT(with->report.nearness, 0);
  EXPECT_FALSE(turned->report.learned);
  EXPECT_FALSE(without->report.learned);
  EXPECT_EQ(without->report.pitch, 0);
  EXPECT_EQ(read_surface(without->glb).positions, read_surface(soft->glb).positions);
}

// The network has never seen these objects. If it no longer beats the rules on them, something is wrong with it or
// with what is made of its answer.
TEST(Learned, ComesNearerToTheTruthThanTheRulesDo) {
  double with = 0, without = 0;
  for (const auto& [name, truth] : {std::pair{"cc0-chairoak-B-alpha.png", "cc0-chairoak-B"},
                                    {"cc0-teddy-B-alpha.png", "cc0-teddy-B"},
                                    {"cc0-kitchenaid-B-white.webp", "cc0-kitchenaid-B"}}) {
    const auto cloud = read_cloud(pictures() / "truth" / (std::string(truth) + ".f32"));
    for (const bool learned : {true, false}) {
      Params params = params_of(Quality::Low);
      params.learned = learned;
      const auto model = make_model(picture(name), params);
      ASSERT_TRUE(model) << name;
      const auto seen = seen_by_camera(read_surface(model->glb), model->report);
      (learned ? with : without) += fit(spread_points(seen, 3000), cloud).aligned.f / 3;
    }
  }
  EXPECT_GT(with, without + 0.05);
}

}  // namespace
}  // namespace i2m::engine
