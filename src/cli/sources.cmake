# Commands that need no server: the engine and the mesh library on files of this machine.
add_library(i2m_cli STATIC src/cli/convert.cc)
target_link_libraries(i2m_cli PUBLIC i2m_engine PRIVATE CLI11::CLI11)
