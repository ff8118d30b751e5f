#include "engine/engine.h"

#include <chrono>
#include <opencv2/imgproc.hpp>
#include <optional>

#include "engine/back.h"
#include "engine/box_unwrap.h"
#include "engine/delight.h"
#include "engine/look.h"
#include "engine/mask.h"
#include "engine/provenance.h"
#include "engine/solid.h"
#include "engine/texture.h"
#include "image/decode.h"
#include "image/jpeg_write.h"
#include "mesh/glb.h"
#include "mesh/manifold.h"
#include "mesh/simplify.h"
#include "mesh/upright.h"

namespace i2m::engine {
namespace {

constexpr int jpeg_quality = 88;
constexpr int random_seed = 20090101;  // any; equal pictures must give equal models
constexpr std::array<float, stage_count> done_before = {0.0F, 0.05F, 0.4F, 0.45F, 0.6F, 0.7F, 0.95F};

// The stages' wall times, and the caller's wish to stop.
class Run {
 public:
  Run(const Progress& progress, Report& report) : progress_(progress), report_(report) {}

  Result<> begin(Stage stage) {
    end();
    stage_ = stage;
    began_ = Clock::now();
    const auto i = static_cast<std::size_t>(stage);
    if (progress_ && !progress_(stage, done_before[i])) return fail(Code::Cancelled, "cancelled by the caller");
    return {};
  }

  void end() {
    if (!stage_) return;
    const std::chrono::duration<float, std::milli> spent = Clock::now() - began_;
    report_.stage_ms[static_cast<std::size_t>(*stage_)] += spent.count();
    stage_.reset();
  }

