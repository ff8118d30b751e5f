# Pictures in and out: types told by content, bounds checked before decoding, pixels decoded. No network, no Boost.
# Debian's OpenCV ships its CMake package only with all of libopencv-dev (a gigabyte); core and imgproc are all that is
# used, so they are found by name. imgcodecs stays out on purpose: it would put 139 libraries behind untrusted uploads.
find_path(I2M_OPENCV_INCLUDE opencv2/imgproc.hpp PATH_SUFFIXES opencv4 REQUIRED)
find_library(I2M_OPENCV_CORE opencv_core REQUIRED)
find_library(I2M_OPENCV_IMGPROC opencv_imgproc REQUIRED)
pkg_check_modules(JPEG REQUIRED IMPORTED_TARGET libjpeg)
pkg_check_modules(PNG REQUIRED IMPORTED_TARGET libpng)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)

# The formats' decoders and the walls around them, without OpenCV: its libraries take longer to load than a picture to decode.
set(I2M_DECODE_SOURCES src/image/decode_jpeg.cc src/image/decode_png.cc src/image/decode_webp.cc src/image/raw.cc)
add_library(i2m_decode STATIC ${I2M_DECODE_SOURCES} src/image/sandbox.cc)
target_include_directories(i2m_decode PUBLIC ${CMAKE_SOURCE_DIR}/src)
target_link_libraries(i2m_decode PUBLIC PkgConfig::JPEG PkgConfig::PNG PkgConfig::WEBP PRIVATE PkgConfig::SECCOMP)
target_compile_options(i2m_decode PRIVATE -O2)

# The child that reads untrusted pictures; it lies beside the product. The C++ library inside it halves its start (1.3 to
# 0.8 ms); libjpeg, libpng and libwebp stay shared, so that their security updates reach it without a new build.
add_executable(image2model-decode src/image/decode_child.cc)
target_link_libraries(image2model-decode PRIVATE i2m_decode)
target_link_options(image2model-decode PRIVATE -static-libstdc++ -static-libgcc -Wl,--as-needed)

add_library(i2m_image STATIC
  src/image/child.cc
  src/image/decode.cc
  src/image/decoder.cc
  src/image/jpeg_write.cc
  src/image/png_write.cc
  src/image/probe.cc)
target_include_directories(i2m_image PUBLIC ${CMAKE_SOURCE_DIR}/src)
target_include_directories(i2m_image SYSTEM PUBLIC ${I2M_OPENCV_INCLUDE})
target_link_libraries(i2m_image PUBLIC fmt::fmt i2m_decode
  PRIVATE ${I2M_OPENCV_IMGPROC} ${I2M_OPENCV_CORE} PkgConfig::JPEG PkgConfig::PNG)
add_dependencies(i2m_image image2model-decode)
# Pixel loops at -O0 take minutes: always optimised, so that tests stay quick in the dev preset.
target_compile_options(i2m_image PRIVATE -O2)
target_precompile_headers(i2m_image PRIVATE src/image/pch.h)
