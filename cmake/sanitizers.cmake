# TARN_SANITIZE=address,undefined or thread: for every target, ours and generated.
if(TARN_SANITIZE)
  add_compile_options(-fsanitize=${TARN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TARN_SANITIZE})
  if(TARN_SANITIZE MATCHES "undefined")
    # The lean libraries are built without RTTI, so their objects carry no type names for UBSan's vptr check to read.
    add_compile_options(-fno-sanitize=vptr)
  endif()
  add_compile_definitions(_GLIBCXX_ASSERTIONS TARN_SANITIZED=1)
endif()
