#pragma once

#include <boost/json/object.hpp>

#include <string>
#include <vector>

#include "base/bounds.h"
#include "jobs/jobs.h"

// What POST /api/v1/upload/batch takes and answers, as OpenAPI and the client see it.
namespace i2m::jobs {

using net::field;

struct ItemOut {
  ItemId item_id;
  std::string file_name;
  std::string status;
  Credits credits;
  static constexpr std::string_view schema_name = "BatchItem";
  static constexpr auto fields() {
    return std::tuple{
        field("item_id", &ItemOut::item_id, "The item"), field("file_name", &ItemOut::file_name, "As it was uploaded"),
        field("status", &ItemOut::status, "queued"), field("credits", &ItemOut::credits, "Held until it ends")};
  }
};
struct RejectedOut {
  std::string file_name;
  std::string code;
  std::string message;
  static constexpr std::string_view schema_name = "RejectedFile";
  static constexpr auto fields() {
    return std::tuple{field("file_name", &RejectedOut::file_name, "As it was uploaded"),
                      field("code", &RejectedOut::code, "Stable; compare this"),
                      field("message", &RejectedOut::message, "For a person")};
  }
};
struct BatchOut {
  JobId job_id;
  std::string status;
  std::vector<ItemOut> items;
  std::vector<RejectedOut> rejected;
  Credits credits_held;
  static constexpr std::string_view schema_name = "Batch";
  static constexpr auto fields() {
    return std::tuple{field("job_id", &BatchOut::job_id, "The job"), field("status", &BatchOut::status, "queued"),
                      field("items", &BatchOut::items, "The pictures that were taken, in the order they came"),
                      field("rejected", &BatchOut::rejected, "Those that were not, and why; they cost nothing"),
                      field("credits_held", &BatchOut::credits_held, "Set aside for the items")};
  }
};
struct BatchForm {
  static boost::json::value schema() {
    namespace json = boost::json;
    return json::object{
        {"type", "object"},
        {"required", {"files"}},
        {"properties",
         json::object{
             {"files", json::object{{"type", "array"},
                                    {"minItems", 1},
                                    {"maxItems", bounds::batch_files_max},
                                    {"description", "PNG, JPEG or WebP, each at most 10 MiB; repeat the field"},
                                    {"items", json::object{{"type", "string"}, {"format", "binary"}}}}},
             {"quality", json::object{{"type", "string"}, {"enum", {"low", "medium", "high"}}, {"default", "medium"}}},
             {"face_limit",
              json::object{{"type", "integer"},
                           {"minimum", bounds::face_limit_min},
                           {"maximum", bounds::face_limit_max},
                           {"description", "Triangles at most; priced as the cheapest quality that allows them"}}},
             {"model", json::object{{"type", "string"}, {"description", "An id of GET /api/v1/models"}}},
             {"parameters",
              json::object{{"type", "string"},
                           {"contentMediaType", "application/json"},
                           {"description", "A JSON object that the model's schema of GET /api/v1/models takes"}}}}}};
  }
};

}  // namespace i2m::jobs
