# Carries text files in the program: config/defaults.env, config/models and db/migrations. Made anew when one of them changes.
set(I2M_GENERATED ${CMAKE_BINARY_DIR}/generated)

function(i2m_raw_text out file)
  set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(READ ${file} text)
  set(${out} "R\"i2m(${text})i2m\"" PARENT_SCOPE)
endfunction()

i2m_raw_text(defaults ${CMAKE_SOURCE_DIR}/config/defaults.env)
file(CONFIGURE OUTPUT ${I2M_GENERATED}/defaults.gen.h @ONLY CONTENT
"#pragma once
#include <string_view>
namespace i2m { inline constexpr std::string_view defaults_env = @defaults@; }
")

file(GLOB migrations CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/db/migrations/*.sql)
list(SORT migrations)
set(rows "")
foreach(file ${migrations})
  get_filename_component(name ${file} NAME)
  string(REGEX MATCH "^[0-9]+" number ${name})
  string(REGEX REPLACE "^0+" "" number ${number})
  i2m_raw_text(text ${file})
  string(APPEND rows "    {${number}, \"${name}\", ${text}},\n")
endforeach()
file(CONFIGURE OUTPUT ${I2M_GENERATED}/migrations.gen.h @ONLY CONTENT
"#pragma once
#include \"db/migrate.h\"
namespace i2m { inline std::vector<db::Migration> carried_migrations() { return {
@rows@}; } }
")

file(CONFIGURE OUTPUT ${I2M_GENERATED}/version.gen.h @ONLY CONTENT
"#pragma once
#include <string_view>
namespace i2m { inline constexpr std::string_view version = \"@PROJECT_VERSION@\"; }
")

file(GLOB models CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/config/models/*.json)
list(SORT models)
set(rows "")
foreach(file ${models})
  get_filename_component(name ${file} NAME)
  i2m_raw_text(text ${file})
  string(APPEND rows "    {\"${name}\", ${text}},\n")
endforeach()
file(CONFIGURE OUTPUT ${I2M_GENERATED}/models.gen.h @ONLY CONTENT
"#pragma once
#include <array>
#include <string_view>
#include <utility>
namespace i2m { inline constexpr auto carried_models = std::to_array<std::pair<std::string_view, std::string_view>>({
@rows@}); }
")
