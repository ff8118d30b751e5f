#include "backdrops.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "files.h"
#include "image/jpeg_write.h"
#include "object.h"

namespace i2m::bench {
namespace {

constexpr int jpeg_quality = 88;

std::uint64_t seed_of(const std::string& name) {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<std::uint8_t>(c)) * 1099511628211ULL;
  return hash;
}

// Of brightness alone, as a camera's is after its own processing.
void add_noise(cv::Mat& picture, cv::RNG& random) {
  constexpr double deviation = 1.6;
  cv::Mat noise(picture.size(), CV_32F);
  random.fill(noise, cv::RNG::NORMAL, 0, deviation);
  cv::Mat grey;
  cv::merge(std::vector<cv::Mat>(3, noise), grey);
  picture += grey;
}

/// Falls from `middle` to `edge` with the distance from a point above the middle.
cv::Mat vignette(int side, const cv::Scalar& middle, const cv::Scalar& edge) {
  cv::Mat out(side, side, CV_32FC3);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const double dx = (x + 0.5) / side - 0.5, dy = (y + 0.5) / side - 0.4;
      const double t = 2.2 * (dx * dx + dy * dy);
      for (int c = 0; c < 3; ++c)
        out.at<cv::Vec3f>(y, x)[c] = static_cast<float>(middle[c] + t * (edge[c] - middle[c]));
    }
  }
  return out;
}

/// Darkens by `shade` (CV_32F, 0 to 1).
void darken(cv::Mat& picture, const cv::Mat& shade) {
  cv::Mat keep;
  cv::merge(std::vector<cv::Mat>(3, 1.0 - shade), keep);
  picture = picture.mul(keep);
}

cv::Mat moved(const cv::Mat& mask, double right, double down) {
  const cv::Mat by = (cv::Mat_<double>(2, 3) << 1, 0, right, 0, 1, down);
  cv::Mat out;
  cv::warpAffine(mask, out, by, mask.size());
  return out;
}

/// Where the object stands: darkest under the middle of its lower edge.
cv::Mat contact_shadow(const cv::Rect& box, int side) {
  const double across = 0.28 * box.width, down = 0.028 * side;
  const double x0 = box.x + 0.5 * box.width, y0 = box.y + box.height;
  cv::Mat out(side, side, CV_32F);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const double dx = (x + 0.5 - x0) / across, dy = (y + 0.5 - y0) / down;
      out.at<float>(y, x) = static_cast<float>(std::exp(-0.5 * (dx * dx + dy * dy)));
    }
  }
  return out;
}

// The numbers are read off the reference's two pictures of this kind (test/data/pictures/*-shadow.jpg).
cv::Mat on_shadow(const cv::Mat& alpha, cv::RNG& random) {
  const int side = alpha.rows;
  cv::Mat out = vignette(side, {228, 233, 236}, {188, 193, 196});
  cv::Mat drop;
  cv::GaussianBlur(moved(alpha, 0.014 * side, 0.014 * side), drop, {}, 0.018 * side);
  darken(out, 0.28 * drop);
  darken(out, 0.37 * contact_shadow(cv::boundingRect(alpha > 0.5), side));
  add_noise(out, random);
  return out;
}

cv::Scalar tint(cv::RNG& random, double lightest) {
  cv::Scalar out;
  for (int c = 0; c < 3; ++c) out[c] = random.uniform(0.5, 1.0) * lightest;
  return out;
}

cv::Mat on_colour(int side, cv::RNG& random) {
  const cv::Scalar colour = tint(random, 230);
  cv::Mat out(side, side, CV_32FC3);
  for (int y = 0; y < side; ++y) out.row(y) = colour * (0.95 + 0.1 * y / side);
  add_noise(out, random);
  return out;
}

cv::Mat square_of(const cv::Mat& photo, int side, cv::RNG& random) {
  const int edge = std::min(photo.rows, photo.cols);
  const int left = random.uniform(0, photo.cols - edge + 1), top = random.uniform(0, photo.rows - edge + 1);
  cv::Mat out;
  cv::resize(photo(cv::Rect(left, top, edge, edge)), out, {side, side}, 0, 0,
             edge > side ? cv::INTER_AREA : cv::INTER_CUBIC);
  out.convertTo(out, CV_32FC3);
  return out;
}

/// A photograph of the folder whose name begins with one of `kinds`; the choice is by chance.
cv::Mat any_photo(const std::filesystem::path& photos, std::span<const char* const> kinds, cv::RNG& random) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(photos)) {
    for (const auto& each : std::filesystem::directory_iterator(photos)) {
      if (std::ranges::any_of(kinds, [&](const char* kind) { return each.path().stem() == kind; })) {
        files.push_back(each.path());
      }
    }
  }
  std::ranges::sort(files);
  return files.empty() ? cv::Mat{} : read_picture(files[random.next() % files.size()]);
}

