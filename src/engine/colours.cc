#include "engine/colours.h"

#include <opencv2/imgproc.hpp>

namespace i2m::engine {
namespace {

constexpr int sure_alpha = 235, clear_alpha = 20;

cv::Mat shrunk(const cv::Mat& mask, int radius) {
  cv::Mat out;
  cv::erode(mask, out, cv::Mat::ones(2 * radius + 1, 2 * radius + 1, CV_8U), {-1, -1}, 1, cv::BORDER_CONSTANT, 0);
  return out;
}

cv::Mat grown(const cv::Mat& mask, int radius) {
  cv::Mat out;
  cv::dilate(mask, out, cv::Mat::ones(2 * radius + 1, 2 * radius + 1, CV_8U));
  return out;
}

// Without `far` pixels along the outline; where that leaves nothing, without `near`.
cv::Mat inner_part(const cv::Mat& solid, int near, int far) {
  cv::Mat out = shrunk(solid, near);
  if (far <= near) return out;
  const cv::Mat deep = shrunk(solid, far);
  // What the deeper one has left of a thick part reaches back to the outline when it is grown again.
  return deep | (out & ~grown(deep, far + near + 1));
}

// Takes out of `own` what looks like a mixture of the colours on both sides of the outline.
void drop_mixtures(const Subject& subject, const cv::Mat& solid, float doubt, cv::Mat& own) {
  constexpr float distinct = 40;  // between object and background, below which a mixture cannot be told (0 to 441)
  constexpr float share_max = 0.12F;
  const int reach = cvCeil(3 * doubt);
  const cv::Mat deep = inner_part(solid, cvCeil(doubt), reach);
  const cv::Mat outside = ~grown(subject.alpha > clear_alpha, cvCeil(doubt / 2));
  if (cv::countNonZero(outside) == 0 || cv::countNonZero(deep) == 0) return;
  constexpr int coarse_px = 128;
  const cv::Mat inner = push_pull(subject.rgb, deep, coarse_px), outer = push_pull(subject.rgb, outside, coarse_px);
  const float scale = static_cast<float>(inner.cols) / static_cast<float>(own.cols);
  const cv::Mat band = own & ~deep;
  for (int y = 0; y < own.rows; ++y) {
    auto* to = own.ptr(y);
    const auto* in_band = band.ptr(y);
    const auto* rgb = subject.rgb.ptr<cv::Vec3b>(y);
    const int row = std::min(inner.rows - 1, static_cast<int>(static_cast<float>(y) * scale));
    const auto *a = inner.ptr<cv::Vec3b>(row), *b = outer.ptr<cv::Vec3b>(row);
    for (int x = 0; x < own.cols; ++x) {
      if (in_band[x] == 0) continue;
      const int i = std::min(inner.cols - 1, static_cast<int>(static_cast<float>(x) * scale));
      const cv::Vec3f away = cv::Vec3f(b[i]) - cv::Vec3f(a[i]);
      const float apart = away.dot(away);
      if (apart > distinct * distinct && (cv::Vec3f(rgb[x]) - cv::Vec3f(a[i])).dot(away) > share_max * apart) to[x] = 0;
    }
  }
}

// Four pixels to one, each by its weight (the fourth channel).
cv::Mat halve(const cv::Mat& fine) {
  cv::Mat out((fine.rows + 1) / 2, (fine.cols + 1) / 2, CV_8UC4);
  for (int y = 0; y < out.rows; ++y) {
    const auto* a = fine.ptr<cv::Vec4b>(2 * y);
    const auto* b = fine.ptr<cv::Vec4b>(std::min(2 * y + 1, fine.rows - 1));
    auto* to = out.ptr<cv::Vec4b>(y);
    for (int x = 0; x < out.cols; ++x) {
      const int x0 = 2 * x;
      const int x1 = std::min(x0 + 1, fine.cols - 1);
      const cv::Vec4b from[] = {a[x0], a[x1], b[x0], b[x1]};
      if ((from[0][3] & from[1][3] & from[2][3] & from[3][3]) == 255) {  // most of them
        for (int c = 0; c < 3; ++c) {
          to[x][c] = static_cast<std::uint8_t>((from[0][c] + from[1][c] + from[2][c] + from[3][c] + 2) / 4);
        }
        to[x][3] = 255;
        continue;
      }
      int weight = 0, sum[3] = {};
      for (const auto& p : from) {
        weight += p[3];
        for (int c = 0; c < 3; ++c) sum[c] += p[c] * p[3];
      }
      if (weight == 0) {
        to[x] = {};
        continue;
      }
      for (int c = 0; c < 3; ++c) to[x][c] = static_cast<std::uint8_t>((sum[c] + weight / 2) / weight);
      to[x][3] = static_cast<std::uint8_t>(std::min(255, weight));
    }
  }
  return out;
}

void fill_from(cv::Mat& fine, const cv::Mat& coarse) {
  cv::Mat up;
  cv::resize(coarse, up, fine.size(), 0, 0, cv::INTER_LINEAR);
  for (int y = 0; y < fine.rows; ++y) {
    auto* to = fine.ptr<cv::Vec4b>(y);
    const auto* from = up.ptr<cv::Vec4b>(y);
    for (int x = 0; x < fine.cols; ++x) {
      const int w = to[x][3];
      if (w == 255) continue;
      for (int c = 0; c < 3; ++c) to[x][c] = static_cast<std::uint8_t>((to[x][c] * w + from[x][c] * (255 - w)) / 255);
      to[x][3] = 255;
    }
  }
}

// Gauss and Seidel's way, overrelaxed; what is known stays. `field` is CV_32FC3 and its border stays, too.
void relax(cv::Mat& field, const cv::Mat& known, int sweeps) {
  constexpr float relaxation = 1.8F;
  for (int sweep = 0; sweep < sweeps; ++sweep) {
    for (int y = 1; y + 1 < field.rows; ++y) {
      auto* row = field.ptr<cv::Vec3f>(y);
      const auto *up = field.ptr<cv::Vec3f>(y - 1), *down = field.ptr<cv::Vec3f>(y + 1);
      const auto* fixed = known.ptr(y);
      for (int x = 1; x + 1 < field.cols; ++x) {
        if (fixed[x] != 0) continue;
        const cv::Vec3f mean = (row[x - 1] + row[x + 1] + up[x] + down[x]) * 0.25F;
        row[x] += (mean - row[x]) * relaxation;
      }
    }
  }
}

}  // namespace

cv::Mat own_colours(const Subject& subject) {
  const cv::Mat solid = subject.alpha > sure_alpha;
  const int near = std::max(1, subject.alpha.cols / 512);
  constexpr float if_guessed = 2;  // a guessed outline is off by a pixel or two, and JPEG has half the pixels for hues
  const float doubt = subject.guessed ? if_guessed * subject.doubt_px : subject.doubt_px;
  cv::Mat own = inner_part(solid, near, cvCeil(doubt));
  if (subject.guessed) {
    cv::Mat pure = own.clone();
    drop_mixtures(subject, solid, doubt, pure);
    if (cv::countNonZero(pure) > 0) own = pure;
  }
  if (cv::countNonZero(own) > 0) return own;
  return cv::countNonZero(solid) > 0 ? solid : cv::Mat(subject.alpha > 0);
}

cv::Mat push_pull(const cv::Mat& rgb, const cv::Mat& known) {
  constexpr int margin = 16;  // px: models show nothing from farther outside
  cv::Rect window = cv::boundingRect(known);
  window = (window + cv::Size(2 * margin, 2 * margin) - cv::Point(margin, margin)) & cv::Rect({}, rgb.size());
  std::vector<cv::Mat> levels(1);
  cv::merge(std::vector<cv::Mat>{rgb(window), known(window)}, levels[0]);
  while (std::max(levels.back().cols, levels.back().rows) > 1) levels.push_back(halve(levels.back()));
  for (std::size_t i = levels.size() - 1; i-- > 0;) fill_from(levels[i], levels[i + 1]);
  cv::Mat out;
  cv::cvtColor(levels[0], out, cv::COLOR_RGBA2RGB);
  cv::copyMakeBorder(out, out, window.y, rgb.rows - window.br().y, window.x, rgb.cols - window.br().x,
                     cv::BORDER_REPLICATE);
  return out;
}

cv::Mat push_pull(const cv::Mat& rgb, const cv::Mat& known, int side_px) {
  cv::Mat colours, hold;
  const cv::Size size(std::min(side_px, rgb.cols), std::min(side_px, rgb.rows));
  cv::resize(rgb, colours, size, 0, 0, cv::INTER_AREA);
  cv::resize(known, hold, size, 0, 0, cv::INTER_AREA);
  hold = hold == 255;
  return cv::countNonZero(hold) > 0 ? push_pull(colours, hold) : colours;
}

cv::Mat diffuse(const cv::Mat& rgb, const cv::Mat& known) {
  constexpr int coarsest = 32, first_sweeps = 60, sweeps = 16;
  std::vector<cv::Mat> colours{push_pull(rgb, known)}, fixed{known};
  while (colours.back().cols > coarsest) {
    const cv::Size half((colours.back().cols + 1) / 2, (colours.back().rows + 1) / 2);
    cv::Mat fewer, hold;
    cv::resize(colours.back(), fewer, half, 0, 0, cv::INTER_AREA);
    cv::resize(fixed.back(), hold, half, 0, 0, cv::INTER_AREA);
    colours.push_back(fewer);
    fixed.emplace_back(hold > 127);
  }
  cv::Mat field;
  for (std::size_t i = colours.size(); i-- > 0;) {
    cv::Mat level;
    colours[i].convertTo(level, CV_32FC3);
    if (!field.empty()) {
      cv::resize(field, field, level.size(), 0, 0, cv::INTER_LINEAR);
      field.copyTo(level, ~fixed[i]);
    }
    field = level;
    relax(field, fixed[i], i + 1 == colours.size() ? first_sweeps : sweeps);
  }
  cv::Mat out;
  field.convertTo(out, CV_8UC3);
  return out;
}

}  // namespace i2m::engine
