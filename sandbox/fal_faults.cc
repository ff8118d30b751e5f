#include "sandbox/fal_faults.h"

#include <array>
#include <charconv>

#include "sandbox/fal_errors.h"

namespace i2m::sandbox::fal {
namespace {

constexpr std::array step_names{
    std::pair{Step::Submit, "submit"},     std::pair{Step::Run, "run"},         std::pair{Step::Status, "status"},
    std::pair{Step::Stream, "stream"},     std::pair{Step::Result, "result"},   std::pair{Step::Cancel, "cancel"},
    std::pair{Step::Initiate, "initiate"}, std::pair{Step::Upload, "upload"},   std::pair{Step::Part, "part"},
    std::pair{Step::Complete, "complete"}, std::pair{Step::Token, "token"},     std::pair{Step::File, "file"},
    std::pair{Step::Jwks, "jwks"},         std::pair{Step::Pricing, "pricing"}, std::pair{Step::Usage, "usage"},
    std::pair{Step::Billing, "billing"},   std::pair{Step::Control, "control"}, std::pair{Step::Unknown, "unknown"},
};

constexpr std::array fault_names{
    std::pair{Fault::DropBefore, "drop_before"},
    std::pair{Fault::DropAfter, "drop_after"},
    std::pair{Fault::SlowHeaders, "slow_headers"},
    std::pair{Fault::TruncatedJson, "truncated_json"},
    std::pair{Fault::WrongJsonType, "wrong_json_type"},
    std::pair{Fault::Html502, "html_502"},
    std::pair{Fault::Html502After, "html_502_after"},
    std::pair{Fault::Http401, "http_401"},
    std::pair{Fault::Http403, "http_403"},
    std::pair{Fault::Http404, "http_404"},
    std::pair{Fault::Http429, "http_429"},
    std::pair{Fault::Http500, "http_500"},
    std::pair{Fault::Http503, "http_503"},
    std::pair{Fault::Http504, "http_504"},
    std::pair{Fault::UserTimeout, "user_timeout"},
    std::pair{Fault::StuckQueue, "stuck_queue"},
    std::pair{Fault::StuckRunning, "stuck_running"},
    std::pair{Fault::Failure, "error"},
    std::pair{Fault::PlatformRetry, "platform_retry"},
    std::pair{Fault::IgnoreCancel, "ignore_cancel"},
    std::pair{Fault::LogFlood, "log_flood"},
    std::pair{Fault::UnknownState, "unknown_state"},
    std::pair{Fault::ResultExpired, "result_expired"},
    std::pair{Fault::WrongContentType, "wrong_content_type"},
    std::pair{Fault::TruncatedGlb, "truncated_glb"},
    std::pair{Fault::CutDownload, "cut_download"},
    std::pair{Fault::HugeGlb, "huge_glb"},
    std::pair{Fault::NotAGlb, "not_a_glb"},
    std::pair{Fault::FaceOvershoot, "face_overshoot"},
    std::pair{Fault::MeshMissing, "mesh_missing"},
    std::pair{Fault::FileGone, "file_gone"},
    std::pair{Fault::WebhookLost, "webhook_lost"},
    std::pair{Fault::WebhookDuplicate, "webhook_duplicate"},
    std::pair{Fault::WebhookLate, "webhook_late"},
    std::pair{Fault::WebhookDisordered, "webhook_disordered"},
    std::pair{Fault::WebhookForged, "webhook_forged"},
    std::pair{Fault::WebhookOld, "webhook_old"},
    std::pair{Fault::WebhookRotated, "webhook_rotated"},
    std::pair{Fault::WebhookEmpty, "webhook_empty"},
};

std::string_view name_of(Fault fault) {
  for (const auto& [each, name] : fault_names) {
    if (each == fault) return name;
  }
  return "";
}

std::vector<std::string> all_spellings() {
  std::vector<std::string> out;
  for (const auto& [fault, name] : fault_names) {
    if (fault != Fault::Failure) out.emplace_back(name);
  }
  for (const ErrorType& type : error_types()) out.push_back("error:" + std::string{type.name});
  return out;
}

Result<std::int64_t> whole(const boost::json::object& rule, std::string_view name, std::int64_t otherwise) {
  const boost::json::value* value = rule.if_contains(name);
  if (value == nullptr) return otherwise;
  if (!value->is_int64() || value->as_int64() < 0) {
    return refuse(Code::Invalid, std::string{name}, "It must be a whole number, 0 or more.");
  }
  return value->as_int64();
}

Result<std::string> text(const boost::json::object& rule, std::string_view name) {
  const boost::json::value* value = rule.if_contains(name);
  if (value == nullptr) return std::string{};
  if (!value->is_string()) return refuse(Code::Invalid, std::string{name}, "It must be a text.");
  return std::string{std::string_view{value->as_string()}};
}

Result<> add_spelled(Faults& faults, std::string_view list) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    std::string_view one = list.substr(0, end);
    while (one.starts_with(' ')) one.remove_prefix(1);
    TRY(Planned planned, Planned::parse(one));
    faults.push_back(std::move(planned));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return {};
}

}  // namespace