constexpr std::array busy_photos{"coffee", "chelsea", "rocket", "cc0-photo-coffee", "cc0-photo-chelsea"};
constexpr std::array patterns{"brick", "gravel", "grass"};

cv::Mat clutter(int side, cv::RNG& random) {
  cv::Mat out(side, side, CV_32FC3, tint(random, 200));
  constexpr int shapes = 60;
  for (int i = 0; i < shapes; ++i) {
    const cv::Point at(random.uniform(0, side), random.uniform(0, side));
    const cv::Size size(random.uniform(side / 40, side / 6), random.uniform(side / 40, side / 6));
    cv::ellipse(out, at, size, random.uniform(0.0, 180.0), 0, 360, tint(random, 255), cv::FILLED, cv::LINE_AA);
  }
  return out;
}

cv::Mat on_photo(int side, const std::filesystem::path& photos, cv::RNG& random) {
  const cv::Mat photo = any_photo(photos, busy_photos, random);
  cv::Mat out = photo.empty() ? clutter(side, random) : square_of(photo, side, random);
  cv::GaussianBlur(out, out, {}, 0.004 * side);
  add_noise(out, random);
  return out;
}

cv::Mat on_table(const cv::Mat& alpha, const std::filesystem::path& photos, cv::RNG& random) {
  const int side = alpha.rows;
  const cv::Scalar wall = tint(random, 240), wood = tint(random, 200);
  cv::Mat out = vignette(side, wall, wall * 0.92);
  const int edge = side * 6 / 10;
  const cv::Mat pattern = any_photo(photos, patterns, random);
  cv::Mat table(side, side, CV_32FC3, cv::Scalar::all(128));
  if (!pattern.empty()) table = square_of(pattern, side, random);
  cv::GaussianBlur(table, table, {}, 0.002 * side);
  cv::Mat grain = table * 0.3;  // a pattern that can be seen, not one that hides things
  const cv::Scalar mean = cv::mean(grain);
  grain += wood - mean;
  grain.rowRange(edge, side).copyTo(out.rowRange(edge, side));
  cv::Mat contact;
  cv::GaussianBlur(moved(alpha, 0.01 * side, 0.03 * side), contact, {}, 0.02 * side);
  contact.rowRange(0, edge) = 0;
  darken(out, 0.35 * contact);
  add_noise(out, random);
  return out;
}

}  // namespace

std::string_view name_of(Backdrop backdrop) {
  constexpr std::array<std::string_view, 6> names{"alpha", "white", "shadow", "colour", "table", "photo"};
  return names.at(static_cast<std::size_t>(backdrop));
}

cv::Mat put_on(const cv::Mat& rgba, Backdrop backdrop, const std::filesystem::path& photos, const std::string& name) {
  cv::RNG random(seed_of(name + std::string(name_of(backdrop))));
  std::vector<cv::Mat> planes;
  cv::split(rgba, planes);
  cv::Mat alpha, front;
  planes[3].convertTo(alpha, CV_32F, 1.0 / 255);
  cv::merge(std::vector<cv::Mat>{planes[0], planes[1], planes[2]}, front);
  front.convertTo(front, CV_32FC3);
  cv::Mat back(rgba.size(), CV_32FC3, cv::Scalar::all(255));
  if (backdrop == Backdrop::Shadow) back = on_shadow(alpha, random);
  if (backdrop == Backdrop::Colour) back = on_colour(rgba.rows, random);
  if (backdrop == Backdrop::Table) back = on_table(alpha, photos, random);
  if (backdrop == Backdrop::Photo) back = on_photo(rgba.rows, photos, random);
  cv::Mat share;
  cv::merge(std::vector<cv::Mat>(3, alpha), share);
  cv::Mat out = front.mul(share) + back.mul(cv::Scalar::all(1) - share);
  out.convertTo(out, CV_8UC3);
  return out;
}

std::filesystem::path write_on(const cv::Mat& rgba, Backdrop backdrop, const std::filesystem::path& photos,
                               const std::filesystem::path& folder, const std::string& name) {
  if (backdrop == Backdrop::Alpha) {
    const auto file = folder / (name + ".png");
    write_png(file, rgba);
    return file;
  }
  const auto jpeg = image::write_jpeg(put_on(rgba, backdrop, photos, name), jpeg_quality);
  if (!jpeg) give_up("no JPEG of " + name);
  const auto file = folder / (name + ".jpg");
  write_bytes(file, *jpeg);
  return file;
}

}  // namespace i2m::bench
