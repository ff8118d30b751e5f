#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace i2m {

/// A 128-bit identifier, printed as 36 lower-case characters.
///
/// `Uuid::make()` answers version 7: 48 bits of unix milliseconds, then 74 random bits, so keys sort by time of
/// creation.
struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  static Uuid make();
  /// Accepts the 36-character form only. Errors: Code::Invalid.
  static Result<Uuid> parse(std::string_view text);

  std::string text() const;
  bool is_nil() const { return bytes == std::array<std::uint8_t, 16>{}; }
  auto operator<=>(const Uuid&) const = default;
};

/// A Uuid that says what it identifies: a CompanyId is no JobId.
template <class Tag>
struct Id {
  Uuid value;

  static Id make() { return Id{Uuid::make()}; }
  static Result<Id> parse(std::string_view text) {
    TRY(const Uuid uuid, Uuid::parse(text));
    return Id{uuid};
  }
  std::string text() const { return value.text(); }
  auto operator<=>(const Id&) const = default;
};

using CompanyId = Id<struct CompanyTag>;
using UserId = Id<struct UserTag>;
using JobId = Id<struct JobTag>;
using ItemId = Id<struct ItemTag>;
using FileId = Id<struct FileTag>;
using HoldId = Id<struct HoldTag>;
using CallId = Id<struct CallTag>;

}  // namespace i2m

template <>
struct std::hash<i2m::Uuid> {
  std::size_t operator()(const i2m::Uuid& id) const noexcept {
    std::size_t h = 0;
    for (int i = 8; i < 16; ++i) h = h << 8 | id.bytes[static_cast<std::size_t>(i)];
    return h;
  }
};
template <class Tag>
struct std::hash<i2m::Id<Tag>> {
  std::size_t operator()(const i2m::Id<Tag>& id) const noexcept { return std::hash<i2m::Uuid>{}(id.value); }
};
