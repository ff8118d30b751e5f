#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>

#include "base/task.h"

namespace i2m {

/// A timer of one event loop.
using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;

/// For Asio's operations: await them, and get their error as a value beside the rest.
inline constexpr auto awaiting = boost::asio::as_tuple(boost::asio::use_awaitable_t<Executor>{});

}  // namespace i2m
