# Commands that need no server: the engine and the mesh library on files of this machine.
add_library(i2m_cli STATIC src/cli/arguments.cc src/cli/convert.cc src/cli/convert_options.cc src/cli/files.cc
  src/cli/formats.cc src/cli/model.cc src/cli/outputs.cc src/cli/pictures.cc src/cli/report.cc)
target_link_libraries(i2m_cli PUBLIC i2m_engine PRIVATE i2m_base CLI11::CLI11 ${I2M_OPENCV_CORE})