std::string_view name_of(Step step) {
  for (const auto& [each, name] : step_names) {
    if (each == step) return name;
  }
  return "";
}

Result<Planned> Planned::parse(std::string_view spelled) {
  const std::size_t colon = std::min(spelled.find(':'), spelled.size());
  const std::string_view name = spelled.substr(0, colon);
  std::string argument{spelled.substr(std::min(colon + 1, spelled.size()))};
  for (const auto& [fault, known] : fault_names) {
    if (name != known) continue;
    if (fault == Fault::Failure && find_error(argument) == nullptr) break;
    return Planned{fault, std::move(argument)};
  }
  return refuse(Code::Invalid, "fault", fmt::format("There is no fault \"{}\"; /_sandbox/faults lists them.", spelled));
}

std::string Planned::text() const {
  std::string out{name_of(fault)};
  if (!argument.empty()) out.append(":").append(argument);
  return out;
}

std::int64_t Planned::number(std::int64_t otherwise) const {
  std::int64_t value = 0;
  const char* const end = argument.data() + argument.size();
  const auto [rest, ec] = std::from_chars(argument.data(), end, value);
  return ec == std::errc{} && rest == end ? value : otherwise;
}

bool breaks_one_call(Fault fault) { return fault <= Fault::UserTimeout; }

const Planned* find(const Faults& faults, Fault fault) {
  const auto found = std::ranges::find(faults, fault, &Planned::fault);
  return found == faults.end() ? nullptr : &*found;
}

std::span<const std::string> spelled_faults() {
  static const std::vector<std::string> all = all_spellings();
  return all;
}

Result<> FaultPlan::add(const boost::json::object& rule) {
  Rule made{.planned = {Fault::DropBefore, ""}};
  TRY(const std::string spelled, text(rule, "fault"));
  TRY(made.planned, Planned::parse(spelled));
  TRY(made.endpoint, text(rule, "endpoint"));
  TRY(made.request_id, text(rule, "request_id"));
  TRY(made.skip, whole(rule, "skip", 0));
  TRY(made.times, whole(rule, "times", 1));
  made.for_ever = made.times == 0;
  TRY(const std::string step, text(rule, "step"));
  if (!step.empty()) {
    const auto* const known = std::ranges::find_if(step_names, [&](const auto& each) { return each.second == step; });
    if (known == step_names.end()) return refuse(Code::Invalid, "step", "There is no step of that name.");
    made.step = known->first;
  }
  rules_.push_back(std::move(made));
  return {};
}

Result<Faults> FaultPlan::take(const Call& call, std::string_view header, std::int64_t seed) {
  Faults out;
  for (auto rule = rules_.begin(); rule != rules_.end();) {
    const bool meant = rule->step == call.step && call.endpoint.starts_with(rule->endpoint) &&
                       (rule->request_id.empty() || rule->request_id == call.request_id);
    if (!meant || rule->skip > 0) {
      if (meant) --rule->skip;
      ++rule;
      continue;
    }
    out.push_back(rule->planned);
    if (rule->for_ever || --rule->times > 0) {
      ++rule;
    } else {
      rule = rules_.erase(rule);
    }
  }
  CHECK_OK(add_spelled(out, header));
  const auto spellings = spelled_faults();
  if (seed >= magic_seed_first && std::cmp_less(seed - magic_seed_first, spellings.size())) {
    CHECK_OK(add_spelled(out, spellings[static_cast<std::size_t>(seed - magic_seed_first)]));
  }
  return out;
}

boost::json::array FaultPlan::json() const {
  boost::json::array out;
  for (const Rule& rule : rules_) {
    out.push_back(boost::json::object{{"fault", rule.planned.text()},
                                      {"step", name_of(rule.step)},
                                      {"endpoint", rule.endpoint},
                                      {"request_id", rule.request_id},
                                      {"skip", rule.skip},
                                      {"times", rule.for_ever ? 0 : rule.times}});
  }
  return out;
}

}  // namespace i2m::sandbox::fal
