#include <csetjmp>
#include <cstdio>
#include <new>
#include <string>
#include <vector>

// jpeglib.h needs size_t and FILE declared before it.
#include <jerror.h>
#include <jpeglib.h>

#include "image/raw.h"
#include "image/refusals.h"

namespace i2m::image {
namespace {

// A progressive file may ask for the whole picture again with every few bytes of scan; honest ones have about ten.
constexpr int scans_max = 200;

// libjpeg leaves through `error_exit`; the jump lands in `read_pixels`, whose frame owns nothing with a destructor.
struct Failure {
  jpeg_error_mgr base;
  std::jmp_buf back;
  bool ended_early;
  char message[JMSG_LENGTH_MAX];
};

extern "C" {
[[noreturn]] void jpeg_failed(j_common_ptr jpeg) {
  auto* failure = reinterpret_cast<Failure*>(jpeg->err);
  failure->base.format_message(jpeg, failure->message);
  std::longjmp(failure->back, 1);
}

// Warnings alone: of those only "the data ended" matters. Others are scratches that every viewer shows.
void jpeg_message(j_common_ptr jpeg, int level) {
  if (level >= 0) return;
  auto* failure = reinterpret_cast<Failure*>(jpeg->err);
  const int code = failure->base.msg_code;
  if (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER) failure->ended_early = true;
}

void jpeg_scan(j_common_ptr jpeg) {
  if (jpeg->is_decompressor && reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number > scans_max) {
    ERREXIT(jpeg, JERR_BAD_PROGRESSION);
  }
}
}

struct Job {
  jpeg_decompress_struct jpeg{};
  Failure failure{};
  jpeg_progress_mgr progress{};
  std::vector<std::uint8_t> row;  // four inks a pixel; other pictures are written where they belong
  std::uint8_t* pixels = nullptr;
  Raw out;
  ~Job() { jpeg_destroy_decompress(&jpeg); }
};

int orientation_of(const jpeg_decompress_struct& jpeg) {
  for (const auto* marker = jpeg.marker_list; marker != nullptr; marker = marker->next) {
    const Bytes data{marker->data, marker->data_length};
    if (marker->marker == JPEG_APP0 + 1 && has_at(data, 0, std::string_view("Exif\0\0", 6))) {
      return exif_orientation(data.subspan(6));
    }
  }
  return 1;
}

// Adobe writes CMYK inverted (255 is no ink) and says so by its marker; the others write it plain.
void mix_inks(const Job& job, std::uint8_t* to) {
  constexpr std::size_t inks = 4, colours = 3;
  const std::uint8_t* from = job.row.data();
  const int flip = job.jpeg.saw_Adobe_marker ? 0 : 255;
  for (JDIMENSION x = 0; x < job.jpeg.output_width; ++x, from += inks, to += colours) {
    const int k = from[3] ^ flip;
    for (std::size_t c = 0; c < colours; ++c) to[c] = static_cast<std::uint8_t>((from[c] ^ flip) * k / 255);
  }
}

// False when the file decodes to another size than its header told `probe`.
bool prepare(Job& job, Bytes bytes, const PictureInfo& info, int side_px_max, const Place& place) {
  auto& jpeg = job.jpeg;
  jpeg_mem_src(&jpeg, bytes.data(), bytes.size());
  jpeg_save_markers(&jpeg, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(&jpeg, TRUE);
  if (jpeg.image_width != info.width || jpeg.image_height != info.height) return false;
  jpeg.out_color_space = jpeg.num_components == 4 ? JCS_CMYK : JCS_RGB;
  jpeg.scale_num = 1;
  jpeg.scale_denom = static_cast<unsigned int>(jpeg_factor(info, side_px_max));
  jpeg_start_decompress(&jpeg);
  job.out = {.size = {static_cast<int>(jpeg.output_width), static_cast<int>(jpeg.output_height)}, .channels = 3};
  if (job.out.size != raw_size(info, side_px_max)) return false;
  if (jpeg.out_color_space == JCS_CMYK) {
    job.row.resize(std::size_t{jpeg.output_width} * static_cast<std::size_t>(jpeg.output_components));
  }
  job.pixels = place(job.out.size, job.out.channels);
  return true;
}

enum class Outcome { Read, Failed, OtherSize };

Outcome read_pixels(Job& job, Bytes bytes, const PictureInfo& info, int side_px_max, const Place& place) {
  auto& jpeg = job.jpeg;
  if (setjmp(job.failure.back) != 0) return Outcome::Failed;
  jpeg_create_decompress(&jpeg);
  job.progress.progress_monitor = jpeg_scan;
  jpeg.progress = &job.progress;
  if (!prepare(job, bytes, info, side_px_max, place)) return Outcome::OtherSize;
  const std::size_t row_bytes = std::size_t{jpeg.output_width} * 3;
  while (jpeg.output_scanline < jpeg.output_height) {
    std::uint8_t* const to = job.pixels + jpeg.output_scanline * row_bytes;
    JSAMPROW rows[] = {job.row.empty() ? to : job.row.data()};
    jpeg_read_scanlines(&jpeg, rows, 1);
    if (!job.row.empty()) mix_inks(job, to);
  }
  job.out.orientation = orientation_of(jpeg);
  jpeg_finish_decompress(&jpeg);
  return Outcome::Read;
}

}  // namespace

Result<Raw> decode_jpeg(Bytes bytes, const PictureInfo& info, int side_px_max, const Place& place) {
  Job job;
  job.jpeg.err = jpeg_std_error(&job.failure.base);
  job.failure.base.error_exit = jpeg_failed;
  job.failure.base.emit_message = jpeg_message;
  const Outcome outcome = read_pixels(job, bytes, info, side_px_max, place);
  if (job.failure.ended_early) return picture_truncated("JPEG data ended early");
  if (outcome == Outcome::OtherSize) return picture_unreadable("JPEG is not of the size that its header says");
  if (outcome == Outcome::Failed && job.failure.base.msg_code == JERR_OUT_OF_MEMORY) throw std::bad_alloc{};
  if (outcome == Outcome::Failed) return picture_unreadable(std::string("JPEG: ") + job.failure.message);
  return job.out;
}

}  // namespace i2m::image
