// Small files that ask for much.
#include <cstdio>

// jpeglib.h needs size_t and FILE declared before it.
#include <jpeglib.h>
#include <webp/encode.h>
#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "image/bytes.h"
#include "image/test_corpus.h"

namespace i2m::corpus {
namespace {

void put_be32(FileBytes& out, std::size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

void put_chunk(FileBytes& out, const char* type, const FileBytes& body) {
  put_be32(out, body.size());
  const std::size_t from = out.size();
  out.insert(out.end(), type, type + 4);
  out.insert(out.end(), body.begin(), body.end());
  put_be32(out, crc32(0, out.data() + from, static_cast<uInt>(out.size() - from)));
}

// So many zeros, deflated: one flushed block of a million of them, again and again.
FileBytes deflated_zeros(std::size_t count) {
  constexpr std::size_t block_bytes = std::size_t{1} << 20;
  const FileBytes zeros(block_bytes);
  const auto deflate_block = [&zeros](std::size_t size, int flush) {
    z_stream stream{};
    constexpr int raw_window = -15, memory_level = 9;
    deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, raw_window, memory_level, Z_DEFAULT_STRATEGY);
    FileBytes out(deflateBound(&stream, size) + 16);
    stream.next_in = const_cast<Bytef*>(zeros.data());
    stream.avail_in = static_cast<uInt>(size);
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, flush);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
  };
  const FileBytes block = deflate_block(block_bytes, Z_FULL_FLUSH), last = deflate_block(count % block_bytes, Z_FINISH);
  FileBytes out{0x78, 0x01};
  for (std::size_t n = count / block_bytes; n > 0; --n) out.insert(out.end(), block.begin(), block.end());
  out.insert(out.end(), last.begin(), last.end());
  uLong sum = adler32(0, nullptr, 0);
  const uLong one = adler32(sum, zeros.data(), block_bytes);
  for (std::size_t n = count / block_bytes; n > 0; --n) sum = adler32_combine(sum, one, block_bytes);
  put_be32(out, adler32(sum, zeros.data(), static_cast<uInt>(count % block_bytes)));
  return out;
}

struct PngHeader {
  std::size_t width, height;
  std::uint8_t depth, colour, interlace;
};

FileBytes png(const PngHeader& h, const FileBytes& data, const char* extra = nullptr,
              const FileBytes& extra_body = {}) {
  FileBytes out{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}, header;
  put_be32(header, h.width);
  put_be32(header, h.height);
  header.insert(header.end(), {h.depth, h.colour, 0, 0, h.interlace});
  put_chunk(out, "IHDR", header);
  if (extra != nullptr) put_chunk(out, extra, extra_body);
  put_chunk(out, "IDAT", data);
  put_chunk(out, "IEND", {});
  return out;
}

// More zeros than any of these pictures has bytes; libpng stops at its last row.
FileBytes black_png(const PngHeader& header, std::size_t bytes_per_px) {
  return png(header, deflated_zeros(header.height * (header.width * bytes_per_px + 1) + header.height * 8));
}

FileBytes text_bomb(const char* type, std::size_t bytes) {
  FileBytes body{'x', 0, 0};
  const FileBytes zeros = deflated_zeros(bytes);
  body.insert(body.end(), zeros.begin(), zeros.end());
  return png({8, 8, 8, 0, 0}, deflated_zeros(72), type, body);
}

FileBytes progressive_jpeg() {
  constexpr JDIMENSION side = 16;
  jpeg_compress_struct jpeg;
  jpeg_error_mgr errors;
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &data, &size);
  jpeg.image_width = jpeg.image_height = side;
  jpeg.input_components = 3;
  jpeg.in_color_space = JCS_RGB;
  jpeg_set_defaults(&jpeg);
  for (int i = 0; i < jpeg.num_components; ++i) jpeg.comp_info[i].h_samp_factor = jpeg.comp_info[i].v_samp_factor = 1;
  jpeg_simple_progression(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  FileBytes row(std::size_t{side} * 3, 200);
  while (jpeg.next_scanline < side) {
    JSAMPROW rows[] = {row.data()};
    jpeg_write_scanlines(&jpeg, rows, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  FileBytes out(data, data + size);
  std::free(data);
  return out;
}

// The picture says it is as large as may be; its scans are repeated so often.
FileBytes jpeg_bomb(std::uint32_t side, int repeated_scans) {
  FileBytes jpeg = progressive_jpeg();
  std::size_t first_scan = 0;
  for (std::size_t at = 2; at + 9 < jpeg.size(); ++at) {
    if (jpeg[at] != 0xff) continue;
    if (jpeg[at + 1] == 0xc2) {
      for (const std::size_t where : {at + 5, at + 7}) {
        jpeg[where] = static_cast<std::uint8_t>(side >> 8);
        jpeg[where + 1] = static_cast<std::uint8_t>(side);
      }
    }
    if (jpeg[at + 1] == 0xda && first_scan == 0) first_scan = at;
  }
  const auto scans_begin = jpeg.begin() + static_cast<std::ptrdiff_t>(first_scan);
  const FileBytes scans(scans_begin, jpeg.end() - 2);
  for (int i = 0; i < repeated_scans; ++i) jpeg.insert(jpeg.end() - 2, scans.begin(), scans.end());
  return jpeg;
}

// A picture of one colour takes no bits a pixel, so the size in its header is all there is to it.
FileBytes webp_bomb(std::uint32_t width, std::uint32_t height) {
  constexpr int side = 16;
  const FileBytes grey(static_cast<std::size_t>(side * side) * 4, 128);
  std::uint8_t* data = nullptr;
  const std::size_t size = WebPEncodeLosslessRGBA(grey.data(), side, side, side * 4, &data);
  FileBytes out(data, data + size);
  WebPFree(data);
  constexpr std::size_t size_at = 21;
  const std::uint32_t kept = image::le32(out, size_at) & 0xf000'0000;
  const std::uint32_t bits = (width - 1) | (height - 1) << 14 | kept;
  for (std::size_t i = 0; i < 4; ++i) out[size_at + i] = static_cast<std::uint8_t>(bits >> (8 * i));
  return out;
}

}  // namespace

std::vector<File> bombs() {
  constexpr std::size_t wide = 16'384, high = 3900, square = 8000, hundred_mb = 100'000'000;
  return {
      {"black 64 megapixel rgba16 png", black_png({square, square, 16, 6, 0}, 8)},
      {"black 64 megapixel interlaced rgba16 png", black_png({square, square, 16, 6, 1}, 8)},
      {"black 64 megapixel 1-bit png", black_png({wide, high, 1, 0, 0}, 1)},
      {"black 64 megapixel interlaced 1-bit png", black_png({wide, high, 1, 0, 1}, 1)},
      {"png one pixel high", black_png({wide, 1, 8, 2, 0}, 3)},
      {"png one pixel wide", black_png({1, wide, 8, 2, 0}, 3)},
      {"png with 100 MB of zTXt", text_bomb("zTXt", hundred_mb)},
      {"png with 100 MB of iCCP", text_bomb("iCCP", hundred_mb)},
      {"png with 100 MB behind its pixels", png({8, 8, 8, 0, 0}, deflated_zeros(hundred_mb))},
      {"progressive 64 megapixel jpeg without data", jpeg_bomb(square, 0)},
      {"progressive 64 megapixel jpeg with 190 scans", jpeg_bomb(square, 18)},
      {"progressive jpeg with 5000 scans", jpeg_bomb(512, 500)},
      {"grey 64 megapixel webp", webp_bomb(wide - 1, high)},
      {"grey webp one pixel high", webp_bomb(wide - 1, 1)},
  };
}

}  // namespace i2m::corpus
