#include "cli/convert.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "base/bounds.h"
#include "base/crypto.h"
#include "cli/convert_options.h"
#include "cli/files.h"
#include "cli/formats.h"
#include "cli/outputs.h"
#include "cli/pictures.h"
#include "cli/report.h"
#include "engine/mask.h"
#include "image/decode.h"
#include "image/decoder.h"
#include "image/png_write.h"
#include "mesh/render.h"
#include "mesh/rewrite.h"
#include "mesh/scene.h"

namespace i2m::cli {
namespace {

namespace fs = std::filesystem;
using engine::Quality, engine::Stage;

class Watch {
 public:
  float ms() const {
    return std::chrono::duration<float, std::milli>(std::chrono::steady_clock::now() - began_).count();
  }

 private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

int complain(const std::string& what, int code) {
  std::fprintf(stderr, "image2model convert: %s\n", what.c_str());
  return code;
}

/// The files that one picture becomes.
struct Job {
  std::string in;
  std::vector<std::pair<Quality, std::string>> models;
  std::string preview, mask, mask_preview;  // empty: not asked for

  std::vector<Output> files() const {
    std::vector<Output> all;
    for (const auto& [quality, path] : models) all.push_back({"--out", path});
    for (const Output& picture : {Output{"--preview", preview}, {"--mask", mask}, {"--mask-preview", mask_preview}}) {
      if (!picture.path.empty()) all.push_back(picture);
    }
    return all;
  }
};

std::string placed(const std::string& where, const std::string& in, const std::string& suffix) {
  if (where.empty() || !is_folder(where)) return where;
  return fs::path(where) / (fs::path(in).stem().string() + suffix);
}

std::string with_quality(const std::string& path, Quality quality) {
  fs::path out(path);
  const fs::path name = out.stem().string() + "-" + std::string(name_of(quality)) + out.extension().string();
  return out.replace_filename(name);
}

Job plan(const ConvertOptions& o, const std::string& in) {
  Job job{.in = in,
          .models = {},
          .preview = placed(o.preview, in, ".png"),
          .mask = placed(o.mask, in, "-mask.png"),
          .mask_preview = placed(o.mask_preview, in, "-mask-preview.png")};
  const std::string out = placed(o.out, in, ".glb");
  if (!o.all_presets) {
    job.models.emplace_back(o.quality, out);
    return job;
  }
  for (const Quality q : {Quality::Low, Quality::Medium, Quality::High})
    job.models.emplace_back(q, with_quality(out, q));
  return job;
}

// What would be lost is found before anything is written: a file named twice, a picture that is its own result.
Result<std::vector<Job>> plan_all(const ConvertOptions& o) {
  const bool several = o.pictures.size() > 1;
  for (const auto& [option, path] :
       {std::pair{"--out", o.out}, {"--preview", o.preview}, {"--mask", o.mask}, {"--mask-preview", o.mask_preview}}) {
    if (several && !path.empty() && !is_folder(path)) {
      return refuse(Code::Invalid, "", std::string(option) + " must be a folder for several pictures: " + path + "/");
    }
  }
  if (!is_folder(o.out) && !format_of(o.out)) {
    return refuse(Code::Invalid, "", "--out must end in .glb, .zip, .stl or .usdz, or be a folder: " + o.out);
  }
  std::vector<Job> jobs;
  Outputs outputs;
  for (const std::string& in : o.pictures) {
    jobs.push_back(plan(o, in));
    for (const Output& file : jobs.back().files()) CHECK_OK(outputs.claim(in, file));
  }
  for (const Output& picture : {Output{"--preview", o.preview}, {"--mask", o.mask}, {"--mask-preview", o.mask_preview}})
    CHECK_OK(must_be_png(picture));
  return jobs;
}

std::vector<std::string> hints_for(const engine::Mask& mask) {
  std::vector<std::string> hints;
  if (!mask.from_alpha && mask.confidence < engine::doubtful_confidence) {
    hints.emplace_back(
        "the object does not stand out clearly; a plain background or a transparent PNG works best (--mask-preview "
        "FILE "
        "shows what was taken for it)");
  }
  const cv::Mat object = mask.alpha > 127;
  const auto share = [](const cv::Mat& line) {
    return static_cast<double>(cv::countNonZero(line)) / static_cast<double>(line.total());
  };
  constexpr double cut_off = 0.1;
  if (std::max({share(object.row(0)), share(object.row(object.rows - 1)), share(object.col(0)),
                share(object.col(object.cols - 1))}) > cut_off) {
    hints.emplace_back("the object is cut off by the picture's edge, and so is the model; leave some room around it");
  }
  constexpr int few_px = 128 * 128;
  if (cv::countNonZero(object) < few_px) {
    hints.emplace_back("the object has few pixels, so the texture will be blurred; send a larger or closer picture");
  }
  return hints;
}

// The picture with its background gone: to look at, and to mend by hand.
Result<std::vector<std::uint8_t>> cut_out_png(const image::Picture& picture, const engine::Mask& mask) {
  std::vector<std::uint8_t> rgba;
  rgba.reserve(picture.rgb.total() * 4);
  for (int y = 0; y < picture.rgb.rows; ++y) {
    const std::uint8_t* rgb = picture.rgb.ptr(y);
    const std::uint8_t* alpha = mask.alpha.ptr(y);
    for (int x = 0; x < picture.rgb.cols; ++x, rgb += 3) rgba.insert(rgba.end(), {rgb[0], rgb[1], rgb[2], alpha[x]});
  }
  return image::write_png(rgba, picture.rgb.cols, picture.rgb.rows);
}

// The whole picture with the object outlined: to judge at a glance.
Result<std::vector<std::uint8_t>> mask_preview_png(const image::Picture& picture, const engine::Mask& mask) {
  constexpr int side_px = 1024;
  const cv::Mat drawn = engine::draw_mask(picture, mask, side_px);
  std::vector<std::uint8_t> rgba;
  rgba.reserve(drawn.total() * 4);
  for (int y = 0; y < drawn.rows; ++y) {
    const std::uint8_t* rgb = drawn.ptr(y);
    for (int x = 0; x < drawn.cols; ++x, rgb += 3) rgba.insert(rgba.end(), {rgb[0], rgb[1], rgb[2], 255});
  }
  return image::write_png(rgba, drawn.cols, drawn.rows);
}

Result<std::vector<std::uint8_t>> preview_png(const mesh::Scene& scene, const image::Decoder& decoder) {
  const mesh::View view{.width = 768, .height = 768, .yaw = 25, .pitch = 12};
  const mesh::Picture drawn = mesh::Renderer(scene, decode_pictures(scene, decoder)).draw(view);
  return image::write_png(drawn.rgba, drawn.width, drawn.height);
}

class Converter {
 public:
  Converter(const ConvertOptions& options, const image::Decoder& decoder)
      : options_{options},
        decoder_{decoder},
        progress_{Progress::style_for(options.progress), options.pictures.size()} {}

