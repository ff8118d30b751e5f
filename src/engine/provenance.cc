#include "engine/provenance.h"

#include <fmt/format.h>

namespace i2m::engine {

mesh::Provenance provenance_of(const Params& params, const Report& report) {
  mesh::Provenance out{
      .engine_version = std::string(engine_version), .picture_sha256 = params.picture_sha256, .params = {}};
  const auto add = [&](const char* name, std::string value) { out.params.emplace_back(name, std::move(value)); };
  add("triangles", std::to_string(params.triangles_max));
  add("texture", std::to_string(params.texture_px));
  add("depth", fmt::format("{}", params.depth));
  add("relief", fmt::format("{}", params.relief));
  add("shape", std::string(name_of(params.shape)));
  add("shape_chosen", std::string(name_of(report.shape)));
  add("back", std::string(name_of(params.back)));
  add("back_chosen", std::string(name_of(report.back)));
  add("mask", report.mask_from_alpha ? "alpha" : params.matting != nullptr ? "network" : "background");
  add("mask_confidence", fmt::format("{:.3f}", report.mask_confidence));
  if (!params.hints.empty()) add("hints", "yes");
  if (report.learned) add("depth_learned", "yes");
  if (params.delight) add("delight", "yes");
  if (params.printable) add("print", "yes");
  return out;
}

}  // namespace i2m::engine
