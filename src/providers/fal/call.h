#pragma once

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
  bool running = false;  // seen in progress
};

/// What the item ends with.
inline std::unexpected<Error> error_of(const Failure& failure) {
  auto out = fail(failure.code, failure.detail);
  out.error().message = failure.words;
  return out;
}

}  // namespace i2m::providers::fal
