#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"

// The engine in a process of its own, as the product runs it: its CPU time and its memory are nobody else's.
namespace i2m::bench {

/// What the engine is asked for; the words are those of engine::Params.
struct Wish {
  std::vector<int> levels{5000};  // triangles
  engine::Shape shape = engine::Shape::Auto;
  engine::Back back = engine::Back::Auto;
  float depth = 1;
  float relief = engine::Params{}.relief;
  bool delight = false;
  bool learned = true;
  int texture_px = 0;  // 0: what the preset of that level has
};

/// A wish as arguments of `engine_bench make`, and back. Ends the program at a word that it does not know.
std::vector<std::string> arguments_of(const Wish& wish);
bool take_argument(Wish& wish, const std::string& key, const std::string& value);

struct Made {
  int level = 0;
  std::string refusal;  // empty when there is a model
  std::filesystem::path glb;
  engine::Report report;
  double cpu_ms = 0;   // of the call, one thread
  double peak_mb = 0;  // of the process, after this level
};

/// Makes the models of one picture at each level, in a child process that has warmed up on a small picture.
/// The files lie in `folder`, named by `name` and level.
///
/// Errors: ends the program when the child dies: a benchmark must not pass over a crash.
std::vector<Made> make_in_child(const std::filesystem::path& picture, const std::filesystem::path& folder,
                                const std::string& name, const Wish& wish);

/// The child: `make PICTURE FOLDER NAME ARGUMENTS...`; one line of JSON a level on standard output.
int make_main(const std::vector<std::string>& arguments);

}  // namespace i2m::bench
