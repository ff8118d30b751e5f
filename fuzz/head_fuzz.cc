// The head of a request, in one piece and in two: how it is cut must not change what is understood.
#include <cstddef>
#include <cstdint>

#include "net/head_parser.h"

namespace {

struct Understood {
  bool good = false;
  std::string path, query;
  bool operator==(const Understood&) const = default;
};

Understood read(const char* data, std::size_t size, std::size_t cut) {
  i2m::net::HeadParser parser;
  std::size_t consumed = 0;
  for (const std::size_t end : {cut, size}) {
    const auto step = parser.parse({data + consumed, end - consumed});
    consumed += step.consumed;
    if (step.state != i2m::net::HeadParser::State::Done) continue;
    i2m::net::Request request;
    if (!parser.describe(request)) return {};
    return {true, request.path, request.query};
  }
  return {};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const char* const text = reinterpret_cast<const char*>(data + 1);
  const std::size_t length = size - 1;
  if (!(read(text, length, length) == read(text, length, data[0] % length))) __builtin_trap();
  return 0;
}
