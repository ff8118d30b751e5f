// image2model-decode: one picture in, its pixels out, behind walls. Started by Decoder (decoder.cc), not by people.
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <new>
#include <string_view>

#include "image/exchange.h"
#include "image/raw.h"

namespace i2m::image {
namespace {

constexpr int exit_ok = 0, exit_usage = 2;

void put_detail(Exchange& exchange, std::string_view text) {
  const std::size_t size = std::min(text.size(), exchange.detail.size() - 1);
  std::memcpy(exchange.detail.data(), text.data(), size);
  exchange.detail[size] = '\0';
}

Answer answer_to(const Error& error) {
  return error.code == Code::FileTruncated ? Answer::Truncated : Answer::Unreadable;
}

void answer(Exchange& exchange, Bytes picture, std::span<std::uint8_t> room) {
  const auto place = [room](RawSize size, int channels) {
    const std::size_t bytes = static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height) *
                              static_cast<std::size_t>(channels);
    if (bytes > room.size()) throw std::bad_alloc{};
    return room.data();
  };
  const Result<Raw> raw = decode_raw(picture, exchange.info, exchange.side_px_max, place);
  if (!raw) {
    put_detail(exchange, raw.error().detail);
    exchange.answer = answer_to(raw.error());
    return;
  }
  exchange.width = raw->size.width;
  exchange.height = raw->size.height;
  exchange.channels = raw->channels;
  exchange.orientation = raw->orientation;
  exchange.answer = Answer::Decoded;
}

// The picture is mapped, and read by nobody, before the walls are up.
int serve() {
  void* const page = ::mmap(nullptr, pixels_at, PROT_READ | PROT_WRITE, MAP_SHARED, exchange_fd, 0);
  if (page == MAP_FAILED) return exit_usage;
  if (static_cast<Exchange*>(page)->layout != exchange_layout) return exit_other_layout;
  const auto block_bytes = static_cast<Exchange*>(page)->block_bytes;
  void* const block = ::mmap(nullptr, block_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, exchange_fd, 0);
  if (block == MAP_FAILED) return exit_usage;
  Exchange& exchange = *static_cast<Exchange*>(block);
  void* const file = ::mmap(nullptr, exchange.file_bytes, PROT_READ, MAP_PRIVATE, picture_fd, 0);
  if (file == MAP_FAILED) return exit_usage;
  ::close(picture_fd);
  ::close(exchange_fd);

  const Confined confined = confine(exchange.asked_by);
  exchange.filtered = confined.filtered ? 1 : 0;
  put_detail(exchange, confined.refused);
  if (!confined.refused.empty() && exchange.walls == Walls::Required) {
    exchange.answer = Answer::NotConfined;
    return exit_ok;
  }
  auto* const pixels = static_cast<std::uint8_t*>(block) + pixels_at;
  try {
    answer(exchange, {static_cast<const std::uint8_t*>(file), exchange.file_bytes}, {pixels, block_bytes - pixels_at});
  } catch (const std::bad_alloc&) {
    exchange.answer = Answer::OutOfMemory;
  }
  return exit_ok;
}

}  // namespace
}  // namespace i2m::image

int main() { ::_exit(i2m::image::serve()); }
