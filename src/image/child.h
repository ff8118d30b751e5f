#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <span>
#include <utility>

#include "base/result.h"

/// Files in memory, and a process that is given two of them and nothing else.
namespace i2m::image {

/// A file descriptor of our own, closed in every other program; above the three standard ones.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_{fd} {}
  Fd(Fd&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

/// A file in memory that holds `bytes` and that nobody can change any more.
/// Errors (here and below): Code::Unavailable when the system is short of memory, descriptors or processes.
Result<Fd> sealed_file(std::span<const std::uint8_t> bytes);

/// A file in memory of that size, zeros, which nobody can make longer or shorter any more.
Result<Fd> sized_file(std::size_t bytes);

/// A shared mapping of it, for reading and writing.
class Mapping {
 public:
  static Result<Mapping> of(const Fd& file, std::size_t bytes);
  Mapping(Mapping&& other) noexcept : data_{std::exchange(other.data_, nullptr)}, bytes_{other.bytes_} {}
  Mapping& operator=(Mapping&&) = delete;
  ~Mapping();
  std::uint8_t* data() const { return static_cast<std::uint8_t*>(data_); }

 private:
  Mapping(void* data, std::size_t bytes) : data_{data}, bytes_{bytes} {}
  void* data_;
  std::size_t bytes_;
};

struct Ended {
  int status = 0;          // as wait(2) tells it; 0 where another had waited before us
  bool timed_out = false;  // we killed it
  rusage used{};
};

/// Runs `program` with the files as its descriptors 0 and 1, no other descriptor, no argument, no environment, and
/// waits until it has ended or `time_max` is over. Safe in a process with threads (it does not fork), and leaves no
/// child. Errors: Code::Unavailable when it cannot be started.
Result<Ended> run_child(const std::filesystem::path& program, const Fd& first, const Fd& second,
                        std::chrono::milliseconds time_max);

}  // namespace i2m::image
