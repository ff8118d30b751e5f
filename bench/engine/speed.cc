#include "speed.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace i2m::bench {
namespace {

struct Sum {
  double cpu = 0, worst = 0;
  int models = 0;
};

std::string line_of(const std::string& name, const Made& made) {
  if (!made.refusal.empty()) return fmt::format("{:<30} {:>6} refused: {}\n", name, made.level, made.refusal);
  std::string out = fmt::format("{:<30} {:>6} {:>6} triangles {:<6}", name, made.level, made.report.triangles,
                                engine::name_of(made.report.shape));
  for (std::size_t k = 0; k < engine::stage_count; ++k) {
    out += fmt::format(" {} {:.0f}", engine::name_of(static_cast<engine::Stage>(k)), made.report.stage_ms.at(k));
  }
  return out + fmt::format(" cpu {:.0f} ms\n", made.cpu_ms);
}

}  // namespace

void print_speed(const std::vector<std::filesystem::path>& pictures, const Wish& wish,
                 const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  std::map<int, Sum> sums;
  double peak = 0;
  for (const auto& picture : pictures) {
    for (const Made& made : make_in_child(picture, folder, picture.stem(), wish)) {
      fmt::print("{}", line_of(picture.stem(), made));
      if (!made.refusal.empty()) continue;
      Sum& sum = sums[made.level];
      sum.cpu += made.cpu_ms, sum.worst = std::max(sum.worst, made.cpu_ms), ++sum.models;
      peak = std::max(peak, made.peak_mb);
    }
  }
  for (const auto& [level, sum] : sums) {
    fmt::print("== {} triangles: mean {:.0f} ms, worst {:.0f} ms CPU, {} models\n", level, sum.cpu / sum.models,
               sum.worst, sum.models);
  }
  fmt::print("== peak memory {:.0f} MiB\n", peak);
}

}  // namespace i2m::bench
