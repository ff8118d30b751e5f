#include <cmath>
#include <opencv2/imgproc.hpp>

#include "engine/cavity.h"
#include "engine/cuboid.h"
#include "engine/emboss.h"
#include "engine/engine.h"
#include "engine/graphic.h"
#include "engine/look.h"
#include "engine/measure.h"
#include "image/decode.h"
#include "image/test_pictures.h"

// Which shape a picture is taken for, and what becomes of it.
namespace i2m::engine {
namespace {

constexpr float degree = 0.01745329F;

Model made_of(const cv::Mat& image, const Params& params = params_of(Quality::Low)) {
  auto model = make_model(png_of(image), params);
  EXPECT_TRUE(model) << (model ? "" : model.error().message);
  return model ? *std::move(model) : Model{};
}

Shape shape_of(const cv::Mat& image) { return made_of(image).report.shape; }

// A box as its own projection shows it, every face of its own grey.
cv::Mat drawn(const Cuboid& box, int side) {
  cv::Mat image(side, side, CV_8UC4, cv::Scalar::all(0));
  const auto corners = box.corners();
  for (int axis = 0; axis < 3; ++axis) {
    for (const int sign : {-1, 1}) {
      if (!box.shows(axis, sign)) continue;
      const std::size_t at = sign > 0 ? std::size_t{1} << axis : 0;
      const std::size_t b = std::size_t{1} << (axis + 1) % 3, c = std::size_t{1} << (axis + 2) % 3;
      std::vector<cv::Point> face;
      for (const std::size_t i : {at, at | b, at | b | c, at | c})
        face.emplace_back(cvRound(corners[i].x), cvRound(corners[i].y));
      const int grey = 90 + 50 * axis;
      cv::fillConvexPoly(image, face, cv::Scalar(grey, grey, grey, 255), cv::LINE_AA);
    }
  }
  return image;
}

Cuboid box_at(float yaw, float pitch, mesh::Vec3 half) {
  Cuboid box;
  box.half = half;
  box.x = box.y = 256;
  box.cos_yaw = std::cos(yaw * degree), box.sin_yaw = std::sin(yaw * degree);
  box.cos_pitch = std::cos(pitch * degree), box.sin_pitch = std::sin(pitch * degree);
  box.nearness = 0.4F / 512;
  return box;
}

Subject subject_of(const cv::Mat& rgba) {
  Subject subject;
  cv::cvtColor(rgba, subject.rgb, cv::COLOR_BGRA2RGB);
  cv::extractChannel(rgba, subject.alpha, 3);
  return subject;
}

double volume_of(const mesh::Mesh& surface) {
  double volume = 0;
  for (std::size_t i = 0; i + 2 < surface.indices.size(); i += 3) {
    const auto at = [&](std::size_t k) { return surface.positions[surface.indices[i + k]]; };
    volume += static_cast<double>(mesh::dot(at(0), mesh::cross(at(1), at(2)))) / 6;
  }
  return volume;
}

TEST(Cuboid, IsFoundWithItsSizesAndAngles) {
  for (const auto& [yaw, pitch] : {std::pair{-30.0F, 18.0F}, {38.0F, 24.0F}, {20.0F, 12.0F}}) {
    const Cuboid truth = box_at(yaw, pitch, {120, 80, 70});
    const Subject subject = subject_of(drawn(truth, 512));
    const Grid grid = make_grid(subject, 192);
    const Cuboid found = find_cuboid(subject, grid);
    const float cell = 512.0F / 192;
    EXPECT_TRUE(found.found) << yaw;
    EXPECT_GT(found.overlap, 0.97F) << yaw;
    EXPECT_NEAR(std::asin(found.sin_yaw) / degree, yaw, 4) << yaw;
    EXPECT_NEAR(std::asin(found.sin_pitch) / degree, pitch, 4) << yaw;
    EXPECT_NEAR(found.half.x * cell, truth.half.x, 0.1F * truth.half.x) << yaw;
    EXPECT_NEAR(found.half.y * cell, truth.half.y, 0.1F * truth.half.y) << yaw;
    EXPECT_NEAR(found.half.z * cell, truth.half.z, 0.15F * truth.half.z) << yaw;
  }
}

TEST(Cuboid, IsNotFoundInWhatIsRoundOrRagged) {
  cv::Mat disc(512, 512, CV_8UC4, cv::Scalar::all(0)), cross = disc.clone();
  cv::circle(disc, {256, 256}, 200, cv::Scalar(80, 120, 200, 255), cv::FILLED, cv::LINE_AA);
  cv::rectangle(cross, {216, 40}, {296, 470}, cv::Scalar(80, 120, 200, 255), cv::FILLED);
  cv::rectangle(cross, {60, 120}, {450, 190}, cv::Scalar(80, 120, 200, 255), cv::FILLED);
  for (const cv::Mat& image : {disc, cross}) {
    const Subject subject = subject_of(image);
    EXPECT_FALSE(find_cuboid(subject, make_grid(subject, 192)).found);
  }
}

TEST(Boxes, AreMadeSquareAndTurnedAsSeen) {
  const Model model = made_of(drawn(box_at(-32, 20, {110, 90, 60}), 512), params_of(Quality::Medium));
  EXPECT_EQ(model.report.shape, Shape::Box);
  EXPECT_NEAR(model.report.pitch / degree, 20, 5);
  EXPECT_GT(model.report.nearness, 0);
  const mesh::Mesh surface = read_surface(model.glb);
  EXPECT_EQ(mesh::count_edges(surface).open, 0u);
  // Turned back it fills its bounds as only a box does.
  Cuboid turn = box_at(-32, 20, {});
  std::vector<mesh::Vec3> own;
  for (const mesh::Vec3& p : surface.positions) own.push_back(turn.to_own(p));
  const mesh::Box box = mesh::bounds_of(own);
  const mesh::Vec3 size = box.max - box.min;
  EXPECT_GT(volume_of(surface), 0.9 * static_cast<double>(size.x * size.y * size.z));
}

// Seen head on, the outline of a box is that of many things: the edge between its front and its top has to show.
TEST(Boxes, HeadOnNeedAnEdgeWithin) {
  cv::Mat image = drawn(box_at(0, 20, {150, 70, 60}), 512);
  EXPECT_EQ(shape_of(image), Shape::Box);
  cv::Mat alpha;
  cv::extractChannel(image, alpha, 3);
  image.setTo(cv::Scalar(90, 120, 140, 255), alpha > 127);
  EXPECT_EQ(shape_of(image), Shape::Soft);
}

TEST(Boxes, KeepToThePicturesOutline) {
  cv::Mat image = drawn(box_at(-32, 20, {110, 90, 60}), 512);
  cv::circle(image, {300, 110}, 40, cv::Scalar(60, 60, 190, 255), 14, cv::LINE_AA);  // a handle
  Params params = params_of(Quality::Medium);
  params.shape = Shape::Box;
  const Model model = made_of(image, params);
  EXPECT_GT(model.report.nearness, 0);  // a box before a camera, not one behind the outline
  cv::Mat alpha;
  cv::extractChannel(image, alpha, 3);
  const mesh::Mesh seen = seen_by_camera(read_surface(model.glb), model.report);
  EXPECT_GT(outline_agreement(seen, alpha > 127, model.report.nearness), 0.94);
}

cv::Mat wordmark() {
  cv::Mat image(400, 900, CV_8UC4, cv::Scalar::all(0));
  cv::putText(image, "Acme", {40, 280}, cv::FONT_HERSHEY_DUPLEX, 9, cv::Scalar(180, 60, 20, 255), 34, cv::LINE_AA);
  return image;
}

TEST(Graphics, BecomeFlat) {
  cv::Mat sign(500, 500, CV_8UC4, cv::Scalar::all(0));
  cv::circle(sign, {250, 250}, 220, cv::Scalar(40, 40, 210, 255), cv::FILLED, cv::LINE_AA);
  cv::circle(sign, {250, 250}, 170, cv::Scalar(255, 255, 255, 255), cv::FILLED, cv::LINE_AA);
  cv::rectangle(sign, {120, 220}, {380, 280}, cv::Scalar(40, 40, 210, 255), cv::FILLED);
  EXPECT_EQ(shape_of(wordmark()), Shape::Flat);
  EXPECT_EQ(shape_of(sign), Shape::Flat);
  const auto leaf = make_model(picture("mit-fluent-leaf.webp"), params_of(Quality::Low));
  ASSERT_TRUE(leaf);
  EXPECT_EQ(leaf->report.shape, Shape::Flat);
  const mesh::Box box = mesh::bounds_of(read_surface(leaf->glb).positions);
  EXPECT_LT(box.max.z - box.min.z, 0.2F);
}

TEST(Graphics, AreNotPhotographsNorShadedThings) {
  for (const char* name : {"cc0-photo-chelsea.jpg", "cc0-photo-coffee.jpg", "cc0-teddy-B-alpha.png",
                           "mit-fluent-teddy.webp", "mit-fluent-plant.webp", "mit-fluent-amphora.webp",
                           "ccby-mug-A-shadow.jpg", "cc0-tetrapak-B-colour.jpg", "edge-grey16-ball.png"}) {
    Params insisting = params_of(Quality::Low);
    insisting.confidence_min = 0;
    const auto model = make_model(picture(name), insisting);
    ASSERT_TRUE(model) << name;
    EXPECT_NE(model->report.shape, Shape::Flat) << name;
  }
}

// A bottle of grey glass, lit from the front, its neck up.
cv::Mat bottle() {
  cv::Mat image(600, 600, CV_8UC3, cv::Scalar(250, 250, 250));
  for (int y = 60; y < 540; ++y) {
    const int r = y < 200 ? 24 : std::min(70, 24 + (y - 200));
    for (int x = -r; x <= r; ++x) {
      const double light = 1 - 0.7 * (x * x) / static_cast<double>(r * r + 1);
      image.at<cv::Vec3b>(y, 300 + x) =
          cv::Vec3b(cv::saturate_cast<std::uint8_t>(40 * light), cv::saturate_cast<std::uint8_t>(150 * light),
                    cv::saturate_cast<std::uint8_t>(60 * light));
    }
  }
  return image;
}

TEST(Bottles, LieAsInThePicture) {
  for (const double turned : {90.0, -90.0, 60.0, -35.0}) {
    cv::Mat image;
    const cv::Mat turn = cv::getRotationMatrix2D({300, 300}, turned, 1);
    cv::warpAffine(bottle(), image, turn, {600, 600}, cv::INTER_LINEAR, cv::BORDER_CONSTANT, cv::Scalar(250, 250, 250));
    const Model model = made_of(image);
    EXPECT_EQ(model.report.shape, Shape::Turned) << turned;
    EXPECT_EQ(model.report.roll, 0) << turned;
    Params told = params_of(Quality::Low);
    told.shape = Shape::Turned;
    EXPECT_TRUE(read_surface(made_of(image, told).glb).positions == read_surface(model.glb).positions) << turned;
    const mesh::Mesh surface = read_surface(model.glb);
    const auto decoded = image::decode(png_of(image), *image::probe(png_of(image)), 2048);
    const auto mask = find_object(*decoded);
    ASSERT_TRUE(mask);
    EXPECT_GT(outline_agreement(surface, mask->alpha > 127), 0.93) << turned;
    // Round about its axis: as deep as it is thick.
    const mesh::Box box = mesh::bounds_of(surface.positions);
    EXPECT_NEAR((box.max.z - box.min.z), 140.0F / 480, 0.05F) << turned;
  }
}

// Both ends of a pill are balls, the one that may face the camera too.
TEST(Bottles, ThatLieMayHaveRoundEnds) {
  cv::Mat upright(600, 600, CV_8UC4, cv::Scalar::all(0)), image;
  for (int y = 60; y < 540; ++y) {
    const int beyond = std::max({0, 130 - y, y - 470});
    const int r = cvRound(std::sqrt(70 * 70 - beyond * beyond));
    for (int x = -r; x <= r; ++x) {
      const auto light = cv::saturate_cast<std::uint8_t>(200 * (1 - 0.6 * x * x / (70.0 * 70.0)));
      upright.at<cv::Vec4b>(y, 300 + x) = {light, light, light, 255};
    }
  }
  cv::warpAffine(upright, image, cv::getRotationMatrix2D({300, 300}, -50, 1), {600, 600});
  const Model model = made_of(image, params_of(Quality::Medium));
  EXPECT_EQ(model.report.shape, Shape::Turned);
  const mesh::Mesh surface = read_surface(model.glb);
  const mesh::Vec3 along{std::sin(50 * degree), std::cos(50 * degree), 0};
  float low = 1, high = -1;
  for (const mesh::Vec3& p : surface.positions) {
    low = std::min(low, mesh::dot(p, along));
    high = std::max(high, mesh::dot(p, along));
  }
  const float length = high - low, radius = length * 70 / 480;
  for (const mesh::Vec3& p : surface.positions) {
    const float at = mesh::dot(p, along), to_end = std::min(at - low, high - at);
    const float from_axis = mesh::length(p - along * at);
    if (to_end < 0.15F * radius) EXPECT_LT(from_axis, 0.75F * radius);
  }
}

// A cylinder from above; `open` shows its far wall, lit from the other side, otherwise a lid.
cv::Mat vessel(bool open) {
  cv::Mat image(600, 600, CV_8UC4, cv::Scalar::all(0));
  constexpr int r = 160, tall = 300, top = 140;
  constexpr double sine = 0.3;
  const auto grey = [](double light) {
    const auto v = cv::saturate_cast<std::uint8_t>(light);
    return cv::Vec4b(v, v, v, 255);
  };
  for (int x = -r; x <= r; ++x) {
    const double across = static_cast<double>(x) / r, bow = sine * r * std::sqrt(1 - across * across);
    for (int y = 0; y <= cvRound(tall + 2 * bow); ++y) {
      const int row = top + cvRound(sine * r - bow) + y;
      const bool within = y < 2 * bow;
      const double wall = 170 - 60 * across - 30 * across * across;
      const double inside = 130 + 50 * across;
      image.at<cv::Vec4b>(row, 300 + x) = grey(!within ? wall : open ? inside : 215);
    }
  }
  return image;
}

// How high the surface lies at the axis, of its whole height: the uppermost triangle that a plumb line meets there.
float height_at_axis(const mesh::Mesh& surface) {
  const mesh::Box box = mesh::bounds_of(surface.positions);
  const auto beside = [](mesh::Vec3 a, mesh::Vec3 b) { return a.x * b.z - a.z * b.x; };
  float best = box.min.y;
  for (std::size_t i = 0; i + 2 < surface.indices.size(); i += 3) {
    const mesh::Vec3 a = surface.positions[surface.indices[i]], b = surface.positions[surface.indices[i + 1]],
                     c = surface.positions[surface.indices[i + 2]];
    const float u = beside(b, c), v = beside(c, a), w = beside(a, b);
    if (std::min({u, v, w}) < 0 && std::max({u, v, w}) > 0) continue;
    if (u + v + w != 0) best = std::max(best, (a.y * u + b.y * v + c.y * w) / (u + v + w));
  }
  return (best - box.min.y) / (box.max.y - box.min.y);
}

TEST(Vessels, AreHollowWhereTheInsideIsSeenAndClosedUnderALid) {
  const Model open = made_of(vessel(true), params_of(Quality::Medium)),
              closed = made_of(vessel(false), params_of(Quality::Medium));
  EXPECT_EQ(open.report.shape, Shape::Turned);
  EXPECT_EQ(closed.report.shape, Shape::Turned);
  const mesh::Mesh hollow = read_surface(open.glb), solid = read_surface(closed.glb);
  EXPECT_EQ(mesh::count_edges(hollow).open, 0u);
  EXPECT_LT(height_at_axis(hollow), 0.3F);
  EXPECT_GT(height_at_axis(solid), 0.9F);
  EXPECT_LT(volume_of(hollow), 0.5 * volume_of(solid));
}

TEST(Vessels, KeepTheirHandlesWhole) {
  cv::Mat image = vessel(true), handle(image.size(), CV_8UC4, cv::Scalar::all(0));
  cv::ellipse(handle, {465, 330}, {70, 95}, 0, 0, 360, cv::Scalar(140, 140, 140, 255), 36, cv::LINE_AA);
  cv::Mat body;
  cv::extractChannel(image, body, 3);
  handle.copyTo(image, body == 0);
  const Model model = made_of(image, params_of(Quality::Medium));
  EXPECT_EQ(model.report.shape, Shape::Turned);
  const mesh::Mesh surface = read_surface(model.glb);
  EXPECT_EQ(mesh::count_edges(surface).open, 0u);
  EXPECT_LT(height_at_axis(surface), 0.3F);
  // One body with one hole through it: by Euler, as many corners as half the triangles.
  EXPECT_EQ(surface.positions.size(), surface.triangle_count() / 2);
}

TEST(Vessels, StayClosedWhoseLidOrNeckIsSeen) {
  for (const char* name : {"cc0-barrel-B-shadow.jpg", "ccby-winebottle-B-white.jpg", "mit-fluent-amphora.webp"}) {
    const auto model = make_model(picture(name), params_of(Quality::Medium));
    ASSERT_TRUE(model) << name;
    EXPECT_EQ(model->report.shape, Shape::Turned) << name;
    EXPECT_GT(height_at_axis(read_surface(model->glb)), 0.9F) << name;
  }
}

TEST(Houses, AreNotTurnedOnALathe) {
  cv::Mat house(500, 500, CV_8UC4, cv::Scalar::all(0));
  for (int y = 0; y < 500; ++y) {
    for (int x = 0; x < 500; ++x) {
      const bool wall = y >= 220 && y < 440 && std::abs(x - 250) < 150;
      const bool roof = y >= 60 && y < 220 && std::abs(x - 250) < (y - 40);
      const int light = 200 - y / 5;  // as illustrations shade
      if (wall)
        house.at<cv::Vec4b>(y, x) = {static_cast<std::uint8_t>(light / 2), static_cast<std::uint8_t>(light), 230, 255};
      if (roof) house.at<cv::Vec4b>(y, x) = {40, 40, static_cast<std::uint8_t>(light), 255};
    }
  }
  EXPECT_NE(shape_of(house), Shape::Turned);
}

TEST(Emboss, BringsForwardWhatIsLighterButNotTheOutline) {
  cv::Mat image(256, 256, CV_8UC4, cv::Scalar::all(0));
  cv::rectangle(image, {30, 30}, {225, 225}, cv::Scalar(100, 100, 100, 255), cv::FILLED);
  cv::rectangle(image, {30, 100}, {225, 108}, cv::Scalar(190, 190, 190, 255), cv::FILLED);
  cv::rectangle(image, {30, 160}, {225, 168}, cv::Scalar(20, 20, 20, 255), cv::FILLED);
  const Grid grid = make_grid(subject_of(image), 128);
  EXPECT_TRUE(emboss(grid, 0).empty());
  const cv::Mat one = emboss(grid, 1), half = emboss(grid, 0.5F);
  EXPECT_GT(one.at<float>(52, 64), 1);
  EXPECT_LT(one.at<float>(82, 64), -0.7F);
  EXPECT_NEAR(one.at<float>(67, 64), 0, 0.2F);
  EXPECT_NEAR(one.at<float>(52, 14), 0, 0.2F);  // where the light stripe meets the outline
  EXPECT_NEAR(half.at<float>(52, 64), one.at<float>(52, 64) / 2, 1e-4F);
  double most = 0;
  cv::minMaxLoc(one, nullptr, &most);
  EXPECT_LE(most, static_cast<double>(emboss_reach) * 128);
}

TEST(Relief, IsThereWhereDepthIsLearnedToo) {
  Params plain = params_of(Quality::Medium), raised = plain;
  raised.relief = 1;
  const FileBytes bytes = picture("cc0-teddy-B-alpha.png");
  const auto a = make_model(bytes, plain), b = make_model(bytes, raised);
  ASSERT_TRUE(a && b);
  EXPECT_TRUE(a->report.learned && b->report.learned);
  // A rougher front has more surface.
  const auto area = [](const Model& model) {
    const mesh::Mesh surface = read_surface(model.glb);
    double sum = 0;
    for (std::size_t i = 0; i + 2 < surface.indices.size(); i += 3) {
      const auto at = [&](std::size_t k) { return surface.positions[surface.indices[i + k]]; };
      sum += static_cast<double>(mesh::length(mesh::cross(at(1) - at(0), at(2) - at(0)))) / 2;
    }
    return sum;
  };
  EXPECT_GT(area(*b), 1.01 * area(*a));
  EXPECT_EQ(mesh::count_edges(read_surface(b->glb)).open, 0u);
}

TEST(Relief, RaisesTheFrontAndLeavesTheOutline) {
  Params plain = params_of(Quality::Medium), raised = plain;
  plain.relief = 0, raised.relief = 1;
  const FileBytes bytes = picture("mit-fluent-leaf.webp");
  const auto a = make_model(bytes, plain), b = make_model(bytes, raised);
  ASSERT_TRUE(a && b);
  const mesh::Box low = mesh::bounds_of(read_surface(a->glb).positions),
                  high = mesh::bounds_of(read_surface(b->glb).positions);
  EXPECT_GT(high.max.z - high.min.z, low.max.z - low.min.z + 0.005F);
  EXPECT_NEAR(high.max.x - high.min.x, low.max.x - low.min.x, 0.01F);
  EXPECT_NEAR(high.max.y - high.min.y, low.max.y - low.min.y, 0.01F);
}

}  // namespace
}  // namespace i2m::engine
