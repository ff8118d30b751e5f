#include <openssl/rand.h>

#include <cstdlib>

#include "base/clock.h"
#include "base/ensure.h"
#include "base/ids.h"
#include "base/log.h"

namespace i2m {

void ensure_failed(const char* what, std::source_location at) {
  log::error("ensure_failed", {{"condition", what}, {"at", fmt::format("{}:{}", at.file_name(), at.line())}});
  log::flush();
  std::abort();
}

namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr bool dash_at(std::size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

// Fresh random bytes in bulk: one call of the generator serves many ids.
void random_fill(std::span<std::uint8_t> out) {
  thread_local std::array<std::uint8_t, 4096> pool;
  thread_local std::size_t used = pool.size();
  if (used + out.size() > pool.size()) {
    ENSURE(RAND_bytes(pool.data(), static_cast<int>(pool.size())) == 1);
    used = 0;
  }
  std::copy_n(pool.begin() + static_cast<std::ptrdiff_t>(used), out.size(), out.begin());
  used += out.size();
}

}  // namespace

Uuid Uuid::make() {
  Uuid id;
  random_fill(std::span{id.bytes}.subspan(6));
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  auto ms = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  for (std::size_t i = 6; i-- > 0; ms >>= 8) id.bytes[i] = static_cast<std::uint8_t>(ms);
  id.bytes[6] = static_cast<std::uint8_t>(0x70 | (id.bytes[6] & 0x0f));
  id.bytes[8] = static_cast<std::uint8_t>(0x80 | (id.bytes[8] & 0x3f));
  return id;
}

Result<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != 36) return fail(Code::Invalid, "not a UUID");
  Uuid id;
  std::size_t nibble = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (dash_at(i)) {
      if (text[i] != '-') return fail(Code::Invalid, "not a UUID");
      continue;
    }
    const int value = hex_value(text[i]);
    if (value < 0) return fail(Code::Invalid, "not a UUID");
    auto& byte = id.bytes[nibble / 2];
    byte = static_cast<std::uint8_t>(byte << 4 | value);
    ++nibble;
  }
  return id;
}

std::string Uuid::text() const {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out(36, '-');
  std::size_t at = 0;
  for (const std::uint8_t byte : bytes) {
    if (dash_at(at)) ++at;
    out[at++] = digits[byte >> 4];
    out[at++] = digits[byte & 15];
  }
  return out;
}

std::string to_rfc3339(Time time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{days};
  const std::chrono::hh_mm_ss clock{time - days};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

Result<Time> from_postgres(std::string_view text) {
  // 2026-11-22 10:20:30[.ffffff]+00
  const auto number = [&](std::size_t at, std::size_t length) -> int {
    int n = 0;
    for (std::size_t i = at; i < at + length; ++i) {
      if (i >= text.size() || text[i] < '0' || text[i] > '9') return -1;
      n = n * 10 + (text[i] - '0');
    }
    return n;
  };
  const int parts[] = {number(0, 4), number(5, 2), number(8, 2), number(11, 2), number(14, 2), number(17, 2)};
  if (std::ranges::any_of(parts, [](int n) { return n < 0; })) return fail(Code::Invalid, "not a timestamp");
  std::size_t at = 19;
  int micros = 0;
  if (at < text.size() && text[at] == '.') {
    int scale = 100'000;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, scale /= 10) {
      micros += (text[at] - '0') * scale;
    }
  }
  if (!text.substr(at).starts_with("+00")) return fail(Code::Invalid, "timestamp is not in UTC");
  const std::chrono::year_month_day date{std::chrono::year{parts[0]},
                                         std::chrono::month{static_cast<unsigned>(parts[1])},
                                         std::chrono::day{static_cast<unsigned>(parts[2])}};
  return Time{std::chrono::sys_days{date}} + std::chrono::hours{parts[3]} + std::chrono::minutes{parts[4]} +
         std::chrono::seconds{parts[5]} + Duration{micros};
}

}  // namespace i2m
