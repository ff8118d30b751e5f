#pragma once

#include <gtest/gtest.h>

#include <boost/asio.hpp>
#include <chrono>
#include <functional>
#include <optional>

#include "redis/client.h"
#include "support/redis_server.h"

namespace i2m::redis::testing {

using namespace std::chrono_literals;

inline constexpr auto patience = 10s;  // for what must come in the end, on a machine that others use too

/// A loop driven by the test, and a server of the test's own.
class RedisTest : public ::testing::Test {
 protected:
  /// Runs the loop until `task` has ended.
  template <class T>
  T wait(Co<T> task) {
    std::optional<T> answer;
    auto keep = [&answer](std::exception_ptr thrown, T value) {
      if (thrown) std::rethrow_exception(thrown);
      answer = std::move(value);
    };
    boost::asio::co_spawn(io.get_executor(), std::move(task), keep);
    if (!until([&answer] { return answer.has_value(); })) throw std::runtime_error{"the task does not end"};
    return std::move(*answer);
  }

  /// Starts `task`; its answer is in the box once it has ended.
  template <class T>
  std::shared_ptr<std::optional<T>> spawn(Co<T> task) {
    auto box = std::make_shared<std::optional<T>>();
    auto keep = [box](std::exception_ptr thrown, T value) {
      if (!thrown) *box = std::move(value);
    };
    boost::asio::co_spawn(io.get_executor(), std::move(task), keep);
    return box;
  }

  bool until(const std::function<bool()>& condition, std::chrono::milliseconds limit = patience) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition() && std::chrono::steady_clock::now() < end) {
      io.restart();
      io.run_one_for(5ms);
    }
    return condition();
  }

  void idle(std::chrono::milliseconds time) {
    until([] { return false; }, time);
  }

  Reply must(Task<Reply> task) {
    Result<Reply> reply = wait(std::move(task));
    EXPECT_TRUE(reply) << reply.error().detail;
    return reply ? std::move(*reply) : Reply{};
  }

  Code refused(Task<Reply> task) {
    const Result<Reply> reply = wait(std::move(task));
    EXPECT_FALSE(reply);
    return reply ? Code::Internal : reply.error().code;
  }

  boost::asio::io_context io;
  test::RedisServer server;
};

}  // namespace i2m::redis::testing
