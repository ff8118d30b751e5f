# Meshes and GLB files: no image, no network, no Boost.
find_package(meshoptimizer REQUIRED)
find_package(ZLIB REQUIRED)

add_library(i2m_mesh STATIC
  src/mesh/check.cc
  src/mesh/edges.cc
  src/mesh/export.cc
  src/mesh/faults.cc
  src/mesh/glb_read.cc
  src/mesh/glb_write.cc
  src/mesh/gltf.cc
  src/mesh/ground.cc
  src/mesh/json.cc
  src/mesh/manifold.cc
  src/mesh/marching_cubes.cc
  src/mesh/matrix.cc
  src/mesh/mesh.cc
  src/mesh/pack.cc
  src/mesh/render.cc
  src/mesh/rewrite.cc
  src/mesh/scene.cc
  src/mesh/shrink.cc
  src/mesh/simplify.cc
  src/mesh/slim.cc
  src/mesh/upright.cc
  src/mesh/streams.cc
  src/mesh/texture.cc
  src/mesh/zip.cc)
target_include_directories(i2m_mesh PUBLIC ${CMAKE_SOURCE_DIR}/src)
target_link_libraries(i2m_mesh PRIVATE meshoptimizer::meshoptimizer ZLIB::ZLIB)
# The volume loops at -O0 take minutes: always optimised, so that tests stay quick in the dev preset.
target_compile_options(i2m_mesh PRIVATE -O2)
