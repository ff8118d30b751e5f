# Tests of pictures: decoding, the child that does it and its walls, and what broken pictures do to both.
i2m_engine_test(image_test src/image/probe_test.cc src/image/decode_test.cc src/image/decode_kinds_test.cc)

# What a decoder might do when a picture has taken it over.
add_executable(image_misbehave src/image/misbehave.cc)
target_link_libraries(image_misbehave PRIVATE i2m_decode)
i2m_engine_test(decoder_test src/image/decoder_test.cc src/image/test_corpus.cc src/image/test_bombs.cc)
target_link_libraries(decoder_test PRIVATE PkgConfig::SECCOMP)
add_dependencies(decoder_test image_misbehave)
i2m_engine_test(image_corpus_test src/image/corpus_test.cc src/image/test_corpus.cc src/image/test_bombs.cc)
foreach(test image_test decoder_test image_corpus_test)
  target_compile_definitions(${test} PRIVATE I2M_CORPUS="${CMAKE_SOURCE_DIR}/test/data/corpus")
endforeach()

# The decoders once more with sanitizers, whatever the preset.
add_executable(image_corpus_asan src/image/corpus_asan.cc src/image/test_corpus.cc src/image/test_bombs.cc
  src/image/probe.cc ${I2M_DECODE_SOURCES})
target_include_directories(image_corpus_asan PRIVATE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(image_corpus_asan PRIVATE -O1 -fsanitize=address,undefined -fno-sanitize-recover=all)
target_link_options(image_corpus_asan PRIVATE -fsanitize=address,undefined)
target_link_libraries(image_corpus_asan PRIVATE PkgConfig::JPEG PkgConfig::PNG PkgConfig::WEBP ZLIB::ZLIB)
add_test(NAME image_corpus_asan COMMAND image_corpus_asan 20 ${CMAKE_SOURCE_DIR}/test/data/corpus
  ${CMAKE_SOURCE_DIR}/test/data/pictures)
