#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace i2m::net {

/// What a Code means on the wire.
struct Meaning {
  Code code;
  int status;
  std::string_view name;   // stable: clients compare it
  std::string_view words;  // for a person, when the Error has no better
};

/// The one table.
const Meaning& meaning(Code code);

/// The code whose stable name is `name`; Code::Internal when there is none.
Code code_named(std::string_view name);

/// What the client is told of `error`: its own message or the table's words.
std::string words_of(const Error& error);

/// One element of the envelope's `errors`.
struct Problem {
  Code code;
  std::string field;
  std::string message;
};

/// {"status":"error","data":null,"message":…,"errors":[…]}; `headline` decides the message, `problems` may be empty.
std::string error_envelope(const Error& headline, const std::vector<Problem>& problems, std::string_view request_id);
/// RFC 9457, with the same codes.
std::string problem_json(const Error& headline, const std::vector<Problem>& problems, std::string_view request_id);
/// {"status":"success","data":…,"message":…,"errors":[]}
std::string success_envelope(std::string_view data_json, std::string_view message);

}  // namespace i2m::net
