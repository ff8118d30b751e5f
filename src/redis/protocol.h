#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "redis/client.h"

struct redisReader;

namespace i2m::redis {

/// Appends `command` to `out` as RESP: an array of bulk strings.
void append(std::string& out, const Command& command);

/// hiredis' reader, building each Reply in place.
///
/// Errors: Code::Unavailable for bytes that are no RESP, for arrays of more than 2^20 elements or deeper than hiredis
/// reads (7), for a reply of more than 64 MiB. After an error the bytes that follow cannot be made sense of: close the
/// connection.
class Parser {
 public:
  Parser();
  ~Parser();
  Parser(const Parser&) = delete;

  Result<> feed(std::string_view bytes);
  /// Empty until a whole reply has been fed.
  Result<std::optional<Reply>> next();

 private:
  redisReader* reader_;
  std::unique_ptr<Reply> root_;  // its address is known to the reader
};

}  // namespace i2m::redis
