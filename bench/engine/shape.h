#pragma once

#include "backdrops.h"
#include "cases.h"
#include "engine/measure.h"
#include "make.h"

namespace i2m::bench {

/// How good one model is.
struct Row {
  std::string name, object;
  char view = 'A';
  Backdrop backdrop = Backdrop::Alpha;
  Made made;
  engine::Fit fit;
  double novel = 0;    // outlines from five other sides
  double outline = 0;  // the picture's own
  mesh::EdgeCount edges;
  std::size_t glb_bytes = 0;
};

/// Scores one model of a case. A refused one has scores of zero and the distance of an empty answer.
Row score(const Case& truth, Backdrop backdrop, const Made& made);

/// What went into a run.
struct Run {
  std::vector<Entry> entries;
  std::string views = "AB";
  std::vector<Backdrop> backdrops{Backdrop::Alpha};
  Wish wish;
  std::filesystem::path work;    // build/bench: caches, pictures, models
  std::filesystem::path photos;  // for the busy backdrops
  int threads = 2;
};

/// Makes and scores everything, in the order of the list; progress goes to standard error.
///
/// Cost: about 2 s a model and thread.
std::vector<Row> run_shapes(const Run& run);

/// The rows of one level.
std::vector<Row> of_level(const std::vector<Row>& rows, int level);

}  // namespace i2m::bench
