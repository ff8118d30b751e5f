#include <algorithm>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "backdrop.h"
#include "scene.h"

namespace i2m::train {
namespace {

enum Backdrop { White, Gradient, Colour, Table, Texture, Photo, Drawing };

constexpr int fine = 2;
constexpr float pi = std::numbers::pi_v<float>;

// One rendered thing on a canvas: colour times coverage, and coverage.
struct Layer {
  cv::Mat colour, cover;
  cv::Rect box;
};

struct Spot {
  float x, y, longer;  // middle and longer side, in canvas pixels
};

Layer render(const Library& library, int split, Random& random, const Light& light, const Paint& paint, cv::Size size,
             Spot spot, int samples) {
  Model scratch;
  const Model& model = draw_model(library, split, split == 0 ? 0.25F : 0, random, scratch);
  const Pose pose = draw_pose(random, false);
  std::vector<Vec3> points = place(model, pose);
  const Extent e = extent_of(points);
  const float scale =
      spot.longer * static_cast<float>(samples) / std::max({e.x_high - e.x_low, e.y_high - e.y_low, 1e-6F});
  const int longest = std::max(size.width, size.height), side = longest * samples;
  const Window window{(e.x_low + e.x_high) / 2 - spot.x * static_cast<float>(samples) / scale,
                      (e.y_low + e.y_high) / 2 + spot.y * static_cast<float>(samples) / scale, scale};
  const Seen seen = look(model, std::move(points), window, side);
  std::vector<Vec3> shaded(seen.first.size());
  shade(model, seen, window, pose, light, paint, shaded);
  Layer layer{cv::Mat::zeros(size, CV_32FC3), cv::Mat::zeros(size, CV_32F), {}};
  const float each = 1.0F / static_cast<float>(samples * samples);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      cv::Vec3f sum(0, 0, 0);
      float cover = 0;
      for (int j = 0; j < samples * samples; ++j) {
        const auto i = static_cast<std::size_t>((y * samples + j / samples) * side + x * samples + j % samples);
        if (seen.triangle[i] < 0) continue;
        sum += to_cv(shaded[i]);
        cover += each;
      }
      layer.colour.at<cv::Vec3f>(y, x) = sum * each;
      layer.cover.at<float>(y, x) = cover;
    }
  }
  layer.box = cv::boundingRect(layer.cover > 0.5F);
  return layer;
}

void lay(cv::Mat& picture, const Layer& layer) {
  for (int y = 0; y < picture.rows; ++y) {
    for (int x = 0; x < picture.cols; ++x) {
      auto& p = picture.at<cv::Vec3f>(y, x);
      p = p * (1 - layer.cover.at<float>(y, x)) + layer.colour.at<cv::Vec3f>(y, x);
    }
  }
}

void darken(cv::Mat& picture, const cv::Mat& shadow, float strength) {
  for (int y = 0; y < picture.rows; ++y) {
    for (int x = 0; x < picture.cols; ++x)
      picture.at<cv::Vec3f>(y, x) *= 1 - strength * std::clamp(shadow.at<float>(y, x), 0.0F, 1.0F);
  }
}

cv::Mat ground(Random& random, cv::Mat wall) {
  const int horizon = cvRound(random.in(0.3F, 0.8F) * static_cast<float>(wall.rows));
  cv::Mat floor = random.chance(0.5F) ? texture(random, wall.size())
                                      : ramp(random, wall.size(), some_colour(random), some_colour(random));
  floor.rowRange(horizon, wall.rows).copyTo(wall.rowRange(horizon, wall.rows));
  blur(wall, random.chance(0.5F) ? random.in(0, 3) : 0);
  return wall;
}

cv::Mat clutter(const Library& library, int split, Random& random, cv::Size size) {
  const cv::Size small{std::max(24, size.width / 2), std::max(24, size.height / 2)};
  cv::Mat scene =
      random.chance(0.4F) ? texture(random, small) : ramp(random, small, some_colour(random), some_colour(random));
  if (random.chance(0.6F)) scene = ground(random, scene);
  const int things = 3 + random.whole(7);
  const Light light = draw_light(random);
  for (int i = 0; i < things; ++i) {
    const Spot spot{random.in(-0.1F, 1.1F) * static_cast<float>(small.width),
                    random.in(0, 1) * static_cast<float>(small.height),
                    random.in(0.2F, 0.9F) * static_cast<float>(small.width)};
    lay(scene, render(library, split, random, light, draw_paint(random), small, spot, 1));
  }
  cv::resize(scene, scene, size, 0, 0, cv::INTER_LINEAR);
  blur(scene, random.chance(0.25F) ? random.in(0.3F, 1) : random.in(1, 5));
  return scene;
}

