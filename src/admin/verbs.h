#pragma once

#include <boost/json/object.hpp>

#include <cstdint>
#include <string>

#include "net/loop.h"

namespace i2m::admin {

/// What the command line said; each verb reads its own.
struct Options {
  std::string name, domain, email, role = "member", status, reason, source;
  std::string call, request_id;
  std::int64_t credits = 0;
  std::int64_t days = 2;
  bool if_missing = false;
  bool password_stdin = false;
  bool not_accepted = false;
};

/// Printed as one line of JSON.
using Answer = boost::json::object;
/// Runs as the system role, on a loop of its own.
using Verb = Task<Answer> (*)(net::Loop&, Options);

}  // namespace i2m::admin
