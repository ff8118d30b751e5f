#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace i2m::bench {

/// Does `task(i)` for each i below `count` on so many threads, and says on standard error how far it is: every one on
/// a terminal, every tenth otherwise. A task answers its name.
void on_threads(int threads, std::size_t count, const std::function<std::string(std::size_t)>& task);

/// CPU time of this thread so far, milliseconds.
double thread_cpu_ms();

}  // namespace i2m::bench
