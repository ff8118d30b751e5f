#include "image/probe.h"

#include <cstring>
#include <optional>
#include <string>

#include "base/bounds.h"
#include "image/bytes.h"
#include "image/refusals.h"

namespace i2m::image {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view png_signature = "\x89PNG\r\n\x1a\n"sv;
constexpr std::string_view jpeg_signature = "\xff\xd8\xff"sv;

std::unexpected<Error> truncated() { return picture_truncated("structure ends early"); }

// Which of the kinds people do upload this is; nothing when unknown.
std::string_view other_kind(Bytes b) {
  if (has_at(b, 0, "GIF8")) return "a GIF picture";
  if (has_at(b, 0, "BM")) return "a BMP picture";
  if (has_at(b, 0, "II*\0"sv) || has_at(b, 0, "MM\0*"sv)) return "a TIFF picture";
  if (has_at(b, 0, "%PDF")) return "a PDF document";
  if (has_at(b, 4, "ftyp")) {
    if (has_at(b, 8, "avif") || has_at(b, 8, "avis")) return "an AVIF picture";
    for (const std::string_view brand : {"heic", "heix", "hevc", "heim", "heis", "mif1", "msf1"}) {
      if (has_at(b, 8, brand)) return "a HEIC picture";
    }
    return "a video";
  }
  constexpr std::size_t look_bytes = 1024;
  const std::string_view head{reinterpret_cast<const char*>(b.data()), std::min(b.size(), look_bytes)};
  if (head.contains("<svg")) return "an SVG drawing";
  return {};
}

std::unexpected<Error> unsupported(Bytes bytes) {
  const std::string_view kind = other_kind(bytes);
  return refuse(Code::FileTypeUnsupported, "files",
                kind.empty() ? "This is not a picture we can read; send PNG, JPEG or WebP."
                             : "This is " + std::string(kind) + "; send PNG, JPEG or WebP.");
}

Result<PictureInfo> sized(PictureType type, std::uint32_t width, std::uint32_t height) {
  if (width == 0 || height == 0) return picture_unreadable("zero size");
  if (width > bounds::picture_side_px_max || height > bounds::picture_side_px_max ||
      std::uint64_t{width} * height > bounds::picture_px_max) {
    return refuse(Code::PictureTooLarge, "files",
                  "This picture is " + std::to_string(width) + " x " + std::to_string(height) +
                      " pixels; the limit is " + std::to_string(bounds::picture_side_px_max) + " a side and " +
                      std::to_string(bounds::picture_px_max / 1'000'000) +
                      " million pixels in all. Scale it down; 2000 pixels are plenty.");
  }
  return PictureInfo{type, width, height};
}

bool png_format_known(std::uint8_t depth, std::uint8_t colour) {
  switch (colour) {
    case 0:
      return depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
    case 3:
      return depth == 1 || depth == 2 || depth == 4 || depth == 8;
    case 2:
    case 4:
    case 6:
      return depth == 8 || depth == 16;
    default:
      return false;
  }
}

// The size is judged before the walk: a giant is refused as a giant even when it is cut off as well.
Result<PictureInfo> probe_png(Bytes b) {
  constexpr std::size_t chunk_overhead = 12, ihdr_end = 8 + chunk_overhead + 13;
  if (b.size() < ihdr_end) return truncated();
  if (be32(b, 8) != 13 || !has_at(b, 12, "IHDR")) return picture_unreadable("PNG without IHDR");
  if (be32(b, 16) > 0x7fffffff || be32(b, 20) > 0x7fffffff || !png_format_known(b[24], b[25]) || b[26] != 0 ||
      b[27] != 0 || b[28] > 1) {
    return picture_unreadable("PNG header");
  }
  TRY(const PictureInfo info, sized(PictureType::Png, be32(b, 16), be32(b, 20)));
  bool data = false;
  for (std::size_t at = ihdr_end; b.size() - at >= chunk_overhead;) {
    const std::size_t length = be32(b, at);
    if (length > 0x7fffffff) return picture_unreadable("PNG chunk length");
    if (length > b.size() - at - chunk_overhead) return truncated();
    if (has_at(b, at + 4, "IDAT")) data = true;
    if (has_at(b, at + 4, "IEND")) return data ? Result<PictureInfo>{info} : picture_unreadable("PNG without IDAT");
    at += chunk_overhead + length;
  }
  return truncated();
}

// Frame headers; the arithmetic and lossless kinds are left for the decoder to refuse.
bool is_frame(std::uint8_t marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

bool stands_alone(std::uint8_t marker) { return marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7); }

// Entropy-coded bytes end at an FF that is followed by neither a stuffed zero, a restart marker nor a fill byte.
std::size_t skip_entropy(Bytes b, std::size_t at) {
  while (at < b.size()) {
    const void* found = std::memchr(b.data() + at, 0xff, b.size() - at);
    if (found == nullptr) return b.size();
    at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - b.data());
    if (at + 1 >= b.size()) return b.size();
    const std::uint8_t next = b[at + 1];
    if (next != 0x00 && next != 0xff && !stands_alone(next)) return at;
    at += next == 0xff ? 1 : 2;
  }
  return at;
}

