#include "engine/mask.h"

#include "engine/matting.h"
#include "engine/segment.h"

namespace i2m::engine {
namespace {

constexpr int side_px_min = 8;        // below this nobody could say what it shows
constexpr int object_px_min = 24;     // likewise for what is left after cutting out
constexpr int coarse_side_px = 320;   // where the outline is searched for
constexpr double speck_share = 0.02;  // parts below this share of the largest are dust
constexpr double clear_share = 0.01;  // transparency counts as a cut-out from here on
constexpr int clear_alpha = 16;

std::unexpected<Error> nothing(std::string message) { return refuse(Code::NoObjectFound, "files", std::move(message)); }

// Edge-aware enlargement of the coarse mask: inside a small window alpha is taken to be linear in the luminance, so the
// outline snaps to the picture's edges.
cv::Mat refine(const cv::Mat& coarse, const cv::Mat& rgb) {
  constexpr double eps = 1e-4, contrast = 1.8;
  constexpr int enlarge = 2, window = 2 * enlarge + 1;
  cv::Mat guide_full, guide, p;
  cv::cvtColor(rgb, guide_full, cv::COLOR_RGB2GRAY);
  const cv::Size size{std::min(coarse.cols * enlarge, rgb.cols), std::min(coarse.rows * enlarge, rgb.rows)};
  cv::resize(guide_full, guide, size, 0, 0, cv::INTER_AREA);
  guide.convertTo(guide, CV_32F, 1.0 / 255);
  coarse.convertTo(p, CV_32F, 1.0 / 255);
  cv::resize(p, p, size, 0, 0, cv::INTER_LINEAR);
  const auto mean = [](const cv::Mat& m) {
    cv::Mat out;
    cv::blur(m, out, {window, window}, {-1, -1}, cv::BORDER_REPLICATE);
    return out;
  };
  const cv::Mat mean_i = mean(guide), mean_p = mean(p);
  const cv::Mat cov = mean(guide.mul(p)) - mean_i.mul(mean_p);
  const cv::Mat var = mean(guide.mul(guide)) - mean_i.mul(mean_i);
  cv::Mat a, b;
  cv::divide(cov, var + eps, a);
  b = mean(mean_p - a.mul(mean_i));
  a = mean(a);
  cv::resize(a, a, rgb.size(), 0, 0, cv::INTER_LINEAR);
  cv::resize(b, b, rgb.size(), 0, 0, cv::INTER_LINEAR);
  guide_full.convertTo(guide_full, CV_32F, 1.0 / 255);
  const cv::Mat alpha = a.mul(guide_full) + b;
  cv::Mat out;
  alpha.convertTo(out, CV_8U, 255 * contrast, 255 * (0.5 - 0.5 * contrast));
  return out;
}

// The brush on a picture of this size.
void paint(cv::Mat& canvas, const std::vector<Hints::Dab>& dabs, int value) {
  const auto longest = static_cast<float>(std::max(canvas.cols, canvas.rows));
  for (const Hints::Dab& dab : dabs) {
    const cv::Point at{cvFloor(dab.x * static_cast<float>(canvas.cols)),
                       cvFloor(dab.y * static_cast<float>(canvas.rows))};
    cv::circle(canvas, at, std::max(0, cvRound(dab.radius * longest)), cv::Scalar(value), cv::FILLED);
  }
}

cv::Rect rect_of(const Hints::Box& box, cv::Size size) {
  const auto width = static_cast<float>(size.width), height = static_cast<float>(size.height);
  const cv::Point from{cvFloor(box.left * width), cvFloor(box.top * height)},
      to{cvCeil(box.right * width), cvCeil(box.bottom * height)};
  return cv::Rect{from, to} & cv::Rect{{0, 0}, size};
}

cv::Mat brushed(cv::Size size, const std::vector<Hints::Dab>& dabs) {
  cv::Mat out = cv::Mat::zeros(size, CV_8U);
  paint(out, dabs, 255);
  return out;
}

// At full size: nothing beyond the box, nothing of what is excluded, all of what is included.
void obey(cv::Mat& alpha, const Hints& hints) {
  paint(alpha, hints.include, 255);
  paint(alpha, hints.exclude, 0);
  if (!hints.box) return;
  cv::Mat inside = cv::Mat::zeros(alpha.size(), CV_8U);
  const cv::Rect box = rect_of(*hints.box, alpha.size());
  alpha(box).copyTo(inside(box));
  alpha = inside;
}

std::unexpected<Error> hints_leave_nothing(const Hints& hints) {
  if (!hints.exclude.empty()) {
    return refuse(Code::Invalid, "hints.exclude",
                  "After these strokes nothing is left of the object; take some of them back.");
  }
  return refuse(Code::Invalid, "hints.box", "There is no object in this box; draw it around the whole object.");
}

// Drops specks, but none that the user has brushed.
int clean(cv::Mat& solid, const Hints& hints) {
  const cv::Mat wanted = brushed(solid.size(), hints.include) & solid;
  const int largest = keep_large_parts(solid, speck_share);
  solid |= wanted;
  return largest;
}

bool has_clear_ground(const cv::Mat& alpha) {
  return cv::countNonZero(alpha < clear_alpha) >= clear_share * static_cast<double>(alpha.total());
}

// So that what is faint throughout (glass, smoke) is solid, and soft edges stay soft: all that can be seen is object
// where the rest is clear, and the more opaque part of it where nothing is.
cv::Mat strengthened(const cv::Mat& alpha) {
  constexpr int half = 128;
  cv::Mat unused;
  int from = 2 * clear_alpha;
  if (!has_clear_ground(alpha))
    from = cvRound(cv::threshold(alpha, unused, 0, 255, cv::THRESH_BINARY | cv::THRESH_OTSU));
  const cv::Mat body = alpha > from;
  const double middle = cv::countNonZero(body) > 0 ? cv::mean(alpha, body)[0] : 255;
  cv::Mat levels(1, 256, CV_8U), out;
  for (int i = 0; i < levels.cols; ++i) {
    const double level = i <= from ? (half - 1.0) * i / from : half + half * (i - from) / (middle - from);
    levels.at<std::uint8_t>(i) = cv::saturate_cast<std::uint8_t>(level);
  }
  cv::LUT(alpha, levels, out);
  return out;
}

Result<Mask> from_transparency(const image::Picture& picture, const Hints& hints) {
  cv::Mat alpha = hints.trust_alpha ? strengthened(picture.alpha) : picture.alpha.clone();
  const bool something = cv::countNonZero(alpha > 127) >= object_px_min;
  obey(alpha, hints);
  cv::Mat solid = alpha > 127;
  if (clean(solid, hints) < object_px_min) {
    if (something) return hints_leave_nothing(hints);
    return nothing(
        "This picture is almost entirely transparent; there is no object in it. Send one with the object visible.");
  }
  // Soft edges of what stays are kept, soft edges of what went are not.
  cv::Mat near;
  cv::dilate(solid, near, cv::getStructuringElement(cv::MORPH_ELLIPSE, {5, 5}));
  Mask mask;
  mask.from_alpha = true;
  cv::bitwise_and(alpha, near, mask.alpha);
  return mask;
}

// The part of the picture to look at: around the box there must be some ground to learn from.
cv::Rect window_of(const Hints& hints, cv::Size size) {
  if (!hints.box) return {{0, 0}, size};
  constexpr double margin = 0.12;
  cv::Rect box = rect_of(*hints.box, size);
  const int dx = std::max(4, cvRound(margin * box.width)), dy = std::max(4, cvRound(margin * box.height));
  box -= cv::Point{dx, dy};
  box += cv::Size{2 * dx, 2 * dy};
  return box & cv::Rect{{0, 0}, size};
}

cv::Mat said_by(const Hints& hints, cv::Size size) {
  if (!hints.box && hints.include.empty() && hints.exclude.empty()) return {};
  cv::Mat said(size, CV_8U, cv::Scalar(hints.box ? said_ground : said_nothing));
  if (hints.box) said(rect_of(*hints.box, size)).setTo(said_nothing);
  paint(said, hints.include, said_object);
  paint(said, hints.exclude, said_ground);
  return said;
}

Result<Mask> from_pixels(const image::Picture& picture, const Hints& hints, const Network* matting) {
  const cv::Rect window = window_of(hints, picture.rgb.size());
  const cv::Mat rgb = picture.rgb(window);
  const double scale = std::min(1.0, static_cast<double>(coarse_side_px) / std::max(rgb.cols, rgb.rows));
  const cv::Size size{std::max(1, cvRound(rgb.cols * scale)), std::max(1, cvRound(rgb.rows * scale))};
  cv::Mat coarse;
  cv::resize(rgb, coarse, size, 0, 0, cv::INTER_AREA);
  SegmentHelp help;
  const cv::Mat said = said_by(hints, picture.rgb.size());
  if (!said.empty()) cv::resize(said(window), help.said, size, 0, 0, cv::INTER_NEAREST);
  if (matting != nullptr) help.likely = foreground_of(*matting, usual_matting, coarse);
  const Segment segment = segment_object(coarse, help);
  Mask mask{cv::Mat::zeros(picture.rgb.size(), CV_8U), segment.confidence, false};
  const bool found = cv::countNonZero(segment.mask) >= object_px_min;
  if (found) refine(segment.mask, rgb).copyTo(mask.alpha(window));
  obey(mask.alpha, hints);
  cv::Mat solid = mask.alpha > 127;
  const int largest = clean(solid, hints);
  if (largest < object_px_min && !said.empty()) return hints_leave_nothing(hints);
  if (!found && said.empty()) {
    return nothing(
        "We found no object in this picture. One thing in the middle of a plain background works best, "
        "or a PNG with a transparent background.");
  }
  if (largest < object_px_min) {
    return nothing("The object in this picture is too small to model; crop the picture closer to it.");
  }
  cv::dilate(solid, solid, cv::getStructuringElement(cv::MORPH_ELLIPSE, {5, 5}));
  cv::bitwise_and(mask.alpha, solid, mask.alpha);
  return mask;
}

}  // namespace

int keep_large_parts(cv::Mat& mask, double share) {
  cv::Mat labels, stats, centres;
  const int count = cv::connectedComponentsWithStats(mask, labels, stats, centres, 8, CV_32S);
  int largest = 0;
  for (int i = 1; i < count; ++i) largest = std::max(largest, stats.at<int>(i, cv::CC_STAT_AREA));
  std::vector<std::uint8_t> keep(static_cast<std::size_t>(count), 0);
  for (int i = 1; i < count; ++i) {
    if (stats.at<int>(i, cv::CC_STAT_AREA) >= share * largest) keep[static_cast<std::size_t>(i)] = 255;
  }
  for (int y = 0; y < mask.rows; ++y) {
    const int* label = labels.ptr<int>(y);
    std::uint8_t* out = mask.ptr(y);
    for (int x = 0; x < mask.cols; ++x) out[x] = keep[static_cast<std::size_t>(label[x])];
  }
  return largest;
}

Result<Mask> find_object(const image::Picture& picture, const Hints& hints, const Network* matting) {
  CHECK_OK(check(hints));
  const int width = picture.rgb.cols, height = picture.rgb.rows;
  if (std::min(width, height) < side_px_min) {
    return nothing("This picture is only " + std::to_string(width) + " x " + std::to_string(height) +
                   " pixels; at least " + std::to_string(side_px_min) +
                   " a side are needed, and 256 or more look good.");
  }
  if (hints.trust_alpha && picture.alpha.empty()) {
    return refuse(Code::Invalid, "hints.trust_alpha",
                  "This picture has no transparency to trust; send a PNG or WebP that has, or leave this out.");
  }
  if ((!picture.alpha.empty() && has_clear_ground(picture.alpha)) || hints.trust_alpha)
    return from_transparency(picture, hints);
  return from_pixels(picture, hints, matting);
}

cv::Mat draw_mask(const image::Picture& picture, const Mask& mask, int side_px_max) {
  constexpr int square_px = 16, light = 235, dark = 205;
  constexpr double shown = 0.25;  // of what is not the object
  const cv::Scalar line{255, 64, 32};
  const double scale = std::min(1.0, static_cast<double>(side_px_max) / std::max(picture.rgb.cols, picture.rgb.rows));
  const cv::Size size{std::max(1, cvRound(picture.rgb.cols * scale)), std::max(1, cvRound(picture.rgb.rows * scale))};
  cv::Mat rgb, alpha;
  cv::resize(picture.rgb, rgb, size, 0, 0, cv::INTER_AREA);
  cv::resize(mask.alpha, alpha, size, 0, 0, cv::INTER_AREA);
  for (int y = 0; y < rgb.rows; ++y) {
    auto* to = rgb.ptr<cv::Vec3b>(y);
    const auto* a = alpha.ptr(y);
    for (int x = 0; x < rgb.cols; ++x) {
      const double share = shown + (1 - shown) * a[x] / 255.0;
      const double board = (1 - share) * ((x / square_px + y / square_px) % 2 == 0 ? light : dark);
      for (int c = 0; c < 3; ++c) to[x][c] = cv::saturate_cast<std::uint8_t>(to[x][c] * share + board);
    }
  }
  std::vector<std::vector<cv::Point>> outlines;
  cv::findContours(alpha > 127, outlines, cv::RETR_CCOMP, cv::CHAIN_APPROX_NONE);
  cv::drawContours(rgb, outlines, -1, line, std::max(1, cvRound(std::max(size.width, size.height) / 400.0)),
                   cv::LINE_AA);
  return rgb;
}

}  // namespace i2m::engine
