// decode_bench FILE...: each picture decoded in this process and in the child, medians of both in milliseconds; the
// difference is what the walls cost.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "image/decode.h"
#include "image/decoder.h"

namespace {

using namespace i2m;

constexpr int rounds = 41, side_px_max = 2048;

double median_ms(const std::function<void()>& work) {
  std::vector<double> ms;
  for (int i = 0; i < rounds; ++i) {
    const auto began = std::chrono::steady_clock::now();
    work();
    ms.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count());
  }
  std::ranges::nth_element(ms, ms.begin() + rounds / 2);
  return ms[rounds / 2];
}

void measure(const image::Decoder& decoder, const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> read{std::istreambuf_iterator<char>(file), {}};
  const std::vector<std::uint8_t> bytes(read.begin(), read.end());
  const auto info = image::probe(bytes);
  if (!info) return;
  image::Decoder::Spent spent;
  bool good = true;
  const double here = median_ms([&] { good = image::decode(bytes, *info, side_px_max).has_value() && good; });
  const double there = median_ms([&] { good = decoder.decode(bytes, *info, side_px_max, &spent).has_value() && good; });
  if (!good) return;
  std::printf("%8.2f %8.2f %8.2f %6llu MiB  %5u x %-5u %s\n", here, there, there - here,
              static_cast<unsigned long long>(spent.resident_bytes >> 20), info->width, info->height, path);
}

}  // namespace

int main(int argc, char** argv) {
  const auto decoder = image::Decoder::open({});
  if (!decoder) return std::fprintf(stderr, "%s\n", decoder.error().message.c_str()), 1;
  std::printf(" here ms child ms   differ  child's peak\n");
  for (int i = 1; i < argc; ++i) measure(*decoder, argv[i]);
}
