// The same corpora with address and undefined-behaviour sanitizers, in processes that a finding ends: a few cases each,
// for a process under the sanitizer takes longer to start than most cases. Usage: image_corpus_asan MUTATIONS
// FOLDER...; exits 1 when a case crashed, took over 2 s or over 512 MiB.
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "image/probe.h"
#include "image/raw.h"
#include "image/test_corpus.h"

// A small quarantine: its pages would be counted to the case.
// NOLINTNEXTLINE(bugprone-reserved-identifier): the sanitizer looks for this name
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

// From here on at most `cpu_seconds_max` more; the kernel counts in whole seconds.
void limit_time() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto spent = static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + 1;
  const rlimit cpu{.rlim_cur = spent + cpu_seconds_max, .rlim_max = RLIM_INFINITY};
  ::setrlimit(RLIMIT_CPU, &cpu);
}

/// Cases gathered until there are enough for a process.
class Batch {
 public:
  Batch() {
    void* const shared =
        ::mmap(nullptr, sizeof(std::size_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) std::abort();
    at_ = static_cast<volatile std::size_t*>(shared);
  }

  void add(const std::string& name, const corpus::FileBytes& bytes) {
    ++cases;
    gathered_.push_back({name, bytes});
    if (gathered_.size() == batch_cases) run();
  }

  void run() {
    for (std::size_t from = 0; from < gathered_.size(); from = *at_ + 1) run_from(from);
    gathered_.clear();
  }

  int cases = 0, bad = 0;

 private:
  static constexpr std::size_t batch_cases = 25;

  // Ends behind the last case, or with `*at_` at one that ended its process.
  void run_from(std::size_t from) {
    *at_ = from;
    const pid_t child = ::fork();
    if (child == 0) {
      for (std::size_t i = from; i < gathered_.size(); ++i) {
        *at_ = i;
        limit_time();
        decode(gathered_[i].bytes);
      }
      ::_exit(0);
    }
    int status = 0;
    rusage used{};
    ::wait4(child, &status, 0, &used);
    const bool out_of_time = WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU;  // what the walls are there for
    if ((status == 0 || out_of_time) && used.ru_maxrss <= resident_kb_max) return;
    ++bad;
    std::fprintf(stderr, "%s: status %d, %ld KiB\n", gathered_[*at_].name.c_str(), status, used.ru_maxrss);
  }

  std::vector<corpus::File> gathered_;
  volatile std::size_t* at_ = nullptr;  // the case that is being looked at
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return std::fprintf(stderr, "usage: image_corpus_asan MUTATIONS FOLDER...\n"), 2;
  Batch batch;
  corpus::for_each_case({argv + 2, argv + argc}, cuts, std::max(1, std::atoi(argv[1])),
                        [&](const std::string& name, const corpus::FileBytes& bytes) { batch.add(name, bytes); });
  batch.run();
  std::printf("%d cases, %d bad\n", batch.cases, batch.bad);
  return batch.bad == 0 && batch.cases > 0 ? 0 : 1;
}
