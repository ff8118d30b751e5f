#include "providers/fal/protocol.h"

#include <boost/json.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <fmt/format.h>

#include <array>

namespace i2m::providers::fal {
namespace {

namespace json = boost::json;

struct Row {
  std::string_view type;
  Blame blame;
  Code code;
  std::string_view words;
};

constexpr std::string_view not_loaded = "The provider could not read this picture. Save it again as PNG or JPEG.";
constexpr std::string_view not_asked_right =
    "The provider did not accept our request. We have been told; nothing was charged.";
constexpr std::string_view not_now = "The provider could not make this model.";
constexpr std::array rows = std::to_array<Row>({
    {"content_policy_violation", Blame::Content, Code::ContentRejected,
     "The provider's content rules do not allow this picture."},
    {"no_media_generated", Blame::Picture, Code::NoObjectFound,
     "The provider made nothing of this picture. A single object on a plain background works best."},
    {"image_load_error", Blame::Picture, Code::PictureUnreadable, not_loaded},
    {"file_download_error", Blame::Provider, Code::Unavailable, not_loaded},  // our own upload was not there yet
    {"face_detection_error", Blame::Picture, Code::NoObjectFound, "The provider found no face in this picture."},
    {"image_too_small", Blame::Picture, Code::PictureUnreadable,
     "This picture is too small for the provider. Send a larger one."},
    {"image_too_large", Blame::Picture, Code::PictureTooLarge, "This picture is too large for the provider."},
    {"file_too_large", Blame::Picture, Code::FileTooLarge, "This file is too large for the provider."},
    {"unsupported_image_format", Blame::Picture, Code::FileTypeUnsupported,
     "The provider does not take this kind of picture. Send a PNG or a JPEG."},
    {"feature_not_supported", Blame::Order, Code::ProviderRefused, not_asked_right},
    {"internal_server_error", Blame::Provider, Code::Unavailable, not_now},
    {"generation_timeout", Blame::Provider, Code::Unavailable, not_now},
    {"downstream_service_error", Blame::Provider, Code::Unavailable, not_now},
    {"downstream_service_unavailable", Blame::Provider, Code::Unavailable, not_now},
    {"request_timeout", Blame::Provider, Code::Unavailable, not_now},
    {"startup_timeout", Blame::Provider, Code::Unavailable, not_now},
    {"runner_scheduling_failure", Blame::Provider, Code::Unavailable, not_now},
    {"runner_connection_timeout", Blame::Provider, Code::Unavailable, not_now},
    {"runner_disconnected", Blame::Provider, Code::Unavailable, not_now},
    {"runner_connection_refused", Blame::Provider, Code::Unavailable, not_now},
    {"runner_connection_error", Blame::Provider, Code::Unavailable, not_now},
    {"runner_incomplete_response", Blame::Provider, Code::Unavailable, not_now},
    {"runner_server_error", Blame::Provider, Code::Unavailable, not_now},
    {"internal_error", Blame::Provider, Code::Unavailable, not_now},
    {"client_disconnected", Blame::Provider, Code::Cancelled, "This was cancelled."},
    {"client_cancelled", Blame::Provider, Code::Cancelled, "This was cancelled."},
    {"concurrent_requests_limit", Blame::Busy, Code::Unavailable, not_now},
});

std::string text_of(const json::value* value) {
  return value != nullptr && value->is_string() ? std::string{value->get_string()} : std::string{};
}

/// The type that a body names: of the first detail, or flat.
std::string type_in(const json::value& body) {
  const json::object* object = body.if_object();
  if (object == nullptr) return {};
  for (const std::string_view key : {"error_type", "type"}) {
    if (std::string type = text_of(object->if_contains(key)); !type.empty()) return type;
  }
  const json::value* detail = object->if_contains("detail");
  if (detail == nullptr || !detail->is_array()) return {};
  for (const json::value& each : detail->get_array()) {
    if (const json::object* one = each.if_object()) return text_of(one->if_contains("type"));
  }
  return {};
}

json::value parsed(std::string_view body) {
  boost::system::error_code error;
  json::value out = json::parse(body, error);
  return error ? json::value{} : out;
}

constexpr std::size_t detail_most = 400;

Failure by_status(int status) {
  Failure out;
  out.words = not_now;
  switch (status) {
    case 401:
      out.blame = Blame::Key;
      return out;
    case 403:
      out.blame = Blame::Account;
      return out;
    case 429:
      out.blame = Blame::Busy;
      return out;
    case 400:
    case 404:
    case 405:
    case 413:
    case 415:
    case 422:
      out.blame = Blame::Order;
      out.code = Code::ProviderRefused;
      out.words = not_asked_right;
      return out;
    default:
      return out;  // 5xx, and what should not happen
  }
}

bool same_host(std::string_view url, std::string_view base) {
  const auto a = boost::urls::parse_uri(url), b = boost::urls::parse_uri(base);
  return a && b && a->scheme() == b->scheme() && a->encoded_host_and_port() == b->encoded_host_and_port();
}

void take_address(std::string& into, const json::object& object, std::string_view key, const Hosts& hosts) {
  // Followed later with our key in the header: not to another host.
  if (std::string url = text_of(object.if_contains(key)); same_host(url, hosts.queue)) into = std::move(url);
}

}  // namespace

std::string app_of(std::string_view endpoint) {
  const bool name_space = endpoint.starts_with("workflows/") || endpoint.starts_with("comfy/");
  std::size_t at = std::string_view::npos;
  for (int segments = name_space ? 3 : 2, i = 0; i < segments; ++i) {
    at = endpoint.find('/', i == 0 ? 0 : at + 1);
    if (at == std::string_view::npos) return std::string{endpoint};
  }
  return std::string{endpoint.substr(0, at)};
}

Request request_of(const Hosts& hosts, std::string_view endpoint, std::string id) {
  const std::string base = fmt::format("{}/{}/requests/{}", hosts.queue, app_of(endpoint), id);
  return {std::move(id), base + "/status", base, base + "/cancel"};
}

Result<Request> parse_submitted(std::string_view body, const Hosts& hosts, std::string_view endpoint) {
  const json::value value = parsed(body);
  const json::object* object = value.if_object();
  std::string id = object != nullptr ? text_of(object->if_contains("request_id")) : "";
  constexpr std::size_t id_most = 200;
  const bool plain =
      id.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") == std::string::npos;
  if (id.empty() || id.size() > id_most || !plain)
    return fail(Code::OutcomeUnknown, fmt::format("no request id in {}", body.substr(0, detail_most)));
  Request out = request_of(hosts, endpoint, std::move(id));
  take_address(out.status_url, *object, "status_url", hosts);
  take_address(out.response_url, *object, "response_url", hosts);
  take_address(out.cancel_url, *object, "cancel_url", hosts);
  return out;
}

Failure judge(int status, std::string_view type, std::string_view body, std::optional<bool> says_again) {
  const std::string named = type.empty() ? type_in(parsed(body)) : std::string{type};
  Failure out = by_status(status);
  for (const Row& row : rows) {
    if (row.type != named) continue;
    out.blame = row.blame;
    out.code = row.code;
    out.words = row.words;
  }
  out.type = named.empty() ? fmt::format("http_{}", status) : named;
  out.detail = fmt::format("{} {}: {}", status, out.type, body.substr(0, detail_most));
  // Our own upload, which had not got there yet: that does not stay so, whatever the provider thinks of such addresses.
  const bool ours = named == "file_download_error";
  out.again = ours || says_again.value_or(out.blame == Blame::Provider && out.code == Code::Unavailable);
  return out;
}

Failure judge(const net::FetchAnswer& answer) {
  std::optional<bool> again;
  for (const std::string_view name : {"x-fal-retryable", "x-fal-needs-retry"}) {
    const std::string_view value = answer.header(name);
    if (!value.empty()) again = value == "true" || value == "1" || value == "True";
  }
  if (answer.header("x-fal-request-timeout-type") == "user") again = false;
  return judge(answer.status, answer.header("x-fal-error-type"), answer.body, again);
}

Result<Status> parse_status(std::string_view body) {
  const json::value value = parsed(body);
  const json::object* object = value.if_object();
  const std::string word = object != nullptr ? text_of(object->if_contains("status")) : "";
  Status out;
  if (word == "IN_QUEUE") {
    const json::value* position = object->if_contains("queue_position");
    if (position != nullptr && position->is_int64()) out.queue_position = static_cast<int>(position->get_int64());
    return out;
  }
  if (word == "IN_PROGRESS") {
    out.phase = Status::Phase::Running;
    return out;
  }
  if (word != "COMPLETED") return fail(Code::Unavailable, fmt::format("status {}", body.substr(0, detail_most)));
  out.phase = Status::Phase::Completed;
  const std::string error = text_of(object->if_contains("error")), type = text_of(object->if_contains("error_type"));
  if (!error.empty() || !type.empty()) out.failure = judge(500, type, body, std::nullopt);
  return out;
}

Result<Hook> parse_hook(std::string_view body) {
  const json::value value = parsed(body);
  const json::object* object = value.if_object();
  if (object == nullptr) return fail(Code::Malformed, "no JSON object");
  Hook out;
  out.request_id = text_of(object->if_contains("request_id"));
  const std::string word = text_of(object->if_contains("status"));
  if (out.request_id.empty() || (word != "OK" && word != "ERROR"))
    return fail(Code::Malformed, "no status or no request");
  const json::value* payload = object->if_contains("payload");
  const bool has_payload = payload != nullptr && payload->is_object();
  if (word == "OK") {
    if (has_payload) out.output = json::serialize(*payload);
    return out;
  }
  // Something went wrong, or the result could not be put into the message: then only asking tells.
  if (!text_of(object->if_contains("payload_error")).empty() || !has_payload) return out;
  const std::string error = text_of(object->if_contains("error"));  // "Invalid status code: 422"
  const std::size_t digits = error.find_last_not_of("0123456789");
  const std::string_view number = std::string_view{error}.substr(digits == std::string::npos ? 0 : digits + 1);
  const int status = number.size() == 3 ? (number[0] - '0') * 100 + (number[1] - '0') * 10 + (number[2] - '0') : 500;
  out.failure = judge(status, "", json::serialize(*payload), std::nullopt);
  return out;
}

}  // namespace i2m::providers::fal
