#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <memory>
#include <optional>

#include "base/task.h"

namespace i2m {

/// Runs `work` on a thread of `pool` and comes back to the loop with what it answered; an exception comes back too.
///
/// For everything that takes more than a millisecond or may block: hashing, files, images, passwords. What `work`
/// refers to must live in the awaiting frame, which waits until it is done, even when the coroutine has been cancelled
/// meanwhile.
template <class F, class R = std::invoke_result_t<F>>
Co<R> offload(boost::asio::thread_pool& pool, F work) {
  struct State {
    explicit State(F f) : work{std::move(f)} {}
    F work;
    std::optional<R> answer;
    std::exception_ptr thrown;
  };
  namespace asio = boost::asio;
  const auto state = std::make_shared<State>(std::move(work));
  const auto start = [&pool, state](auto handler) {
    auto home = asio::get_associated_executor(handler);
    // The work guard keeps the loop from ending while the answer is on its way.
    auto guard = asio::make_work_guard(home);
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    asio::post(pool, [state, shared, home, guard]() mutable {
      try {
        state->answer.emplace(state->work());
      } catch (...) {
        state->thrown = std::current_exception();
      }
      asio::post(home, [shared] { (std::move(*shared))(); });
    });
  };
  using Token = asio::use_awaitable_t<Executor>;
  Token token;
  co_await asio::async_initiate<Token, void()>(start, token);
  if (state->thrown) std::rethrow_exception(state->thrown);
  co_return *std::move(state->answer);
}

}  // namespace i2m
