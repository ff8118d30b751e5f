#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "redis/client.h"

namespace i2m::test {

/// A redis-server of one's own: free port on 127.0.0.1, random password, AOF synced every second, in a directory that
/// goes with it. It dies with the thread that started it, so that a crashed test leaves none behind.
///
/// Errors: throws std::runtime_error when redis-server cannot be started or does not answer within 10 s.
class RedisServer {
 public:
  RedisServer();
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;

  pid_t pid() const { return pid_; }
  std::uint16_t port() const { return port_; }
  redis::Settings settings() const;

  void kill9();
  /// Same directory, port and password; ready when it returns. The server must be dead.
  void restart();
  /// SIGSTOP and SIGCONT: connections stay open and accept, nothing answers.
  void freeze();
  void thaw();

 private:
  void write_config() const;
  bool start();
  bool ready() const;

  std::filesystem::path dir_;
  std::string password_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace i2m::test
