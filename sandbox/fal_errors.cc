#include "sandbox/fal_errors.h"

#include <boost/json/serialize.hpp>

#include <array>

namespace i2m::sandbox::fal {
namespace {

constexpr int unprocessable = 422;

// Source: the reference's tables of model errors and of platform errors.
constexpr std::array table{
    ErrorType{"internal_server_error", 500, false, true, "Internal server error"},
    ErrorType{"generation_timeout", 504, false, true, "Generation timed out"},
    ErrorType{"downstream_service_error", 400, false, true, "Downstream service error"},
    ErrorType{"downstream_service_unavailable", 500, false, true, "Downstream service unavailable"},
    ErrorType{"content_policy_violation", 422, false, false,
              "The content could not be processed because it contained material flagged by a content checker."},
    ErrorType{"no_media_generated", 422, false, false, "No media was generated"},
    ErrorType{"image_load_error", 422, false, false, "Failed to load the image"},
    ErrorType{"file_download_error", 422, false, false, "Failed to download the file"},
    ErrorType{"face_detection_error", 422, false, false, "Could not detect a face in the image"},
    ErrorType{"image_too_small", 422, false, false, "Image is too small"},
    ErrorType{"image_too_large", 422, false, false, "Image is too large"},
    ErrorType{"file_too_large", 422, false, false, "File size exceeds the limit"},
    ErrorType{"greater_than", 422, false, false, "Input should be greater than 0"},
    ErrorType{"greater_than_equal", 422, false, false, "Input should be greater than or equal to 0"},
    ErrorType{"less_than", 422, false, false, "Input should be less than 1"},
    ErrorType{"less_than_equal", 422, false, false, "Input should be less than or equal to 1"},
    ErrorType{"multiple_of", 422, false, false, "Input should be a multiple of 8"},
    ErrorType{"sequence_too_short", 422, false, false, "Too few items"},
    ErrorType{"sequence_too_long", 422, false, false, "Too many items"},
    ErrorType{"one_of", 422, false, false, "Input should be one of the allowed values"},
    ErrorType{"feature_not_supported", 422, false, false, "This feature is not supported"},
    ErrorType{"invalid_archive", 422, false, false, "The archive is invalid"},
    ErrorType{"archive_file_count_below_minimum", 422, false, false, "The archive holds too few files"},
    ErrorType{"archive_file_count_exceeds_maximum", 422, false, false, "The archive holds too many files"},
    ErrorType{"unsupported_image_format", 422, false, false, "Unsupported image format"},
    ErrorType{"request_timeout", 504, true, true, "Request timed out"},
    ErrorType{"startup_timeout", 504, true, true, "Runner did not start in time"},
    ErrorType{"runner_scheduling_failure", 503, true, true, "No runner could be scheduled"},
    ErrorType{"runner_connection_timeout", 503, true, true, "Timed out connecting to the runner"},
    ErrorType{"runner_disconnected", 503, true, true, "The runner disconnected"},
    ErrorType{"runner_connection_refused", 503, true, true, "The runner refused the connection"},
    ErrorType{"runner_connection_error", 503, true, true, "Could not connect to the runner"},
    ErrorType{"runner_incomplete_response", 502, true, true, "The runner sent an incomplete response"},
    ErrorType{"runner_server_error", 500, true, true, "The runner failed"},
    ErrorType{"internal_error", 500, true, true, "Internal error"},
    ErrorType{"client_disconnected", 499, true, false, "Client disconnected"},
    ErrorType{"client_cancelled", 499, true, false, "Request was cancelled by the client"},
    ErrorType{"bad_request", 400, true, false, "Bad request"},
};

// The context that a type promises, when nothing in the input gives it.
boost::json::object context_of(std::string_view type) {
  using boost::json::object;
  if (type == "image_too_small") return object{{"min_height", 128}, {"min_width", 128}};
  if (type == "image_too_large") return object{{"max_height", 5000}, {"max_width", 5000}};
  if (type == "file_too_large") return object{{"max_size", 8 << 20}};
  if (type == "greater_than") return object{{"gt", 0}};
  if (type == "greater_than_equal") return object{{"ge", 0}};
  if (type == "less_than") return object{{"lt", 1}};
  if (type == "less_than_equal") return object{{"le", 1}};
  if (type == "multiple_of") return object{{"multiple_of", 8}};
  if (type == "sequence_too_short") return object{{"min_length", 1}};
  if (type == "sequence_too_long") return object{{"max_length", 4}};
  if (type == "one_of") return object{{"expected", boost::json::array{"a", "b"}}};
  if (type == "unsupported_image_format")
    return object{{"supported_formats", boost::json::array{"jpeg", "png", "webp"}}};
  return {};
}

}  // namespace

std::span<const ErrorType> error_types() { return table; }

const ErrorType* find_error(std::string_view name) {
  const auto* found = std::ranges::find(table, name, &ErrorType::name);
  return found == table.end() ? nullptr : found;
}

Outcome refused_by_model(const std::vector<Detail>& details) {
  boost::json::array list;
  int status = unprocessable;
  bool retryable = false;
  for (const Detail& each : details) {
    boost::json::object entry{{"loc", each.loc}, {"msg", each.msg}, {"type", each.type}};
    const ErrorType* known = find_error(each.type);
    if (known != nullptr) entry["url"] = "https://docs.fal.ai/errors/#" + each.type;
    if (!each.ctx.empty()) entry["ctx"] = each.ctx;
    if (!each.input.is_null()) entry["input"] = each.input;
    if (known != nullptr && list.empty()) {
      status = known->status;
      retryable = known->retryable;
    }
    list.push_back(std::move(entry));
  }
  Outcome out;
  out.status = status;
  out.body = boost::json::object{{"detail", std::move(list)}};
  out.headers = {{"x-fal-retryable", retryable ? "true" : "false"}};
  if (retryable) out.headers.emplace_back("x-fal-needs-retry", "1");
  out.error = fmt::format("Invalid status code: {}", status);
  out.error_type = details.empty() ? "" : details.front().type;
  return out;
}

Outcome failed_as(const ErrorType& type) {
  if (!type.platform) {
    boost::json::array loc{"body"};
    if (type.name.contains("image") || type.name.starts_with("file_")) loc.emplace_back("image_url");
    return refused_by_model({Detail{loc, std::string{type.words}, std::string{type.name}, context_of(type.name)}});
  }
  Outcome out;
  out.status = type.status;
  out.body = boost::json::object{{"detail", type.words}, {"error_type", type.name}};
  out.headers = {{"x-fal-error-type", std::string{type.name}}};
  out.error = type.words;
  out.error_type = type.name;
  return out;
}

Outcome failed_with(int status, std::string words) {
  Outcome out;
  out.status = status;
  out.body = boost::json::object{{"detail", words}};
  out.error = fmt::format("Invalid status code: {}", status);
  return out;
}

Reply json_reply(int status, const boost::json::value& body, Headers headers) {
  Reply reply;
  reply.status = status;
  reply.headers = std::move(headers);
  reply.body = bytes_of(boost::json::serialize(body));
  return reply;
}

Reply detail_reply(int status, std::string_view words) {
  return json_reply(status, boost::json::object{{"detail", words}});
}

Reply html_reply(int status) {
  Reply reply;
  reply.status = status;
  reply.content_type = "text/html";
  reply.body =
      bytes_of(fmt::format("<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
                           "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
                           status));
  return reply;
}

}  // namespace i2m::sandbox::fal
