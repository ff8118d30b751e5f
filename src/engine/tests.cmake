# Tests and benchmarks of pictures, meshes and the engine. They need none of the product's other libraries.
find_package(ZLIB REQUIRED)

add_library(i2m_engine_measure STATIC src/engine/measure.cc)
target_link_libraries(i2m_engine_measure PUBLIC i2m_engine PRIVATE ${I2M_OPENCV_IMGPROC} ${I2M_OPENCV_CORE})
target_compile_options(i2m_engine_measure PRIVATE -O2)
target_precompile_headers(i2m_engine_measure REUSE_FROM i2m_image)

function(i2m_engine_test name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE i2m_engine_measure GTest::gtest GTest::gtest_main PkgConfig::JPEG PkgConfig::PNG
    PkgConfig::WEBP ZLIB::ZLIB ${I2M_OPENCV_IMGPROC} ${I2M_OPENCV_CORE})
  target_compile_definitions(${name} PRIVATE I2M_PICTURES="${CMAKE_SOURCE_DIR}/test/data/pictures")
  target_compile_options(${name} PRIVATE -O1)
  add_test(NAME ${name} COMMAND ${name})
endfunction()
i2m_engine_test(mesh_test src/mesh/mesh_test.cc src/mesh/glb_test.cc src/mesh/manifold_test.cc
  src/mesh/rewrite_test.cc src/mesh/scene_test.cc)
include(src/image/tests.cmake)
i2m_engine_test(cli_test src/cli/convert_test.cc src/cli/model_test.cc src/cli/arguments_test.cc)
target_link_libraries(cli_test PRIVATE i2m_cli PkgConfig::SECCOMP)
# Written models, opened by programs that are not ours; their packages are the web app's.
add_test(NAME model_files COMMAND node --no-warnings --test ${CMAKE_SOURCE_DIR}/test/models/models.test.mjs)
set_tests_properties(model_files PROPERTIES ENVIRONMENT I2M_BIN=${CMAKE_BINARY_DIR}/bin/image2model)
i2m_engine_test(engine_test src/engine/engine_test.cc src/engine/bad_input_test.cc src/engine/shape_test.cc
  src/engine/sound_test.cc src/engine/truth_test.cc)
i2m_engine_test(mask_test src/engine/mask_test.cc src/engine/network_test.cc)
i2m_engine_test(depth_test src/engine/depth_test.cc)
i2m_engine_test(texture_test src/engine/texture_test.cc)
include(bench/engine/sources.cmake)
