// GET /api/v1/models: what a batch may name as its model, and what each model takes.
#include "jobs/jobs.h"

namespace i2m::jobs {
namespace {

using net::field;

struct FaceLimitOut {
  std::int32_t min, max;
  static constexpr std::string_view schema_name = "ModelFaceLimit";
  static constexpr auto fields() {
    return std::tuple{field("min", &FaceLimitOut::min, "0: none is stated"),
                      field("max", &FaceLimitOut::max, "0: none is stated")};
  }
};
struct PictureLimitsOut {
  std::vector<std::string> formats;
  std::int64_t bytes_max;
  std::int32_t px_min, px_max;
  static constexpr std::string_view schema_name = "ModelPictureLimits";
  static constexpr auto fields() {
    return std::tuple{
        field("formats", &PictureLimitsOut::formats, "What the model reads; others are converted"),
        field("bytes_max", &PictureLimitsOut::bytes_max, "A larger picture is written anew; 0: not stated"),
        field("px_min", &PictureLimitsOut::px_min, "A picture with a smaller side is rejected"),
        field("px_max", &PictureLimitsOut::px_max, "A larger picture is scaled down; 0: not stated")};
  }
};
struct ModelOut {
  std::string id;
  std::int32_t version;
  std::string name;
  std::int32_t pictures_min, pictures_max;
  PictureLimitsOut picture;
  std::optional<FaceLimitOut> face_limit;
  boost::json::object parameters;
  static constexpr std::string_view schema_name = "Model";
  static constexpr auto fields() {
    return std::tuple{field("id", &ModelOut::id, "What a batch names as its model"),
                      field("version", &ModelOut::version, "Rises when anything of it changes; stored with each item"),
                      field("name", &ModelOut::name, "For people"),
                      field("pictures_min", &ModelOut::pictures_min, "Pictures that one model is made of, at least"),
                      field("pictures_max", &ModelOut::pictures_max, "At most"),
                      field("picture", &ModelOut::picture, "What a picture may be"),
                      field("face_limit", &ModelOut::face_limit,
                            "The face limit that the model itself keeps; null: what it makes is simplified here"),
                      field("parameters", &ModelOut::parameters, "JSON Schema of a batch's parameters")};
  }
};
struct ModelsOut {
  std::string standard;
  std::vector<ModelOut> models;
  static constexpr std::string_view schema_name = "Models";
  static constexpr auto fields() {
    return std::tuple{
        field("default", &ModelsOut::standard, "The one that is taken when a batch names none; may be empty"),
        field("models", &ModelsOut::models, "Empty where the engine of this server makes the models")};
  }
};

ModelOut model_out(const providers::fal::Entry& entry) {
  ModelOut out{.id = entry.id,
               .version = entry.version,
               .name = entry.name,
               .pictures_min = entry.pictures_min,
               .pictures_max = entry.pictures_max,
               .picture = {.formats = entry.formats,
                           .bytes_max = entry.picture_bytes_max,
                           .px_min = entry.picture_px_min,
                           .px_max = entry.picture_px_max},
               .face_limit = std::nullopt,
               .parameters = entry.parameters};
  if (entry.face_limit) out.face_limit = FaceLimitOut{entry.face_limit->min, entry.face_limit->max};
  return out;
}

Task<ModelsOut> list_models(const Settings& settings) {
  ModelsOut out;
  if (!settings.catalogue) co_return out;
  out.standard = settings.model;
  for (const auto& each : settings.catalogue->entries()) out.models.push_back(model_out(each));
  co_return out;
}

}  // namespace

void model_routes(net::Router& router, Jobs& jobs) {
  router.add<net::Nothing, ModelsOut>(net::Method::Get, "/api/v1/models",
                                      {.id = "list_models",
                                       .summary = "The models that can be chosen, and what each takes",
                                       .tag = "Jobs",
                                       .auth = net::Auth::Member,
                                       .rate = net::Rate{.quota = {"models", 600, std::chrono::seconds{60}}}},
                                      [&jobs](net::Ctx&, net::Nothing) { return list_models(jobs.settings); });
}

}  // namespace i2m::jobs
