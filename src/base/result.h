#pragma once

#include <expected>
#include <source_location>
#include <string>
#include <utility>

#include "base/code.h"

namespace i2m {

/// Why something was refused or could not be done.
///
/// `code` alone decides the answer's status and its machine-readable name (net/problem.cc holds the one table).
/// `field` names the input to blame, as the client spelled it; empty when none is.
/// `message` is for the client and replaces the table's words where a more exact sentence exists; it never holds
/// another company's data or an internal name. `detail` is for the log alone.
struct Error {
  Code code = Code::Internal;
  std::string field;
  std::string message;
  std::string detail;
  std::source_location at;
};

template <class T = void>
using Result = std::expected<T, Error>;

/// A refusal or an outage whose cause only the log needs to know.
[[nodiscard]] inline std::unexpected<Error> fail(Code code, std::string detail = {},
                                                 std::source_location at = std::source_location::current()) {
  return std::unexpected<Error>{Error{code, {}, {}, std::move(detail), at}};
}

/// A refusal that blames one input: `field` as the client spelled it, `message` saying what to do about it.
[[nodiscard]] inline std::unexpected<Error> refuse(Code code, std::string field, std::string message,
                                                   std::source_location at = std::source_location::current()) {
  return std::unexpected<Error>{Error{code, std::move(field), std::move(message), {}, at}};
}

}  // namespace i2m

#define I2M_JOIN2(a, b) a##b
#define I2M_JOIN(a, b) I2M_JOIN2(a, b)

// In a function that answers Result<...>: evaluate, return the error or bind the value.
#define TRY_(tmp, decl, expr)                                             \
  auto tmp = (expr);                                                      \
  if (!tmp) return std::unexpected<::i2m::Error>{std::move(tmp).error()}; \
  decl = *std::move(tmp)
#define TRY(decl, expr) TRY_(I2M_JOIN(try_, __LINE__), decl, expr)
#define CHECK_OK(expr)                                                      \
  if (auto check_ = (expr); !check_) return std::unexpected<::i2m::Error> { \
      std::move(check_).error()                                             \
    }

// The same in a coroutine that answers Task<...>. Name aggregates and lambdas first, then await (docs/style.md).
#define CO_TRY_(tmp, decl, expr)                                             \
  auto tmp = (expr);                                                         \
  if (!tmp) co_return std::unexpected<::i2m::Error>{std::move(tmp).error()}; \
  decl = *std::move(tmp)
#define CO_TRY(decl, expr) CO_TRY_(I2M_JOIN(try_, __LINE__), decl, expr)
#define CO_CHECK(expr)                                                         \
  if (auto check_ = (expr); !check_) co_return std::unexpected<::i2m::Error> { \
      std::move(check_).error()                                                \
    }
