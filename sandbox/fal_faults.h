#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace i2m::sandbox::fal {

/// Where in the protocol a call stands.
enum class Step : std::uint8_t {
  Submit,
  Run,
  Status,
  Stream,
  Result,
  Cancel,
  Initiate,
  Upload,
  Part,
  Complete,
  Token,
  File,
  Jwks,
  Pricing,
  Usage,
  Billing,
  Control,
  Unknown
};
std::string_view name_of(Step step);

/// What can go wrong. The first kinds break one call, the others stay with the request that was submitted.
enum class Fault : std::uint8_t {
  DropBefore,
  DropAfter,
  SlowHeaders,
  TruncatedJson,
  WrongJsonType,
  Html502,
  Html502After,
  Http401,
  Http403,
  Http404,
  Http429,
  Http500,
  Http503,
  Http504,
  UserTimeout,
  StuckQueue,
  StuckRunning,
  Failure,
  PlatformRetry,
  IgnoreCancel,
  LogFlood,
  UnknownState,
  ResultExpired,
  WrongContentType,
  TruncatedGlb,
  CutDownload,
  HugeGlb,
  NotAGlb,
  FaceOvershoot,
  MeshMissing,
  FileGone,
  WebhookLost,
  WebhookDuplicate,
  WebhookLate,
  WebhookDisordered,
  WebhookForged,
  WebhookOld,
  WebhookRotated,
  WebhookEmpty
};

/// A fault as it is planned: "late_webhook" is written `webhook_late:1500`, a model's error `error:image_load_error`.
struct Planned {
  Fault fault;
  std::string argument;

  /// Errors: Code::Invalid: no such fault, or no such error type.
  static Result<Planned> parse(std::string_view text);
  std::string text() const;
  /// The argument as a number; `otherwise` when there is none.
  std::int64_t number(std::int64_t otherwise) const;
};
bool breaks_one_call(Fault fault);

using Faults = std::vector<Planned>;
const Planned* find(const Faults& faults, Fault fault);

/// A seed (or model_seed) of this value and up plans a fault, so that a caller that sets no headers can ask for one,
/// too.
inline constexpr std::int64_t magic_seed_first = 64'000;
/// Every fault in the order of its magic seed, each error type among them.
std::span<const std::string> spelled_faults();

/// One call, as the rules see it.
struct Call {
  Step step = Step::Unknown;
  std::string_view endpoint;    // full id on submit and run, the short form elsewhere
  std::string_view request_id;  // empty on submit
};

/// What shall go wrong and when: rules that were posted, a header on the call, a magic seed.
class FaultPlan {
 public:
  /// {"fault": "html_502", "step": "submit", "endpoint": "fal-ai/", "request_id": "…", "skip": 0, "times": 1}; all but
  /// `fault` may be left out, `times` 0 means for ever. Errors: Code::Invalid.
  Result<> add(const boost::json::object& rule);
  void clear() { rules_.clear(); }
  /// What the rules, `header` (faults with commas between) and `seed` plan for this call. Uses the rules up.
  /// Errors: Code::Invalid: the header names no fault.
  Result<Faults> take(const Call& call, std::string_view header, std::int64_t seed);
  boost::json::array json() const;

 private:
  struct Rule {
    Planned planned;
    Step step = Step::Submit;
    std::string endpoint;
    std::string request_id;
    std::int64_t skip = 0;
    std::int64_t times = 1;
    bool for_ever = false;
  };
  std::vector<Rule> rules_;
};

}  // namespace i2m::sandbox::fal
