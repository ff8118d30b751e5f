// The same corpora with address and undefined-behaviour sanitizers: each case in a process of its own, which a finding
// ends. Usage: image_corpus_asan MUTATIONS FOLDER...; exits 1 when a case crashed, took over 2 s or over 512 MiB.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>

#include "image/probe.h"
#include "image/raw.h"
#include "image/test_corpus.h"

// A small quarantine: its pages would be counted to the case.
extern "C" const char* __asan_default_options() {
  return "quarantine_size_mb=8:allocator_may_return_null=1:detect_leaks=0:abort_on_error=0:exitcode=99:"
         "max_allocation_size_mb=512";
}

namespace {

using namespace i2m;

constexpr int side_px_max = 2048, cuts = 4;
constexpr rlim_t cpu_seconds_max = 2;
constexpr long resident_kb_max = 512L << 10;

// The room is exactly as large as it has to be: one byte beyond is seen.
void decode(const corpus::FileBytes& bytes) {
  const auto info = image::probe(bytes);
  if (!info) return;
  const auto exact = std::make_unique<std::uint8_t[]>(bytes.size());
  std::ranges::copy(bytes, exact.get());
  std::unique_ptr<std::uint8_t[]> room;
  const auto place = [&room](image::RawSize size, int channels) {
    room = std::make_unique_for_overwrite<std::uint8_t[]>(static_cast<std::size_t>(size.width) *
                                                          static_cast<std::size_t>(size.height) *
                                                          static_cast<std::size_t>(channels));
    return room.get();
  };
  try {
    const auto raw = image::decode_raw({exact.get(), bytes.size()}, *info, side_px_max, place);
    if (raw && raw->size != image::raw_size(*info, side_px_max)) std::abort();
  } catch (const std::bad_alloc&) {
    return;
  }
}

bool survives(const std::string& name, const corpus::FileBytes& bytes) {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit cpu{.rlim_cur = cpu_seconds_max, .rlim_max = cpu_seconds_max + 1};
    ::setrlimit(RLIMIT_CPU, &cpu);
    decode(bytes);
    ::_exit(0);
  }
  int status = 0;
  rusage used{};
  ::wait4(child, &status, 0, &used);
  const bool out_of_time = WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU;  // what the walls are there for
  const bool good = (status == 0 || out_of_time) && used.ru_maxrss <= resident_kb_max;
  if (!good) {
    std::fprintf(stderr, "%s: status %d, %ld KiB\n", name.c_str(), status, used.ru_maxrss);
  }
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return std::fprintf(stderr, "usage: image_corpus_asan MUTATIONS FOLDER...\n"), 2;
  int cases = 0, bad = 0;
  corpus::for_each_case({argv + 2, argv + argc}, cuts, std::max(1, std::atoi(argv[1])),
                        [&](const std::string& name, const corpus::FileBytes& bytes) {
                          ++cases;
                          if (!survives(name, bytes)) ++bad;
                        });
  std::printf("%d cases, %d bad\n", cases, bad);
  return bad == 0 && cases > 0 ? 0 : 1;
}