cv::Mat backdrop(const Library& library, int split, Random& random, int kind, cv::Size size) {
  switch (kind) {
    case White: {
      const float v = random.chance(0.6F) ? 1 : random.in(0.93F, 1);
      return {size, CV_32FC3, cv::Scalar(v, v, v)};
    }
    case Gradient: {
      const float v = random.in(0.25F, 1), w = std::clamp(v + random.in(-0.35F, 0.35F), 0.0F, 1.0F);
      const float warm = random.normal() * 0.02F;
      return ramp(random, size, {v + warm, v, v - warm}, {w + warm, w, w - warm});
    }
    case Table:
      return ground(random, ramp(random, size, some_colour(random), some_colour(random)));
    case Texture: {
      cv::Mat t = texture(random, size);
      blur(t, random.chance(0.6F) ? random.in(0, 3) : 0);
      return t;
    }
    case Photo:
      return clutter(library, split, random, size);
    default: {
      const Vec3 c = some_colour(random);
      return random.chance(0.5F) ? cv::Mat(size, CV_32FC3, cv::Scalar(c.x, c.y, c.z))
                                 : ramp(random, size, c, c * random.in(0.7F, 1.2F));
    }
  }
}

void shadows(Random& random, cv::Mat& picture, const Layer& layer, bool much) {
  const auto width = static_cast<float>(layer.box.width), foot = static_cast<float>(layer.box.br().y);
  if (width < 4) return;
  if (random.chance(much ? 0.75F : 0.3F)) {  // where it stands
    cv::Mat spot = cv::Mat::zeros(picture.size(), CV_32F);
    const float flat = random.in(0.04F, 0.2F) * width;
    cv::ellipse(spot, {layer.box.x + layer.box.width / 2, cvRound(foot - flat * 0.5F)},
                {cvRound(width * random.in(0.35F, 0.55F)), cvRound(flat) + 1}, 0, 0, 360, cv::Scalar(1), cv::FILLED);
    blur(spot, std::max(0.8F, flat * random.in(0.2F, 0.8F)));
    darken(picture, spot, random.in(0.15F, 0.75F));
  }
  if (random.chance(much ? 0.45F : 0.2F)) {  // thrown on the wall or on the ground
    const bool wall = random.chance(0.4F);
    const float squash = wall ? 1 : random.in(0.12F, 0.5F) * (random.chance(0.3F) ? -1.0F : 1.0F),
                lean = wall ? 0 : random.in(-1.5F, 1.5F);
    const float dx = wall ? random.in(-0.15F, 0.15F) * width : 0, dy = wall ? random.in(-0.03F, 0.12F) * width : 0;
    // Where the shadow of (x, y) falls: the foot stays.
    const cv::Matx23f fall(1, -lean * std::abs(squash), lean * std::abs(squash) * foot + dx, 0, squash,
                           foot * (1 - squash) + dy);
    cv::Mat thrown;
    cv::warpAffine(layer.cover, thrown, fall, picture.size());
    blur(thrown, random.in(0.5F, 0.06F * width + 0.6F));
    darken(picture, thrown, random.in(0.1F, 0.55F));
  }
  if (random.chance(0.06F)) {  // a polished table
    const cv::Matx23f over(1, 0, 0, 0, -1, 2 * foot);
    Layer image;
    cv::warpAffine(layer.colour, image.colour, over, picture.size());
    cv::warpAffine(layer.cover, image.cover, over, picture.size());
    const float strength = random.in(0.08F, 0.35F);
    image.colour *= strength;
    image.cover *= strength;
    lay(picture, image);
  }
}

