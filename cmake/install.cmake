# What `cmake --install` puts where, in four components:
#   engine    libtarn_engine.a (self-contained), libtarn_engine.so (its exports are those of runtime/c_api.h), headers
#   graph     libtarn_graph.a: graph/, passes/ and what sessions add to ops/; headers
#   tools     the command-line tools
#   examples  the examples' programs (examples/CMakeLists.txt)
# with a CMake package (find_package(Tarn): Tarn::engine, Tarn::engine_shared, Tarn::graph) and pkg-config files
# (tarn_engine, tarn). Headers lie in include/tarn, with the folders they have here, so that their includes of each other
# hold: #include "runtime/c_api.h".
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(tarn_include_dir ${CMAKE_INSTALL_INCLUDEDIR}/tarn)
set(tarn_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Tarn)
set(tarn_pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# --- the engine ---
set(engine_parts tarn_core tarn_kernels tarn_ops tarn_runtime)
set(engine_objects)
foreach(part IN LISTS engine_parts)
  list(APPEND engine_objects $<TARGET_OBJECTS:${part}>)
endforeach()

add_library(tarn_engine_archive STATIC ${engine_objects})
set_target_properties(tarn_engine_archive PROPERTIES OUTPUT_NAME tarn_engine LINKER_LANGUAGE CXX)

add_library(tarn_engine_shared SHARED ${engine_objects})
set_target_properties(tarn_engine_shared PROPERTIES OUTPUT_NAME tarn_engine VERSION ${PROJECT_VERSION} SOVERSION 0
                      LINKER_LANGUAGE CXX LIBRARY_OUTPUT_DIRECTORY ${CMAKE_ARCHIVE_OUTPUT_DIRECTORY})
target_link_libraries(tarn_engine_shared PRIVATE Threads::Threads)
# What the exported functions do not reach (docs, gradients) is left out.
if(APPLE)
  target_link_options(tarn_engine_shared PRIVATE -Wl,-dead_strip -Wl,-exported_symbol,_tarn_*)
else()
  set(export_map ${PROJECT_SOURCE_DIR}/runtime/c_api.map)
  target_link_options(tarn_engine_shared PRIVATE -Wl,--gc-sections -Wl,--version-script=${export_map} -Wl,--no-undefined)
  set_target_properties(tarn_engine_shared PROPERTIES LINK_DEPENDS ${export_map})
endif()
if(TARN_SANITIZE)  # whose own symbols the program brings
  target_link_options(tarn_engine_shared PRIVATE -Wl,-z,undefs)
endif()

install(TARGETS tarn_engine_archive tarn_engine_shared
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT engine
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT engine NAMELINK_COMPONENT engine)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/core ${PROJECT_SOURCE_DIR}/runtime DESTINATION ${tarn_include_dir} COMPONENT engine
        FILES_MATCHING PATTERN "*.h" PATTERN "jni" EXCLUDE PATTERN "wasm" EXCLUDE)

# What a linker that is no C++ compiler's must be told: the C++ library of this build's compiler.
set(tarn_cxx_libraries ${CMAKE_CXX_IMPLICIT_LINK_LIBRARIES})
list(FILTER tarn_cxx_libraries INCLUDE REGEX "^(stdc\\+\\+|c\\+\\+|c\\+\\+abi|m)$")
list(REMOVE_DUPLICATES tarn_cxx_libraries)
list(TRANSFORM tarn_cxx_libraries PREPEND "-l" OUTPUT_VARIABLE tarn_cxx_flags)
list(JOIN tarn_cxx_flags " " tarn_cxx_flags)

# --- graphs, sessions, passes ---
set(tarn_has_graph OFF)
if(TARGET tarn_graph)
  set(tarn_has_graph ON)
  set(graph_objects)
  foreach(part IN ITEMS tarn_proto tarn_graph tarn_passes tarn_images tarn_re2 tarn_dnnl)
    list(APPEND graph_objects $<TARGET_OBJECTS:${part}>)
  endforeach()
  add_library(tarn_graph_archive STATIC ${graph_objects})
  # In a folder of its own: the part is called libtarn_graph.a too.
  set_target_properties(tarn_graph_archive PROPERTIES OUTPUT_NAME tarn_graph LINKER_LANGUAGE CXX
                        ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_ARCHIVE_OUTPUT_DIRECTORY}/installed)
  install(TARGETS tarn_graph_archive ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT graph)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/graph ${PROJECT_SOURCE_DIR}/passes DESTINATION ${tarn_include_dir}
          COMPONENT graph FILES_MATCHING PATTERN "*.h")
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/ops/images ${PROJECT_SOURCE_DIR}/ops/re2 DESTINATION ${tarn_include_dir}/ops
          COMPONENT graph FILES_MATCHING PATTERN "*.h")
  install(DIRECTORY ${PROJECT_BINARY_DIR}/gen/proto ${PROJECT_BINARY_DIR}/gen/graph DESTINATION ${tarn_include_dir}
          COMPONENT graph FILES_MATCHING PATTERN "*.h")
  set(tarn_pc_dnnl "")
  if(TARN_DNNL)
    set(tarn_pc_dnnl "-ldnnl -lgomp ")
  endif()
endif()

# --- tools ---
if(TARN_TOOLS AND TARGET tools)
  get_property(tool_targets DIRECTORY ${PROJECT_SOURCE_DIR}/tools PROPERTY BUILDSYSTEM_TARGETS)
  foreach(tool IN LISTS tool_targets)
    get_target_property(type ${tool} TYPE)
    if(type STREQUAL "EXECUTABLE")
      install(TARGETS ${tool} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tools)
    endif()
  endforeach()
endif()

# --- how other builds find it; everything is found from where the files are, so that the tree may be moved ---
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/TarnConfig.cmake.in ${PROJECT_BINARY_DIR}/gen/TarnConfig.cmake
                              INSTALL_DESTINATION ${tarn_cmake_dir} PATH_VARS tarn_include_dir CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/gen/TarnConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/gen/TarnConfig.cmake ${PROJECT_BINARY_DIR}/gen/TarnConfigVersion.cmake
        DESTINATION ${tarn_cmake_dir} COMPONENT engine)
file(RELATIVE_PATH tarn_prefix_from_pc /${tarn_pkgconfig_dir} /)
string(REGEX REPLACE "/$" "" tarn_prefix_from_pc "${tarn_prefix_from_pc}")
foreach(name IN ITEMS tarn_engine tarn)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/gen/${name}.pc @ONLY)
endforeach()
install(FILES ${PROJECT_BINARY_DIR}/gen/tarn_engine.pc DESTINATION ${tarn_pkgconfig_dir} COMPONENT engine)
if(tarn_has_graph)
  install(FILES ${PROJECT_BINARY_DIR}/gen/tarn.pc DESTINATION ${tarn_pkgconfig_dir} COMPONENT graph)
endif()
