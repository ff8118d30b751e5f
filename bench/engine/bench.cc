// Converts pictures at the three presets and prints CPU milliseconds a stage and what was made, one line a run:
//
//   engine_bench picture ...
//
// Wall times lie on a shared machine, so the last column is the process's CPU time of that run.
#include <sys/resource.h>

#include <cstdio>
#include <ctime>
#include <filesystem>
#include <string>

#include "engine/engine.h"
#include "engine/measure.h"

int main(int argc, char** argv) {
  using namespace i2m::engine;
  if (argc < 2) {
    std::fprintf(stderr, "usage: engine_bench picture ...\n");
    return 2;
  }
  for (const Quality quality : {Quality::Low, Quality::Medium, Quality::High}) {
    const Params params = params_of(quality);
    double sum = 0, worst = 0;
    int made = 0;
    for (int i = 1; i < argc; ++i) {
      const auto bytes = read_bytes(argv[i]);
      const std::clock_t begin = std::clock();
      const auto model = make_model(bytes, params);
      const double cpu_ms = 1000.0 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
      const std::string name = std::filesystem::path(argv[i]).stem();
      if (!model) {
        std::printf("%-28s refused: %s\n", name.c_str(), model.error().message.c_str());
        continue;
      }
      const Report& r = model->report;
      std::printf("%-28s %5d of %5d triangles %4zu kB %-6s", name.c_str(), r.triangles, params.triangles_max,
                  model->glb.size() / 1000, std::string(name_of(r.shape)).c_str());
      for (std::size_t k = 0; k < stage_count; ++k) {
        std::printf(" %s %.0f", std::string(name_of(static_cast<Stage>(k))).c_str(),
                    static_cast<double>(r.stage_ms[k]));
      }
      std::printf(" cpu %.0f ms\n", cpu_ms);
      sum += cpu_ms, worst = std::max(worst, cpu_ms), ++made;
    }
    if (made > 0)
      std::printf("== %d triangles: mean %.0f ms, worst %.0f ms CPU\n", params.triangles_max, sum / made, worst);
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("== peak memory %ld MB\n", usage.ru_maxrss / 1024);
}
