#include "table.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace i2m::bench {
namespace {

/// What the reference's prototype reached (engine.md 4).
struct Prototype {
  std::string_view object;
  double distance_a, f_a, distance_b, f_b;
};
constexpr std::array prototypes{
    Prototype{"basketball", .040, 1.00, .040, 1.00},   Prototype{"red-wine-bottle-01", .030, 1.00, .031, 1.00},
    Prototype{"barrel", .069, 1.00, .085, 1.00},       Prototype{"teapot", .092, .92, .074, .98},
    Prototype{"tetrapak", .097, .92, .091, .98},       Prototype{"cupcake", .064, .99, .084, .96},
    Prototype{"espressokettle", .075, .94, .061, .98}, Prototype{"fireExtinguisher", .058, .99, .075, .97},
    Prototype{"coffee-mug", .131, .88, .137, .85},     Prototype{"teddyBear", .166, .68, .169, .68},
    Prototype{"oakChair", .192, .63, .189, .62},       Prototype{"handbag", .209, .50, .233, .46},
    Prototype{"sneakers", .190, .65, .200, .61},       Prototype{"kitchenaid", .254, .47, .250, .48},
    Prototype{"stool", .348, .38, .301, .48}};

struct Mean {
  std::string_view view;
  std::string_view backdrop;
  double distance, f, f02, f05, novel, raw_distance, raw_f;
};
constexpr double unknown = -1;
constexpr int level_shown = 5000;  // of each object, where there are several
constexpr std::array prototype_means{Mean{"A", "alpha", .158, .739, .916, .994, .733, .226, .616},
                                     Mean{"B", "alpha", .161, .728, .913, .995, .741, .238, .583},
                                     Mean{"B", "white", .165, .712, .909, .996, .736, unknown, unknown},
                                     Mean{"B", "shadow", .169, .699, .906, .996, .727, unknown, unknown}};

struct Sums {
  double count = 0, distance = 0, f = 0, f02 = 0, f05 = 0, novel = 0, raw_distance = 0, raw_f = 0, outline = 0;
  double outline_worst = 1, open = 0, non_manifold = 0, triangles = 0, off_target = 0, bytes = 0;
  double cpu = 0, cpu_worst = 0, peak = 0, refused = 0;
  std::array<double, engine::stage_count> stage{}, stage_worst{};

