#pragma once

#include <fmt/format.h>

#include "providers/fal/fal.h"

// What the parts of Fal share: fal.cc begins a call, follow.cc waits for it and fetches what it made, books.cc writes
// down how it ended and how the provider is.
namespace i2m::providers::fal {

inline constexpr std::chrono::milliseconds ask_timeout{30'000}, transfer_timeout{600'000};
inline constexpr std::size_t detail_most = 400;  // characters of the provider's words that are kept

struct Fal::Call {
  CallId id;
  const Entry* entry = nullptr;
  std::int64_t price_microusd = 0;
  Request request;
  std::string state;
  std::string outcome;
  bool running = false;                                                            // seen in progress
  std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();  // it waits, or runs
  std::optional<std::chrono::steady_clock::time_point> called_off;                 // we have asked to cancel it
  bool cancel_heard = false;
  bool late = false;  // called off for the time that it took, and not by its owner
};

/// Whether a result that is none was billed: what failed on the provider's side was not, and what it says was not.
inline bool was_billed(const net::FetchAnswer& answer) {
  constexpr int server_fault = 5, closed_request = 499;
  return answer.status / 100 != server_fault && answer.status != closed_request &&
         answer.header("x-fal-billable-units") != "0";
}

/// Whether an answer that is no result says how the request ended; `failed`: its status says that it has failed.
///
/// What is said of the account or the key says nothing about it, nor does "still in progress", nor does what stands
/// before fal.ai, or before the result: that knows no types of error (5xx, a redirect, 202, 408), and may sign what it
/// says all the same. Taken for the model's own failure it would have us pay a second time for what was made.
inline bool tells(const net::FetchAnswer& answer, const Failure& failure, bool failed) {
  if (failure.blame == Blame::Account || failure.blame == Blame::Key || failure.blame == Blame::Busy) return false;
  if (failure.type != fmt::format("http_{}", answer.status)) return true;
  constexpr int bad_request = 400;
  if (answer.status == bad_request) return false;
  return failure.blame != Blame::Provider || (failed && !answer.header("x-fal-request-id").empty());
}

/// What the item ends with.
inline std::unexpected<Error> error_of(const Failure& failure) {
  auto out = fail(failure.code, failure.detail);
  out.error().message = failure.words;
  return out;
}

}  // namespace i2m::providers::fal
