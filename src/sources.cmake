# Every library of the product and its files, by name.
i2m_library(i2m_base src/base/base.cc src/base/log.cc)
# A folder that another part of the tree does not need to know keeps its list beside its code.
include(src/db/sources.cmake OPTIONAL)
include(src/redis/sources.cmake OPTIONAL)
include(src/mesh/sources.cmake OPTIONAL)
include(src/engine/sources.cmake OPTIONAL)
