#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace i2m {

/// Wall time, microseconds since 1970 UTC: PostgreSQL's resolution.
using Time = std::chrono::sys_time<std::chrono::microseconds>;
using Duration = std::chrono::microseconds;

/// Gives wall time, so that tests can hold it still. Leases and deadlines use PostgreSQL's clock, not this one.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
};

class SystemClock final : public Clock {
 public:
  Time now() const override { return std::chrono::floor<Duration>(std::chrono::system_clock::now()); }
};

class FakeClock final : public Clock {
 public:
  explicit FakeClock(Time start) : now_{start} {}
  Time now() const override { return now_; }
  void advance(Duration by) { now_ += by; }

 private:
  Time now_;
};

/// "2026-11-22T10:20:30.123456Z"
std::string to_rfc3339(Time time);
/// PostgreSQL's text form with DateStyle ISO and TimeZone UTC, "2026-11-22 10:20:30.123456+00". Errors: Code::Invalid.
Result<Time> from_postgres(std::string_view text);

inline std::int64_t unix_seconds(Time time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace i2m
