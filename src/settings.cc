#include "settings.h"

#include <charconv>
#include <cstdlib>

#include "base/ensure.h"
#include "defaults.gen.h"

namespace i2m {
namespace {

std::map<std::string, std::string, std::less<>> defaults() {
  std::map<std::string, std::string, std::less<>> out;
  std::string_view rest = defaults_env;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t equals = line.find('=');
    if (line.empty() || line.front() == '#' || equals == std::string_view::npos) continue;
    out.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  return out;
}

std::unexpected<Error> wrong(std::string_view name, std::string_view value, std::string_view expected) {
  return refuse(Code::Invalid, std::string{name}, fmt::format("{} is '{}', but must be {}.", name, value, expected));
}

}  // namespace

Settings Settings::from_environment() {
  std::map<std::string, std::string, std::less<>> values;
  for (const auto& [name, value] : defaults()) {
    if (const char* given = std::getenv(name.c_str()); given != nullptr) values.emplace(name, given);
  }
  return of(std::move(values));
}

Settings Settings::of(std::map<std::string, std::string, std::less<>> values) {
  Settings out;
  out.values_ = defaults();
  for (auto& [name, value] : values) {
    ENSURE(out.values_.contains(name));
    out.values_[name] = value;
  }
  return out;
}

const std::string& Settings::text(std::string_view name) const {
  const auto found = values_.find(name);
  ENSURE(found != values_.end());
  return found->second;
}

Result<std::string> Settings::required(std::string_view name) const {
  const std::string& value = text(name);
  if (value.empty())
    return refuse(Code::Invalid, std::string{name},
                  fmt::format("{} is not set. config/defaults.env says what it is.", name));
  return value;
}

Result<std::int64_t> Settings::number(std::string_view name, std::int64_t min, std::int64_t max) const {
  const std::string& value = text(name);
  std::int64_t n = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), n);
  if (error != std::errc{} || end != value.data() + value.size() || n < min || n > max) {
    return wrong(name, value, fmt::format("a whole number from {} to {}", min, max));
  }
  return n;
}

Result<double> Settings::real(std::string_view name, double min) const {
  const std::string& value = text(name);
  double x = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), x);
  if (error != std::errc{} || end != value.data() + value.size() || !(x >= min))
    return wrong(name, value, fmt::format("a number of at least {}", min));
  return x;
}

Result<bool> Settings::flag(std::string_view name) const {
  const std::string& value = text(name);
  if (value != "true" && value != "false") return wrong(name, value, "true or false");
  return value == "true";
}

Result<std::chrono::milliseconds> Settings::milliseconds(std::string_view name) const {
  TRY(const std::int64_t n, number(name, 1, 86'400'000));
  return std::chrono::milliseconds{n};
}

Result<std::chrono::seconds> Settings::seconds(std::string_view name) const {
  TRY(const std::int64_t n, number(name, 1, 31'536'000));
  return std::chrono::seconds{n};
}

Result<Settings::Address> Settings::address(std::string_view name) const {
  const std::string& value = text(name);
  const std::size_t colon = value.rfind(':');
  std::uint16_t port = 0;
  if (colon == std::string::npos || colon == 0) return wrong(name, value, "address:port");
  const char* const end = value.data() + value.size();
  const auto [at, error] = std::from_chars(value.data() + colon + 1, end, port);
  if (error != std::errc{} || at != end) return wrong(name, value, "address:port");
  return Address{value.substr(0, colon), port};
}

Result<log::Level> Settings::log_level() const {
  const std::string& value = text("LOG_LEVEL");
  if (value == "debug") return log::Level::Debug;
  if (value == "info") return log::Level::Info;
  if (value == "warn") return log::Level::Warn;
  if (value == "error") return log::Level::Error;
  return wrong("LOG_LEVEL", value, "debug, info, warn or error");
}

}  // namespace i2m