Layer logo(Random& random, cv::Size size, Spot spot) {
  Layer layer{cv::Mat::zeros(size, CV_32FC3), cv::Mat::zeros(size, CV_32F), {}};
  const int parts = 1 + random.whole(4);
  const float r = spot.longer / 2;
  for (int i = 0; i < parts; ++i) {
    cv::Mat ink = cv::Mat::zeros(size, CV_32F);
    const cv::Point at{cvRound(spot.x + random.in(-0.5F, 0.5F) * r * static_cast<float>(i > 0)),
                       cvRound(spot.y + random.in(-0.5F, 0.5F) * r * static_cast<float>(i > 0))};
    const float size_px = r * random.in(0.4F, 0.95F);
    switch (random.whole(4)) {
      case 0:
        cv::ellipse(ink, at, {cvRound(size_px), cvRound(size_px * random.in(0.4F, 1))}, random.in(0, 180), 0, 360,
                    cv::Scalar(1), random.chance(0.3F) ? std::max(2, cvRound(size_px * 0.25F)) : cv::FILLED,
                    cv::LINE_AA);
        break;
      case 1: {
        std::vector<cv::Point> polygon;
        const int corners = 3 + random.whole(9);
        for (int k = 0; k < corners; ++k) {
          const float a = 2 * pi * static_cast<float>(k) / static_cast<float>(corners),
                      q = size_px * (k % 2 ? random.in(0.35F, 1) : 1);
          polygon.emplace_back(at.x + cvRound(q * std::sin(a)), at.y - cvRound(q * std::cos(a)));
        }
        cv::fillPoly(ink, std::vector<std::vector<cv::Point>>{polygon}, cv::Scalar(1), cv::LINE_AA);
        break;
      }
      case 2: {
        std::string word;
        for (int k = 0; k < 1 + random.whole(5); ++k) word += static_cast<char>('A' + random.whole(26));
        const double scale = 2.0 * size_px / (20.0 * static_cast<double>(word.size()));
        cv::putText(ink, word, {cvRound(static_cast<float>(at.x) - size_px), at.y + cvRound(10 * scale)},
                    random.whole(8), scale, cv::Scalar(1), 1 + cvRound(scale * random.in(1, 5)), cv::LINE_AA);
        break;
      }
      default: {
        cv::Point2f corner[4];
        cv::RotatedRect(at, {2 * size_px, 2 * size_px * random.in(0.2F, 1)},
                        random.chance(0.6F) ? 0 : random.in(0, 180))
            .points(corner);
        cv::fillConvexPoly(ink, std::vector<cv::Point>(corner, corner + 4), cv::Scalar(1), cv::LINE_AA);
      }
    }
    const Vec3 c = some_colour(random);
    for (int y = 0; y < size.height; ++y) {
      for (int x = 0; x < size.width; ++x) {
        const float k = std::min(1.0F, ink.at<float>(y, x));
        auto& p = layer.colour.at<cv::Vec3f>(y, x);
        p = p * (1 - k) + to_cv(c) * k;
        layer.cover.at<float>(y, x) = std::max(layer.cover.at<float>(y, x), k);
      }
    }
  }
  layer.box = cv::boundingRect(layer.cover > 0.5F);
  return layer;
}

Layer sprite(const Library& library, Random& random, cv::Size size, Spot spot) {
  const auto side = static_cast<int>(std::lround(std::sqrt(static_cast<double>(library.sprites[0].size()) / 4)));
  const auto& data = library.sprites[static_cast<std::size_t>(random.whole(static_cast<int>(library.sprites.size())))];
  cv::Mat rgba(side, side, CV_8UC4, const_cast<std::uint8_t*>(data.data())), mixed;
  rgba.convertTo(mixed, CV_32FC4, 1.0 / 255);
  const float scale = spot.longer / static_cast<float>(side), flip = random.chance(0.5F) ? -1.0F : 1.0F;
  const auto half = static_cast<float>(side) / 2;
  const cv::Matx23f move(scale * flip, 0, spot.x - scale * flip * half, 0, scale, spot.y - scale * half);
  if (scale < 0.7F) cv::GaussianBlur(mixed, mixed, {}, 0.35F / scale);
  cv::warpAffine(mixed, mixed, move, size, cv::INTER_LINEAR);
  Layer layer{cv::Mat(size, CV_32FC3), cv::Mat(size, CV_32F), {}};
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      const auto p = mixed.at<cv::Vec4f>(y, x);  // premultiplied in the file
      layer.colour.at<cv::Vec3f>(y, x) = {p[0], p[1], p[2]};
      layer.cover.at<float>(y, x) = p[3];
    }
  }
  layer.box = cv::boundingRect(layer.cover > 0.5F);
  return layer;
}

Paint paint_like(Random& random, const cv::Mat& picture) {
  Paint paint = draw_paint(random);
  const auto c = picture.at<cv::Vec3f>(picture.rows / 2, picture.cols / 2);
  paint.recolour = true;
  for (Vec3& p : paint.colours) {
    const float shift = random.in(-0.12F, 0.12F);
    p = {c[0] + shift, c[1] + shift, c[2] + shift};
  }
  return paint;
}

void make_glassy(Random& random, Layer& layer) {
  cv::Mat inner;
  cv::erode(layer.cover, inner, cv::Mat::ones(3, 3, CV_8U));
  const float body = random.in(0.12F, 0.5F), rim = random.in(0.3F, 0.9F);
  const cv::Mat share = inner * body + (layer.cover - inner) * rim;
  for (int y = 0; y < share.rows; ++y) {
    for (int x = 0; x < share.cols; ++x) {
      const float k = share.at<float>(y, x), whole = std::max(layer.cover.at<float>(y, x), 1e-3F);
      layer.colour.at<cv::Vec3f>(y, x) *= k / whole;
      layer.cover.at<float>(y, x) = k;
    }
  }
}

