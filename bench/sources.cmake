# Every benchmark program and its files, by name.
include(bench/image/sources.cmake)
