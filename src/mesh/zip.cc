#include "mesh/zip.h"

#include <zlib.h>

#include <new>

namespace i2m::mesh {
namespace {

constexpr std::uint32_t local_magic = 0x04034b50, central_magic = 0x02014b50, end_magic = 0x06054b50;
constexpr std::uint16_t version = 20, utf8_names = 0x0800, method_deflate = 8;
constexpr std::uint16_t first_of_1980 = 0x21;
constexpr std::uint16_t padding_id = 0x1986;
constexpr std::size_t alignment = 64, local_header_bytes = 30, extra_header_bytes = 4;

class Put {
 public:
  explicit Put(std::vector<std::uint8_t>& out) : out_(out) {}
  Put& u16(std::size_t value) { return little(value, 2); }
  Put& u32(std::size_t value) { return little(value, 4); }
  Put& zeros(std::size_t count) {
    out_.insert(out_.end(), count, 0);
    return *this;
  }
  template <class List>
  Put& all(const List& list) {
    out_.insert(out_.end(), list.begin(), list.end());
    return *this;
  }

 private:
  Put& little(std::size_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out_.push_back(static_cast<std::uint8_t>(value >> 8 * i));
    return *this;
  }
  std::vector<std::uint8_t>& out_;
};

// zlib takes its input as writable and does not write to it.
std::vector<std::uint8_t> deflated(std::span<const std::uint8_t> bytes) {
  z_stream stream{};
  constexpr int raw = -MAX_WBITS, memory_level = 8;
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, raw, memory_level, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc{};
  std::vector<std::uint8_t> out(deflateBound(&stream, bytes.size()));
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  const bool whole = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (!whole) throw std::bad_alloc{};  // the bound was large enough: only memory can have been short
  return out;
}

}  // namespace

void Zip::add(std::string_view name, std::string_view text, As as) {
  add(name, std::span{reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, as);
}

void Zip::add(std::string_view name, std::span<const std::uint8_t> bytes, As as) {
  const std::size_t at = out_.size();
  const std::size_t crc = crc32_z(0, bytes.data(), bytes.size());
  const bool packed = as == As::Deflated;
  const auto body = packed ? deflated(bytes) : std::vector<std::uint8_t>(bytes.begin(), bytes.end());
  std::size_t extra = 0;
  if (!packed) {
    extra = (alignment - (at + local_header_bytes + name.size()) % alignment) % alignment;
    if (extra > 0 && extra < extra_header_bytes) extra += alignment;
  }
  const auto common = [&](std::vector<std::uint8_t>& to, std::size_t extra_bytes) {
    Put(to).u16(version).u16(utf8_names).u16(packed ? method_deflate : 0).u16(0).u16(first_of_1980).u32(crc);
    Put(to).u32(body.size()).u32(bytes.size()).u16(name.size()).u16(extra_bytes);
  };
  Put(out_).u32(local_magic);
  common(out_, extra);
  Put(out_).all(name);
  if (extra > 0) Put(out_).u16(padding_id).u16(extra - extra_header_bytes).zeros(extra - extra_header_bytes);
  Put(out_).all(body);
  Put(directory_).u32(central_magic).u16(version);
  common(directory_, 0);
  Put(directory_).u16(0).u16(0).u16(0).u32(0).u32(at).all(name);
  ++entries_;
}

std::vector<std::uint8_t> Zip::finish() && {
  const std::size_t at = out_.size();
  Put(out_).all(directory_);
  Put(out_).u32(end_magic).u16(0).u16(0).u16(entries_).u16(entries_).u32(directory_.size()).u32(at).u16(0);
  return std::move(out_);
}

}  // namespace i2m::mesh
