# Every library of the product and its files, by name. Arrows point one way: base <- db, redis <- net <- slices <- app; image
# and mesh know only base's headers, engine those two, cli the engine.
include(cmake/embed.cmake)
find_package(prometheus-cpp REQUIRED)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)

i2m_library(i2m_base src/base/base.cc src/base/crypto.cc src/base/log.cc src/base/text.cc)
include(src/db/sources.cmake)
include(tools/sqlgen/sources.cmake)
include(src/redis/sources.cmake)
include(src/mesh/sources.cmake)
include(src/image/sources.cmake)
include(src/engine/sources.cmake)
include(src/cli/sources.cmake)

i2m_library(i2m_net src/net/fetch.cc src/net/file_reader.cc src/net/head_parser.cc src/net/limits.cc src/net/metrics.cc src/net/multipart.cc
  src/net/notices.cc src/net/openapi.cc src/net/problem.cc src/net/router.cc src/net/server.cc src/net/session.cc src/net/socket_body.cc)
target_link_libraries(i2m_net PUBLIC i2m_base i2m_db i2m_redis prometheus-cpp::core PkgConfig::CURL)

i2m_library(i2m_slices
  src/identity/api.cc src/identity/identity.cc src/identity/passwords.cc src/identity/token.cc
  src/credits/api.cc src/credits/cache.cc src/credits/credits.cc
  src/storage/links.cc src/storage/storage.cc
  src/providers/calls.cc src/providers/embedded.cc src/providers/slots.cc
  src/providers/fal/books.cc src/providers/fal/call_off.cc src/providers/fal/catalogue.cc src/providers/fal/fal.cc
  src/providers/fal/follow.cc src/providers/fal/picture.cc src/providers/fal/protocol.cc src/providers/fal/signature.cc
  src/providers/fal/upload.cc
  src/jobs/api.cc src/jobs/cancel.cc src/jobs/events.cc src/jobs/jobs.cc src/jobs/models.cc src/jobs/upload.cc
  src/dispatch/governor.cc src/dispatch/hooks.cc src/dispatch/schedule.cc src/dispatch/stream.cc src/dispatch/work.cc)
target_link_libraries(i2m_slices PUBLIC i2m_net i2m_engine)
target_include_directories(i2m_slices PUBLIC ${I2M_GENERATED})

i2m_library(i2m_app src/app.cc src/configuration.cc src/operations.cc src/settings.cc src/admin/admin.cc src/admin/provider.cc)
target_link_libraries(i2m_app PUBLIC i2m_slices CLI11::CLI11)

add_executable(image2model src/main.cc)
target_link_libraries(image2model PRIVATE i2m_app i2m_cli)
target_precompile_headers(image2model REUSE_FROM i2m_asio)
