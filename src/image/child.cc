#include "image/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace i2m::image {
namespace {

constexpr int first_free_fd = 3;

std::unexpected<Error> outage(const char* what, int code) {
  return fail(Code::Unavailable, std::string(what) + ": " + ::strerrordesc_np(code));
}

// Linux before 6.3 does not know MFD_NOEXEC_SEAL, newer ones warn when it is missing.
Result<Fd> memory_file() {
  constexpr unsigned usual = MFD_CLOEXEC | MFD_ALLOW_SEALING, noexec_seal = 8;
  int fd = ::memfd_create("picture", usual | noexec_seal);
  if (fd < 0 && errno == EINVAL) fd = ::memfd_create("picture", usual);
  if (fd < 0) return outage("memfd_create", errno);
  Fd file{fd};
  if (fd >= first_free_fd) return file;
  // Whoever started us closed a standard descriptor; ours must not be in the child's way.
  const int higher = ::fcntl(fd, F_DUPFD_CLOEXEC, first_free_fd);
  if (higher < 0) return outage("F_DUPFD_CLOEXEC", errno);
  return Fd{higher};
}

class SpawnPlan {
 public:
  SpawnPlan() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }

  // The child gets the default for every signal, whatever this thread blocks or ignores.
  bool fill(const Fd& first, const Fd& second) {
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    return ::posix_spawn_file_actions_adddup2(&actions, first.get(), 0) == 0 &&
           ::posix_spawn_file_actions_adddup2(&actions, second.get(), 1) == 0 &&
           ::posix_spawn_file_actions_addclosefrom_np(&actions, 2) == 0 &&
           ::posix_spawnattr_setsigmask(&attributes, &none) == 0 &&
           ::posix_spawnattr_setsigdefault(&attributes, &all) == 0 &&
           ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) == 0;
  }

  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
};

// Waits for its end on a descriptor, so that a time limit needs no signal and no thread. The child is ours and not yet
// waited for: its number cannot have been given to another.
bool ended_in_time(pid_t child, std::chrono::milliseconds time_max) {
  using Clock = std::chrono::steady_clock;
  const Fd handle{static_cast<int>(::syscall(SYS_pidfd_open, child, 0))};
  if (handle.get() < 0) return true;  // no descriptor left: then its own limits alone bound the wait
  const Clock::time_point until = Clock::now() + time_max;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0) return false;
    pollfd waiting{.fd = handle.get(), .events = POLLIN, .revents = 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;
  }
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Fd> sealed_file(std::span<const std::uint8_t> bytes) {
  TRY(Fd file, memory_file());
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::write(file.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return outage("write to memory", errno);
    done += static_cast<std::size_t>(n);
  }
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
    return outage("F_ADD_SEALS", errno);
  }
  return file;
}

Result<Fd> sized_file(std::size_t bytes) {
  TRY(Fd file, memory_file());
  if (::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) return outage("ftruncate", errno);
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
    return outage("F_ADD_SEALS", errno);
  }
  return file;
}

Result<Mapping> Mapping::of(const Fd& file, std::size_t bytes) {
  void* const data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (data == MAP_FAILED) return outage("mmap", errno);
  return Mapping{data, bytes};
}

Mapping::~Mapping() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
}

Result<Ended> run_child(const std::filesystem::path& program, const Fd& first, const Fd& second,
                        std::chrono::milliseconds time_max) {
  SpawnPlan plan;
  if (!plan.fill(first, second)) return outage("posix_spawn's attributes", ENOMEM);
  std::string name = program.filename();
  char* const arguments[] = {name.data(), nullptr};
  char* const environment[] = {nullptr};
  pid_t child = -1;
  const int code = ::posix_spawn(&child, program.c_str(), &plan.actions, &plan.attributes, arguments, environment);
  if (code != 0) return outage(program.c_str(), code);
  Ended ended;
  if (!ended_in_time(child, time_max)) {
    ended.timed_out = true;
    ::kill(child, SIGKILL);
  }
  while (::wait4(child, &ended.status, 0, &ended.used) < 0 && errno == EINTR) {
  }
  return ended;
}

}  // namespace i2m::image
