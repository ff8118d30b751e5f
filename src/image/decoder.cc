#include "image/decoder.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <system_error>

#include "image/child.h"
#include "image/decode.h"
#include "image/exchange.h"
#include "image/refusals.h"

namespace i2m::image {
namespace {

constexpr std::string_view program_name = "image2model-decode";
constexpr std::size_t channels_most = 4;
constexpr int orientations = 8;

std::unexpected<Error> unavailable(std::string message) { return refuse(Code::Unavailable, "", std::move(message)); }

Result<std::filesystem::path> beside_us() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return unavailable("/proc is not there, so image2model-decode cannot be found; mount it");
  return self.parent_path() / program_name;
}

// It comes from the child: letters, signs and spaces are all that reaches the log.
std::string plain(const std::array<char, detail_bytes>& detail) {
  std::string out;
  for (const char c : detail) {
    if (c == '\0') break;
    out += c >= ' ' && c <= '~' ? c : '?';
  }
  return out;
}

std::size_t room_for(RawSize size) {
  return static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height) * channels_most;
}

std::chrono::microseconds cpu_of(const rusage& used) {
  constexpr std::int64_t second = 1'000'000;
  return std::chrono::microseconds{(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * second + used.ru_utime.tv_usec +
                                   used.ru_stime.tv_usec};
}

// How the child went, where it did not end by itself.
Result<> judge(const Ended& ended) {
  if (ended.timed_out) return picture_too_demanding("the decoder was out of time by the clock");
  if (WIFSIGNALED(ended.status)) {
    const int by = WTERMSIG(ended.status);
    if (by == SIGXCPU) return picture_too_demanding("the decoder was out of processor time");
    return picture_unreadable(std::string("the decoder died of ") + ::sigdescr_np(by));
  }
  if (WEXITSTATUS(ended.status) == exit_other_layout) {
    return fail(Code::Unavailable, "image2model-decode is of another version: it was replaced; restart");
  }
  if (WEXITSTATUS(ended.status) != 0) {
    return picture_unreadable("the decoder ended with code " + std::to_string(WEXITSTATUS(ended.status)));
  }
  return {};
}

// `said` is a copy, and the child is dead: nothing changes while it is looked at.
Result<Raw> believe(const Exchange& said, RawSize expected) {
  switch (said.answer) {
    case Answer::Decoded:
      break;
    case Answer::Truncated:
      return picture_truncated(plain(said.detail));
    case Answer::Unreadable:
      return picture_unreadable(plain(said.detail));
    case Answer::OutOfMemory:
      return picture_too_demanding("the decoder was out of memory");
    case Answer::NotConfined:
      return fail(Code::Unavailable, "the decoder is not confined: " + plain(said.detail));
    case Answer::None:
    default:
      return picture_unreadable("the decoder did not answer");
  }
  const Raw raw{.size = {said.width, said.height}, .channels = said.channels, .orientation = said.orientation};
  if (raw.size != expected || (raw.channels != 3 && raw.channels != 4) || raw.orientation < 1 ||
      raw.orientation > orientations) {
    return picture_unreadable("the decoder answered nonsense");
  }
  return raw;
}

}  // namespace

Result<Picture> Decoder::decode(Bytes bytes, const PictureInfo& info, int side_px_max, Spent* spent) const {
  const RawSize size = raw_size(info, side_px_max);
  const std::size_t block_bytes = pixels_at + room_for(size);
  TRY(const Fd file, sealed_file(bytes));
  TRY(const Fd shared, sized_file(block_bytes));
  TRY(const Mapping block, Mapping::of(shared, block_bytes));
  const Exchange question{.info = info,
                          .side_px_max = side_px_max,
                          .file_bytes = static_cast<std::uint32_t>(bytes.size()),
                          .block_bytes = block_bytes,
                          .walls = settings_.walls,
                          .asked_by = ::getpid()};
  std::memcpy(block.data(), &question, sizeof question);
  TRY(const Ended ended, run_child(settings_.program, file, shared, settings_.time_max));
  Exchange said;
  std::memcpy(&said, block.data(), sizeof said);
  if (spent != nullptr) {
    constexpr std::uint64_t unit = 1024;  // of ru_maxrss
    *spent = {.cpu = cpu_of(ended.used),
              .resident_bytes = static_cast<std::uint64_t>(ended.used.ru_maxrss) * unit,
              .ended_by_signal = WIFSIGNALED(ended.status) ? WTERMSIG(ended.status) : 0,
              .filtered = said.filtered != 0};
  }
  CHECK_OK(judge(ended));
  TRY(const Raw raw, believe(said, size));
  constexpr int first_on_its_side = 5;  // of EXIF's eight ways
  if (spent != nullptr) spent->turned = raw.orientation >= first_on_its_side;
  const cv::Mat pixels{raw.size.height, raw.size.width, CV_8UC(raw.channels), block.data() + pixels_at};
  return finish(pixels, raw, side_px_max);
}

Result<Decoder> Decoder::open(Settings settings) {
  if (settings.program.empty()) {
    TRY(settings.program, beside_us());
  }
  if (::access(settings.program.c_str(), X_OK) != 0) {
    return unavailable(settings.program.string() + " is missing or cannot be run; install it beside image2model");
  }
  Decoder decoder{std::move(settings)};
  // One grey pixel.
  static constexpr std::uint8_t pixel[] = {
      0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0,   0,  0, 13, 'I', 'H', 'D', 'R', 0,   0,   0,   1,   0,  0,   0,
      1,    8,   0,   0,   0,    0,    58,   126,  155, 85, 0, 0,  0,   10,  'I', 'D', 'A', 'T', 120, 156, 99, 104, 0,
      0,    0,   130, 0,   129,  119,  205,  114,  182, 0,  0, 0,  0,   'I', 'E', 'N', 'D', 174, 66,  96,  130};
  Spent spent;
  const Result<Picture> tried = decoder.decode(pixel, {.type = PictureType::Png, .width = 1, .height = 1}, 1, &spent);
  if (!tried) {
    return unavailable("pictures cannot be decoded behind walls on this machine (" + tried.error().detail +
                       "); allow seccomp and memfd_create, or set DECODE_WALLS=limits to do without the filter");
  }
  decoder.filtered_ = spent.filtered;
  return decoder;
}

}  // namespace i2m::image
