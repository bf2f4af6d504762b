# find_package(mlc) gives mlc_add_model; see mlc.cmake.
include("${CMAKE_CURRENT_LIST_DIR}/mlc.cmake")