  /// Converts one picture and says so; false when it was refused.
  bool convert(const Job& job) {
    progress_.begin(job.in);
    const Result<> done = attempt(job);
    progress_.clear();
    if (done) return true;
    const std::string sentence = sentence_of(done.error());
    if (options_.json) print_json_refusal(job.in, sentence);
    complain(job.in + ": " + sentence, exit_failed);
    return false;
  }

 private:
  Result<> attempt(const Job& job) {
    Look look{.path = job.in};
    TRY(const image::Picture picture, decode(look));
    const Watch watch;
    TRY(const engine::Mask mask, engine::find_mask(picture, options_.params, report(0, 1)));
    look.mask_ms = watch.ms();
    look.from_alpha = mask.from_alpha;
    look.confidence = mask.confidence;
    look.covered = static_cast<float>(cv::countNonZero(mask.alpha > 127)) / static_cast<float>(mask.alpha.total());
    look.hints = hints_for(mask);
    if (!job.mask.empty()) {
      TRY(const auto png, cut_out_png(picture, mask));
      CHECK_OK(write_file(job.mask, png));
    }
    if (!job.mask_preview.empty()) {
      TRY(const auto png, mask_preview_png(picture, mask));
      CHECK_OK(write_file(job.mask_preview, png));
    }
    std::vector<Made> made;
    for (std::size_t i = 0; i < job.models.size(); ++i) {
      TRY(Made one, make(picture, mask, look, job, i));
      made.push_back(std::move(one));
    }
    progress_.clear();
    say(look, made);
    return {};
  }

  Result<image::Picture> decode(Look& look) {
    progress_.at(name_of(Stage::Decode), 0);
    TRY(const auto bytes, read_file(look.path, bounds::file_bytes_max));
    const Watch watch;
    TRY(look.info, image::probe(bytes));
    look.sha256 = hex(sha256(as_text(bytes)));
    image::Decoder::Spent spent;
    engine::Params largest = options_.params;
    largest.texture_px = std::max(largest.texture_px, engine::params_of(Quality::High).texture_px);
    auto picture = decoder_.decode(bytes, look.info, engine::decode_side_px(largest), &spent);
    look.decode_ms = watch.ms();
    look.decode_cpu_ms = std::chrono::duration<double, std::milli>(spent.cpu).count();
    look.filtered = spent.filtered;
    look.turned = spent.turned;
    return picture;
  }