Result<PictureInfo> probe_jpeg(Bytes b) {
  std::optional<PictureInfo> info;
  bool scan = false;
  for (std::size_t at = 2; at + 1 < b.size();) {
    if (b[at] != 0xff) {  // junk between segments: cameras and old programs leave some, and every viewer skips it
      ++at;
      continue;
    }
    const std::uint8_t marker = b[at + 1];
    if (marker == 0xff) {  // a fill byte
      ++at;
      continue;
    }
    at += 2;
    if (stands_alone(marker)) continue;
    if (marker == 0xd9) {
      if (!info || !scan) return picture_unreadable("JPEG without a scan");
      return *info;
    }
    if (b.size() - at < 2) return truncated();
    const std::size_t length = be16(b, at);
    if (length < 2) return picture_unreadable("JPEG segment length");
    if (length > b.size() - at) return truncated();
    if (is_frame(marker)) {
      if (length < 8) return picture_unreadable("JPEG frame header");
      if (!info) {
        TRY(info, sized(PictureType::Jpeg, be16(b, at + 5), be16(b, at + 3)));
      }
    }
    at += length;
    if (marker == 0xda) {
      if (!info) return picture_unreadable("JPEG scan before its frame");
      scan = true;
      at = skip_entropy(b, at);
    }
  }
  return truncated();
}

struct Size {
  std::uint32_t width = 0, height = 0;
};

// The picture's own header inside the first chunk; nothing when it makes no sense.
std::optional<Size> webp_size(Bytes b) {
  constexpr std::size_t body = 20;
  if (has_at(b, 12, "VP8X")) return Size{le24(b, body + 4) + 1, le24(b, body + 7) + 1};
  if (has_at(b, 12, "VP8L")) {
    if (b[body] != 0x2f) return std::nullopt;
    const std::uint32_t bits = le32(b, body + 1);
    return Size{(bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1};
  }
  if (!has_at(b, 12, "VP8 ") || (b[body] & 1) != 0 || !has_at(b, body + 3, "\x9d\x01\x2a"sv)) return std::nullopt;
  return Size{le16(b, body + 6) & 0x3fff, le16(b, body + 8) & 0x3fff};
}

Result<PictureInfo> probe_webp(Bytes b) {
  constexpr std::size_t head = 12, chunk_header = 8, first_body_max = 10;
  if (b.size() < head + chunk_header + first_body_max) return truncated();
  const std::size_t riff = le32(b, 4);
  const auto size = webp_size(b);
  if (!size || riff < 4 + chunk_header) return picture_unreadable("WebP header");
  TRY(const PictureInfo info, sized(PictureType::Webp, size->width, size->height));
  if (riff > b.size() - 8) return truncated();
  if (has_at(b, 12, "VP8X") && (b[20] & 0x02) != 0) {
    return refuse(Code::FileTypeUnsupported, "files", "This is an animated WebP; send a still PNG, JPEG or WebP.");
  }
  const std::size_t end = riff + 8;
  bool data = false;
  for (std::size_t at = head; end - at >= chunk_header;) {
    const std::size_t length = le32(b, at + 4);
    if (length > end - at - chunk_header) return truncated();
    if (has_at(b, at, "VP8 ") || has_at(b, at, "VP8L")) data = true;
    at += chunk_header + std::min(length + (length & 1), end - at - chunk_header);
  }
  return data ? Result<PictureInfo>{info} : picture_unreadable("WebP without a picture");
}

// Fewer bytes than a signature, but the beginning of one.
bool begins(Bytes b, std::string_view signature) {
  return b.size() < signature.size() && has_at(b, 0, signature.substr(0, b.size()));
}

}  // namespace

std::string_view name_of(PictureType type) {
  switch (type) {
    case PictureType::Png:
      return "png";
    case PictureType::Jpeg:
      return "jpeg";
    case PictureType::Webp:
      return "webp";
  }
  return "";
}

Result<PictureInfo> probe(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) {
    return refuse(Code::FileEmpty, "files", "This file is empty; save the picture again and send that.");
  }
  if (has_at(bytes, 0, png_signature)) return probe_png(bytes);
  if (has_at(bytes, 0, jpeg_signature)) return probe_jpeg(bytes);
  if (has_at(bytes, 0, "RIFF") && has_at(bytes, 8, "WEBP")) return probe_webp(bytes);
  const bool cut = begins(bytes, png_signature) || begins(bytes, jpeg_signature) ||
                   (has_at(bytes, 0, "RIFF") && bytes.size() < 12) || begins(bytes, "RIFF");
  return cut ? Result<PictureInfo>{truncated()} : unsupported(bytes);
}

}  // namespace i2m::image
