// Pictures all the way to their pixels. The mutator knows chunks, segments and checksums (src/image/test_corpus.h):
// what it makes gets further than flipped bits would. Seeds: test/data/corpus.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#include "image/probe.h"
#include "image/raw.h"
#include "image/test_corpus.h"

using namespace i2m;

namespace {

constexpr int side_px_max = 256;
// Larger ones are allowed and slow; image_corpus_test has them.
constexpr std::uint64_t px_max = 1'000'000;

}  // namespace

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  corpus::Random random{seed};
  if (random() % 2 == 0) return LLVMFuzzerMutate(data, size, max_size);
  const corpus::FileBytes file(data, data + size), changed = corpus::mutated(file, file, random);
  const std::size_t kept = std::min(changed.size(), max_size);
  std::copy_n(changed.begin(), kept, data);
  return kept;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const image::Bytes bytes{data, size};
  const auto info = image::probe(bytes);
  if (!info || std::uint64_t{info->width} * info->height > px_max) return 0;
  std::unique_ptr<std::uint8_t[]> room;
  const auto place = [&room](image::RawSize at, int channels) {
    room = std::make_unique_for_overwrite<std::uint8_t[]>(
        static_cast<std::size_t>(at.width) * static_cast<std::size_t>(at.height) * static_cast<std::size_t>(channels));
    return room.get();
  };
  try {
    const auto raw = image::decode_raw(bytes, *info, side_px_max, place);
    if (raw && raw->size != image::raw_size(*info, side_px_max)) __builtin_trap();
  } catch (const std::bad_alloc&) {
    return 0;
  }
  return 0;
}
