# The embedded engine: pictures in, GLB out. No network, no database, no Boost.
# Debian's OpenCV ships its CMake package only with all of libopencv-dev (a gigabyte); core and imgproc are all that is
# used, so they are found by name. imgcodecs stays out on purpose: it would put 139 libraries behind untrusted uploads.
find_path(I2M_OPENCV_INCLUDE opencv2/imgproc.hpp PATH_SUFFIXES opencv4 REQUIRED)
find_library(I2M_OPENCV_CORE opencv_core REQUIRED)
find_library(I2M_OPENCV_IMGPROC opencv_imgproc REQUIRED)
pkg_check_modules(JPEG REQUIRED IMPORTED_TARGET libjpeg)
pkg_check_modules(PNG REQUIRED IMPORTED_TARGET libpng)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp)

add_library(i2m_engine STATIC
  src/engine/convert.cc
  src/engine/decode.cc
  src/engine/decode_jpeg.cc
  src/engine/decode_png.cc
  src/engine/decode_webp.cc
  src/engine/engine.cc
  src/engine/grid.cc
  src/engine/inflate.cc
  src/engine/jpeg_write.cc
  src/engine/lathe.cc
  src/engine/mask.cc
  src/engine/probe.cc
  src/engine/segment.cc
  src/engine/solid.cc
  src/engine/subject.cc
  src/engine/texture.cc)
target_include_directories(i2m_engine PUBLIC ${CMAKE_SOURCE_DIR}/src)
target_include_directories(i2m_engine SYSTEM PUBLIC ${I2M_OPENCV_INCLUDE})
target_link_libraries(i2m_engine PUBLIC i2m_mesh
  PRIVATE ${I2M_OPENCV_IMGPROC} ${I2M_OPENCV_CORE} PkgConfig::JPEG PkgConfig::PNG PkgConfig::WEBP CLI11::CLI11)
# Pixel loops at -O0 take minutes: always optimised, so that tests stay quick in the dev preset.
target_compile_options(i2m_engine PRIVATE -O2)
target_precompile_headers(i2m_engine PRIVATE src/engine/pch.h)
