# TARN_SANITIZE=address,undefined or thread: for every target, ours and generated.
if(TARN_SANITIZE)
  add_compile_options(-fsanitize=${TARN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TARN_SANITIZE})
  # gcc 12 takes the checks it inserts for uses of unset variables (std::regex shows it); other presets keep the warning.
  add_compile_options(-Wno-maybe-uninitialized)
  if(TARN_SANITIZE MATCHES "undefined")
    # The lean libraries are built without RTTI, so their objects carry no type names for UBSan's vptr check to read.
    add_compile_options(-fno-sanitize=vptr)
  endif()
  add_compile_definitions(_GLIBCXX_ASSERTIONS TARN_SANITIZED=1)
endif()

# For the folders and targets added after it, which hand tensors and graphs about and compute little: the compiler takes a
# third of the time (graph/freeze.cc: 9 s, with -O1 24 s). All checks but one: only when it optimizes does gcc know the
# sizes of objects (-fsanitize=object-size).
macro(tarn_sanitizers_compile_soon)
  if(TARN_SANITIZE)
    add_compile_options(-O0)
  endif()
endmacro()
