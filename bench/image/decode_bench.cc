// decode_bench FILE...: each picture decoded in this process and in the child; the difference is what the walls cost.
// Processor time is this process's and the child's together, so that a busy machine does not count.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "image/decode.h"
#include "image/decoder.h"

namespace {

using namespace i2m;

constexpr int rounds = 61, side_px_max = 2048;
constexpr double ms_per_s = 1e3, ms_per_ns = 1e-6;

double own_cpu_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * ms_per_s + static_cast<double>(now.tv_nsec) * ms_per_ns;
}

struct Times {
  double cpu_ms = 0;   // median
  double wall_ms = 0;  // best: the one that waited for nobody
};

/// `work` answers the processor time of others that worked for it, ms.
Times measure(const std::function<double()>& work) {
  std::vector<double> cpu, wall;
  for (int i = 0; i < rounds; ++i) {
    const auto began = std::chrono::steady_clock::now();
    const double cpu_began = own_cpu_ms(), others = work();
    cpu.push_back(own_cpu_ms() - cpu_began + others);
    wall.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count());
  }
  std::ranges::nth_element(cpu, cpu.begin() + rounds / 2);
  return {cpu[rounds / 2], *std::ranges::min_element(wall)};
}

void compare(const image::Decoder& decoder, const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> read{std::istreambuf_iterator<char>(file), {}};
  const std::vector<std::uint8_t> bytes(read.begin(), read.end());
  const auto info = image::probe(bytes);
  if (!info) return;
  image::Decoder::Spent spent;
  bool good = true;
  const Times here = measure([&] { return good = image::decode(bytes, *info, side_px_max).has_value() && good, 0.0; });
  const Times there = measure([&] {
    good = decoder.decode(bytes, *info, side_px_max, &spent).has_value() && good;
    return std::chrono::duration<double, std::milli>(spent.cpu).count();
  });
  if (!good) return;
  std::printf("%7.2f %7.2f %+7.2f   %7.2f %7.2f %+7.2f %6llu  %5u x %-5u %s\n", here.cpu_ms, there.cpu_ms,
              there.cpu_ms - here.cpu_ms, here.wall_ms, there.wall_ms, there.wall_ms - here.wall_ms,
              static_cast<unsigned long long>(spent.resident_bytes >> 20), info->width, info->height, path);
}

}  // namespace

int main(int argc, char** argv) {
  const auto decoder = image::Decoder::open({});
  if (!decoder) return std::fprintf(stderr, "%s\n", decoder.error().message.c_str()), 1;
  std::printf("   cpu ms (median)        |   wall ms (best)         | MiB\n");
  std::printf("   here   child    more   |   here   child    more   | peak\n");
  for (int i = 1; i < argc; ++i) compare(*decoder, argv[i]);
}
