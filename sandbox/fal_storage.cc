#include "sandbox/fal_storage.h"

#include <boost/json/parse.hpp>

#include <charconv>

#include "base/crypto.h"

namespace i2m::sandbox::fal {
namespace json = boost::json;
namespace {

constexpr std::string_view token_name = "upload_token";
constexpr std::size_t file_path_segments = 4;  // files, b, a folder, a name
constexpr std::int64_t token_seconds = 3'600;

std::string text_member(const json::object& object, std::string_view name, std::string_view otherwise) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return std::string{otherwise};
  return value->as_string().c_str();
}

json::object object_in(const std::string& body) {
  boost::system::error_code ec;
  const json::value value = json::parse(body, ec);
  return !ec && value.is_object() ? value.as_object() : json::object{};
}

std::string etag_of(std::string_view content) { return hex(sha256(content)).substr(0, 32); }

}  // namespace

PartPath part_path(std::string_view path) {
  std::size_t end = 0;
  for (std::size_t i = 0; i < file_path_segments && end != std::string_view::npos; ++i) end = path.find('/', end + 1);
  PartPath out{std::string{path.substr(0, end)}, 0};
  if (end == std::string_view::npos) return out;
  const std::string_view last = path.substr(path.rfind('/') + 1);
  std::from_chars(last.data(), last.data() + last.size(), out.number);
  return out;
}

Lifecycle Storage::lifecycle(const Request& request) {
  const Lifecycle out = lifecycle_of(request.header("x-fal-object-lifecycle"));
  if (out.null) journal_->violation("null_lifecycle", request.method, request.path);
  return out;
}

Reply Storage::initiate(const Request& request) {
  const json::object wanted = object_in(request.body);
  if (!wanted.contains("content_type") || !wanted.contains("file_name")) {
    return detail_reply(422, "content_type and file_name are required");
  }
  const std::string path =
      files_->add(text_member(wanted, "file_name", "file"),
                  text_member(wanted, "content_type", "application/octet-stream"), nullptr, lifecycle(request));
  const std::string& token = files_->find(path)->token;
  return json_reply(200, json::object{{"upload_url", fmt::format("{}{}?{}={}", *url_, path, token_name, token)},
                                      {"file_url", *url_ + path}});
}

Reply Storage::token() {
  const Time ends = SystemClock{}.now() + std::chrono::seconds{token_seconds};
  return json_reply(200, json::object{{"token", Uuid::make().text()},
                                      {"token_type", "Bearer"},
                                      {"base_url", *url_},
                                      {"expires_at", to_rfc3339(ends)}});
}

/// Null: no such file, or not the one who initiated it.
StoredFile* Storage::uploading(const Request& request, std::string_view path) {
  StoredFile* file = files_->find(path);
  if (file == nullptr) return nullptr;
  const bool bearer = request.header("authorization").starts_with("Bearer ");
  return bearer || request.parameter(token_name) == file->token ? file : nullptr;
}

Reply Storage::upload(const Request& request) {
  StoredFile* file = uploading(request, request.path);
  if (file == nullptr) return detail_reply(403, "Invalid upload token");
  file->content = bytes_of(request.body);
  if (const std::string_view type = request.header("content-type"); !type.empty()) file->content_type = type;
  return json_reply(200, json::object{{"file_size", request.body.size()}});
}

Reply Storage::part(const Request& request) {
  const PartPath place = part_path(request.path);
  StoredFile* file = uploading(request, place.file);
  if (file == nullptr || place.number < 1) return detail_reply(403, "Invalid upload token");
  const std::string etag = etag_of(request.body);
  file->parts[place.number] = request.body;
  return json_reply(200, json::object{{"partNumber", place.number}, {"etag", etag}}, {{"etag", etag}});
}

Reply Storage::complete(const Request& request) {
  const PartPath place = part_path(request.path);
  StoredFile* file = uploading(request, place.file);
  if (file == nullptr) return detail_reply(403, "Invalid upload token");
  const json::object wanted = object_in(request.body);
  const json::value* parts = wanted.if_contains("parts");
  if (parts == nullptr || !parts->is_array() || parts->as_array().size() != file->parts.size()) {
    return detail_reply(400, "The list of parts is not what was uploaded");
  }
  std::string whole;
  int expected = 0;
  for (const auto& [number, content] : file->parts) {
    const json::object& said = parts->as_array()[static_cast<std::size_t>(expected)].as_object();
    ++expected;
    if (number != expected || said.at("partNumber") != number || text_member(said, "etag", "") != etag_of(content)) {
      return detail_reply(400, fmt::format("Part {} is missing or another", expected));
    }
    whole += content;
  }
  file->parts.clear();
  file->content = bytes_of(std::move(whole));
  return json_reply(200, json::object{{"access_url", *url_ + place.file}});
}

Reply Storage::post_upload(const Request& request) {
  const std::string name{request.has_header("x-fal-file-name") ? request.header("x-fal-file-name") : "file"};
  const std::string path =
      files_->add(name, std::string{request.header("content-type")}, bytes_of(request.body), lifecycle(request));
  return json_reply(200, json::object{{"access_url", *url_ + path}});
}

Reply Storage::post_multipart(const Request& request) {
  const std::string name{request.has_header("x-fal-file-name") ? request.header("x-fal-file-name") : "file"};
  const std::string path = files_->add(name, std::string{request.header("content-type")}, nullptr, lifecycle(request));
  return json_reply(200, json::object{{"access_url", *url_ + path}, {"uploadId", Uuid::make().text()}});
}

Reply Storage::download(const Request& request) {
  const StoredFile* file = files_->find(request.path);
  if (file == nullptr || !file->content) return detail_reply(404, "Not Found");
  Reply reply;
  reply.content_type = file->content_type;
  reply.body = file->content;
  reply.cut_at = file->cut_at;
  reply.headers = {{"cache-control", "public, max-age=5184000, immutable"}, {"access-control-allow-origin", "*"}};
  return reply;
}

}  // namespace i2m::sandbox::fal
