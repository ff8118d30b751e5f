#include "support/redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <random>
#include <stdexcept>
#include <thread>

namespace i2m::test {
namespace {

using namespace std::chrono_literals;
constexpr int starts_max = 5;
constexpr auto ready_within = 10s;

class Socket {
 public:
  Socket() : fd_{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {}
  ~Socket() { close(fd_); }
  Socket(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// sockaddr's own way of being passed: one family's struct behind another's pointer.
sockaddr* erased(sockaddr_in& address) { return static_cast<sockaddr*>(static_cast<void*>(&address)); }

/// Free a moment ago; RedisServer tries another when it is taken meanwhile.
std::uint16_t free_port() {
  const Socket probe;
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (bind(probe.fd(), erased(address), size) != 0 || getsockname(probe.fd(), erased(address), &size) != 0) {
    throw std::runtime_error{"no free port"};
  }
  return ntohs(address.sin_port);
}

std::string random_word() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
}

[[noreturn]] void become_redis(const char* config, const char* log, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  const int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  execlp("redis-server", "redis-server", config, nullptr);
  _exit(127);
}

}  // namespace

RedisServer::RedisServer() : password_{random_word()} {
  std::string name = std::filesystem::temp_directory_path() / "i2m-redis-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error{"no temporary directory"};
  dir_ = name;
  for (int i = 0; i < starts_max; ++i) {
    port_ = free_port();
    write_config();
    if (start()) return;
  }
  std::filesystem::remove_all(dir_);
  throw std::runtime_error{"redis-server does not start"};
}

RedisServer::~RedisServer() {
  kill9();
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
}

redis::Settings RedisServer::settings() const {
  redis::Settings settings;
  settings.port = port_;
  settings.password = password_;
  return settings;
}

void RedisServer::kill9() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void RedisServer::restart() {
  if (pid_ >= 0) throw std::logic_error{"redis-server is still running"};
  if (!start()) throw std::runtime_error{"redis-server does not start again"};
}

void RedisServer::freeze() {
  kill(pid_, SIGSTOP);
  // The signal is only on its way when kill returns.
  waitpid(pid_, nullptr, WUNTRACED);
}

void RedisServer::thaw() { kill(pid_, SIGCONT); }

void RedisServer::write_config() const {
  // In a file rather than as arguments, so that the password does not show in ps.
  std::ofstream{dir_ / "redis.conf"} << fmt::format(
      "bind 127.0.0.1\nport {}\ndir {}\nrequirepass {}\nappendonly yes\nappendfsync everysec\nsave \"\"\n", port_,
      dir_.string(), password_);
}

bool RedisServer::start() {
  const std::string config = dir_ / "redis.conf";
  const std::string log = dir_ / "redis.log";
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) become_redis(config.c_str(), log.c_str(), parent);
  if (pid_ < 0) throw std::runtime_error{"fork failed"};

  const auto give_up_at = std::chrono::steady_clock::now() + ready_within;
  while (std::chrono::steady_clock::now() < give_up_at) {
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return false;
    }
    if (ready()) return true;
    std::this_thread::sleep_for(5ms);
  }
  kill9();
  return false;
}

/// Whether it answers PING with PONG: while it loads its file it accepts connections but answers -LOADING.
bool RedisServer::ready() const {
  const Socket probe;
  sockaddr_in address = loopback(port_);
  const timeval limit{.tv_sec = 1, .tv_usec = 0};
  setsockopt(probe.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (connect(probe.fd(), erased(address), sizeof address) != 0) return false;
  const std::string ask = fmt::format("AUTH {}\r\nPING\r\nQUIT\r\n", password_);
  if (send(probe.fd(), ask.data(), ask.size(), MSG_NOSIGNAL) < 0) return false;
  std::string answer;
  char bytes[256];
  for (ssize_t size = 0; (size = recv(probe.fd(), bytes, sizeof bytes, 0)) > 0;) {
    answer.append(bytes, static_cast<std::size_t>(size));
  }
  return answer.starts_with("+OK\r\n+PONG\r\n");
}

}  // namespace i2m::test