void finish(Random& random, cv::Mat& picture) {
  const float gain = std::exp(random.normal() * 0.08F), lift = random.normal() * 0.02F;
  picture = picture * gain + cv::Scalar::all(lift);
  if (random.chance(0.25F)) blur(picture, random.in(0.3F, 0.9F));
  const float grain = random.chance(0.5F) ? random.in(0, 0.04F) : 0;
  cv::Mat bytes(picture.size(), CV_8UC3);
  for (int y = 0; y < picture.rows; ++y) {
    for (int x = 0; x < picture.cols; ++x) {
      const float grey = (random.unit() + random.unit() - 1) * grain;
      for (int k = 0; k < 3; ++k) {
        bytes.at<cv::Vec3b>(y, x)[k] = cv::saturate_cast<std::uint8_t>(255 * (picture.at<cv::Vec3f>(y, x)[k] + grey));
      }
    }
  }
  if (random.chance(0.5F)) {
    std::vector<std::uint8_t> jpeg;
    cv::imencode(".jpg", bytes, jpeg, {cv::IMWRITE_JPEG_QUALITY, 45 + random.whole(50)});
    bytes = cv::imdecode(jpeg, cv::IMREAD_COLOR);
  }
  picture = bytes;
}

int draw_kind(Random& random) {
  constexpr std::array<float, 7> share{0.12F, 0.2F, 0.11F, 0.16F, 0.13F, 0.22F, 0.06F};
  float at = random.unit();
  for (int kind = 0; kind < 6; ++kind) {
    at -= share[static_cast<std::size_t>(kind)];
    if (at < 0) return kind;
  }
  return Drawing;
}

}  // namespace

int mask_sample(const Library& library, int split, std::uint64_t seed, int side, std::uint8_t* rgb, float* target) {
  cv::setNumThreads(1);
  Random random(seed);
  const int kind = draw_kind(random);
  cv::Size size{side, side};
  if (random.chance(0.45F)) {
    const int shorter = cvRound(random.in(0.55F, 1) * side);
    (random.chance(0.5F) ? size.width : size.height) = shorter;
  }
  cv::Mat picture = backdrop(library, split, random, kind, size);
  const int things = random.chance(0.76F) ? 1 : 2 + random.whole(2);
  const Light light = draw_light(random);
  const auto width = static_cast<float>(size.width), height = static_cast<float>(size.height);
  cv::Mat truth = cv::Mat::zeros(size, CV_32F);
  const float base = random.in(0.55F, 0.95F) * height;
  for (int i = 0; i < things; ++i) {
    const float room = std::min(width, height);
    float longer = things == 1 ? random.in(0.3F, 1) * std::max(width, height) : random.in(0.25F, 0.6F) * room;
    longer = std::min(longer, random.chance(0.93F) ? room * 0.97F : room * 1.15F);
    const float slack_x = std::max(0.0F, (width - longer) / 2), slack_y = std::max(0.0F, (height - longer) / 2);
    Spot spot{width / 2 + random.in(-1, 1) * slack_x, height / 2 + random.in(-1, 1) * slack_y, longer};
    if (things > 1)
      spot = {width * (static_cast<float>(i) + 0.5F + random.in(-0.2F, 0.2F)) / static_cast<float>(things),
              base - longer / 2 + random.in(-0.1F, 0.1F) * height, longer};
    Layer layer;
    if (kind == Drawing && random.chance(0.5F)) {
      layer = logo(random, size, spot);
    } else if (!library.sprites.empty() && random.chance(kind == Drawing ? 0.6F : 0.13F)) {
      layer = sprite(library, random, size, spot);
    } else {
      Paint paint = draw_paint(random);
      if ((kind == White || kind == Gradient || kind == Colour) && random.chance(0.17F))
        paint = paint_like(random, picture);
      paint.flat = kind == Drawing;
      layer = render(library, split, random, light, paint, size, spot, fine);
    }
    if (kind != Drawing) shadows(random, picture, layer, kind != White);
    truth = cv::max(truth, layer.cover);
    if (random.chance(0.05F)) make_glassy(random, layer);
    lay(picture, layer);
  }
  finish(random, picture);
  cv::Mat square(side, side, CV_8UC3, rgb), whole = cv::Mat::zeros(side, side, CV_32F);
  square.setTo(cv::Scalar::all(127));
  const cv::Rect place{(side - size.width) / 2, (side - size.height) / 2, size.width, size.height};
  picture.copyTo(square(place));
  truth.copyTo(whole(place));
  cv::Mat out(side / 2, side / 2, CV_32F, target);
  cv::resize(whole, out, out.size(), 0, 0, cv::INTER_AREA);
  return kind;
}

}  // namespace i2m::train
