#include "report.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>

namespace i2m::bench {
namespace {

template <class T>
std::optional<double> mean_of(const std::vector<T>& rows, const std::function<bool(const T&)>& which,
                              const std::function<double(const T&)>& what) {
  double sum = 0, count = 0;
  for (const T& row : rows) {
    if (which(row)) sum += what(row), ++count;
  }
  return count > 0 ? std::optional(sum / count) : std::nullopt;
}

// The level at which the quality is promised, and that at which memory is greatest.
constexpr int level_of_quality = 5000;
constexpr double memory_must_mb = 200;

struct SpeedBar {
  int level;
  double alpha_must, alpha_aim, jpeg_must, jpeg_aim;  // CPU ms, mean
};
constexpr std::array speed_bars{SpeedBar{1000, 200, 150, 450, 350}, SpeedBar{5000, 280, 220, 600, 450},
                                SpeedBar{10'000, 420, 350, 800, 600}};

struct MaskBar {
  Backdrop backdrop;
  double must, aim;
};
constexpr std::array mask_bars{MaskBar{Backdrop::White, .95, .955}, MaskBar{Backdrop::Shadow, .92, .93},
                               MaskBar{Backdrop::Colour, .96, .965}, MaskBar{Backdrop::Table, .915, .92},
                               MaskBar{Backdrop::Photo, .72, .74}};

struct ShapeBar {
  char view;
  double distance_must, f_must;
};
constexpr std::array shape_bars{ShapeBar{'A', .158, .739}, ShapeBar{'B', .161, .728}};
constexpr double distance_aim = .150, f_aim = .76, outline_must = .965;

class Verdicts {
 public:
  void at_most(const std::string& figure, std::optional<double> measured, double must, double aim) {
    if (measured) all.push_back({figure, *measured, must, aim, true});
  }
  void at_least(const std::string& figure, std::optional<double> measured, double must, double aim) {
    if (measured) all.push_back({figure, *measured, must, aim, false});
  }
  std::vector<Verdict> all;
};

void judge_quality(Verdicts& out, const std::vector<Row>& rows) {
  const auto mean = [&](const std::function<bool(const Row&)>& which, const std::function<double(const Row&)>& what) {
    return mean_of<Row>(rows, which, what);
  };
  const auto alpha = [](const Row& r) { return r.backdrop == Backdrop::Alpha && r.made.level == level_of_quality; };
  for (const ShapeBar& bar : shape_bars) {
    const auto which = [&](const Row& r) { return alpha(r) && r.view == bar.view; };
    const std::string view = fmt::format(", view {}", bar.view);
    out.at_most("CD" + view, mean(which, [](const Row& r) { return r.fit.aligned.distance; }), bar.distance_must,
                distance_aim);
    out.at_least("F@0.1" + view, mean(which, [](const Row& r) { return r.fit.aligned.f; }), bar.f_must, f_aim);
  }
  out.at_least("outline in the picture's view", mean(alpha, [](const Row& r) { return r.outline; }), outline_must,
               outline_must);
  const auto any = [](const Row&) { return true; };
  out.at_most("models refused, share", mean(any, [](const Row& r) { return r.made.refusal.empty() ? 0.0 : 1.0; }), 0,
              0);
  out.at_most("open edges a model", mean(any, [](const Row& r) { return static_cast<double>(r.edges.open); }), 0, 0);
}

void judge_speed(Verdicts& out, const std::vector<Row>& rows) {
  const std::function<double(const Row&)> cpu = [](const Row& r) { return r.made.cpu_ms; };
  for (const SpeedBar& bar : speed_bars) {
    const auto of = [&](bool alpha) {
      return mean_of<Row>(
          rows, [&](const Row& r) { return (r.backdrop == Backdrop::Alpha) == alpha && r.made.level == bar.level; },
          cpu);
    };
    out.at_most(fmt::format("CPU ms, alpha, {} triangles", bar.level), of(true), bar.alpha_must, bar.alpha_aim);
    out.at_most(fmt::format("CPU ms, JPEG, {} triangles", bar.level), of(false), bar.jpeg_must, bar.jpeg_aim);
  }
  double peak = 0;
  for (const Row& row : rows) peak = std::max(peak, row.made.peak_mb);
  if (!rows.empty()) out.at_most("peak memory, MiB", peak, memory_must_mb, memory_must_mb);
}

}  // namespace

std::vector<Verdict> verdicts_of(const std::vector<Row>& shapes, const std::vector<MaskRow>& masks) {
  Verdicts out;
  judge_quality(out, shapes);
  for (const MaskBar& bar : mask_bars) {
    out.at_least(fmt::format("mask IoU, {}", name_of(bar.backdrop)),
                 mean_of<MaskRow>(
                     masks, [&](const MaskRow& r) { return r.backdrop == bar.backdrop; },
                     [](const MaskRow& r) { return r.agreement; }),
                 bar.must, bar.aim);
  }
  judge_speed(out, shapes);
  return std::move(out.all);
}

std::string verdict_table_of(const std::vector<Verdict>& verdicts) {
  std::string out = fmt::format("{:<32} {:>9} {:>8} {:>8}\n", "figure", "measured", "must", "aim");
  for (const Verdict& v : verdicts) {
    const int digits = v.must >= 10 ? 0 : 4;
    out += fmt::format("{:<32} {:>9.{}f} {:>8g} {:>8g}  {}\n", v.figure, v.measured, digits, v.must, v.aim,
                       v.reaches(v.aim) && v.reaches(v.must) ? "aim reached"
                       : v.reaches(v.must)                   ? "reached"
                                                             : "MISSED");
  }
  return out;
}

std::string json_of(const std::vector<Verdict>& verdicts, const std::vector<Row>& shapes,
                    const std::vector<MaskRow>& masks) {
  std::vector<std::string> musts, rows, cutouts;
  for (const Verdict& v : verdicts) {
    musts.push_back(fmt::format(R"({{"figure":"{}","measured":{:.5f},"must":{},"aim":{},"reached":{}}})", v.figure,
                                v.measured, v.must, v.aim, v.reaches(v.must)));
  }
  const auto score = [](const engine::Score& s) {
    return fmt::format(R"({{"cd":{:.5f},"f01":{:.5f},"f02":{:.5f},"f05":{:.5f}}})", s.distance, s.f, s.f02, s.f05);
  };
  for (const Row& row : shapes) {
    const engine::Report& report = row.made.report;
    rows.push_back(fmt::format(
        R"({{"object":"{}","view":"{}","backdrop":"{}","level":{},"refusal":"{}","shape":"{}","aligned":{},"raw":{},)"
        R"("novel":{:.5f},"outline":{:.5f},"triangles":{},"open":{},"non_manifold":{},"bytes":{},"cpu_ms":{:.1f},)"
        R"("peak_mb":{:.1f},"confidence":{:.3f},"stage_ms":[{:.1f}]}})",
        row.object, row.view, name_of(row.backdrop), row.made.level, row.made.refusal, engine::name_of(report.shape),
        score(row.fit.aligned), score(row.fit.raw), row.novel, row.outline, report.triangles, row.edges.open,
        row.edges.non_manifold, row.glb_bytes, row.made.cpu_ms, row.made.peak_mb, report.mask_confidence,
        fmt::join(report.stage_ms, ",")));
  }
  for (const MaskRow& row : masks) {
    cutouts.push_back(fmt::format(R"({{"name":"{}","backdrop":"{}","iou":{:.5f},"confidence":{:.3f},"cpu_ms":{:.1f}}})",
                                  row.name, name_of(row.backdrop), row.agreement, row.confidence, row.cpu_ms));
  }
  return fmt::format("{{\"musts\":[\n{}],\n\"shapes\":[\n{}],\n\"masks\":[\n{}]}}\n", fmt::join(musts, ",\n"),
                     fmt::join(rows, ",\n"), fmt::join(cutouts, ",\n"));
}

}  // namespace i2m::bench
