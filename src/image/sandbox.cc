#include "image/sandbox.h"

#include <grp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace i2m::image {
namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define I2M_UNDER_ASAN 1
#endif
#endif
#ifdef I2M_UNDER_ASAN
constexpr bool under_asan = true;
#else
constexpr bool under_asan = false;
#endif

constexpr int exit_orphan = 3;
constexpr id_t nobody = 65'534;

bool limit(__rlimit_resource what, rlim_t soft, rlim_t hard) {
  const rlimit limits{.rlim_cur = soft, .rlim_max = hard};
  return ::setrlimit(what, &limits) == 0;
}

// Root is above most limits. In a user namespace that knows no nobody it stays what it is: root of nothing much.
bool step_down() {
  if (::geteuid() != 0) return true;
  return ::setgroups(0, nullptr) == 0 && ::setresgid(nobody, nobody, nobody) == 0 &&
         ::setresuid(nobody, nobody, nobody) == 0;
}

// The kernel sends SIGXCPU at the soft limit and SIGKILL at the hard one.
bool limit_everything() {
  bool all = limit(RLIMIT_CPU, cpu_seconds_max, cpu_seconds_max + 1);
  if (!under_asan) all = limit(RLIMIT_AS, memory_bytes_max, memory_bytes_max) && all;
  for (const auto what : {RLIMIT_CORE, RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE}) {
    all = limit(what, 0, 0) && all;
  }
  return all;
}

bool add_rules(scmp_filter_ctx filter) {
  constexpr std::array plain = {SCMP_SYS(brk),     SCMP_SYS(munmap), SCMP_SYS(mremap),
                                SCMP_SYS(madvise), SCMP_SYS(exit),   SCMP_SYS(exit_group)};
  for (const int call : plain) {
    if (::seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 0, nullptr) != 0) return false;
  }
  // Memory of its own, never to be run; the files are mapped before.
  constexpr std::array memory = {
      scmp_arg_cmp{.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0},
      scmp_arg_cmp{.arg = 3, .op = SCMP_CMP_MASKED_EQ, .datum_a = MAP_ANONYMOUS, .datum_b = MAP_ANONYMOUS}};
  return ::seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, memory.data()) == 0 &&
         ::seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, memory.data()) == 0;
}

// Nothing when the filter is in force, the reason otherwise.
std::string filter_calls() {
  std::string refused = "the kernel refuses the filter of system calls";
  const scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_KILL_PROCESS);
  if (filter == nullptr) return refused;
  std::string why;
  if (!add_rules(filter)) {
    why = "the filter of system calls cannot be built";
  } else if (const int code = ::seccomp_load(filter); code != 0) {
    why = std::move(refused) + ": " + ::strerrordesc_np(-code);
  }
  ::seccomp_release(filter);
  return why;
}

}  // namespace

Confined confine(pid_t started_by) {
  Confined out;
  const bool stepped = step_down();
  if (!limit_everything()) out.refused = "a limit cannot be set";
  // After the step down, which forgets the first two.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::prctl(PR_SET_DUMPABLE, 0) != 0 ||
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    out.refused = "prctl is refused";
  }
  if (::getppid() != started_by) ::_exit(exit_orphan);  // it was gone before it could take us along
  if (under_asan) return out;
  if (std::string why = filter_calls(); !why.empty()) {
    out.refused = std::move(why);
    if (!stepped) out.refused += "; and root cannot become nobody here";
  } else {
    out.filtered = true;
  }
  return out;
}

}  // namespace i2m::image
