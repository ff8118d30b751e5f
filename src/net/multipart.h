#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"

namespace i2m::net {

/// One part's head.
struct Part {
  std::string name;
  std::optional<std::string> file_name;  // as sent, bounded; a path in it is cut off
  std::string content_type;
};

/// A multipart/form-data body, part by part, as it arrives: nothing is collected, memory is one buffer of
/// bounds::io_buffer_bytes. Order of use: next(), then read() until it answers empty (or next() again, which skips the
/// rest).
///
/// Errors: Code::Malformed when the framing is broken or the body ends before its closing boundary;
/// Code::HeadersTooLarge for a part's head over 8 KiB; what Body answers.
class Multipart {
 public:
  /// Errors: Code::MediaTypeUnsupported, Code::BoundaryMissing.
  static Result<Multipart> open(const Request& request);

  /// The next part, or nothing after the last.
  Task<std::optional<Part>> next();
  /// The next bytes of the current part; empty at its end. The view lives until the next call.
  Task<std::span<const char>> read();

 private:
  Multipart(Body& body, std::string boundary);
  Task<bool> fill();  // false at the end of the body
  Result<Part> parse_head(std::string_view head) const;

  Body* body_;
  std::string delimiter_;  // "\r\n--boundary"
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t seen_ = 0;  // of what is there: bytes in which no delimiter begins, not to be searched again
  enum class At { Start, Head, Data, Boundary, Done } at_ = At::Start;
};

}  // namespace i2m::net
