#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "cli/formats.h"
#include "engine/engine.h"
#include "image/sandbox.h"

namespace i2m::cli {

// What `image2model convert` answers to the shell.
inline constexpr int exit_ok = 0;
inline constexpr int exit_failed = 1;   // a picture or a file could not be used; the other pictures were converted
inline constexpr int exit_usage = 2;    // wrong arguments; nothing was done
inline constexpr int exit_machine = 3;  // this machine cannot decode pictures behind walls; nothing was done

struct ConvertOptions {
  std::vector<std::string> pictures;
  std::string out;                          // a file, or a folder where there are several pictures
  std::string preview, mask, mask_preview;  // likewise, or empty
  engine::Quality quality = engine::Quality::Medium;
  bool all_presets = false;
  engine::Params params;     // what was said beside the quality: its `triangles_max` and `texture_px` are 0 where not
  std::optional<Size> size;  // one metre along the longest side unless said
  image::Walls walls = image::Walls::Required;
  bool json = false, progress = false;
};

/// Reads the arguments; prints help or what is wrong with them. Otherwise the exit code.
std::expected<ConvertOptions, int> parse_convert(int argc, char** argv);

}  // namespace i2m::cli
