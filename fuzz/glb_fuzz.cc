// What says it is a model: looked at, read, checked, drawn and rewritten.
#include <cstddef>
#include <cstdint>

#include "mesh/check.h"
#include "mesh/glb.h"
#include "mesh/render.h"
#include "mesh/rewrite.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace i2m::mesh;
  const auto summary = inspect_glb({data, size});
  if (summary && summary->bytes > size) __builtin_trap();
  if (!summary) return 0;
  const auto scene = read_scene({data, size});
  // Larger ones take no other path, only longer.
  constexpr std::size_t triangles_max = 20'000;
  if (!scene || scene->triangle_count() > triangles_max || summary->triangles > triangles_max) return 0;
  const ModelCheck found = check(*scene);
  if (found.triangles != scene->triangle_count()) __builtin_trap();
  const Mesh solid = make_manifold(joined(*scene), found.triangles);
  if (faults_of(solid).open_edges > 0) __builtin_trap();
  const auto picture = Renderer(*scene, {}).draw({.width = 32, .height = 32});
  if (picture.rgba.size() != 32UL * 32 * 4) __builtin_trap();
  for (const Rewrite& wish :
       {Rewrite{.triangles_max = found.triangles / 2 + 1}, Rewrite{.scale = 2.0F, .compress = true}}) {
    const auto made = rewrite_glb({data, size}, wish);
    if (made && !inspect_glb(made->glb)) __builtin_trap();
  }
  return 0;
}
