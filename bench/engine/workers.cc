#include "workers.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <ctime>
#include <mutex>
#include <thread>
#include <vector>

namespace i2m::bench {

void on_threads(int threads, std::size_t count, const std::function<std::string(std::size_t)>& task) {
  constexpr std::size_t told_each = 10;
  const bool terminal = isatty(STDERR_FILENO) != 0;
  std::atomic<std::size_t> next = 0;
  std::mutex progress;
  std::size_t done = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      const std::string name = task(i);
      const std::scoped_lock lock(progress);
      ++done;
      if (terminal || done % told_each == 0 || done == count) fmt::print(stderr, "{} of {}: {}\n", done, count, name);
    }
  };
  std::vector<std::jthread> all;
  for (int i = 0; i < threads; ++i) all.emplace_back(work);
}

double thread_cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

}  // namespace i2m::bench
