#include <png.h>

#include <csetjmp>
#include <cstring>

#include "base/bounds.h"
#include "image/decode.h"
#include "image/refusals.h"

namespace i2m::image {
namespace {

constexpr png_alloc_size_t chunk_bytes_max = 4 << 20;
constexpr png_uint_32 cached_chunks_max = 64;

struct Job {
  png_structp png = nullptr;
  png_infop info = nullptr;
  Bytes bytes;
  std::size_t at = 0;
  bool ended_early = false;
  std::string message;
  int factor = 1;  // stored pixels along one side of a delivered one
  std::vector<std::uint8_t> row;
  std::vector<std::uint32_t> sums;      // per delivered pixel: red, green, blue weighted by alpha, alpha
  std::vector<png_bytep> row_pointers;  // interlaced pictures are read whole
  Raw out;
  ~Job() { png_destroy_read_struct(&png, &info, nullptr); }
};

extern "C" {
void png_take(png_structp png, png_bytep to, png_size_t count) {
  auto& job = *static_cast<Job*>(png_get_io_ptr(png));
  if (count > job.bytes.size() - job.at) {
    job.ended_early = true;
    png_error(png, "read beyond the end");
  }
  std::memcpy(to, job.bytes.data() + job.at, count);
  job.at += count;
}

// libpng tells a zlib stream that stops short by words only.
[[noreturn]] void png_failed(png_structp png, png_const_charp message) {
  auto& job = *static_cast<Job*>(png_get_error_ptr(png));
  job.message = message;
  if (job.message.contains("Not enough image data") || job.message.contains("too little data")) job.ended_early = true;
  png_longjmp(png, 1);
}

void png_warned(png_structp, png_const_charp) {}
}

// Text, profiles and palettes for other screens are not looked at, so they are not inflated either.
void skip_ancillary(png_structp png) {
  static constexpr png_byte names[] = "zTXt\0iTXt\0tEXt\0iCCP\0sPLT\0hIST\0sCAL\0pCAL";
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, names, 8);
}

// Everything becomes 8-bit RGBA; deep samples are scaled, not cut off.
void unify_format(png_structp png) {
  png_set_expand(png);
  png_set_scale_16(png);
  png_set_gray_to_rgb(png);
  png_set_add_alpha(png, 255, PNG_FILLER_AFTER);
}

void add_row(Job& job) {
  const auto factor = static_cast<std::size_t>(job.factor);
  const std::size_t width = job.sums.size() / 4;
  for (std::size_t x = 0; x < width * factor; ++x) {
    const std::uint8_t* from = &job.row[x * 4];
    std::uint32_t* sum = &job.sums[x / factor * 4];
    for (std::size_t c = 0; c < 3; ++c) sum[c] += std::uint32_t{from[c]} * from[3];
    sum[3] += from[3];
  }
}

void put_sums(Job& job, int y) {
  auto* to = job.out.rgba.ptr<cv::Vec4b>(y);
  const auto pixels = static_cast<std::uint32_t>(job.factor * job.factor);
  for (int x = 0; x < job.out.rgba.cols; ++x) {
    std::uint32_t* sum = &job.sums[static_cast<std::size_t>(x) * 4];
    for (int c = 0; c < 3; ++c) to[x][c] = sum[3] == 0 ? std::uint8_t{0} : static_cast<std::uint8_t>(sum[c] / sum[3]);
    to[x][3] = static_cast<std::uint8_t>(sum[3] / pixels);
    std::fill_n(sum, 4, 0U);
  }
}

void read_rows(Job& job, int width, int height) {
  job.out.rgba.create(height / job.factor, width / job.factor, CV_8UC4);
  job.row.resize(png_get_rowbytes(job.png, job.info));
  job.sums.assign(static_cast<std::size_t>(width / job.factor) * 4, 0);
  for (int y = 0; y < height; ++y) {
    if (job.factor == 1) {
      png_read_row(job.png, job.out.rgba.ptr(y), nullptr);
      continue;
    }
    png_read_row(job.png, job.row.data(), nullptr);
    if (y / job.factor >= job.out.rgba.rows) continue;
    add_row(job);
    if (y % job.factor == job.factor - 1) put_sums(job, y / job.factor);
  }
}

void read_interlaced(Job& job, int width, int height) {
  job.out.rgba.create(height, width, CV_8UC4);
  for (int y = 0; y < height; ++y) job.row_pointers.push_back(job.out.rgba.ptr(y));
  png_read_image(job.png, job.row_pointers.data());
}

void read_orientation(Job& job) {
#ifdef PNG_eXIf_SUPPORTED
  png_bytep exif = nullptr;
  png_uint_32 size = 0;
  if (png_get_eXIf_1(job.png, job.info, &size, &exif) != 0) job.out.orientation = exif_orientation({exif, size});
#endif
}

// The jump from `png_failed` lands here; this frame owns nothing with a destructor.
bool read_pixels(Job& job, int side_px_max) {
  if (setjmp(png_jmpbuf(job.png)) != 0) return false;
  png_set_read_fn(job.png, &job, png_take);
  png_set_user_limits(job.png, bounds::picture_side_px_max, bounds::picture_side_px_max);
  png_set_chunk_cache_max(job.png, cached_chunks_max);
  png_set_chunk_malloc_max(job.png, chunk_bytes_max);
  skip_ancillary(job.png);
  png_read_info(job.png, job.info);
  const auto width = static_cast<int>(png_get_image_width(job.png, job.info));
  const auto height = static_cast<int>(png_get_image_height(job.png, job.info));
  read_orientation(job);
  unify_format(job.png);
  const int passes = png_set_interlace_handling(job.png);
  png_read_update_info(job.png, job.info);
  if (passes == 1) {
    job.factor = std::clamp(std::max(width, height) / side_px_max, 1, std::min(width, height));
    read_rows(job, width, height);
  } else {
    read_interlaced(job, width, height);
  }
  return true;
}

}  // namespace

Result<Raw> decode_png(Bytes bytes, int side_px_max) {
  Job job;
  job.bytes = bytes;
  job.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &job, png_failed, png_warned);
  if (job.png != nullptr) job.info = png_create_info_struct(job.png);
  if (job.info == nullptr) return fail(Code::Internal, "libpng could not start");
  const bool read = read_pixels(job, side_px_max);
  if (job.ended_early) return picture_truncated("PNG: " + job.message);
  if (!read) return picture_unreadable("PNG: " + job.message);
  return std::move(job.out);
}

}  // namespace i2m::image
