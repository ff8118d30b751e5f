#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "mesh/mesh.h"

/// What `image2model convert` says: to people, to programs, and while it works.
namespace i2m::cli {

/// One picture, looked at.
struct Look {
  std::string path;
  image::PictureInfo info;
  std::string sha256;  // of the file, in hexadecimal
  float decode_ms = 0, mask_ms = 0;
  double decode_cpu_ms = 0;  // of the decoding child
  bool filtered = true;      // it ran behind the filter of system calls
  bool turned = false;       // `info` has its width and height as the file has them, the wrong way round
  bool from_alpha = false;
  float confidence = 0;
  float covered = 0;  // share of the picture that is object
  std::vector<std::string> hints;

  std::uint32_t upright_width() const { return turned ? info.height : info.width; }
  std::uint32_t upright_height() const { return turned ? info.width : info.height; }
};

/// One model of it, written.
struct Made {
  std::string out;
  engine::Quality quality = engine::Quality::Medium;
  bool preset = true;  // false: its own number of triangles
  std::size_t bytes = 0;
  engine::Report report;
  mesh::Vec3 size;  // metres
  float ms = 0;
};

/// One line of JSON on standard output.
void print_json(const Look& look, const Made& made);
void print_json_refusal(const std::string& path, const std::string& sentence);

/// One picture and its model; one of several pictures; one picture and its three.
void print_text(const Look& look, const Made& made);
void print_line(const Look& look, const Made& made);
void print_table(const Look& look, const std::vector<Made>& made);
/// On standard error.
void print_hints(const Look& look);

/// A sentence for whoever gave the picture, after the option that it blames, where there is one ("--include number 4");
/// the log's words where there is no sentence.
std::string sentence_of(const Error& error);

/// Why pictures cannot be decoded here: a service's setting becomes this command's option.
std::string machine_words(const Error& error);

std::string_view name_of(engine::Quality quality);

/// A bar on a terminal, a line a step elsewhere; nothing unless it is a terminal or was asked for. On standard error.
class Progress {
 public:
  enum class Style { Silent, Bar, Lines };
  /// As it suits standard error.
  static Style style_for(bool asked);

  Progress(Style style, std::size_t pictures) : style_{style}, pictures_{pictures} {}
  void begin(std::string path);
  /// `fraction` of this picture, 0 to 1.
  void at(std::string_view stage, float fraction);
  /// Takes the bar away, so that lines can be printed.
  void clear();

 private:
  Style style_;
  std::size_t pictures_, picture_ = 0;
  std::string path_, said_;
};

}  // namespace i2m::cli
