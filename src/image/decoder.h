#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <utility>

#include "base/result.h"
#include "image/bytes.h"
#include "image/probe.h"
#include "image/sandbox.h"

namespace i2m::image {

struct Picture;  // decode.h

/// Decodes strangers' pictures in a process of their own, behind the walls of sandbox.h: a new one for each picture.
///
/// What a broken or crafted picture can do there (crash, loop, ask for memory, take the process over) ends that process
/// and refuses that picture. Files travel both ways in shared memory: the child can open nothing.
class Decoder {
 public:
  struct Settings {
    std::filesystem::path program;  // empty: image2model-decode beside the running program
    Walls walls = Walls::Required;
    // By the clock, above `cpu_seconds_max`: a machine with more work than cores must not refuse good pictures.
    std::chrono::milliseconds time_max{10'000};
  };

  /// What one picture took and what its pixels' decoder found; for reports, tests and benchmarks.
  struct Spent {
    std::chrono::microseconds cpu{};
    std::uint64_t resident_bytes = 0;  // its peak; never below this process's own, which the kernel counts to the child
    int ended_by_signal = 0;           // 0: it ended by itself
    bool filtered = false;             // behind the filter of system calls
    bool turned = false;               // by EXIF, on its side: the width that its headers say is its height
  };

  /// Finds the program and decodes one pixel, so that a machine where it cannot work is known at the start.
  ///
  /// Errors: Code::Unavailable when there is no program, or a wall that is required cannot be put up; the message says
  ///         what to do.
  static Result<Decoder> open(Settings settings);

  /// Without looking, for tests of what a bad program can do.
  static Decoder untried(Settings settings) { return Decoder{std::move(settings)}; }

  /// As decode() of decode.h, in the child. Thread-safe; blocks.
  ///
  /// Errors: decode()'s; Code::PictureUnreadable also when the child dies, runs out of time or memory, or answers
  ///         nonsense; Code::Unavailable when it cannot be started.
  /// Cost:   decode()'s, plus 2 to 3 ms for the process.
  Result<Picture> decode(Bytes bytes, const PictureInfo& info, int side_px_max, Spent* spent = nullptr) const;

  /// False: the kernel refused the filter of system calls, and Walls::Limits put up with it.
  bool filtered() const { return filtered_; }

 private:
  explicit Decoder(Settings settings) : settings_{std::move(settings)} {}
  Settings settings_;
  bool filtered_ = false;
};

}  // namespace i2m::image
