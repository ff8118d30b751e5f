#pragma once

#include <source_location>

namespace i2m {
/// Logs and aborts: for bugs, never for input. The supervisor restarts the process.
[[noreturn]] void ensure_failed(const char* what, std::source_location at = std::source_location::current());
}  // namespace i2m

#define ENSURE(cond) ((cond) ? static_cast<void>(0) : ::i2m::ensure_failed(#cond))
