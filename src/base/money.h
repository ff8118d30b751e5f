#pragma once

#include <compare>
#include <cstdint>

#include "base/result.h"

namespace i2m {

/// A non-negative amount of credits. 1 credit = 0.01 US dollar; whole credits only.
///
/// Errors: `of` answers Code::Invalid below zero or above `max`; `minus` answers Code::InsufficientCredits rather than
/// go below zero.
class Credits {
 public:
  static constexpr std::int64_t max = 1'000'000'000'000;  // ten thousand million dollars: far from overflow in any sum

  constexpr Credits() = default;
  static Result<Credits> of(std::int64_t count) {
    if (count < 0 || count > max) return fail(Code::Invalid, "credits out of range");
    return Credits{count};
  }
  Result<Credits> minus(Credits cost) const {
    if (cost.count_ > count_) return fail(Code::InsufficientCredits);
    return Credits{count_ - cost.count_};
  }
  friend constexpr Credits operator+(Credits a, Credits b) { return Credits{a.count_ + b.count_}; }
  friend constexpr Credits operator*(Credits a, std::int64_t times) { return Credits{a.count_ * times}; }
  constexpr std::int64_t count() const { return count_; }
  constexpr auto operator<=>(const Credits&) const = default;

 private:
  explicit constexpr Credits(std::int64_t count) : count_{count} {}
  friend consteval Credits operator""_cr(unsigned long long count);
  std::int64_t count_ = 0;
};

consteval Credits operator""_cr(unsigned long long count) { return Credits{static_cast<std::int64_t>(count)}; }

}  // namespace i2m
