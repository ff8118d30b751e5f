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

Result<ChosenModel> choose_model(const Settings& settings, const std::string& model, const std::string& parameters) {
  if (!settings.catalogue) {
    if (model.empty() && parameters.empty()) return ChosenModel{};
    return refuse(Code::Invalid, model.empty() ? "parameters" : "model",
                  "Models cannot be chosen here: they are made by the engine of this server.");
  }
  const std::string& id = model.empty() ? settings.model : model;
  const providers::fal::Entry* entry = settings.catalogue->find(id);
  if (entry == nullptr)
    return refuse(Code::Invalid, "model", fmt::format("There is no model {}; GET /api/v1/models lists them.", id));
  if (entry->pictures_min > 1)
    return refuse(Code::Invalid, "model", fmt::format("{} needs {} pictures of one thing.", id, entry->pictures_min));
  boost::system::error_code error;
  const auto given = boost::json::parse(parameters.empty() ? "{}" : parameters, error);
  if (error || !given.is_object())
    return refuse(Code::Invalid, "parameters", "parameters must be a JSON object, for instance {\"texture\": \"HD\"}.");
  TRY(const auto complete, entry->complete(given.get_object()));
  return ChosenModel{entry, entry->id, entry->version, boost::json::serialize(complete)};
}

Result<> fits_model(const ChosenModel& model, const image::PictureInfo& picture) {
  if (model.entry == nullptr) return {};
  const int least = model.entry->picture_px_min;
  if (std::min(picture.width, picture.height) >= static_cast<std::uint32_t>(least)) return {};
  return refuse(Code::PictureUnreadable, "files",
                fmt::format("{} needs pictures of at least {} by {} pixels; this one has {} by {}.", model.entry->name,
                            least, least, picture.width, picture.height));
}

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
