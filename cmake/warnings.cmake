# tarn_library(name [LEAN] sources…): a static library of ours with the project's warnings. LEAN libraries are what an
# app links (core, ops, runtime): built without exceptions and RTTI, one section a function, so that unused ones drop out.
option(TARN_WERROR "Warnings are errors" ON)

function(tarn_warnings target)
  # gcc 12 sees overlaps in std::string::insert and operator+ that are not there (GCC bug 105651), only when optimizing.
  target_compile_options(${target} PRIVATE -Wall -Wextra
                         $<$<AND:$<CXX_COMPILER_ID:GNU>,$<CONFIG:Release>>:-Wno-restrict>)
  if(TARN_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()

function(tarn_library name)
  cmake_parse_arguments(ARG "LEAN" "" "" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/gen)
  tarn_warnings(${name})
  if(ARG_LEAN)
    target_compile_options(${name} PRIVATE -ffunction-sections -fdata-sections
                           $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions -fno-rtti>)
    if(TARN_OPS_FROM)
      target_compile_options(${name} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-include ${PROJECT_SOURCE_DIR}/cmake/no_throw.h>")
    endif()
  endif()
endfunction()
