# tarn_library(name [LEAN] sources…): a static library of ours with the project's warnings. LEAN libraries are what an
# app links (core, ops, runtime): built without exceptions and RTTI, one section a function, so that unused ones drop out.
option(TARN_WERROR "Warnings are errors" ON)

function(tarn_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra)
  if(NOT "LEAN" IN_LIST ARGN AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # At -O3 gcc 12 takes "text" + string for copying memory over itself (gcc bug 105651).
    target_compile_options(${target} PRIVATE $<$<AND:$<CONFIG:Release>,$<COMPILE_LANGUAGE:CXX>>:-Wno-restrict>)
  endif()
  if(TARN_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()

function(tarn_library name)
  cmake_parse_arguments(ARG "LEAN" "" "" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/gen)
  if(ARG_LEAN)
    tarn_warnings(${name} LEAN)
    target_compile_options(${name} PRIVATE -ffunction-sections -fdata-sections
                           $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions -fno-rtti>)
  else()
    tarn_warnings(${name})
  endif()
endfunction()
