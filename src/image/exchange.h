#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "image/probe.h"
#include "image/sandbox.h"

/// What the decoding child and the process that wants a picture say to each other: one block of shared memory, the
/// question and the answer in its first page, the pixels behind. The child is not trusted: see decoder.cc.
namespace i2m::image {

/// The child finds the picture's file here (sealed, read only), and the block here; nothing else is open.
inline constexpr int picture_fd = 0;
inline constexpr int exchange_fd = 1;
inline constexpr std::size_t pixels_at = 4096;
inline constexpr std::size_t detail_bytes = 256;

enum class Answer : std::uint32_t {
  None,         // the child never came to an end
  Decoded,      // the pixels are there
  Truncated,    // the picture ends early
  Unreadable,   // it does not decode
  OutOfMemory,  // it needs more than it may have
  NotConfined,  // a wall that was asked for could not be put up; the picture was not looked at
};

/// One more with every change of Exchange: the product may be replaced on disk while it runs, and then meets a child of
/// another version.
inline constexpr std::uint32_t exchange_layout = 1;
inline constexpr int exit_other_layout = 4;

struct Exchange {
  std::uint32_t layout = exchange_layout;  // stays first for ever
  // The question.
  PictureInfo info;
  std::int32_t side_px_max = 0;
  std::uint32_t file_bytes = 0;
  std::uint64_t block_bytes = 0;
  Walls walls = Walls::Required;
  pid_t asked_by = 0;
  // The answer.
  Answer answer = Answer::None;
  std::uint32_t filtered = 0;  // 1: the system calls are filtered
  std::int32_t width = 0;
  std::int32_t height = 0;
  std::int32_t channels = 0;
  std::int32_t orientation = 0;
  std::array<char, detail_bytes> detail{};  // for the log; ends with a zero
};
static_assert(sizeof(Exchange) <= pixels_at);

}  // namespace i2m::image
