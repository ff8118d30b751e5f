// Stands in for image2model-decode in tests: does what a decoder that a picture has taken over might try. The "picture"
// says what: a word. Where it gets away with it, it answers that one white pixel was decoded.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <string>
#include <string_view>

#include "image/exchange.h"

namespace i2m::image {
namespace {

constexpr std::size_t page_bytes = 4096;

[[noreturn]] void spin() {
  for (volatile unsigned turns = 0;; turns = turns + 1) {
  }
}

// Touches memory until there is none, then answers how many MiB it got.
int take_memory(Exchange& exchange) {
  constexpr std::size_t step = std::size_t{1} << 20;
  int taken = 0;
  while (true) {
    void* const block = ::mmap(nullptr, step, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) break;
    for (std::size_t at = 0; at < step; at += page_bytes) static_cast<char*>(block)[at] = 1;
    ++taken;
  }
  exchange.answer = Answer::OutOfMemory;
  return taken;
}

// Each is true when it worked.
bool opens_a_file() { return ::open("/etc/passwd", O_RDONLY) >= 0; }
bool opens_a_socket() { return ::socket(AF_INET, SOCK_STREAM, 0) >= 0; }
bool starts_a_process() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  return child > 0;
}
bool runs_a_program() {
  char* const none[] = {nullptr};
  ::execve("/bin/true", none, none);
  return false;
}
bool kills_its_parent() { return ::kill(::getppid(), 0) == 0; }
bool makes_code() {
  return ::mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
         MAP_FAILED;
}
bool becomes_root() { return ::setresuid(0, 0, 0) == 0; }
bool writes_to_what_is_open() {
  bool wrote = false;
  for (int fd = 0; fd < 64; ++fd) wrote = ::write(fd, "x", 1) > 0 || wrote;
  return wrote;
}
bool crashes() {
  volatile int* nowhere = nullptr;
  *nowhere = 1;
  return true;
}

void answer_a_pixel(Exchange& exchange) {
  exchange.width = exchange.height = 1;
  exchange.channels = 3;
  exchange.orientation = 1;
  exchange.answer = Answer::Decoded;
}

bool lies(Exchange& exchange, std::string_view what) {
  answer_a_pixel(exchange);
  if (what == "lie-width") exchange.width = 1 << 20;
  if (what == "lie-negative") exchange.height = -1;
  if (what == "lie-channels") exchange.channels = 7;
  if (what == "lie-orientation") exchange.orientation = 1 << 30;
  if (what == "lie-answer") exchange.answer = static_cast<Answer>(77);
  if (what == "lie-detail") {
    exchange.answer = Answer::Unreadable;
    exchange.detail.fill('\x1b');
  }
  return what.starts_with("lie");
}

int serve() {
  void* const page = ::mmap(nullptr, pixels_at, PROT_READ | PROT_WRITE, MAP_SHARED, exchange_fd, 0);
  if (page == MAP_FAILED) return 2;
  Exchange& exchange = *static_cast<Exchange*>(page);
  std::string what(exchange.file_bytes, '\0');
  if (::pread(picture_fd, what.data(), what.size(), 0) < 0) return 2;
  if (what == "silence") return 0;
  if (what == "code") return 7;
  if (what == "other-version") return exit_other_layout;
  if (what == "hang") ::pause();  // before its walls: behind them it could not even sleep
  if (what == "grow") return ::ftruncate(exchange_fd, 0) == 0 ? 0 : 9;
  ::close(picture_fd);
  ::close(exchange_fd);

  const Confined confined = confine(exchange.asked_by);
  exchange.filtered = confined.filtered ? 1 : 0;
  if (!confined.refused.empty() && exchange.walls == Walls::Required) {
    exchange.answer = Answer::NotConfined;
    return 0;
  }
  if (what == "spin") spin();
  if (what == "memory") return take_memory(exchange) <= static_cast<int>(memory_bytes_max >> 20) ? 0 : 8;
  if (lies(exchange, what)) return 0;
  exchange.answer = Answer::Unreadable;
  static const std::map<std::string_view, bool (*)()> deeds = {
      {"file", opens_a_file},   {"socket", opens_a_socket},        {"fork", starts_a_process},
      {"exec", runs_a_program}, {"kill", kills_its_parent},        {"code-page", makes_code},
      {"root", becomes_root},   {"write", writes_to_what_is_open}, {"crash", crashes},
  };
  errno = 0;
  const bool worked = deeds.at(what)();
  const std::string why = ::strerrorname_np(errno) == nullptr ? "" : ::strerrorname_np(errno);
  std::memcpy(exchange.detail.data(), why.c_str(), why.size() + 1);
  if (worked) answer_a_pixel(exchange);
  return 0;
}

}  // namespace
}  // namespace i2m::image

int main() { ::_exit(i2m::image::serve()); }
