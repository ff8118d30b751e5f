#include <png.h>

#include <csetjmp>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "base/bounds.h"
#include "image/raw.h"
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
  std::size_t channels = 0;
  std::uint8_t* pixels = nullptr;
  std::vector<std::uint8_t> stored;     // a row, or all of an interlaced picture that is to be averaged down
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

// Text, profiles and palettes for other screens are not looked at, so they are not inflated either. EXIF is read by
// `orientation_of`, for libpng sees it only where it stands before the pixels.
void skip_ancillary(png_structp png) {
  static constexpr png_byte names[] = "zTXt\0iTXt\0tEXt\0iCCP\0sPLT\0hIST\0sCAL\0pCAL\0eXIf";
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, names, 9);
}

// Everything becomes 8-bit RGB, or RGBA where there is transparency; deep samples are scaled, not cut off.
void unify_format(png_structp png) {
  png_set_expand(png);
  png_set_scale_16(png);
  png_set_gray_to_rgb(png);
}

constexpr std::size_t colours = 3, sums_per_pixel = 4;

void add_row(Job& job, const std::uint8_t* row) {
  const auto factor = static_cast<std::size_t>(job.factor);
  const std::size_t width = job.sums.size() / sums_per_pixel;
  for (std::size_t x = 0; x < width * factor; ++x) {
    const std::uint8_t* from = row + x * job.channels;
    std::uint32_t* sum = &job.sums[x / factor * sums_per_pixel];
    const std::uint32_t alpha = job.channels > colours ? from[colours] : 255;
    for (std::size_t c = 0; c < colours; ++c) sum[c] += from[c] * alpha;
    sum[colours] += alpha;
  }
}

void put_sums(Job& job, int y) {
  const auto width = static_cast<std::size_t>(job.out.size.width);
  std::uint8_t* to = job.pixels + static_cast<std::size_t>(y) * width * job.channels;
  const auto pixels = static_cast<std::uint32_t>(job.factor * job.factor);
  for (std::size_t x = 0; x < width; ++x, to += job.channels) {
    std::uint32_t* sum = &job.sums[x * sums_per_pixel];
    const std::uint32_t alpha = sum[colours];
    for (std::size_t c = 0; c < colours; ++c) to[c] = alpha == 0 ? 0 : static_cast<std::uint8_t>(sum[c] / alpha);
    if (job.channels > colours) to[colours] = static_cast<std::uint8_t>(alpha / pixels);
    std::fill_n(sum, sums_per_pixel, 0U);
  }
}

void average_row(Job& job, const std::uint8_t* row, int y) {
  if (y / job.factor >= job.out.size.height) return;
  add_row(job, row);
  if (y % job.factor == job.factor - 1) put_sums(job, y / job.factor);
}

void read_rows(Job& job, int height, std::size_t row_bytes) {
  if (job.factor > 1) job.stored.resize(row_bytes);
  for (int y = 0; y < height; ++y) {
    std::uint8_t* const row = job.factor > 1 ? job.stored.data() : job.pixels + static_cast<std::size_t>(y) * row_bytes;
    png_read_row(job.png, row, nullptr);
    if (job.factor > 1) average_row(job, row, y);
  }
}

void read_interlaced(Job& job, int height, std::size_t row_bytes) {
  if (job.factor > 1) job.stored.resize(row_bytes * static_cast<std::size_t>(height));
  std::uint8_t* const rows = job.factor > 1 ? job.stored.data() : job.pixels;
  for (int y = 0; y < height; ++y) job.row_pointers.push_back(rows + static_cast<std::size_t>(y) * row_bytes);
  png_read_image(job.png, job.row_pointers.data());
  for (int y = 0; job.factor > 1 && y < height; ++y) average_row(job, job.row_pointers[static_cast<std::size_t>(y)], y);
}

// `probe` has walked these chunks before: their lengths lie inside the file.
int orientation_of(Bytes bytes) {
  constexpr std::size_t head = 8, chunk_overhead = 12;
  for (std::size_t at = head; at < bytes.size() && bytes.size() - at >= chunk_overhead;) {
    const std::size_t length = be32(bytes, at);
    if (length > bytes.size() - at - chunk_overhead || has_at(bytes, at + 4, "IEND")) break;
    if (has_at(bytes, at + 4, "eXIf")) return exif_orientation(bytes.subspan(at + 8, length));
    at += chunk_overhead + length;
  }
  return 1;
}

enum class Outcome { Read, Failed, OtherSize };

// The jump from `png_failed` lands here; this frame owns nothing with a destructor.
Outcome read_pixels(Job& job, const PictureInfo& info, int side_px_max, const Place& place) {
  if (setjmp(png_jmpbuf(job.png)) != 0) return Outcome::Failed;
  png_set_read_fn(job.png, &job, png_take);
  png_set_user_limits(job.png, bounds::picture_side_px_max, bounds::picture_side_px_max);
  png_set_chunk_cache_max(job.png, cached_chunks_max);
  png_set_chunk_malloc_max(job.png, chunk_bytes_max);
  skip_ancillary(job.png);
  png_read_info(job.png, job.info);
  if (png_get_image_width(job.png, job.info) != info.width || png_get_image_height(job.png, job.info) != info.height) {
    return Outcome::OtherSize;
  }
  unify_format(job.png);
  const int passes = png_set_interlace_handling(job.png);
  png_read_update_info(job.png, job.info);
  job.channels = png_get_channels(job.png, job.info);
  job.factor = png_factor(info, side_px_max);
  job.out = {.size = raw_size(info, side_px_max), .channels = static_cast<int>(job.channels)};
  job.pixels = place(job.out.size, job.out.channels);
  if (job.factor > 1) job.sums.assign(static_cast<std::size_t>(job.out.size.width) * sums_per_pixel, 0);
  const auto height = static_cast<int>(info.height);
  const std::size_t row_bytes = info.width * job.channels;
  passes == 1 ? read_rows(job, height, row_bytes) : read_interlaced(job, height, row_bytes);
  return Outcome::Read;
}

}  // namespace

Result<Raw> decode_png(Bytes bytes, const PictureInfo& info, int side_px_max, const Place& place) {
  Job job;
  job.bytes = bytes;
  job.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &job, png_failed, png_warned);
  if (job.png != nullptr) job.info = png_create_info_struct(job.png);
  if (job.info == nullptr) return fail(Code::Internal, "libpng could not start");
  const Outcome outcome = read_pixels(job, info, side_px_max, place);
  if (job.ended_early) return picture_truncated("PNG: " + job.message);
  if (outcome == Outcome::OtherSize) return picture_unreadable("PNG is not of the size that its header says");
  if (outcome == Outcome::Failed && job.message.contains("Out of memory")) throw std::bad_alloc{};
  if (outcome == Outcome::Failed) return picture_unreadable("PNG: " + job.message);
  job.out.orientation = orientation_of(bytes);
  return job.out;
}

}  // namespace i2m::image
