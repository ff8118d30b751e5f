#include "net/openapi.h"

#include <set>

namespace i2m::net {
namespace json = boost::json;
namespace {

std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

json::string str(std::string_view text) { return json::string{text}; }

json::object envelope_of(json::value data) {
  return {{"type", "object"},
          {"required", {"status", "data", "message", "errors"}},
          {"properties",
           json::object{{"status", json::object{{"type", "string"}, {"const", "success"}}},
                        {"data", std::move(data)},
                        {"message", json::object{{"type", "string"}}},
                        {"errors", json::object{{"type", "array"}, {"maxItems", 0}, {"items", json::object{}}}}}}};
}

json::object failure_schema() {
  const json::object problem{
      {"type", "object"},
      {"required", {"code", "field", "message"}},
      {"properties",
       json::object{{"code", json::object{{"type", "string"}, {"description", "Stable; compare this"}}},
                    {"field", json::object{{"type", {"string", "null"}}, {"description", "The input to blame"}}},
                    {"message", json::object{{"type", "string"}, {"description", "For a person"}}}}}};
  return {{"type", "object"},
          {"required", {"status", "data", "message", "errors", "request_id"}},
          {"properties", json::object{{"status", json::object{{"type", "string"}, {"const", "error"}}},
                                      {"data", json::object{{"type", "null"}}},
                                      {"message", json::object{{"type", "string"}}},
                                      {"errors", json::object{{"type", "array"}, {"minItems", 1}, {"items", problem}}},
                                      {"request_id", json::object{{"type", "string"}, {"format", "uuid"}}}}}};
}

// Every status that the contract can answer, with the codes behind it.
json::object responses_of(const Endpoint& endpoint, json::object& components) {
  const Contract& contract = endpoint.contract;
  std::map<int, std::string> refusals;
  std::set<Code> codes{contract.errors.begin(), contract.errors.end()};
  codes.insert({Code::Internal, Code::Unavailable, Code::DeadlineExceeded});
  if (contract.rate) codes.insert(Code::RateLimited);
  if (contract.auth.value == Auth::Member || contract.auth.value == Auth::Admin) {
    codes.insert({Code::TokenMissing, Code::TokenInvalid, Code::TokenExpired, Code::AccountInactive});
  }
  if (contract.auth.value == Auth::Admin) codes.insert(Code::Forbidden);
  if (endpoint.request_schema || !endpoint.parameters.empty()) codes.insert(Code::Invalid);
  if (endpoint.request_schema) codes.insert({Code::Malformed, Code::MediaTypeUnsupported, Code::BodyTooLarge});
  for (const Code code : codes) {
    std::string& text = refusals[meaning(code).status];
    text += fmt::format("{}`{}`", text.empty() ? "" : ", ", meaning(code).name);
  }
  json::object success{{"description", str(contract.success_words)}};
  if (endpoint.answer_schema) {
    success["content"] =
        json::object{{"application/json", json::object{{"schema", envelope_of(endpoint.answer_schema(components))}}}};
  } else {
    success["content"] =
        json::object{{str(contract.answers), json::object{{"schema", json::object{{"type", "string"}}}}}};
  }
  json::object out{{std::to_string(contract.success), success}};
  for (const auto& [status, words] : contract.also) {
    out[std::to_string(status)] = json::object{{"description", str(words)}};
  }
  for (const auto& [status, text] : refusals) {
    out[std::to_string(status)] = json::object{
        {"description", text},
        {"content", json::object{{"application/json",
                                  json::object{{"schema", json::object{{"$ref", "#/components/schemas/Failure"}}}}}}}};
  }
  return out;
}

json::object operation_of(const Endpoint& endpoint, json::object& components) {
  const Contract& contract = endpoint.contract;
  json::object operation{
      {"operationId", str(contract.id)}, {"summary", str(contract.summary)}, {"tags", json::array{str(contract.tag)}}};
  json::array parameters;
  for (const auto& each : endpoint.parameters) {
    parameters.push_back(json::object{{"name", each.name},
                                      {"in", each.in == In::Path ? "path" : "query"},
                                      {"required", each.required},
                                      {"description", each.doc},
                                      {"schema", each.schema}});
  }
  for (const auto& header : contract.request_headers) {
    parameters.push_back(json::object{{"name", str(header.name)},
                                      {"in", "header"},
                                      {"required", false},
                                      {"description", str(header.doc)},
                                      {"schema", json::object{{"type", "string"}}}});
  }
  if (!parameters.empty()) operation["parameters"] = parameters;
  if (endpoint.request_schema) {
    operation["requestBody"] = json::object{
        {"required", true},
        {"content",
         json::object{{str(endpoint.request_type), json::object{{"schema", endpoint.request_schema(components)}}}}}};
  }
  operation["responses"] = responses_of(endpoint, components);
  if (contract.auth.value == Auth::Member || contract.auth.value == Auth::Admin) {
    operation["security"] = json::array{json::object{{"bearer", json::array{}}}};
  } else {
    operation["security"] = json::array{};
  }
  if (contract.rate) {
    operation["x-rate-limit"] = json::object{{"name", str(contract.rate->quota.name)},
                                             {"count", contract.rate->quota.count},
                                             {"window_s", contract.rate->quota.window.count()},
                                             {"by", contract.rate->by == RateBy::User ? "user" : "client"}};
  }
  operation["x-body-bytes-max"] = contract.body_bytes_max;
  operation["x-deadline-ms"] = contract.deadline.count();
  return operation;
}

// Boost.JSON prints on one line; people review this file, so it is indented here.
void print(std::string& out, const json::value& value, int depth) {
  const std::string pad(static_cast<std::size_t>(depth + 1) * 2, ' ');
  const std::string close(static_cast<std::size_t>(depth) * 2, ' ');
  const auto list = [&](const auto& container, char open, char end, auto each) {
    if (container.empty()) {
      out += open, out += end;
      return;
    }
    out += open, out += '\n';
    bool first = true;
    for (const auto& element : container) {
      if (!first) out += ",\n";
      first = false;
      out += pad;
      each(element);
    }
    out += '\n', out += close, out += end;
  };
  if (value.is_object()) {
    list(value.get_object(), '{', '}', [&](const auto& member) {
      out += log::quote(std::string_view{member.key()}) + ": ";
      print(out, member.value(), depth + 1);
    });
  } else if (value.is_array()) {
    list(value.get_array(), '[', ']', [&](const auto& element) { print(out, element, depth + 1); });
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

std::string openapi(const Router& router, std::string_view version) {
  json::object components;
  components["Failure"] = failure_schema();
  json::object paths;
  for (const auto& endpoint : router.endpoints()) {
    if (endpoint->contract.hidden) continue;
    json::value& path = paths[endpoint->pattern];
    if (!path.is_object()) path = json::object{};
    path.get_object()[lower(name_of(endpoint->method))] = operation_of(*endpoint, components);
  }
  const json::object document{
      {"openapi", "3.1.0"},
      {"info", json::object{{"title", "Image2Model"},
                            {"version", str(version)},
                            {"description",
                             "Pictures in, textured 3D models out. Every answer carries X-Request-Id; every "
                             "limited one RateLimit-Policy and RateLimit, and Retry-After when refused."}}},
      {"servers", json::array{json::object{{"url", "/"}}}},
      {"paths", paths},
      {"components",
       json::object{
           {"schemas", components},
           {"securitySchemes",
            json::object{{"bearer", json::object{{"type", "http"}, {"scheme", "bearer"}, {"bearerFormat", "JWT"}}}}}}}};
  std::string out;
  print(out, document, 0);
  out += '\n';
  return out;
}

}  // namespace i2m::net
