#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "net/http.h"
#include "net/loop.h"

namespace i2m::net {

enum class Role { Member, Admin };
constexpr auto enum_names(Role) { return std::array<std::string_view, 2>{"member", "admin"}; }

/// Who a request speaks for: set by the router before a handler runs, unless the endpoint is public.
struct Principal {
  UserId user;
  CompanyId company;
  Role role = Role::Member;
};

/// What a handler is given. It reaches the database only through begin() and reader(), both bound to the caller's
/// company.
class Ctx {
 public:
  Ctx(Loop& loop, const Clock& clock, Request& request, std::string request_id)
      : loop_{&loop}, clock_{&clock}, request_{&request}, request_id_{std::move(request_id)} {}

  const Principal& who() const { return who_; }
  CompanyId company() const { return who_.company; }
  UserId user() const { return who_.user; }
  Time now() const { return clock_->now(); }
  const Request& request() const { return *request_; }
  const std::string& request_id() const { return request_id_; }
  redis::Client& redis() { return loop_->redis; }
  Loop& loop() { return *loop_; }

  Task<db::Tx> begin() { return loop_->db.begin(who_.company); }
  db::Reader reader() { return loop_->db.reader(who_.company); }

  /// From here on this request acts for `who`. For the router, and for endpoints whose caller proves itself otherwise
  /// (a signed link).
  void act_as(const Principal& who) { who_ = who; }

  /// More than one thing is wrong: these go into the answer's errors[] when the handler fails.
  std::vector<Problem> problems;
  /// Sent with the answer, whatever it is.
  Headers headers;
  /// Why the answer is a refusal, for the log and the metrics.
  std::optional<Error> refused;

 private:
  Loop* loop_;
  const Clock* clock_;
  Request* request_;
  std::string request_id_;
  Principal who_;
};

}  // namespace i2m::net
