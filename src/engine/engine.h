#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/hints.h"
#include "image/probe.h"

namespace i2m::image {
struct Picture;
}

/// The embedded engine: one picture in, one textured GLB out. A pure function of its arguments.
namespace i2m::engine {

struct Mask;
class Network;

/// Of the models: another picture or another number here, other bytes. Goes into each model's extras.
inline constexpr std::string_view engine_version = "1.0";

/// What the object is taken to be. Auto looks; the others are the user's word.
enum class Shape : std::uint8_t {
  Auto,
  Turned,  // made on a lathe: bottle, vase, ball; whatever sticks out (handle, spout) is inflated
  Soft,    // rounded everywhere: toys, fruit, animals
  Box,     // full depth behind the outline with bevelled edges: cartons, appliances
  Flat,    // a thin plate: logos, leaves, keys
};

/// What the unseen side shows.
enum class Back : std::uint8_t {
  Auto,
  Mirror,  // the front, seen through: right for things with two like sides
  Smooth,  // the rim's colours run together: no second face
  Flip,    // the front turned about the axis: for turned things
};

/// Limits of Params; what lies beyond is clamped, for the product has refused it earlier with better words.
inline constexpr int triangles_min = 100;
inline constexpr int triangles_most = 100'000;
inline constexpr int texture_px_min = 128;
inline constexpr int texture_px_most = 2048;
inline constexpr int texture_grows_from = 1600;
inline constexpr float depth_min = 0.3F;
inline constexpr float depth_most = 2.0F;
inline constexpr float relief_most = 1.0F;

/// Below `doubtful_confidence` the user is told what helps; below `confidence_floor` no model is made, for it would be
/// one of the background. docs/decisions/0012-masks.md says how both were found.
inline constexpr float doubtful_confidence = 0.5F;
inline constexpr float confidence_floor = 0.05F;

struct Params {
  int triangles_max = 5000;  // never more, and within 0.5 % of it where the surface has that much to tell
  Shape shape = Shape::Auto;
  float depth = 1;             // multiplies the extent towards the viewer
  float relief = 0;            // 0 to 1: how far light places of a soft or flat front stand out before dark ones
  int texture_px = 1024;       // side of one side's picture; the atlas holds one or two
  bool texture_grows = false;  // to texture_px_most where the object has texture_grows_from px to fill it with
  Back back = Back::Auto;
  bool delight = false;    // take the strongest of the light and shadow out of the texture; see delight.h
  bool printable = false;  // a strict 2-manifold, as slicers want it; costs 10 to 40 ms
  float confidence_min = confidence_floor;  // of the mask; a user who insists sets it to 0
  Hints hints;                              // where the object is, by the user's word
  const Network* matting = nullptr;         // tells object from background instead of our own way; see matting.h
  bool learned = true;         // Shape::Auto may ask the carried network for depth; false keeps to rules alone
  std::string picture_sha256;  // of the uploaded file, in hexadecimal, for the model's extras; empty: left out
};

enum class Quality : std::uint8_t { Low, Medium, High };

/// The three presets: 1000, 5000 and 10 000 triangles, with textures of 512, 1024 and 1024 px; the last one's grows.
Params params_of(Quality quality);

/// The steps of make_model, in order.
enum class Stage : std::uint8_t { Decode, Mask, Shape, Volume, Simplify, Texture, Pack };
inline constexpr std::size_t stage_count = 7;

std::string_view name_of(Stage stage);
std::string_view name_of(Shape shape);
std::string_view name_of(Back back);

/// What was done, for the log, the user's hint and the tests. Times are wall milliseconds and differ from run to run;
/// everything else is a function of the input.
struct Report {
  std::array<float, stage_count> stage_ms{};
  image::PictureInfo picture;
  bool mask_from_alpha = false;
  float mask_confidence = 0;  // 0 to 1; see doubtful_confidence
  Shape shape = Shape::Soft;  // never Auto
  Back back = Back::Mirror;   // never Auto
  float pitch = 0;            // radians the camera looked down; the model has been stood upright by it
  float roll = 0;             // radians the picture leaned; likewise
  float nearness = 0;         // 1 / the camera's distance from the model's middle, 1/m; 0 where it was taken for far
  bool learned = false;       // the depth network has shaped it
  int grid = 0;               // cells along a side of the volume
  int texture_px = 0;         // side of one side's picture
  int triangles = 0;
  int vertices = 0;
};

struct Model {
  std::vector<std::uint8_t> glb;
  Report report;
};

/// Called when a stage begins, with the share of the whole that is done (0 to 1). False cancels.
using Progress = std::function<bool(Stage stage, float fraction)>;

/// Makes a textured model of the thing in the picture. Deterministic: the same arguments give the same bytes.
///
/// Units:  the model's longest side is 1 m; y is up, the picture's front faces +z.
/// Errors: probe's; Code::FileTruncated or Code::PictureUnreadable when the pixels do not decode;
///         Code::NoObjectFound when there is nothing to model; Code::ObjectUnclear below Params::confidence_min;
///         Code::Invalid naming a hint; Code::Cancelled.
/// Cost:   one thread, 0.2 to 1 s and up to about 200 MB at the presets. Blocks: call it on the engine's own pool.
/// Source: docs of the parts: mask.h, lathe.h, inflate.h, solid.h, texture.h.
///
/// Decodes in this process: for pictures of our own. Strangers' go through image::Decoder and the next one.
Result<Model> make_model(std::span<const std::uint8_t> picture, const Params& params, const Progress& progress = {});

/// The same of a picture that has been decoded, to at most decode_side_px(params); `info` goes into the report.
/// Progress begins with Stage::Mask, and so do the report's times.
Result<Model> make_model(const image::Picture& picture, const image::PictureInfo& info, const Params& params,
                         const Progress& progress = {});

/// In two steps, for several models of one picture: equal to the one above when both get the same.
/// Errors: as there. `find_mask` knows Stage::Mask alone, the other begins with Stage::Shape.
Result<Mask> find_mask(const image::Picture& picture, const Params& params, const Progress& progress = {});
Result<Model> make_model(const image::Picture& picture, const image::PictureInfo& info, const Mask& mask,
                         const Params& params, const Progress& progress = {});

/// The longer side to which a picture is decoded at most: more than the texture can show is not looked at.
int decode_side_px(const Params& params);

}  // namespace i2m::engine
