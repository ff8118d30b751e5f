#include "sandbox/fal_models.h"

#include <openssl/evp.h>

#include <set>

#include "base/crypto.h"
#include "base/offload.h"
#include "engine/engine.h"
#include "sandbox/fal_shapes.h"
#include "sandbox/http_client.h"

namespace i2m::sandbox::fal {
namespace json = boost::json;
namespace {

constexpr std::uint64_t picture_bytes_most = 64 << 20;
constexpr std::int64_t engine_faces_most = 20'000;  // more than that only costs time
constexpr int engine_faces_usual = 5'000;
constexpr std::int64_t overshoot = 3;
constexpr std::size_t huge_bytes = 64 << 20;
constexpr int status_ok = 200;
constexpr std::size_t seeds = 65'536;  // Rodin's range, and in everybody's

/// The bytes of a data URI; nothing when it is none that can be read.
std::optional<std::string> from_data_uri(std::string_view uri) {
  const std::size_t comma = uri.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const std::string_view payload = uri.substr(comma + 1);
  if (!uri.substr(0, comma).ends_with(";base64")) return percent_decoded(payload);
  std::string out(payload.size() / 4 * 3 + 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<std::uint8_t*>(out.data()),
                      reinterpret_cast<const std::uint8_t*>(payload.data()), static_cast<int>(payload.size()));
  if (size < 0) return std::nullopt;
  const auto padding = static_cast<std::size_t>(payload.ends_with("==") ? 2 : payload.ends_with("=") ? 1 : 0);
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

Outcome blamed(const std::string& field, const std::string& url, std::string type, std::string msg,
               json::object ctx = {}) {
  return refused_by_model(
      {Detail{{"body", field}, std::move(msg), std::move(type), std::move(ctx), json::string{url}}});
}

/// What fal would say of a picture of which the engine says `error`.
Outcome outcome_of(const Error& error, const Endpoint::PictureUrl& picture) {
  switch (error.code) {
    case Code::FileTypeUnsupported:
      return blamed(picture.field, picture.url, "unsupported_image_format", "Unsupported image format",
                    {{"supported_formats", json::array{"jpeg", "png", "webp"}}});
    case Code::PictureTooLarge:
      return blamed(picture.field, picture.url, "image_too_large", "Image is too large");
    case Code::NoObjectFound:
      return refused_by_model({Detail{{"body"}, "No object was found in the image", "no_media_generated"}});
    default:
      return blamed(picture.field, picture.url, "image_load_error", "Failed to load the image");
  }
}

void collect_tokens(const json::value& value, std::set<std::string>& out) {
  if (value.is_string() && value.as_string().starts_with("$")) out.emplace(value.as_string().c_str());
  if (value.is_array()) {
    for (const json::value& each : value.as_array()) collect_tokens(each, out);
  }
  if (value.is_object()) {
    for (const auto& [name, each] : value.as_object()) collect_tokens(each, out);
  }
}

json::value filled(const json::value& value, const std::map<std::string, json::value>& values) {
  if (value.is_string()) {
    const auto found = values.find(value.as_string().c_str());
    return found == values.end() ? value : found->second;
  }
  if (value.is_array()) {
    json::array out;
    for (const json::value& each : value.as_array()) out.push_back(filled(each, values));
    return out;
  }
  if (value.is_object()) {
    json::object out;
    for (const auto& [name, each] : value.as_object()) out[name] = filled(each, values);
    return out;
  }
  return value;
}

bool is_mesh(std::string_view token) { return token.starts_with("$glb") || token.starts_with("$plain"); }

/// "$glb:octet" is made of the artifact "glb".
std::string kind_of(std::string_view token, const Job& job) {
  std::string kind{token.substr(1, token.find(':') - 1)};
  if (is_mesh(token) && find(job.faults, Fault::HugeGlb) != nullptr) return "huge";
  return kind;
}

std::string text_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string converted(const std::string& glb, std::string_view kind) {
  if (kind == "plain") return untextured(glb);
  if (kind == "huge") return padded_to(glb, huge_bytes);
  const Shape shape = shape_of(glb);
  if (kind == "obj") return obj_of(shape);
  if (kind == "stl") return stl_of(shape);
  if (kind == "fbx") return fbx_of(shape);
  return preview_of(shape, kind == "webp" ? PictureType::Webp : PictureType::Png);
}

/// Nobody asked for pixels that are too few or too many.
std::optional<Outcome> pixels_wrong(const Endpoint& endpoint, const Endpoint::PictureUrl& picture,
                                    const engine::Report& report) {
  const auto least = endpoint.bound("picture_px_min");
  const auto most = endpoint.bound("picture_px_max");
  const std::int64_t width = report.picture.width;
  const std::int64_t height = report.picture.height;
  if (least && std::min(width, height) < *least) {
    return blamed(picture.field, picture.url, "image_too_small", "Image is too small",
                  {{"min_height", *least}, {"min_width", *least}});
  }
  if (most && std::max(width, height) > *most) {
    return blamed(picture.field, picture.url, "image_too_large", "Image is too large",
                  {{"max_height", *most}, {"max_width", *most}});
  }
  return std::nullopt;
}

}  // namespace

/// One thing that is made once, and waited for by all who want it.
struct Models::Making {
  explicit Making(boost::asio::io_context& io) : ready{io, SteadyTime::max()} {}
  std::optional<Result<Bytes>> content;
  engine::Report report;
  Timer ready;
};

struct Models::Order {
  Bytes picture;
  std::string digest;
  int faces = engine_faces_usual;
  std::string key(std::string_view kind) const { return fmt::format("{}/{}/{}", digest, faces, kind); }
};

Co<std::variant<Bytes, Outcome>> Models::fetch(Endpoint::PictureUrl picture, const Endpoint* endpoint) {
  std::string content;
  if (picture.url.starts_with("data:")) {
    std::optional<std::string> data = from_data_uri(picture.url);
    if (!data) co_return blamed(picture.field, "data:", "file_download_error", "Failed to decode the data URI");
    content = *std::move(data);
  } else if (picture.url.starts_with(*url_ + "/files/")) {
    const StoredFile* stored = files_->find(std::string_view{picture.url}.substr(url_->size()));
    if (stored == nullptr || !stored->content) {
      co_return blamed(picture.field, picture.url, "file_download_error", "Failed to download the file");
    }
    content = *stored->content;
  } else {
    Outgoing message{.url = picture.url, .timeout = Milliseconds{settings_->picture_timeout_ms}};
    message.answer_bytes_max = picture_bytes_most;
    Result<Fetched> answer = co_await client_->exchange(std::move(message));
    if (!answer || answer->status != status_ok) {
      co_return blamed(picture.field, picture.url, "file_download_error", "Failed to download the file");
    }
    content = std::move(answer->body);
  }
  if (const auto most = endpoint->bound("picture_bytes_max"); most && std::cmp_greater(content.size(), *most)) {
    co_return blamed(picture.field, picture.url, "file_too_large", "File size exceeds the limit",
                     {{"max_size", *most}});
  }
  co_return bytes_of(std::move(content));
}

Task<Bytes> Models::artifact(Order order, std::string kind) {
  std::shared_ptr<Making>& place = made_[order.key(kind)];
  if (place) {
    const std::shared_ptr<Making> other = place;
    while (!other->content) co_await other->ready.async_wait(awaiting);
    co_return *other->content;
  }
  const auto making = std::make_shared<Making>(*io_);
  place = making;
  making->content = co_await produce(std::move(order), std::move(kind));
  making->ready.cancel();
  co_return *making->content;
}

Co<Result<Bytes>> Models::produce(Order order, std::string kind) {
  if (kind != "glb") {
    const Result<Bytes> glb = co_await artifact(order, "glb");
    if (!glb) co_return glb;
    const auto work = [content = *glb, kind] { return bytes_of(converted(*content, kind)); };
    co_return co_await offload(*engine_, work);
  }
  const auto work = [picture = order.picture, faces = order.faces] {
    engine::Params params;
    params.triangles_max = faces;
    const std::span bytes{reinterpret_cast<const std::uint8_t*>(picture->data()), picture->size()};
    return engine::make_model(bytes, params);
  };
  Result<engine::Model> model = co_await offload(*engine_, work);
  if (!model) co_return std::unexpected{model.error()};
  made_[order.key(kind)]->report = model->report;
  co_return bytes_of(text_of(model->glb));
}

json::value Models::file_of(const Job& job, std::string_view token, const Bytes& whole) {
  const std::string kind{token.substr(1, token.find(':') - 1)};
  const bool mesh = is_mesh(token);
  const std::string extension = mesh ? "glb" : kind;
  Bytes content = whole;
  if (mesh && find(job.faults, Fault::NotAGlb) != nullptr) content = bytes_of("<html><body>Not Found</body></html>\n");
  if (mesh && find(job.faults, Fault::TruncatedGlb) != nullptr)
    content = bytes_of(content->substr(0, content->size() / 2));
  std::string type = mesh             ? (token.ends_with(":named") ? "model/gltf-binary" : "application/octet-stream")
                     : kind == "webp" ? "image/webp"
                     : kind == "png"  ? "image/png"
                     : kind == "obj"  ? "text/plain"
                     : kind == "stl"  ? "model/stl"
                                      : "application/octet-stream";
  if (mesh && find(job.faults, Fault::WrongContentType) != nullptr) type = "text/html; charset=utf-8";
  const std::string name = (kind == "webp" || kind == "png" ? "preview." : "model.") + extension;
  const std::string path = files_->add(name, type, content, job.lifecycle);
  StoredFile* stored = files_->find(path);
  if (mesh && stored != nullptr) {
    if (find(job.faults, Fault::CutDownload) != nullptr) stored->cut_at = content->size() / 2;
    stored->gone = find(job.faults, Fault::FileGone) != nullptr;
  }
  json::object file{{"url", *url_ + path}};
  if (token.ends_with(":bare")) return file;
  file["content_type"] = type;
  if (!token.ends_with(":octet") && kind != "webp") file["file_name"] = name;
  file["file_size"] = content->size();
  return file;
}

Co<Outcome> Models::make(JobRef job) {
  const Endpoint& endpoint = *job->endpoint;
  const json::object& input = job->input.as_object();
  const std::vector<Endpoint::PictureUrl> pictures = endpoint.pictures(input);
  if (pictures.empty()) co_return refused_by_model({Detail{{"body"}, "An image is required", "missing", {}, input}});
  Order order;
  for (const Endpoint::PictureUrl& each : pictures) {
    std::variant<Bytes, Outcome> fetched = co_await fetch(each, &endpoint);
    if (auto* const refused = std::get_if<Outcome>(&fetched)) co_return std::move(*refused);
    if (!order.picture) order.picture = std::get<Bytes>(fetched);
  }
  order.digest = hex(sha256(*order.picture));
  std::int64_t faces = endpoint.face_limit(input).value_or(engine_faces_usual);
  if (find(job->faults, Fault::FaceOvershoot) != nullptr) {
    faces = std::min<std::int64_t>(faces * overshoot, engine::triangles_most);
  } else {
    faces = std::min(faces, engine_faces_most);
  }
  order.faces = static_cast<int>(std::max<std::int64_t>(faces, engine::triangles_min));
  const Result<Bytes> glb = co_await artifact(order, "glb");
  if (!glb) co_return outcome_of(glb.error(), pictures.front());
  if (auto wrong = pixels_wrong(endpoint, pictures.front(), made_.at(order.key("glb"))->report))
    co_return *std::move(wrong);

  const json::value shape = endpoint.output(input);
  std::set<std::string> tokens;
  collect_tokens(shape, tokens);
  std::map<std::string, json::value> values;
  const json::value* seed = input.if_contains("seed");
  values["$seed"] = seed != nullptr && seed->is_int64() ? *seed : json::value(order.picture->size() % seeds);
  values["$id"] = Uuid::make().text();
  values["$timings"] = json::object{{"prepare", 0.1}, {"generation", 0.5}, {"export", 0.2}};
  for (const std::string& token : tokens) {
    if (values.contains(token)) continue;
    if (is_mesh(token) && find(job->faults, Fault::MeshMissing) != nullptr) {
      values[token] = nullptr;
      continue;
    }
    const Result<Bytes> content = co_await artifact(order, kind_of(token, *job));
    if (!content) co_return outcome_of(content.error(), pictures.front());
    values[token] = file_of(*job, token, *content);
  }
  Outcome out;
  out.body = filled(shape, values);
  out.billable_units = job->list_price_usd() / endpoint.unit_usd();
  co_return out;
}

}  // namespace i2m::sandbox::fal
