#include "image/test_corpus.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <string_view>

#include "image/bytes.h"

namespace i2m::corpus {
namespace {

using image::be16, image::be32, image::le32, image::has_at;

enum class Type : std::uint8_t { Png, Jpeg, Webp, Other };

constexpr std::size_t png_head = 8, png_overhead = 12, webp_head = 12, webp_overhead = 8;

// A chunk or a segment, from its first byte to its last; what lies between two segments belongs to the first.
struct Part {
  std::size_t begin = 0, end = 0;
};

std::size_t pick(Random& random, std::size_t count) { return count == 0 ? 0 : random() % count; }

Type type_of(const FileBytes& file) {
  if (has_at(file, 0, "\x89PNG")) return Type::Png;
  if (has_at(file, 0, "\xff\xd8")) return Type::Jpeg;
  if (has_at(file, 0, "RIFF")) return Type::Webp;
  return Type::Other;
}

std::vector<Part> png_parts(const FileBytes& file) {
  std::vector<Part> parts;
  for (std::size_t at = png_head; file.size() >= at + png_overhead;) {
    const std::size_t length = std::min<std::size_t>(be32(file, at), file.size() - at - png_overhead);
    parts.push_back({at, at + png_overhead + length});
    at = parts.back().end;
  }
  return parts;
}

std::vector<Part> webp_parts(const FileBytes& file) {
  std::vector<Part> parts;
  for (std::size_t at = webp_head; file.size() >= at + webp_overhead;) {
    const std::size_t length = std::min<std::size_t>(le32(file, at + 4), file.size() - at - webp_overhead);
    parts.push_back({at, std::min(file.size(), at + webp_overhead + length + (length & 1))});
    at = parts.back().end;
  }
  return parts;
}

std::vector<Part> jpeg_parts(const FileBytes& file) {
  std::vector<Part> parts;
  for (std::size_t at = 2; at + 3 < file.size(); ++at) {
    const std::uint8_t marker = file[at + 1];
    if (file[at] != 0xff || marker == 0 || marker == 0xff || (marker >= 0xd0 && marker <= 0xd7)) continue;
    if (!parts.empty()) parts.back().end = at;
    parts.push_back({at, file.size()});
    if (marker != 0xd9) at = std::min(file.size(), at + 1 + be16(file, at + 2));
  }
  return parts;
}

std::vector<Part> parts_of(const FileBytes& file) {
  switch (type_of(file)) {
    case Type::Png:
      return png_parts(file);
    case Type::Jpeg:
      return jpeg_parts(file);
    case Type::Webp:
      return webp_parts(file);
    case Type::Other:
      break;
  }
  return {{0, file.size()}};
}

void put_be32(FileBytes& file, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) file[at + i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

void put_le32(FileBytes& file, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) file[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

// Wrong checksums and a wrong RIFF length are found at once; what lies behind them is to be reached.
void mend(FileBytes& file) {
  if (type_of(file) == Type::Webp && file.size() >= webp_head) {
    put_le32(file, 4, static_cast<std::uint32_t>(file.size() - 8));
  }
  if (type_of(file) != Type::Png) return;
  for (const Part& part : png_parts(file)) {
    const auto covered = static_cast<uInt>(part.end - part.begin - 8);
    put_be32(file, part.end - 4, static_cast<std::uint32_t>(crc32(0, &file[part.begin + 4], covered)));
  }
}

FileBytes slice(const FileBytes& file, Part part) {
  const auto from = file.begin();
  return {from + static_cast<std::ptrdiff_t>(part.begin), from + static_cast<std::ptrdiff_t>(part.end)};
}

void insert(FileBytes& file, std::size_t at, const FileBytes& what) {
  file.insert(file.begin() + static_cast<std::ptrdiff_t>(at), what.begin(), what.end());
}

void erase(FileBytes& file, Part part) {
  file.erase(file.begin() + static_cast<std::ptrdiff_t>(part.begin),
             file.begin() + static_cast<std::ptrdiff_t>(part.end));
}

void flip_bits(FileBytes& file, Part where, Random& random) {
  const std::size_t length = where.end - where.begin;
  if (length == 0) return;
  constexpr std::size_t flips_max = 4;
  for (std::size_t n = 1 + pick(random, flips_max); n > 0; --n) {
    file[where.begin + pick(random, length)] ^= static_cast<std::uint8_t>(1U << pick(random, 8));
  }
}

// The header of a chunk or segment, and what stands at its beginning.
Part head_of(const FileBytes& file, Part part) {
  constexpr std::size_t head_bytes = 24;
  return {part.begin, std::min({part.end, part.begin + head_bytes, file.size()})};
}

void lie_about_length(FileBytes& file, Part part, Random& random) {
  constexpr std::array<std::uint32_t, 8> lies = {0, 1, 2, 0x7fff, 0xffff, 0x7fff'ffff, 0x8000'0000, 0xffff'ffff};
  const std::uint32_t lie = lies[pick(random, lies.size())];
  if (part.end - part.begin < 8) return;
  switch (type_of(file)) {
    case Type::Png:
      return put_be32(file, part.begin, lie);
    case Type::Webp:
      return put_le32(file, part.begin + 4, lie);
    case Type::Jpeg:
      file[part.begin + 2] = static_cast<std::uint8_t>(lie >> 8);
      file[part.begin + 3] = static_cast<std::uint8_t>(lie);
      return;
    case Type::Other:
      return;
  }
}

// Where the first part says how large the picture is; JPEG's says it in a part of its own.
void lie_about_size(FileBytes& file, const std::vector<Part>& parts, Random& random) {
  constexpr std::array<std::uint32_t, 8> lies = {0, 1, 2, 3, 255, 4000, 7999, 16'384};
  const std::uint32_t lie = lies[pick(random, lies.size())];
  const std::size_t second = pick(random, 2);  // width or height
  for (const Part& part : parts) {
    if (part.end - part.begin < 18) continue;
    if (has_at(file, part.begin + 4, "IHDR")) put_be32(file, part.begin + 8 + 4 * second, lie);
    const bool frame = file[part.begin] == 0xff && file[part.begin + 1] >= 0xc0 && file[part.begin + 1] <= 0xc2;
    if (frame) {
      file[part.begin + 5 + 2 * second] = static_cast<std::uint8_t>(lie >> 8);
      file[part.begin + 6 + 2 * second] = static_cast<std::uint8_t>(lie);
    }
    const std::size_t webp_at = has_at(file, part.begin, "VP8X")   ? 12 + 3 * second
                                : has_at(file, part.begin, "VP8 ") ? 14 + 2 * second
                                : has_at(file, part.begin, "VP8L") ? 9 + second
                                                                   : 0;
    if (webp_at != 0) {
      file[part.begin + webp_at] = static_cast<std::uint8_t>(lie);
      file[part.begin + webp_at + 1] = static_cast<std::uint8_t>(lie >> 8);
    }
  }
}

enum class Change : std::uint8_t { Cut, Heads, Data, Swap, Double, Drop, Take, Length, Size, Any };
constexpr std::size_t changes = 10;

}  // namespace

std::vector<File> read_folders(const std::vector<std::filesystem::path>& folders) {
  std::vector<std::filesystem::path> paths;
  for (const auto& folder : folders) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      const std::string kind = entry.path().extension();
      if (kind == ".png" || kind == ".jpg" || kind == ".webp") paths.push_back(entry.path());
    }
  }
  std::ranges::sort(paths);
  std::vector<File> files;
  for (const auto& path : paths) {
    std::ifstream stream(path, std::ios::binary);
    const std::vector<char> read{std::istreambuf_iterator<char>(stream), {}};
    files.push_back({path.filename(), FileBytes(read.begin(), read.end())});
  }
  return files;
}

FileBytes mutated(const FileBytes& file, const FileBytes& other, Random& random) {
  FileBytes out = file;
  const std::vector<Part> parts = parts_of(file);
  if (parts.empty()) return out;
  const Part part = parts[pick(random, parts.size())], second = parts[pick(random, parts.size())];
  bool repair = true;
  switch (static_cast<Change>(pick(random, changes))) {
    case Change::Cut:
      out.resize(part.begin + pick(random, part.end - part.begin + 1));
      break;
    case Change::Heads:
      flip_bits(out, head_of(out, part), random);
      break;
    case Change::Data:
      flip_bits(out, part, random);
      break;
    case Change::Swap:
      if (part.end <= second.begin) {
        const FileBytes moved = slice(file, second);
        erase(out, second);
        insert(out, part.begin, moved);
      }
      break;
    case Change::Double:
      insert(out, part.begin, slice(file, second));
      break;
    case Change::Drop:
      erase(out, part);
      break;
    case Change::Take:
      if (const auto foreign = parts_of(other); type_of(other) == type_of(file) && !foreign.empty()) {
        insert(out, part.begin, slice(other, foreign[pick(random, foreign.size())]));
      }
      break;
    case Change::Length:
      lie_about_length(out, part, random);
      repair = false;
      break;
    case Change::Size:
      lie_about_size(out, parts, random);
      break;
    case Change::Any:
      flip_bits(out, {0, out.size()}, random);
      repair = false;
      break;
  }
  if (repair) mend(out);
  return out;
}

void for_each_case(const std::vector<std::filesystem::path>& folders, int cuts, int mutations,
                   const std::function<void(const std::string& name, const FileBytes& bytes)>& look) {
  const std::vector<File> files = read_folders(folders);
  Random random{2009};
  for (const File& file : files) {
    look(file.name, file.bytes);
    const std::vector<Part> parts = parts_of(file.bytes);
    const auto step = std::max<std::size_t>(1, parts.size() / static_cast<std::size_t>(cuts));
    for (std::size_t i = 0; i < parts.size(); i += step) {
      look(file.name + " cut before part " + std::to_string(i), slice(file.bytes, {0, parts[i].begin}));
    }
    for (int i = 0; i < mutations; ++i) {
      const FileBytes& other = files[pick(random, files.size())].bytes;
      look(file.name + " mutation " + std::to_string(i), mutated(file.bytes, other, random));
    }
  }
  for (const File& bomb : bombs()) look(bomb.name, bomb.bytes);
}

}  // namespace i2m::corpus