  void add(const Row& row) {
    ++count;
    distance += row.fit.aligned.distance, f += row.fit.aligned.f, f02 += row.fit.aligned.f02,
        f05 += row.fit.aligned.f05;
    novel += row.novel, raw_distance += row.fit.raw.distance, raw_f += row.fit.raw.f;
    outline += row.outline, outline_worst = std::min(outline_worst, row.outline);
    open += static_cast<double>(row.edges.open), non_manifold += static_cast<double>(row.edges.non_manifold);
    bytes += static_cast<double>(row.glb_bytes);
    refused += row.made.refusal.empty() ? 0 : 1;
    triangles += row.made.report.triangles;
    off_target = std::max(off_target, std::abs(row.made.report.triangles - row.made.level) / double(row.made.level));
    cpu += row.made.cpu_ms, cpu_worst = std::max(cpu_worst, row.made.cpu_ms), peak = std::max(peak, row.made.peak_mb);
    for (std::size_t k = 0; k < stage.size(); ++k) {
      const auto ms = static_cast<double>(row.made.report.stage_ms.at(k));
      stage.at(k) += ms, stage_worst.at(k) = std::max(stage_worst.at(k), ms);
    }
  }
};

/// One line of a table: all rows of a view, a backdrop and a level.
struct Group {
  char view;
  Backdrop backdrop;
  int level;
  Sums sums;
};

std::vector<Group> groups_of(const std::vector<Row>& rows) {
  std::vector<Group> out;
  for (const Row& row : rows) {
    const auto same = [&](const Group& g) {
      return g.view == row.view && g.backdrop == row.backdrop && g.level == row.made.level;
    };
    auto found = std::ranges::find_if(out, same);
    if (found == out.end()) found = out.insert(out.end(), {row.view, row.backdrop, row.made.level, {}});
    found->sums.add(row);
  }
  return out;
}

std::string label_of(const Group& g) { return fmt::format("{} {:<6} {:>5}", g.view, name_of(g.backdrop), g.level); }

std::string number(double value) { return value == unknown ? "  -  " : fmt::format("{:.3f}", value); }

std::string per_object(const std::vector<Row>& rows) {
  std::string out =
      "object                view level shape    CD    F@.1  F@.2  novel outl. raw CD  tri   n-m  cpu  "
      "(prototype CD F@.1)\n";
  const bool levels = std::ranges::any_of(rows, [&](const Row& row) { return row.made.level != rows[0].made.level; });
  for (const Row& row : rows) {
    if (levels && row.made.level != level_shown) continue;
    if (!row.made.refusal.empty()) {
      out +=
          fmt::format("{:<21} {}-{:<6} refused: {}\n", row.object, row.view, name_of(row.backdrop), row.made.refusal);
      continue;
    }
    const engine::Score& s = row.fit.aligned;
    out += fmt::format("{:<21} {}-{:<6} {:>5} {:<6} {:.3f} {:.3f} {:.3f} {:.3f} {:.3f} {:.3f} {:>6} {:>4} {:>5.0f}",
                       row.object, row.view, name_of(row.backdrop), row.made.level,
                       engine::name_of(row.made.report.shape), s.distance, s.f, s.f02, row.novel, row.outline,
                       row.fit.raw.distance, row.made.report.triangles, row.edges.non_manifold, row.made.cpu_ms);
    const auto known = std::ranges::find(prototypes, row.object, &Prototype::object);
    if (known != prototypes.end() && row.backdrop == Backdrop::Alpha) {
      const bool a = row.view == 'A';
      out += fmt::format("  ({:.3f} {:.2f})", a ? known->distance_a : known->distance_b, a ? known->f_a : known->f_b);
    }
    out += '\n';
  }
  return out;
}

std::string means(const std::vector<Group>& groups) {
  std::string out = "view backdrop level  n   CD    F@.1  F@.2  F@.5  novel raw CD raw F\n";
  for (const Group& g : groups) {
    const Sums& s = g.sums;
    const double n = s.count;
    out += fmt::format("{:<17} {:>3.0f} {:.4f} {:.4f} {:.3f} {:.3f} {:.3f} {:.3f}  {:.3f}\n", label_of(g), n,
                       s.distance / n, s.f / n, s.f02 / n, s.f05 / n, s.novel / n, s.raw_distance / n, s.raw_f / n);
    for (const Mean& m : prototype_means) {
      if (m.view[0] != g.view || m.backdrop != name_of(g.backdrop)) continue;
      out += fmt::format("   prototype           {:.3f}  {:.3f}  {:.3f} {:.3f} {:.3f} {}  {}\n", m.distance, m.f, m.f02,
                         m.f05, m.novel, number(m.raw_distance), number(m.raw_f));
    }
  }
  return out;
}

std::string soundness(const std::vector<Group>& groups) {
  std::string out = "view backdrop level  outline mean/worst  off target  open  non-manifold  kB   refused\n";
  for (const Group& g : groups) {
    const Sums& s = g.sums;
    out += fmt::format("{:<17}   {:.4f} / {:.3f}      {:.2f} %   {:>5.0f}    {:>6.1f}   {:>6.0f}  {:>3.0f}\n",
                       label_of(g), s.outline / s.count, s.outline_worst, 100 * s.off_target, s.open,
                       s.non_manifold / s.count, s.bytes / s.count / 1000, s.refused);
  }
  return out;
}

std::string times(const std::vector<Group>& groups) {
  std::string out = "CPU ms mean/worst, peak MB; stages: wall ms mean/worst\nview backdrop level   cpu        MB ";
  for (std::size_t k = 0; k < engine::stage_count; ++k) {
    out += fmt::format(" {:>10}", engine::name_of(static_cast<engine::Stage>(k)));
  }
  out += '\n';
  for (const Group& g : groups) {
    const Sums& s = g.sums;
    out += fmt::format("{:<17} {:>4.0f} /{:>5.0f} {:>5.0f}", label_of(g), s.cpu / s.count, s.cpu_worst, s.peak);
    for (std::size_t k = 0; k < s.stage.size(); ++k) {
      out += fmt::format(" {:>4.0f} /{:>4.0f}", s.stage.at(k) / s.count, s.stage_worst.at(k));
    }
    out += '\n';
  }
  return out;
}

}  // namespace

std::string table_of(const std::vector<Row>& rows) {
  const auto groups = groups_of(rows);
  return per_object(rows) + '\n' + means(groups) + '\n' + soundness(groups) + '\n' + times(groups);
}

}  // namespace i2m::bench
