# tarn_precompile(target headers…): headers that nearly every file of the target reads are compiled once, which is half of
# a cold build's time. What a file uses it includes all the same: -DTARN_PCH=OFF builds without.
option(TARN_PCH "Precompile the headers that most files read" ON)

function(tarn_precompile target)
  if(NOT TARN_PCH)
    return()
  endif()
  list(TRANSFORM ARGN REPLACE "(.+)" "$<$<COMPILE_LANGUAGE:CXX>:\\1>" OUTPUT_VARIABLE headers)
  target_precompile_headers(${target} PRIVATE ${headers})
  # ccache tells by -fpch-preprocess which header went in. gcc 12 warns of sizes within std::string that never are (as of
  # the overlaps in warnings.cmake), and with a precompiled header forgets that it is silent about the library's headers.
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fpch-preprocess>
                         $<$<AND:$<COMPILE_LANG_AND_ID:CXX,GNU>,$<CONFIG:Release>>:-Wno-stringop-overflow -Wno-stringop-overread>)
endfunction()
