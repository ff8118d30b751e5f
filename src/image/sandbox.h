#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

/// The walls around a process that reads what strangers sent. It puts them up around itself, before it looks.
namespace i2m::image {

enum class Walls : std::uint32_t {
  Required,  // all of them, or nothing is read
  Limits,    // where the kernel refuses the filter of system calls (some containers do), go on without it and say so
};

inline constexpr std::size_t memory_bytes_max = std::size_t{512} << 20;
inline constexpr std::uint32_t cpu_seconds_max = 2;

struct Confined {
  bool filtered = false;  // the system calls are filtered
  std::string refused;    // what could not be put up; empty when everything was
};

/// From here on this process can compute with the memory and the files it has, and end. For the rest of its life:
///
/// - at most `memory_bytes_max` of address space and `cpu_seconds_max` of processor (SIGXCPU ends it); no core file;
/// - no file is opened, made longer or written, no socket, no process, no thread; as root it becomes nobody first;
/// - no privilege is gained by exec, no debugger attaches, and it dies with the thread of `started_by` that started it;
/// - a system call that is not for memory or for the end kills it (SIGSYS).
///
/// One thread only. Address sanitizer needs terabytes of address space and files of its own: with it, no memory limit
/// and no filter.
/// Cost:   0.2 ms.
/// Source: setrlimit(2), prctl(2), seccomp(2); libseccomp.
Confined confine(pid_t started_by);

}  // namespace i2m::image
