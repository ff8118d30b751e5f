#include "engine/texture.h"

#include <opencv2/imgproc.hpp>

#include "mesh/mesh.h"

namespace i2m::engine {
namespace {

constexpr int sure_alpha = 235;
constexpr int smooth_side_px = 256;  // the smooth back has no detail to lose
constexpr float rim_share = 0.045F;  // of the picture's side: where the smooth back takes its colours
constexpr float turn_blend_share = 0.05F;
constexpr float symmetric_from = 0.95F;
constexpr double motley_chroma = 20;  // spread of the rim's colours, Lab units, that would mix to mud

// Where the picture's colour is the object's own: inside the outline by a pixel or two.
cv::Mat sure_of(const Subject& subject) {
  cv::Mat sure = subject.alpha > sure_alpha;
  const int radius = std::max(1, subject.alpha.cols / 512);
  cv::Mat inner;
  cv::erode(sure, inner, cv::Mat::ones(2 * radius + 1, 2 * radius + 1, CV_8U));
  if (cv::countNonZero(inner) > 0) return inner;
  return cv::countNonZero(sure) > 0 ? sure : cv::Mat(subject.alpha > 0);
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

// Keeps the known pixels and fills the others from ever wider surroundings.
cv::Mat push_pull(const cv::Mat& rgb, const cv::Mat& known) {
  std::vector<cv::Mat> levels(1);
  cv::merge(std::vector<cv::Mat>{rgb, known}, levels[0]);
  while (std::max(levels.back().cols, levels.back().rows) > 1) levels.push_back(halve(levels.back()));
  for (std::size_t i = levels.size() - 1; i-- > 0;) fill_from(levels[i], levels[i + 1]);
  cv::Mat out;
  cv::cvtColor(levels[0], out, cv::COLOR_RGBA2RGB);
  return out;
}

// Colours that settle like heat between the known ones: no seams, no shapes. `start` is a good guess everywhere.
cv::Mat diffuse(const cv::Mat& start, const cv::Mat& known) {
  constexpr int sweeps = 60;
  constexpr float relaxation = 1.8F;
  cv::Mat field;
  start.convertTo(field, CV_32FC3);
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
  cv::Mat out;
  field.convertTo(out, CV_8UC3);
  return out;
}

struct Rim {
  cv::Mat rgb, inside, distance, band;  // all at smooth_side_px
  float width = 0;                      // px
};

Rim rim_of(const Subject& subject) {
  Rim rim;
  const int side = std::min(smooth_side_px, subject.rgb.cols);
  cv::resize(subject.rgb, rim.rgb, {side, side}, 0, 0, cv::INTER_AREA);
  cv::resize(sure_of(subject), rim.inside, {side, side}, 0, 0, cv::INTER_AREA);
  rim.inside = rim.inside > 250;
  rim.distance = signed_distance(rim.inside);
  rim.width = rim_share * static_cast<float>(side);
  rim.band = rim.inside & (rim.distance < rim.width);
  return rim;
}

// The band's colours, each the mean of its neighbours in the band: lettering and stripes that reach the rim would smear
// over the back otherwise.
cv::Mat calmed(const Rim& rim) {
  const double reach = static_cast<double>(rim.width) * 1.5;
  cv::Mat weight, sum, weights;
  cv::Mat(rim.band / 255).convertTo(weight, CV_32F);
  cv::merge(std::vector<cv::Mat>{weight, weight, weight}, weights);
  rim.rgb.convertTo(sum, CV_32FC3);
  sum = sum.mul(weights);
  cv::GaussianBlur(sum, sum, {0, 0}, reach);
  cv::GaussianBlur(weights, weights, {0, 0}, reach);
  cv::Mat out;
  cv::divide(sum, weights + cv::Scalar::all(1e-6), sum);
  sum.convertTo(out, CV_8UC3);
  return out;
}

// A box has a rim around each of its faces.
void add_edges(Rim& rim, const Cuboid& box, const Grid& grid) {
  const auto corners = box.corners();
  const float scale = static_cast<float>(rim.band.cols) / static_cast<float>(grid.n);
  cv::Mat free(rim.band.size(), CV_8U, cv::Scalar(255));
  for (std::size_t i = 0; i < corners.size(); ++i) {
    for (const std::size_t bit : {1U, 2U, 4U}) {
      const std::size_t k = i | bit;
      if (k == i || !box.shows_edge(i, k)) continue;
      const auto at = [&](mesh::Vec2 p) { return cv::Point(cvRound(p.x * scale), cvRound(p.y * scale)); };
      cv::line(free, at(corners[i]), at(corners[k]), cv::Scalar(0));
    }
  }
  cv::Mat distance;
  cv::distanceTransform(free, distance, cv::DIST_L2, cv::DIST_MASK_PRECISE);
  cv::min(rim.distance, distance, rim.distance);
  rim.band = rim.inside & (rim.distance < rim.width);
}

// The front's rim goes on over the back; towards the middle the colours run together.
cv::Mat smooth_back(const Rim& rim, const cv::Mat& front) {
  if (cv::countNonZero(rim.band) == 0) return front.clone();
  const cv::Mat fixed = rim.band | ~rim.inside;
  cv::Mat smooth = diffuse(push_pull(calmed(rim), rim.band), fixed);
  cv::Mat weight = 1 - rim.distance / static_cast<double>(rim.width * 0.9F);
  weight = cv::max(cv::min(weight, 1.0), 0.0);
  cv::resize(smooth, smooth, front.size(), 0, 0, cv::INTER_CUBIC);
  cv::resize(weight, weight, front.size(), 0, 0, cv::INTER_LINEAR);
  cv::Mat out(front.size(), CV_8UC3);
  for (int y = 0; y < out.rows; ++y) {
    const auto *a = front.ptr<cv::Vec3b>(y), *b = smooth.ptr<cv::Vec3b>(y);
    const auto* w = weight.ptr<float>(y);
    auto* to = out.ptr<cv::Vec3b>(y);
    for (int x = 0; x < out.cols; ++x) {
      for (int c = 0; c < 3; ++c) {
        to[x][c] = cv::saturate_cast<std::uint8_t>(static_cast<float>(a[x][c]) * w[x] +
                                                   static_cast<float>(b[x][c]) * (1 - w[x]));
      }
    }
  }
  return out;
}

// Seen from behind, left is right: the front mirrored at the axis, and the front itself at the rim, where both meet.
cv::Mat turned_back(const cv::Mat& front, const Lathe& lathe, const Grid& grid) {
  const float scale = static_cast<float>(front.cols) / static_cast<float>(grid.n);
  const float blend = turn_blend_share * static_cast<float>(front.cols);
  const float axis = lathe.axis * scale;
  cv::Mat out = front.clone();
  for (int y = 0; y < out.rows; ++y) {
    const auto row = static_cast<std::size_t>(std::min(grid.n - 1, static_cast<int>(static_cast<float>(y) / scale)));
    const float r = lathe.radius[row] * scale;
    const auto* from = front.ptr<cv::Vec3b>(y);
    auto* to = out.ptr<cv::Vec3b>(y);
    for (int x = std::max(0, cvFloor(axis - r)); x < std::min(out.cols, cvCeil(axis + r)); ++x) {
      const float middle = static_cast<float>(x) + 0.5F;
      const float w = std::clamp((r - std::abs(middle - axis)) / blend, 0.0F, 1.0F);
      const int other = std::clamp(static_cast<int>(2 * axis - middle), 0, out.cols - 1);
      for (int c = 0; c < 3; ++c) {
        to[x][c] = cv::saturate_cast<std::uint8_t>(static_cast<float>(from[other][c]) * w +
                                                   static_cast<float>(from[x][c]) * (1 - w));
      }
    }
  }
  return out;
}

enum class Side : std::uint8_t { Front, Back, Inside };

Side side_of(mesh::Vec3 normal, mesh::Vec3 middle, mesh::Vec3 viewer, bool is_turned) {
  constexpr float back_below = -0.06F, lid_from = 0.8F;
  if (!is_turned) return mesh::dot(normal, viewer) < back_below ? Side::Back : Side::Front;
  // The lid is seen from above all over, its far half too.
  if (normal.y > lid_from) return Side::Front;
  return middle.z < 0 ? Side::Back : Side::Front;
}

// Where the picture shows the inner wall: above the near rim, on the far side. Deeper down and on the near side it goes
// on as there; the rim itself, which may lie a little elsewhere than thought, is kept away from.
mesh::Vec2 seen_inside(const Hollow& hollow, const View& view, mesh::Vec3 p) {
  constexpr float widest = 0.85F, far_rim = 0.2F, near_rim = 0.45F;  // of the opening's radius; of its height as seen
  const float x = std::clamp(p.x, -widest * hollow.rim, widest * hollow.rim);
  const float across = std::sqrt(hollow.rim * hollow.rim - x * x) * hollow.depth;
  const float top = view.see({x, hollow.top, -across}).y, height = view.see({x, hollow.top, across}).y - top;
  const mesh::Vec2 at = view.see({x, p.y, -std::abs(p.z)});
  return {at.x, std::clamp(at.y, top + far_rim * height, top + (1 - near_rim) * height)};
}

bool is_inside(const std::optional<Hollow>& hollow, mesh::Vec3 normal, mesh::Vec3 middle) {
  constexpr float near_wall = -1.2F;  // cells
  if (!hollow || middle.y > hollow->top - 0.5F || middle.y < hollow->floor - 1) return false;
  const bool inwards = normal.x * middle.x + normal.z * middle.z < 0 || normal.y > 0.8F;
  return inwards && hollow->within(middle) > near_wall;
}

}  // namespace

Back choose_back(const Subject& subject, const Findings& found, float symmetry) {
  if (found.lathe) return Back::Flip;
  const Back with_detail = found.box ? Back::Flip : Back::Mirror;
  if (!found.box && symmetry < symmetric_from) return with_detail;
  const Rim rim = rim_of(subject);
  if (cv::countNonZero(rim.band) == 0) return with_detail;
  cv::Mat lab;
  rim.rgb.convertTo(lab, CV_32FC3, 1.0 / 255);
  cv::cvtColor(lab, lab, cv::COLOR_RGB2Lab);
  cv::Scalar mean, spread;
  cv::meanStdDev(lab, mean, spread, rim.band);
  return std::hypot(spread[1], spread[2]) > motley_chroma ? with_detail : Back::Smooth;
}

Atlas make_atlas(const Subject& subject, Back back, const Findings& found, const Grid& grid) {
  const cv::Mat front = push_pull(subject.rgb, sure_of(subject));
  // The faces of a box that are hidden show the picture of those that are not.
  if (back == Back::Mirror || (found.box && back == Back::Flip)) return {front, 1};
  cv::Mat behind;
  if (back == Back::Flip && found.lathe) {
    behind = turned_back(front, *found.lathe, grid);
  } else {
    Rim rim = rim_of(subject);
    if (found.box) add_edges(rim, *found.box, grid);
    behind = smooth_back(rim, front);
  }
  Atlas atlas;
  atlas.tiles = 2;
  cv::hconcat(front, behind, atlas.rgb);
  return atlas;
}

mesh::TexturedMesh unwrap(const Solid& solid, int tiles, bool is_turned) {
  constexpr std::uint32_t none = ~0U;
  const auto& from = solid.mesh;
  const auto normals = mesh::normals_of(from);
  const mesh::Vec3 viewer = solid.view.viewer();
  std::vector<std::array<std::uint32_t, 3>> ids(from.positions.size(), {none, none, none});
  mesh::TexturedMesh out;
  const float share = 1 / static_cast<float>(tiles);
  const auto corner = [&](std::uint32_t v, Side side) {
    std::uint32_t& id = ids[v][static_cast<std::size_t>(side)];
    if (id != none) return id;
    id = static_cast<std::uint32_t>(out.mesh.positions.size());
    mesh::Vec3 p = from.positions[v];
    out.mesh.positions.push_back(p);
    out.normals.push_back(normals[v]);
    // The far wall of a turned body is hidden behind the near one: it shows what the near one does.
    if (is_turned && side == Side::Back) p.z = std::abs(p.z);
    const mesh::Vec2 uv = side == Side::Inside ? seen_inside(*solid.hollow, solid.view, p) : solid.view.see(p);
    const float tile = side == Side::Back && tiles > 1 ? share : 0;
    out.texture.push_back({std::clamp(uv.x, 0.0F, 1.0F) * share + tile, std::clamp(uv.y, 0.0F, 1.0F)});
    return id;
  };
  for (std::size_t i = 0; i + 2 < from.indices.size(); i += 3) {
    const std::uint32_t* v = &from.indices[i];
    const mesh::Vec3 a = from.positions[v[0]], b = from.positions[v[1]], c = from.positions[v[2]];
    const mesh::Vec3 n = mesh::cross(b - a, c - a);
    const float size = mesh::length(n);
    const mesh::Vec3 unit = size > 0 ? n * (1 / size) : mesh::Vec3{0, 0, 1};
    Side side = side_of(unit, (a + b + c) * (1.0F / 3), viewer, is_turned);
    // One picture for both sides needs no seam.
    if (tiles == 1 && !is_turned) side = Side::Front;
    if (is_inside(solid.hollow, unit, (a + b + c) * (1.0F / 3))) side = Side::Inside;
    for (int k = 0; k < 3; ++k) out.mesh.indices.push_back(corner(v[k], side));
  }
  return out;
}

}  // namespace i2m::engine
