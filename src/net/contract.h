#pragma once

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bounds.h"
#include "base/code.h"
#include "redis/limiter.h"

namespace i2m::net {

/// Who may call. There is no default: an endpoint that does not say so does not compile.
enum class Auth { Public, SignedLink, Member, Admin };
struct AuthRule {
  Auth value;
  AuthRule() = delete;
  constexpr AuthRule(Auth auth) : value{auth} {}
};

/// What a quota counts by, and what happens while Redis is away: most endpoints stay open, signing in is limited
/// locally.
enum class RateBy { User, Client };
enum class WithoutRedis { Open, LimitLocally };
struct Rate {
  redis::Quota quota;
  RateBy by = RateBy::User;
  WithoutRedis without_redis = WithoutRedis::Open;
};

/// A request header that an endpoint reads beyond the usual ones.
struct RequestHeader {
  std::string_view name;
  std::string_view doc;
};

/// What an endpoint promises: the router enforces it, OpenAPI and the tests read the same value.
struct Contract {
  std::string_view id;  // operationId
  std::string_view summary;
  std::string_view tag;
  AuthRule auth;
  std::optional<Rate> rate = std::nullopt;
  std::size_t body_bytes_max = bounds::json_body_bytes_max;
  std::chrono::milliseconds deadline = std::chrono::seconds{5};
  int success = 200;
  std::string_view success_words = "OK";
  std::string_view answers = "application/json";
  std::vector<Code> errors = {};
  std::vector<RequestHeader> request_headers = {};
  std::vector<std::pair<int, std::string_view>> also = {};  // other answers that are no refusal
  bool hidden = false;                                      // not part of the API: pages and their files
};

}  // namespace i2m::net