 private:
  using Clock = std::chrono::steady_clock;
  const Progress& progress_;
  Report& report_;
  std::optional<Stage> stage_;
  Clock::time_point began_;
};

Params clamped(Params p) {
  p.triangles_max = std::clamp(p.triangles_max, triangles_min, triangles_most);
  p.texture_px = std::clamp(p.texture_px, texture_px_min, texture_px_most);
  p.relief = std::isfinite(p.relief) ? std::clamp(p.relief, 0.0F, relief_most) : 0;
  p.depth = std::isfinite(p.depth) ? std::clamp(p.depth, depth_min, depth_most) : 1;
  return p;
}

// As large as the object's picture is worth.
int texture_px_for(const Mask& mask, const Params& params) {
  if (!params.texture_grows) return params.texture_px;
  const cv::Rect box = cv::boundingRect(mask.alpha > 127);
  return std::max(box.width, box.height) >= texture_grows_from ? texture_px_most : params.texture_px;
}

// One metre along the longest side, the middle at the origin. Answers metres a cell.
float to_metres(std::vector<mesh::Vec3>& positions) {
  const mesh::Box box = mesh::bounds_of(positions);
  const mesh::Vec3 middle = (box.min + box.max) * 0.5F, size = box.max - box.min;
  const float scale = 1 / std::max({size.x, size.y, size.z, 1e-6F});
  for (mesh::Vec3& p : positions) p = (p - middle) * scale;
  return scale;
}

std::unexpected<Error> too_thin() {
  return refuse(Code::NoObjectFound, "files",
                "The object in this picture is too thin or too small to model; send a larger, closer picture of it.");
}

std::unexpected<Error> too_few_to_print(int triangles) {
  return refuse(Code::Invalid, "triangles",
                "This object cannot be made fit for printing with " + std::to_string(triangles) +
                    " triangles; ask for more triangles.");
}

// Better none than one of the background. Who has painted on the object has been asked already; a box around it says
// less.
Result<> check_clear(const Mask& mask, const Params& params) {
  if (mask.from_alpha || !params.hints.include.empty() || mask.confidence >= params.confidence_min) return {};
  if (params.hints.box) {
    return refuse(Code::ObjectUnclear, "hints.include",
                  "Even within the box we cannot tell the object from what is behind it. Paint over a part of the "
                  "object as well, or send it as a PNG with a transparent background.");
  }
  return refuse(
      Code::ObjectUnclear, "files",
      "We cannot tell the object in this picture from what is behind it. Send it on a plain background, as a PNG "
      "with a transparent background, or mark where it is.");
}

Result<Mask> mask_of(const image::Picture& picture, const Params& params, Run& run) {
  CHECK_OK(run.begin(Stage::Mask));
  TRY(Mask mask, find_object(picture, params.hints, params.matting));
  CHECK_OK(check_clear(mask, params));
  return mask;
}

Result<Model> build(const image::Picture& picture, const Mask& mask, Params params, Run& run, Report& report) {
  params.texture_px = report.texture_px = texture_px_for(mask, params);
  report.mask_confidence = mask.confidence;
  report.mask_from_alpha = mask.from_alpha;

  CHECK_OK(run.begin(Stage::Shape));
  TRY(Guess guess, look_at(picture, mask, params));
  guess.subject.guessed = !mask.from_alpha;
  report.grid = guess.grid.n;
  report.shape = guess.shape;
  report.roll = guess.roll;
  report.pitch = guess.pitch;
  report.learned = guess.found.depth.has_value();
  report.back = params.back == Back::Auto ? choose_back(guess) : params.back;
  // What a guessed outline holds besides the object is seen once, not twice.
  if (params.back == Back::Auto && report.back == Back::Mirror && mask.confidence < doubtful_confidence) {
    report.back = Back::Smooth;
  }

  CHECK_OK(run.begin(Stage::Volume));
  Solid solid = make_solid(guess.grid, report.shape, guess.found, {.depth = params.depth, .relief = params.relief});

  CHECK_OK(run.begin(Stage::Simplify));
  solid.mesh = mesh::simplify(solid.mesh, static_cast<std::size_t>(params.triangles_max));
  if (params.printable) {
    solid.mesh = mesh::make_manifold(solid.mesh, static_cast<std::size_t>(params.triangles_max));
  }
  if (solid.mesh.indices.empty()) return too_thin();

  CHECK_OK(run.begin(Stage::Texture));
  if (params.delight) guess.subject.rgb = delighted(guess.subject, solid);
  // Who asks for the mirror gets what it shows.
  const Atlas atlas = make_atlas(guess, report.back, params.back == Back::Mirror ? Writing::Kept : Writing::Erased);
  mesh::TexturedMesh textured = solid.view.box ? unwrap_box(solid, report.back, atlas.tiles)
                                               : unwrap(solid, atlas.tiles, guess.found.lathe.has_value());
  if (guess.lying) {
    for (mesh::Vec3& p : textured.mesh.positions) p = guess.lying->laid(p);
    for (mesh::Vec3& n : textured.normals) n = guess.lying->laid(n);
  }
  mesh::make_upright(textured);
  const float cell_m = to_metres(textured.mesh.positions);
  // A slicer would find it out too late.
  if (params.printable && !mesh::faults_of(textured.mesh).none()) return too_few_to_print(params.triangles_max);
  if (solid.view.box) report.nearness = solid.view.box->nearness / cell_m;
  if (solid.view.camera) report.nearness = solid.view.camera->pull / cell_m;

  CHECK_OK(run.begin(Stage::Pack));
  TRY(textured.jpeg, image::write_jpeg(atlas.rgb, jpeg_quality));
  report.triangles = static_cast<int>(textured.mesh.triangle_count());
  report.vertices = static_cast<int>(textured.mesh.positions.size());
  Model model{.glb = mesh::write_glb(textured, provenance_of(params, report)), .report = {}};
  run.end();
  model.report = report;
  return model;
}

}  // namespace

Params params_of(Quality quality) {
  switch (quality) {
    case Quality::Low:
      return {.triangles_max = 1000, .texture_px = 512};
    case Quality::Medium:
      return {.triangles_max = 5000, .texture_px = 1024};
    case Quality::High:
      return {.triangles_max = 10'000, .texture_px = 1024, .texture_grows = true};
  }
  return {};
}

std::string_view name_of(Stage stage) {
  static constexpr std::array<std::string_view, stage_count> names = {"decode",   "mask",    "shape", "volume",
                                                                      "simplify", "texture", "pack"};
  return names[static_cast<std::size_t>(stage)];
}

std::string_view name_of(Shape shape) {
  static constexpr std::array<std::string_view, 5> names = {"auto", "turned", "soft", "box", "flat"};
  return names[static_cast<std::size_t>(shape)];
}

std::string_view name_of(Back back) {
  static constexpr std::array<std::string_view, 4> names = {"auto", "mirror", "smooth", "flip"};
  return names[static_cast<std::size_t>(back)];
}

namespace {

// What every entry has in common: one thread, the same random numbers, and OpenCV's exceptions become errors.
template <class Work>
auto guarded(Work work) -> decltype(work()) {
  // OpenCV's own threads would fight over the cores that the caller's pool has divided up.
  [[maybe_unused]] static const bool single = (cv::setNumThreads(1), true);
  cv::setRNGSeed(random_seed);
  try {
    return work();
  } catch (const cv::Exception& e) {
    return fail(Code::Internal, std::string("OpenCV: ") + e.what());
  }
}

}  // namespace

int decode_side_px(const Params& params) { return 2 * std::max(1024, clamped(params).texture_px); }

Result<Model> make_model(std::span<const std::uint8_t> bytes, const Params& params, const Progress& progress) {
  return guarded([&]() -> Result<Model> {
    Report report;
    Run run(progress, report);
    CHECK_OK(run.begin(Stage::Decode));
    TRY(report.picture, image::probe(bytes));
    TRY(const image::Picture picture, image::decode(bytes, report.picture, decode_side_px(params)));
    TRY(const Mask mask, mask_of(picture, params, run));
    return build(picture, mask, clamped(params), run, report);
  });
}

Result<Model> make_model(const image::Picture& picture, const image::PictureInfo& info, const Params& params,
                         const Progress& progress) {
  return guarded([&]() -> Result<Model> {
    Report report{.picture = info};
    Run run(progress, report);
    TRY(const Mask mask, mask_of(picture, params, run));
    return build(picture, mask, clamped(params), run, report);
  });
}

Result<Mask> find_mask(const image::Picture& picture, const Params& params, const Progress& progress) {
  return guarded([&]() -> Result<Mask> {
    Report report;
    Run run(progress, report);
    return mask_of(picture, params, run);
  });
}

Result<Model> make_model(const image::Picture& picture, const image::PictureInfo& info, const Mask& mask,
                         const Params& params, const Progress& progress) {
  return guarded([&]() -> Result<Model> {
    Report report{.picture = info};
    Run run(progress, report);
    return build(picture, mask, clamped(params), run, report);
  });
}

}  // namespace i2m::engine
