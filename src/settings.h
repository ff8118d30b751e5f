#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/result.h"

namespace i2m {

/// The process's settings: config/defaults.env, which the program carries in itself, under the environment.
class Settings {
 public:
  /// Errors: Code::Invalid when the environment holds a line's name with a value that is not of its kind (told on use).
  static Settings from_environment();
  static Settings of(std::map<std::string, std::string, std::less<>> values);

  /// The text of a setting; aborts for a name that defaults.env does not have: that is a bug.
  const std::string& text(std::string_view name) const;
  /// Errors: Code::Invalid naming the setting when it is empty.
  Result<std::string> required(std::string_view name) const;
  /// Errors (all below): Code::Invalid naming the setting and what it must be.
  Result<std::int64_t> number(std::string_view name, std::int64_t min, std::int64_t max) const;
  Result<double> real(std::string_view name, double min) const;
  Result<bool> flag(std::string_view name) const;
  Result<std::chrono::milliseconds> milliseconds(std::string_view name) const;
  Result<std::chrono::seconds> seconds(std::string_view name) const;
  struct Address {
    std::string host;
    std::uint16_t port;
  };
  Result<Address> address(std::string_view name) const;
  Result<log::Level> log_level() const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace i2m
