#include "image/png_write.h"

#include <png.h>

#include <csetjmp>
#include <cstddef>

namespace i2m::image {
namespace {

struct Sink {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::vector<std::uint8_t> out;
  std::vector<std::uint8_t> row;
  ~Sink() { png_destroy_write_struct(&png, &info); }
};

extern "C" {
void append(png_structp png, png_bytep data, std::size_t size) {
  auto& out = static_cast<Sink*>(png_get_io_ptr(png))->out;
  out.insert(out.end(), data, data + size);
}
void nothing(png_structp) {}
}

bool opaque(std::span<const std::uint8_t> rgba) {
  for (std::size_t i = 3; i < rgba.size(); i += 4) {
    if (rgba[i] != 255) return false;
  }
  return true;
}

// The jump out of libpng lands here; this frame owns nothing with a destructor.
bool write_rows(Sink& sink, std::span<const std::uint8_t> rgba, std::size_t width, std::size_t height, bool plain) {
  if (setjmp(png_jmpbuf(sink.png)) != 0) return false;
  png_set_write_fn(sink.png, &sink, append, nothing);
  png_set_IHDR(sink.png, sink.info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), 8,
               plain ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_RGBA, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_write_info(sink.png, sink.info);
  const std::size_t channels = plain ? 3 : 4;
  for (std::size_t y = 0; y < height; ++y) {
    const std::uint8_t* from = rgba.data() + y * width * 4;
    for (std::size_t x = 0; x < width; ++x) {
      for (std::size_t c = 0; c < channels; ++c) sink.row[x * channels + c] = from[x * 4 + c];
    }
    png_write_row(sink.png, sink.row.data());
  }
  png_write_end(sink.png, sink.info);
  return true;
}

}  // namespace

Result<std::vector<std::uint8_t>> write_png(std::span<const std::uint8_t> rgba, int width, int height) {
  const auto w = static_cast<std::size_t>(width), h = static_cast<std::size_t>(height);
  if (width <= 0 || height <= 0 || rgba.size() != w * h * 4) return fail(Code::Internal, "PNG of a wrong size");
  Sink sink;
  sink.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  sink.info = sink.png == nullptr ? nullptr : png_create_info_struct(sink.png);
  sink.row.resize(w * 4);
  if (sink.info == nullptr || !write_rows(sink, rgba, w, h, opaque(rgba))) {
    return fail(Code::Internal, "libpng could not write");
  }
  return std::move(sink.out);
}

}  // namespace i2m::image
