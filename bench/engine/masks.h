#pragma once

#include "backdrops.h"
#include "cases.h"

namespace i2m::bench {

/// How well the engine finds an object whose outline is known.
struct MaskRow {
  std::string name;
  Backdrop backdrop = Backdrop::White;
  double agreement = 0;  // intersection over union with the true outline; 0 when nothing was found
  double confidence = 0;
  double cpu_ms = 0;  // of the mask alone, one thread
  cv::Mat picture;    // small, for the sheets
  cv::Mat found;      // the same, cut out as the engine did
};

struct MaskRun {
  std::vector<Entry> entries;     // seen from B
  std::filesystem::path cutouts;  // file of further pictures with alpha, as paths in `work`
  std::filesystem::path work, photos;
  std::vector<Backdrop> backdrops{solid_backdrops.begin(), solid_backdrops.end()};
  int threads = 2;
};

/// Puts every cut-out on every backdrop, as JPEG files of 768 px, and asks the engine for the object.
///
/// Cost:   0.3 s a picture and thread.
/// Source: engine.md 1.
std::vector<MaskRow> run_masks(const MaskRun& run);

/// Mean and median per backdrop beside the prototype's, then the worst; for people.
std::string mask_table_of(const std::vector<MaskRow>& rows);

}  // namespace i2m::bench
