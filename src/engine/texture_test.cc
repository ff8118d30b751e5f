// The colours of models: no background at the rims, no second face, no mirrored writing, as large as they are worth.
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/test_views.h"
#include "image/jpeg_write.h"

namespace i2m::engine {
namespace {

const cv::Scalar magenta{255, 0, 255};

// Nothing that is magenta of its own is in the pictures used here.
cv::Mat magenta_in(const cv::Mat& rgb) {
  constexpr int clearly = 24;
  cv::Mat out(rgb.size(), CV_8U);
  for (int y = 0; y < rgb.rows; ++y) {
    for (int x = 0; x < rgb.cols; ++x) {
      const auto& p = rgb.at<cv::Vec3b>(y, x);
      out.at<std::uint8_t>(y, x) = std::min(p[0], p[2]) - p[1] > clearly ? 255 : 0;
    }
  }
  return out;
}

// As a cut-out looks whose edges were antialiased against magenta: opaque where `rgba` is, magenta where nothing is.
cv::Mat on_magenta(const cv::Mat& rgba) {
  cv::Mat out(rgba.size(), CV_8UC4);
  for (int y = 0; y < rgba.rows; ++y) {
    for (int x = 0; x < rgba.cols; ++x) {
      const auto& p = rgba.at<cv::Vec4b>(y, x);
      auto& to = out.at<cv::Vec4b>(y, x);
      for (int c = 0; c < 3; ++c) {
        to[c] = cv::saturate_cast<std::uint8_t>((p[c] * p[3] + magenta[c] * (255 - p[3])) / 255);
      }
      to[3] = p[3];
    }
  }
  return out;
}

cv::Mat smaller(const cv::Mat& image, double share) {
  cv::Mat out;
  cv::resize(image, out, {}, share, share, cv::INTER_AREA);
  return out;
}

void expect_no_magenta(const Dressed& model, const std::string& name) {
  const cv::Mat seen = magenta_in(model.atlas) & model.used();
  EXPECT_EQ(cv::countNonZero(seen), 0) << name;
  for (const auto& [yaw, pitch] : {std::pair{0.0F, 0.0F}, {90, 0}, {180, 0}, {270, 0}, {0, 80}, {0, -80}}) {
    EXPECT_EQ(cv::countNonZero(magenta_in(model.seen(yaw, pitch))), 0) << name << " from " << yaw << ", " << pitch;
  }
}

struct Sent {
  const char* name;
  double share = 1;  // of the kept picture's size
  Quality quality = Quality::Low;
};

TEST(Rims, ShowNothingOfWhatLiesUnderTransparentPixels) {
  for (const Sent& sent : {Sent{"cc0-teddy-B-alpha.png", 1, Quality::Medium},
                           {"cc0-teddy-B-alpha.png", 0.3},
                           {"cc0-chairoak-B-alpha.png"},
                           {"ccby-jar-A-alpha.webp"},
                           {"mit-fluent-plant.webp"}}) {
    const FileBytes bytes = png_of(smaller(on_magenta(rgba_of(sent.name)), sent.share));
    expect_no_magenta(dressed(bytes, params_of(sent.quality)), sent.name);
  }
}

// What a guessed outline takes for the object through and through, as between a chair's spokes, is the mask's business.
TEST(Rims, ShowNothingOfTheBackgroundOfAPhotograph) {
  for (const Sent& sent : {Sent{"cc0-teddy-B-alpha.png", 1, Quality::Medium},
                           {"cc0-teddy-B-alpha.png", 0.4},
                           {"ccby-jar-A-alpha.webp"},
                           {"ccby-jar-A-alpha.webp", 0.4},
                           {"mit-fluent-plant.webp"}}) {
    cv::Mat rgb;
    cv::cvtColor(smaller(on_magenta(rgba_of(sent.name)), sent.share), rgb, cv::COLOR_RGBA2RGB);
    expect_no_magenta(dressed(*image::write_jpeg(rgb, 88), params_of(sent.quality)), sent.name);
  }
}

const cv::Scalar body{200, 170, 60, 255}, ink{20, 20, 30, 255};

// A van as its side is seen: a bonnet, windows, no symmetry. `text` stands on its side.
cv::Mat van(const std::string& text) {
  cv::Mat out = cv::Mat::zeros(600, 800, CV_8UC4);
  const std::vector<cv::Point> outline{{60, 120}, {540, 120}, {640, 260}, {740, 300}, {740, 460}, {60, 460}};
  cv::fillPoly(out, std::vector{outline}, body);
  for (const int x : {190, 610}) cv::circle(out, {x, 460}, 60, {40, 40, 45, 255}, cv::FILLED);
  cv::fillPoly(out, std::vector{std::vector<cv::Point>{{470, 150}, {530, 150}, {600, 255}, {470, 255}}},
               {90, 150, 220, 255});
  cv::putText(out, text, {100, 330}, cv::FONT_HERSHEY_SIMPLEX, 1.7, ink, 8, cv::LINE_AA);
  return out;
}

// A bottle with a label, shaded as round things are.
cv::Mat bottle(const std::string& text) {
  cv::Mat out = cv::Mat::zeros(800, 500, CV_8UC4);
  cv::rectangle(out, {110, 260, 280, 500}, {60, 150, 80, 255}, cv::FILLED);
  cv::ellipse(out, {250, 260}, {140, 110}, 0, 180, 360, {60, 150, 80, 255}, cv::FILLED);
  cv::rectangle(out, {205, 40, 90, 150}, {60, 150, 80, 255}, cv::FILLED);
  cv::ellipse(out, {250, 760}, {140, 24}, 0, 0, 180, {60, 150, 80, 255}, cv::FILLED);
  cv::rectangle(out, {110, 430, 280, 160}, {240, 235, 220, 255}, cv::FILLED);
  cv::putText(out, text, {130, 530}, cv::FONT_HERSHEY_SIMPLEX, 1.7, ink, 7, cv::LINE_AA);
  for (int y = 0; y < out.rows; ++y) {
    for (int x = 0; x < out.cols; ++x) {
      auto& p = out.at<cv::Vec4b>(y, x);
      const double across = (x - 250) / 150.0;
      for (int c = 0; c < 3; ++c) p[c] = cv::saturate_cast<std::uint8_t>(p[c] * (1 - 0.45 * across * across));
    }
  }
  return out;
}

Params made(Shape shape, Back back = Back::Auto) {
  Params params = params_of(Quality::Medium);
  params.shape = shape;
  params.back = back;
  return params;
}

constexpr float from_behind = 180;

// Strokes of writing: darker than anything else but wheels and shadows, in the upper half where there are none.
int strokes_in(const cv::Mat& seen) {
  cv::Mat grey;
  cv::cvtColor(seen.rowRange(seen.rows / 4, seen.rows * 11 / 20), grey, cv::COLOR_RGB2GRAY);
  return cv::countNonZero(grey < 80);
}

// How alike the lettering is, -1 to 1.
double likeness(const cv::Mat& a, const cv::Mat& b) {
  cv::Mat x, y, out;
  const cv::Rect middle{a.cols * 2 / 5, a.rows * 58 / 100, a.cols / 5, a.rows * 8 / 100};
  cv::cvtColor(a(middle), x, cv::COLOR_RGB2GRAY);
  cv::cvtColor(b(middle), y, cv::COLOR_RGB2GRAY);
  cv::matchTemplate(x, y, out, cv::TM_CCOEFF_NORMED);
  return static_cast<double>(out.at<float>(0, 0));
}

TEST(Writing, IsNotSeenMirroredOnTheBackOfWhatIsSeenFromItsSide) {
  const FileBytes with_text = png_of(van("EXPRESS 24"));
  const Dressed model = dressed(with_text, made(Shape::Soft));
  EXPECT_EQ(model.report.back, Back::Mirror);
  EXPECT_GT(strokes_in(model.seen(0)), 1000);
  EXPECT_LT(strokes_in(model.seen(from_behind)), 60);
  // Who asks for the mirror gets what it shows.
  EXPECT_GT(strokes_in(dressed(with_text, made(Shape::Soft, Back::Mirror)).seen(from_behind)), 1000);
}

TEST(Writing, LeavesTheRestOfTheMirroredBackAsItIs) {
  const auto windows = [](const cv::Mat& seen) {
    int count = 0;
    for (int y = 0; y < seen.rows; ++y) {
      for (int x = 0; x < seen.cols; ++x) {
        const auto& p = seen.at<cv::Vec3b>(y, x);
        count += p[2] > p[0] + 40 ? 1 : 0;
      }
    }
    return count;
  };
  const cv::Mat written = dressed(png_of(van("EXPRESS 24")), made(Shape::Soft)).seen(from_behind);
  const Dressed blank = dressed(png_of(van("")), made(Shape::Soft));
  EXPECT_GT(windows(written), 1000);
  EXPECT_NEAR(windows(written), windows(blank.seen(from_behind)), 100);
  // Without writing the front serves for both sides.
  EXPECT_EQ(blank.atlas.cols, blank.atlas.rows);
}

TEST(Writing, OnALabelReadsTheSameFromBehind) {
  const Dressed model = dressed(png_of(bottle("COLA 7")), made(Shape::Turned));
  EXPECT_EQ(model.report.back, Back::Flip);
  cv::Mat mirrored;
  const cv::Mat front = model.seen(0), behind = model.seen(from_behind);
  cv::flip(front, mirrored, 1);
  EXPECT_GT(likeness(front, behind), 0.8);
  EXPECT_LT(likeness(mirrored, behind), 0.5);
}

// Eyes and noses: spots on the head that are much darker than what is around them.
int spots_in(const cv::Mat& seen) {
  cv::Mat grey, filled;
  cv::cvtColor(seen(cv::Rect{seen.cols / 3, 0, seen.cols / 3, seen.rows / 2}), grey, cv::COLOR_RGB2GRAY);
  cv::morphologyEx(grey, filled, cv::MORPH_CLOSE, cv::getStructuringElement(cv::MORPH_ELLIPSE, {21, 21}));
  return cv::countNonZero(filled - grey > 50);
}

TEST(Back, HasNoSecondFace) {
  for (const char* name : {"cc0-teddy-A-white.jpg", "cc0-teddy-B-alpha.png", "mit-fluent-teddy.webp"}) {
    const Dressed model = dressed(picture(name), params_of(Quality::Medium));
    EXPECT_EQ(model.report.back, Back::Smooth) << name;
    const int face = spots_in(model.seen(0));
    EXPECT_GT(face, 40) << name;
    EXPECT_LT(spots_in(model.seen(from_behind)), face / 4) << name;
    const Dressed mirrored = dressed(picture(name), made(Shape::Auto, Back::Mirror));
    EXPECT_GT(spots_in(mirrored.seen(from_behind)), face / 2) << name;
  }
}

// A yellow ball, shaded; with eyes and a mouth, or without.
enum class Face : std::uint8_t { No, Yes };

cv::Mat smiley(Face face) {
  cv::Mat out = cv::Mat::zeros(400, 400, CV_8UC4);
  for (int r = 180; r > 0; --r) cv::circle(out, {200, 200}, r, {250 - r * 0.3, 200 - r * 0.4, 40, 255}, cv::FILLED);
  if (face == Face::No) return out;
  for (const int x : {165, 235}) cv::ellipse(out, {x, 150}, {9, 13}, 0, 0, 360, {60, 40, 40, 255}, cv::FILLED);
  cv::ellipse(out, {200, 230}, {80, 60}, 0, 20, 160, {60, 40, 40, 255}, 12);
  return out;
}

TEST(Back, OfABallWithAFaceHasNone) {
  const Dressed model = dressed(png_of(smiley(Face::Yes)), params_of(Quality::Medium));
  EXPECT_EQ(model.report.shape, Shape::Turned);
  EXPECT_EQ(model.report.back, Back::Smooth);
  EXPECT_GT(spots_in(model.seen(0)), 40);
  EXPECT_EQ(spots_in(model.seen(from_behind)), 0);
  EXPECT_EQ(dressed(png_of(smiley(Face::No)), params_of(Quality::Medium)).report.back, Back::Flip);
}

// A flower: as symmetric as a bear's head, with all colours around it.
cv::Mat flower() {
  cv::Mat out = cv::Mat::zeros(500, 500, CV_8UC4);
  const cv::Scalar hair[] = {{230, 40, 40, 255}, {40, 90, 230, 255}, {240, 220, 40, 255}, {40, 190, 60, 255}};
  for (int i = 0; i < 16; ++i)
    cv::ellipse(out, {250, 250}, {200, 160}, 0, i * 22.5, (i + 1) * 22.5, hair[i % 4], cv::FILLED);
  cv::ellipse(out, {250, 250}, {120, 100}, 0, 0, 360, {230, 190, 160, 255}, cv::FILLED);
  return out;
}

TEST(Back, IsTheMirrorWhereARimOfManyColoursWouldMixToMud) {
  EXPECT_EQ(dressed(png_of(flower()), made(Shape::Soft)).report.back, Back::Mirror);
  cv::Mat plain = flower();
  for (int y = 0; y < plain.rows; ++y) {
    for (int x = 0; x < plain.cols; ++x) {
      auto& p = plain.at<cv::Vec4b>(y, x);
      if (std::max({p[0], p[1], p[2]}) - std::min({p[0], p[1], p[2]}) > 100) p = {120, 70, 40, 255};
    }
  }
  EXPECT_EQ(dressed(png_of(plain), made(Shape::Soft)).report.back, Back::Smooth);
}

TEST(Back, OfATurnedThingIsItsFrontTurned) {
  // A stripe on the left of the front is on the left from behind as well: half a turn, and no mirror.
  cv::Mat vase = bottle("");
  for (int y = 300; y < 740; ++y) {
    for (int x = 150; x < 190; ++x) vase.at<cv::Vec4b>(y, x) = {220, 40, 40, 255};
  }
  const auto red_left_and_right = [](const cv::Mat& seen) {
    std::array<int, 2> count{};
    for (int y = 0; y < seen.rows; ++y) {
      for (int x = 0; x < seen.cols; ++x) {
        const auto& p = seen.at<cv::Vec3b>(y, x);
        count[x < seen.cols / 2 ? 0 : 1] += p[0] > 2 * p[1] && p[0] > 60 ? 1 : 0;
      }
    }
    return count;
  };
  const Dressed model = dressed(png_of(vase), made(Shape::Turned));
  EXPECT_EQ(model.report.back, Back::Flip);
  const auto [left, right] = red_left_and_right(model.seen(from_behind));
  EXPECT_GT(left, 500);
  EXPECT_LT(right, 50);
  const auto [mirrored_left, mirrored_right] =
      red_left_and_right(dressed(png_of(vase), made(Shape::Turned, Back::Mirror)).seen(from_behind));
  EXPECT_GT(mirrored_right, 500);
  EXPECT_LT(mirrored_left, 50);
}

// A square of paper of that many pixels, on transparency.
FileBytes card(int side_px) {
  cv::Mat out = cv::Mat::zeros(side_px + 40, side_px + 40, CV_8UC4);
  out(cv::Rect{20, 20, side_px, side_px}).setTo(cv::Scalar(180, 160, 120, 255));
  return png_of(out);
}

TEST(Size, FollowsThePresetAndTheObject) {
  const auto size_of = [](int object_px, Params params) {
    params.shape = Shape::Flat;
    const Dressed model = dressed(card(object_px), params);
    EXPECT_EQ(model.atlas.rows, model.report.texture_px);
    return model.report.texture_px;
  };
  EXPECT_EQ(size_of(1700, params_of(Quality::Low)), 512);
  EXPECT_EQ(size_of(1700, params_of(Quality::Medium)), 1024);
  EXPECT_EQ(size_of(texture_grows_from - 1, params_of(Quality::High)), 1024);
  EXPECT_EQ(size_of(texture_grows_from, params_of(Quality::High)), 2048);
  // The user's word goes before all of it.
  Params large = params_of(Quality::Low);
  large.texture_px = 2048;
  EXPECT_EQ(size_of(300, large), 2048);
}

// A ball with a chequered skin, lit from the upper left by `strength` of all its light.
cv::Mat chequered_ball(float strength) {
  constexpr int side = 480;
  constexpr float radius = 220;
  cv::Mat out = cv::Mat::zeros(side, side, CV_8UC4);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const float u = (static_cast<float>(x) - side / 2.0F) / radius,
                  v = (side / 2.0F - static_cast<float>(y)) / radius;
      if (u * u + v * v > 1) continue;
      const float lit = std::max(0.0F, -0.6F * u + 0.55F * v + 0.58F * std::sqrt(1 - u * u - v * v));
      const bool odd = (x / 32 + y / 32) % 2 == 1;
      const cv::Vec3f colour = odd ? cv::Vec3f(210, 150, 90) : cv::Vec3f(110, 130, 190);
      const cv::Vec3f seen = colour * (1 - strength + strength * lit);
      out.at<cv::Vec4b>(y, x) = {cv::saturate_cast<std::uint8_t>(seen[0]), cv::saturate_cast<std::uint8_t>(seen[1]),
                                 cv::saturate_cast<std::uint8_t>(seen[2]), 255};
    }
  }
  return out;
}

