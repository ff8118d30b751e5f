#include <csetjmp>
#include <cstdio>

// jpeglib.h needs size_t and FILE declared before it.
#include <jerror.h>
#include <jpeglib.h>

#include "image/decode.h"
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
  std::vector<std::uint8_t> row;
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
void put_row(const Job& job, cv::Vec4b* to) {
  const std::uint8_t* from = job.row.data();
  if (job.jpeg.out_color_space != JCS_CMYK) {
    for (JDIMENSION x = 0; x < job.jpeg.output_width; ++x, from += 3) to[x] = {from[0], from[1], from[2], 255};
    return;
  }
  const int flip = job.jpeg.saw_Adobe_marker ? 0 : 255;
  for (JDIMENSION x = 0; x < job.jpeg.output_width; ++x, from += 4) {
    const int k = from[3] ^ flip;
    for (int c = 0; c < 3; ++c) to[x][c] = static_cast<std::uint8_t>((from[c] ^ flip) * k / 255);
    to[x][3] = 255;
  }
}

void prepare(Job& job, Bytes bytes, int side_px_max) {
  auto& jpeg = job.jpeg;
  jpeg_mem_src(&jpeg, bytes.data(), bytes.size());
  jpeg_save_markers(&jpeg, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(&jpeg, TRUE);
  jpeg.out_color_space = jpeg.num_components == 4 ? JCS_CMYK : JCS_RGB;
  // The decoder can leave out high frequencies: 1/2, 1/4 or 1/8 of the size at a fraction of the cost.
  const auto side = static_cast<int>(std::max(jpeg.image_width, jpeg.image_height));
  jpeg.scale_num = 1;
  for (jpeg.scale_denom = 1; jpeg.scale_denom < 8 && side / static_cast<int>(jpeg.scale_denom * 2) >= side_px_max;) {
    jpeg.scale_denom *= 2;
  }
  jpeg_start_decompress(&jpeg);
  job.row.resize(std::size_t{jpeg.output_width} * static_cast<std::size_t>(jpeg.output_components));
  job.out.rgba.create(static_cast<int>(jpeg.output_height), static_cast<int>(jpeg.output_width), CV_8UC4);
}

bool read_pixels(Job& job, Bytes bytes, int side_px_max) {
  auto& jpeg = job.jpeg;
  if (setjmp(job.failure.back) != 0) return false;
  jpeg_create_decompress(&jpeg);
  job.progress.progress_monitor = jpeg_scan;
  jpeg.progress = &job.progress;
  prepare(job, bytes, side_px_max);
  while (jpeg.output_scanline < jpeg.output_height) {
    const int y = static_cast<int>(jpeg.output_scanline);
    JSAMPROW rows[] = {job.row.data()};
    jpeg_read_scanlines(&jpeg, rows, 1);
    put_row(job, job.out.rgba.ptr<cv::Vec4b>(y));
  }
  job.out.orientation = orientation_of(jpeg);
  jpeg_finish_decompress(&jpeg);
  return true;
}

}  // namespace

Result<Raw> decode_jpeg(Bytes bytes, int side_px_max) {
  Job job;
  job.jpeg.err = jpeg_std_error(&job.failure.base);
  job.failure.base.error_exit = jpeg_failed;
  job.failure.base.emit_message = jpeg_message;
  const bool read = read_pixels(job, bytes, side_px_max);
  if (job.failure.ended_early) return picture_truncated("JPEG data ended early");
  if (!read) return picture_unreadable(std::string("JPEG: ") + job.failure.message);
  return std::move(job.out);
}

}  // namespace i2m::image
