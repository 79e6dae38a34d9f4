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
  # ccache tells by -fpch-preprocess which header went in. Optimizing, gcc 12 warns of sizes within std::string that never
  # are (as of the overlaps in warnings.cmake), and with a precompiled header forgets that it is silent about the library's
  # headers: a build without (TARN_PCH=OFF) looks for such things.
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fpch-preprocess>
                         $<$<AND:$<COMPILE_LANG_AND_ID:CXX,GNU>,$<CONFIG:Release>>:-Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds>)
endfunction()