// How far the front's colours are from the truth's, of 255, whatever the whole's brightness.
double colour_error(const Dressed& model, const Dressed& truth) {
  const cv::Mat seen = model.used()(cv::Rect{0, 0, model.atlas.rows, model.atlas.rows});
  cv::Mat a, b;
  model.atlas(cv::Rect{0, 0, model.atlas.rows, model.atlas.rows}).convertTo(a, CV_32FC3);
  truth.atlas(cv::Rect{0, 0, model.atlas.rows, model.atlas.rows}).convertTo(b, CV_32FC3);
  const cv::Scalar of_a = cv::mean(a, seen), of_b = cv::mean(b, seen);
  a *= (of_b[0] + of_b[1] + of_b[2]) / (of_a[0] + of_a[1] + of_a[2]);
  const cv::Scalar error = cv::mean(cv::abs(a - b), seen);
  return (error[0] + error[1] + error[2]) / 3;
}

TEST(Light, IsTakenOutOfTheTextureIfAskedFor) {
  Params with = made(Shape::Turned), without = with;
  with.delight = true;
  const Dressed truth = dressed(png_of(chequered_ball(0)), without);
  const double before = colour_error(dressed(png_of(chequered_ball(0.7F)), without), truth);
  const Dressed cleaned = dressed(png_of(chequered_ball(0.7F)), with);
  EXPECT_GT(before, 20);
  EXPECT_LT(colour_error(cleaned, truth), before / 2);
  // Where there was none, the pattern stays.
  EXPECT_LT(colour_error(dressed(png_of(chequered_ball(0)), with), truth), 4);
  // It is a matter of the texture alone.
  const Dressed lit = dressed(png_of(chequered_ball(0.7F)), without);
  EXPECT_EQ(cleaned.report.triangles, lit.report.triangles);
  EXPECT_NEAR(cv::mean(cleaned.atlas, cleaned.used())[1], cv::mean(lit.atlas, lit.used())[1], 12);
}

}  // namespace
}  // namespace i2m::engine
