#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "base/result.h"

namespace i2m {

/// One event loop runs on one thread; everything it owns is used from that thread alone, so nothing in it is locked.
using Executor = boost::asio::io_context::executor_type;

/// A coroutine that cannot fail (or answers its failure in its own type).
template <class T = void>
using Co = boost::asio::awaitable<T, Executor>;

/// A coroutine that answers a value or an Error. Exceptions leave it only when it is cancelled or memory is out.
template <class T = void>
using Task = Co<Result<T>>;

}  // namespace i2m
