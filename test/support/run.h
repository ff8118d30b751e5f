#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "base/task.h"

namespace i2m::test {

inline constexpr std::chrono::seconds task_time_max{20};

namespace detail {
template <class T>
struct Outcome {
  std::optional<T> answer;
  std::exception_ptr thrown;
  bool ended = false;
};

// co_spawn wants results that can be made from nothing, which a Result of a Tx cannot.
template <class T>
Co<> keep_answer(Co<T> task, std::shared_ptr<Outcome<T>> outcome) {
  outcome->answer.emplace(co_await std::move(task));
}
}  // namespace detail

/// Drives `io` until `task` has answered. Throws what the task throws, and when it has not ended after 20 s: a hang
/// fails its own test and not the suite.
template <class T>
T run_on(boost::asio::io_context& io, Co<T> task) {
  const auto outcome = std::make_shared<detail::Outcome<T>>();
  boost::asio::co_spawn(io, detail::keep_answer(std::move(task), outcome), [outcome](std::exception_ptr thrown) {
    outcome->thrown = thrown;
    outcome->ended = true;
  });
  const auto deadline = std::chrono::steady_clock::now() + task_time_max;
  io.restart();
  while (!outcome->ended && std::chrono::steady_clock::now() < deadline && !io.stopped()) io.run_one_until(deadline);
  if (outcome->thrown) std::rethrow_exception(outcome->thrown);
  if (!outcome->ended) throw std::runtime_error{"the task did not end: it hangs, or waits for nothing"};
  return std::move(*outcome->answer);
}

/// Several at once; the answers are in the order of the tasks.
template <class T>
std::vector<T> run_all_on(boost::asio::io_context& io, std::vector<Co<T>> tasks) {
  std::vector<std::shared_ptr<detail::Outcome<T>>> outcomes;
  for (Co<T>& task : tasks) {
    const auto outcome = outcomes.emplace_back(std::make_shared<detail::Outcome<T>>());
    boost::asio::co_spawn(io, detail::keep_answer(std::move(task), outcome), boost::asio::detached);
  }
  const auto unanswered = [](const auto& outcome) { return !outcome->answer.has_value(); };
  const auto deadline = std::chrono::steady_clock::now() + task_time_max;
  io.restart();
  while (std::ranges::any_of(outcomes, unanswered)) {
    if (io.stopped() || std::chrono::steady_clock::now() >= deadline) throw std::runtime_error{"a task did not end"};
    io.run_one_until(deadline);
  }
  std::vector<T> answers;
  for (const auto& outcome : outcomes) answers.push_back(std::move(*outcome->answer));
  return answers;
}

/// One task on a loop that lives for this call only: for tasks that own all they use.
template <class T>
Result<T> run(Task<T> task) {
  boost::asio::io_context io;
  return run_on(io, std::move(task));
}

/// Owns a loop. Declare what runs on it after it, so that it dies first; in a fixture, as members.
class Loop : public testing::Test {
 protected:
  template <class T>
  T run(Co<T> task) {
    return run_on(io, std::move(task));
  }
  template <class T>
  std::vector<T> run_all(std::vector<Co<T>> tasks) {
    return run_all_on(io, std::move(tasks));
  }
  /// Lets the loop turn for a while, for what nobody awaits.
  void turn(std::chrono::milliseconds time) {
    io.restart();
    io.run_for(time);
  }

  boost::asio::io_context io{1};
};

}  // namespace i2m::test
