#include "masks.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <opencv2/imgproc.hpp>

#include "engine/mask.h"
#include "engine/measure.h"
#include "files.h"
#include "image/decode.h"
#include "workers.h"

namespace i2m::bench {
namespace {

constexpr int small_px = 128;
constexpr double cutout_share = 0.82;  // of the picture's side, for what does not bring a frame of its own
constexpr int decode_px_max = 2048;    // as make_model decodes
constexpr int random_seed = 1;

struct Cutout {
  std::string name;
  cv::Mat rgba;
};

/// A picture with alpha in the middle of a square, its longer side `cutout_share` of it.
cv::Mat framed(const cv::Mat& rgb, const cv::Mat& alpha) {
  const cv::Rect box = cv::boundingRect(alpha > 127);
  std::vector<cv::Mat> planes;
  cv::split(rgb, planes);
  planes.push_back(alpha);
  cv::Mat rgba;
  cv::merge(planes, rgba);
  const double scale = cutout_share * picture_px / std::max(box.width, box.height);
  cv::Mat large;
  cv::resize(rgba(box), large, {}, scale, scale, scale < 1 ? cv::INTER_AREA : cv::INTER_CUBIC);
  cv::Mat out(picture_px, picture_px, CV_8UC4, cv::Scalar::all(0));
  large.copyTo(out(cv::Rect((picture_px - large.cols) / 2, (picture_px - large.rows) / 2, large.cols, large.rows)));
  return out;
}

std::vector<Cutout> cutouts_of(const MaskRun& run) {
  std::vector<Cutout> out;
  for (const Entry& entry : run.entries) {
    const auto object = case_of(entry, 'B', run.work / "cache");
    if (!object) give_up(object.error().detail);
    out.push_back({object->name, object->rgba});
  }
  std::ifstream list(run.cutouts);
  for (std::string line; std::getline(list, line);) {
    if (line.empty() || line[0] == '#') continue;
    const auto bytes = engine::read_bytes(run.work / line);
    const auto info = image::probe(bytes);
    if (!info) give_up("no picture " + line);
    const auto picture = image::decode(bytes, *info, decode_px_max);
    if (!picture || picture->alpha.empty()) give_up("no alpha in " + line);
    out.push_back({std::filesystem::path(line).stem(), framed(picture->rgb, picture->alpha)});
  }
  return out;
}

cv::Mat smaller(const cv::Mat& picture) {
  cv::Mat out;
  cv::resize(picture, out, {small_px, small_px}, 0, 0, cv::INTER_AREA);
  return out;
}

MaskRow measured(const Cutout& cutout, Backdrop backdrop, const MaskRun& run) {
  MaskRow row{.name = cutout.name, .backdrop = backdrop};
  const auto file = write_on(cutout.rgba, backdrop, run.photos, run.work / "masks",
                             cutout.name + "-" + std::string(name_of(backdrop)));
  const auto bytes = engine::read_bytes(file);
  const auto picture = image::decode(bytes, *image::probe(bytes), decode_px_max);
  if (!picture) give_up("cannot decode " + file.string());
  cv::Mat truth;
  cv::extractChannel(cutout.rgba, truth, 3);
  cv::setRNGSeed(random_seed);
  const double begin = thread_cpu_ms();
  const auto mask = engine::find_object(*picture);
  row.cpu_ms = thread_cpu_ms() - begin;
  cv::Mat alpha = mask ? mask->alpha : cv::Mat::zeros(truth.size(), CV_8U);
  const int both = cv::countNonZero((alpha > 127) & (truth > 127)),
            any = cv::countNonZero((alpha > 127) | (truth > 127));
  row.agreement = any == 0 ? 0 : static_cast<double>(both) / any;
  row.confidence = mask ? static_cast<double>(mask->confidence) : 0;
  row.picture = smaller(picture->rgb);
  cv::Mat share;
  cv::cvtColor(alpha, share, cv::COLOR_GRAY2RGB);
  cv::Mat lit;
  cv::multiply(picture->rgb, share, lit, 1.0 / 255);
  cv::Mat rest = cv::Scalar::all(255) - share;
  row.found = smaller(lit + rest * 0.94);
  return row;
}

}  // namespace

std::vector<MaskRow> run_masks(const MaskRun& run) {
  std::filesystem::create_directories(run.work / "masks");
  const auto cutouts = cutouts_of(run);
  std::vector<MaskRow> rows(cutouts.size() * run.backdrops.size());
  on_threads(run.threads, rows.size(), [&](std::size_t i) {
    rows[i] = measured(cutouts[i / run.backdrops.size()], run.backdrops[i % run.backdrops.size()], run);
    return rows[i].name;
  });
  return rows;
}

std::string mask_table_of(const std::vector<MaskRow>& rows) {
  struct Prototype {
    Backdrop backdrop;
    double mean;
  };
  constexpr std::array prototypes{Prototype{Backdrop::White, .950}, Prototype{Backdrop::Shadow, .923},
                                  Prototype{Backdrop::Colour, .963}, Prototype{Backdrop::Table, .915},
                                  Prototype{Backdrop::Photo, .721}};
  std::string out = "backdrop   n  IoU mean median   >.9  (prototype)  confidence  CPU ms mean/worst\n";
  for (const auto& prototype : prototypes) {
    std::vector<double> found;
    double sum = 0, confidence = 0, cpu = 0, worst = 0, good = 0;
    for (const MaskRow& row : rows) {
      if (row.backdrop != prototype.backdrop) continue;
      found.push_back(row.agreement);
      sum += row.agreement, confidence += row.confidence, cpu += row.cpu_ms, worst = std::max(worst, row.cpu_ms);
      good += row.agreement > 0.9 ? 1 : 0;
    }
    if (found.empty()) continue;
    std::ranges::sort(found);
    const auto n = static_cast<double>(found.size());
    out += fmt::format("{:<8} {:>3.0f}    {:.4f}  {:.4f}  {:.2f}    ({:.3f})      {:.2f}       {:>4.0f} /{:>5.0f}\n",
                       name_of(prototype.backdrop), n, sum / n, found[found.size() / 2], good / n, prototype.mean,
                       confidence / n, cpu / n, worst);
  }
  out += "\nbelow 0.9:\n";
  for (const MaskRow& row : rows) {
    if (row.agreement < 0.9) {
      out += fmt::format("  {:<28} {:<7} {:.3f}  confidence {:.2f}\n", row.name, name_of(row.backdrop), row.agreement,
                         row.confidence);
    }
  }
  return out;
}

}  // namespace i2m::bench