  engine::Params params_for(Quality quality, const Look& look) const {
    engine::Params params = options_.params;
    params.picture_sha256 = look.sha256;
    const engine::Params preset = engine::params_of(quality);
    if (params.triangles_max == 0) params.triangles_max = preset.triangles_max;
    if (params.texture_px == 0) {
      params.texture_px = preset.texture_px;
      params.texture_grows = preset.texture_grows;
    }
    return params;
  }

  Result<Made> make(const image::Picture& picture, const engine::Mask& mask, const Look& look, const Job& job,
                    std::size_t i) {
    const auto& [quality, path] = job.models[i];
    const Watch watch;
    TRY(engine::Model model,
        engine::make_model(picture, look.info, mask, params_for(quality, look), report(i, job.models.size())));
    Made made{.out = path, .quality = quality, .preset = options_.params.triangles_max == 0, .report = model.report};
    made.report.stage_ms[static_cast<std::size_t>(Stage::Decode)] = look.decode_ms;
    made.report.stage_ms[static_cast<std::size_t>(Stage::Mask)] = look.mask_ms;
    TRY(mesh::Scene scene, mesh::read_scene(model.glb));
    if (options_.size) {
      TRY(const float scale, scale_for(*options_.size, mesh::bounds_of(scene)));
      TRY(mesh::Rewritten scaled, mesh::rewrite_glb(model.glb, {.triangles_max = {}, .scale = scale}));
      model.glb = std::move(scaled.glb);
      TRY(scene, mesh::read_scene(model.glb));
    }
    const mesh::Box box = mesh::bounds_of(scene);
    made.size = box.max - box.min;
    const Surface surface = options_.params.printable ? Surface::Strict : Surface::AsItIs;
    TRY(const Bytes bytes, bytes_of(format_of(path).value_or(Format::Glb), scene, model.glb, decoder_, surface));
    made.bytes = bytes.size();
    made.ms = watch.ms();
    if (!job.preview.empty() && i + 1 == job.models.size()) {
      TRY(const auto png, preview_png(scene, decoder_));
      CHECK_OK(write_file(job.preview, png));
    }
    CHECK_OK(write_file(path, bytes));
    return made;
  }

  // Of `count` models made one after the other, the engine's share of number `i`, after its decode and mask.
  engine::Progress report(std::size_t i, std::size_t count) {
    return [this, i, count](Stage stage, float fraction) {
      constexpr float common = 0.4F;  // the engine's own figure where the mask ends
      const float own = std::max(0.0F, fraction - common) / (1 - common);
      const float after = (static_cast<float>(i) + own) / static_cast<float>(count) * (1 - common);
      progress_.at(engine::name_of(stage), stage == Stage::Mask ? fraction : common + after);
      return true;
    };
  }

  void say(const Look& look, const std::vector<Made>& made) const {
    if (options_.json) {
      for (const Made& m : made) print_json(look, m);
      return;
    }
    if (options_.all_presets) {
      print_table(look, made);
    } else if (options_.pictures.size() > 1) {
      print_line(look, made.front());
    } else {
      print_text(look, made.front());
    }
    print_hints(look);
  }

  const ConvertOptions& options_;
  const image::Decoder& decoder_;
  Progress progress_;
};

Result<> make_folders(const ConvertOptions& o) {
  for (const std::string& path : {o.out, o.preview, o.mask, o.mask_preview}) {
    if (path.empty() || !path.ends_with('/')) continue;
    std::error_code error;
    fs::create_directories(path, error);
    if (error) return refuse(Code::Unavailable, "out", "cannot make the folder " + path + ": " + error.message());
  }
  return {};
}

}  // namespace

int convert_main(int argc, char** argv) {
  const auto options = parse_convert(argc, argv);
  if (!options) return options.error();
  const auto jobs = plan_all(*options);
  if (!jobs) return complain(jobs.error().message, exit_usage);
  const auto decoder = image::Decoder::open({.walls = options->walls});
  if (!decoder) return complain(machine_words(decoder.error()), exit_machine);
  if (!decoder->filtered()) {
    complain("the kernel refuses a filter of system calls: pictures are decoded behind limits alone", exit_ok);
  }
  if (const auto folders = make_folders(*options); !folders) return complain(folders.error().message, exit_failed);
  Converter converter{*options, *decoder};
  const Watch watch;
  std::size_t done = 0;
  for (const Job& job : *jobs) done += converter.convert(job) ? 1 : 0;
  if (jobs->size() > 1 && !options->json) {
    std::printf("%zu of %zu pictures in %.1f s\n", done, jobs->size(), static_cast<double>(watch.ms()) / 1000);
  }
  if (const auto sent = finish_output(); !sent) return complain(sent.error().message, exit_failed);
  return done == jobs->size() ? exit_ok : exit_failed;
}

}  // namespace i2m::cli
