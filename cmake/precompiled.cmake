# tarn_precompile(target headers…): headers that nearly every file of the target reads are compiled once, which is half of
# a cold build's time. What a file uses it includes all the same: -DTARN_PCH=OFF builds without.
option(TARN_PCH "Precompile the headers that most files read" ON)

function(tarn_precompile target)
  if(NOT TARN_PCH)
    return()
  endif()
  list(TRANSFORM ARGN REPLACE ">$" "$<ANGLE-R>" OUTPUT_VARIABLE headers)
  list(TRANSFORM headers REPLACE "(.+)" "$<$<COMPILE_LANGUAGE:CXX>:\\1>")
  target_precompile_headers(${target} PRIVATE ${headers})
  tarn_precompiled_options(${target})
endfunction()

# tarn_precompile_programs(owner LIBRARIES libraries… HEADERS headers…), then tarn_share_precompiled(program owner): the same
# once for many programs, which all have the options and definitions of their folder. `owner` is a program made for this.
function(tarn_precompile_programs owner)
  cmake_parse_arguments(ARG "" "" "LIBRARIES;HEADERS" ${ARGN})
  if(NOT TARN_PCH)
    return()
  endif()
  set(source ${PROJECT_BINARY_DIR}/gen/${owner}.cc)
  file(CONFIGURE OUTPUT ${source} CONTENT "int main() {}\n")
  add_executable(${owner} EXCLUDE_FROM_ALL ${source})
  tarn_warnings(${owner})
  target_link_libraries(${owner} PRIVATE ${ARG_LIBRARIES})
  tarn_precompile(${owner} ${ARG_HEADERS})
endfunction()

function(tarn_share_precompiled program owner)
  if(NOT TARN_PCH)
    return()
  endif()
  target_precompile_headers(${program} REUSE_FROM ${owner})
  tarn_precompiled_options(${program})
endfunction()

# ccache tells by -fpch-preprocess which header went in. Optimizing, gcc 12 warns of sizes within std::string that never are
# (as of the overlaps in warnings.cmake), and with a precompiled header forgets that it is silent about the library's
# headers: a build without (TARN_PCH=OFF) looks for such things.
function(tarn_precompiled_options target)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fpch-preprocess>
                         $<$<AND:$<COMPILE_LANG_AND_ID:CXX,GNU>,$<CONFIG:Release>>:-Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds>)
endfunction()
