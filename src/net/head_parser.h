#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "net/http.h"

namespace i2m::net {

/// Reads the head of an HTTP/1.1 request; Beast's parser does the work and its strictness is ours: two lengths, a
/// length beside chunked, bare line feeds and the like are refused. The one file that sees Beast.
class HeadParser {
 public:
  HeadParser();
  ~HeadParser();
  HeadParser(const HeadParser&) = delete;

  enum class State { NeedMore, Done };  // Done: good or bad, describe() says which
  struct Step {
    State state;
    std::size_t consumed;
  };
  /// `bytes` is everything received and not yet consumed, in one piece.
  Step parse(std::span<const char> bytes);

  /// Fills method, path, query and keep_alive. Errors: Code::Malformed, Code::HeadersTooLarge, Code::MethodNotAllowed.
  Result<> describe(Request& request) const;
  std::string_view header(std::string_view name) const;
  bool chunked() const;
  std::optional<std::uint64_t> content_length() const;
  bool expects_continue() const;
  /// The last address of X-Forwarded-For: the one that our own proxy added.
  std::optional<std::string> forwarded_for() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace i2m::net
