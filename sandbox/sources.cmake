# Simulators of other people's services, for tests. A program of its own: nothing of it is linked into the product.
i2m_raw_text(endpoints ${CMAKE_CURRENT_LIST_DIR}/fal_endpoints.json)
file(CONFIGURE OUTPUT ${I2M_GENERATED}/fal_endpoints.gen.h @ONLY CONTENT
"#pragma once
#include <string_view>
namespace i2m::sandbox::fal { inline constexpr std::string_view endpoints_json = @endpoints@; }
")

i2m_library(i2m_sandbox
  sandbox/fal_control.cc
  sandbox/fal_errors.cc
  sandbox/fal_faults.cc
  sandbox/fal_files.cc
  sandbox/fal_gateway.cc
  sandbox/fal_journal.cc
  sandbox/fal_keys.cc
  sandbox/fal_models.cc
  sandbox/fal_queue.cc
  sandbox/fal_route.cc
  sandbox/fal_schema.cc
  sandbox/fal_settings.cc
  sandbox/fal_shapes.cc
  sandbox/fal_storage.cc
  sandbox/fal_webhooks.cc
  sandbox/http_client.cc
  sandbox/http_server.cc)
target_include_directories(i2m_sandbox PUBLIC ${CMAKE_SOURCE_DIR} ${I2M_GENERATED})
target_link_libraries(i2m_sandbox PUBLIC i2m_base i2m_engine PRIVATE PkgConfig::PNG PkgConfig::WEBP)

add_executable(image2model-sandbox sandbox/main.cc)
target_link_libraries(image2model-sandbox PRIVATE i2m_sandbox CLI11::CLI11)
target_precompile_headers(image2model-sandbox REUSE_FROM i2m_asio)
