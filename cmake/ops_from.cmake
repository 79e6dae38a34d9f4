# TARN_OPS_FROM: an engine with the ops and element types that some models need, and no others.
#
#   cmake --preset lean -DTARN_OPS_FROM="digits.pb;photos.txt"
#
# Each is a frozen GraphDef, or the list of one (print_required_ops --graphs=photos.pb --format=list). A list is read as it
# is. For a GraphDef a small print_required_ops is built for this machine first (tools/host), whatever the build is for:
# it takes a compiler of this machine; TARN_PRINT_REQUIRED_OPS names one that is there already.
#
# Sets TARN_LINKED_OPS (names; empty: all) and offers tarn_select_op_files(variable), which leaves the files of ops/ that
# define one of these and tells each for which types. What becomes of that: core/linked_types.h. tarn_select_parts(variable)
# puts runtime/left_out/ in place of those parts of the compiler that no model needs.
set(TARN_OPS_FROM "" CACHE STRING "Models (.pb), or their lists by print_required_ops, whose ops the engine has; empty: all ops")
set(TARN_PRINT_REQUIRED_OPS "" CACHE FILEPATH "This machine's print_required_ops, for a GraphDef in TARN_OPS_FROM")
option(TARN_SIGNATURES_ONLY "No kernels: for tools/host alone" OFF)
mark_as_advanced(TARN_SIGNATURES_ONLY)
if(TARN_SIGNATURES_ONLY)
  add_compile_definitions(TARN_SIGNATURES_ONLY)
endif()

set(tarn_dtypes invalid float double int32 uint8 int16 int8 string complex64 int64 bool qint8 quint8 qint32 bfloat16 qint16
                quint16 uint16 complex128 half resource variant uint32 uint64)  # TensorFlow's numbers

# Adds the bits of "float,int32" to the number in `variable`.
function(tarn_add_types variable names where)
  set(bits ${${variable}})
  string(REPLACE "," ";" names "${names}")
  foreach(name IN LISTS names)
    list(FIND tarn_dtypes "${name}" number)
    if(number LESS 1)
      message(FATAL_ERROR "TARN_OPS_FROM: ${where}: '${name}' is no type")
    endif()
    math(EXPR bits "${bits} | (1 << ${number})")
  endforeach()
  set(${variable} ${bits} PARENT_SCOPE)
endfunction()

# A print_required_ops that runs here, in `variable`.
function(tarn_host_print_required_ops variable)
  if(TARN_PRINT_REQUIRED_OPS)
    set(${variable} ${TARN_PRINT_REQUIRED_OPS} PARENT_SCOPE)
    return()
  endif()
  set(folder ${PROJECT_BINARY_DIR}/host)
  message(STATUS "TARN_OPS_FROM: building print_required_ops for this machine in ${folder}")
  # What CC, CXX and their flags say is the other machine's compiler.
  set(run ${CMAKE_COMMAND} -E env --unset=CC --unset=CXX --unset=CFLAGS --unset=CXXFLAGS --unset=LDFLAGS
          --unset=CMAKE_TOOLCHAIN_FILE ${CMAKE_COMMAND})
  execute_process(COMMAND ${run} -S ${PROJECT_SOURCE_DIR} -B ${folder} -G ${CMAKE_GENERATOR}
                          -DCMAKE_MAKE_PROGRAM=${CMAKE_MAKE_PROGRAM} -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS=-O0\ -g0\ -w
                          -DTARN_SIGNATURES_ONLY=ON -DTARN_OPS_FROM= -DTARN_TOOLS=OFF -DTARN_TESTS=OFF -DTARN_EXAMPLES=OFF
                          -DTARN_WERROR=OFF
                  RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(result EQUAL 0)
    execute_process(COMMAND ${run} --build ${folder} --target print_required_ops --parallel
                    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  endif()
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "TARN_OPS_FROM: a GraphDef takes a print_required_ops of this machine, and it could not be built. "
                        "Either set TARN_PRINT_REQUIRED_OPS to one, or give the list that `print_required_ops "
                        "--graphs=model.pb --format=list` prints elsewhere in place of the GraphDef.\n${output}")
  endif()
  set(${variable} ${folder}/bin/print_required_ops PARENT_SCOPE)
endfunction()

# The lines of a list in `lines`: `file` itself, or what the host's tool says of a GraphDef.
function(tarn_read_required_ops file lines)
  if(NOT EXISTS "${file}")
    message(FATAL_ERROR "TARN_OPS_FROM: ${file}: no such file")
  endif()
  file(READ "${file}" first LIMIT 1 HEX)
  if(NOT first MATCHES "^(23|4[0-9a-f]|5[0-9a]|5f)$")  # neither '#' nor '@' nor a capital letter nor '_'
    tarn_host_print_required_ops(tool)
    get_filename_component(name "${file}" NAME)
    set(list ${PROJECT_BINARY_DIR}/gen/${name}.ops.txt)
    execute_process(COMMAND ${tool} --graphs=${file} --format=list OUTPUT_VARIABLE text ERROR_VARIABLE problem RESULT_VARIABLE result)
    if(NOT result EQUAL 0)
      message(FATAL_ERROR "TARN_OPS_FROM: ${problem}")
    endif()
    file(WRITE ${list} "${text}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
    set(file ${list})
  else()
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
  endif()
  file(STRINGS "${file}" found REGEX "^[^#]")
  set(${lines} ${found} PARENT_SCOPE)
endfunction()

set(TARN_LINKED_OPS "")
set(linked_parts "")
if(TARN_OPS_FROM)
  if(TARN_TOOLS)
    message(FATAL_ERROR "TARN_OPS_FROM is for the engine alone: sessions and tools have every op. Set TARN_TOOLS=OFF, "
                        "as the preset 'lean' does.")
  endif()
  foreach(file IN LISTS TARN_OPS_FROM)
    get_filename_component(file "${file}" ABSOLUTE BASE_DIR ${CMAKE_SOURCE_DIR})
    tarn_read_required_ops("${file}" lines)
    foreach(line IN LISTS lines)
      if(line MATCHES "^@(.+)")
        list(APPEND linked_parts ${CMAKE_MATCH_1})
        continue()
      endif()
      # "Cast SrcT=uint8 DstT=float,int32": the first is the attr that chooses the kernel.
      string(REPLACE " " ";" words "${line}")
      list(POP_FRONT words op)
      list(APPEND TARN_LINKED_OPS ${op})
      if(NOT DEFINED tarn_kernel_types_of_${op})
        set(tarn_kernel_types_of_${op} 0)
        set(tarn_node_types_of_${op} 0)
      endif()
      set(is_first TRUE)
      foreach(word IN LISTS words)
        string(REGEX REPLACE "^[^=]*=" "" types "${word}")
        tarn_add_types(tarn_node_types_of_${op} "${types}" "${file}: '${line}'")
        if(is_first)
          tarn_add_types(tarn_kernel_types_of_${op} "${types}" "${file}: '${line}'")
        endif()
        set(is_first FALSE)
      endforeach()
    endforeach()
  endforeach()
  list(REMOVE_DUPLICATES TARN_LINKED_OPS)
  add_compile_definitions(TARN_SELECTED_OPS)
endif()

function(tarn_select_op_files variable)
  if(NOT TARN_OPS_FROM)
    return()
  endif()
  set(selected "")
  foreach(source IN LISTS ${variable})
    file(STRINGS ${source} lines REGEX "^const OpDef op_[A-Za-z0-9_]+ = ")
    set(kernel_types 0)
    set(node_types 0)
    set(is_needed FALSE)
    foreach(line IN LISTS lines)
      string(REGEX REPLACE "^const OpDef op_([A-Za-z0-9_]+) = .*" "\\1" op "${line}")
      if(op IN_LIST TARN_LINKED_OPS)
        set(is_needed TRUE)
        math(EXPR kernel_types "${kernel_types} | ${tarn_kernel_types_of_${op}}")
        math(EXPR node_types "${node_types} | ${tarn_node_types_of_${op}}")
      endif()
    endforeach()
    if(is_needed)
      list(APPEND selected ${source})
      set_source_files_properties(${source} PROPERTIES COMPILE_DEFINITIONS
                                  "TARN_KERNEL_TYPES=${kernel_types}u;TARN_NODE_TYPES=${node_types}u")
    endif()
  endforeach()
  set(${variable} ${selected} PARENT_SCOPE)
endfunction()

set(files_of_functions inline_body inline_calls inline_control_flow function_calls wire_functions required_ops)
set(files_of_control_flow compile_loops compile_conditions)

function(tarn_select_parts variable)
  if(NOT TARN_OPS_FROM)
    return()
  endif()
  set(sources ${${variable}})
  foreach(part IN ITEMS functions control_flow)
    if(part IN_LIST linked_parts)
      continue()
    endif()
    foreach(file IN LISTS files_of_${part})
      list(FILTER sources EXCLUDE REGEX "/${file}\\.cc$")
    endforeach()
    list(APPEND sources ${PROJECT_SOURCE_DIR}/runtime/left_out/${part}.cc)
  endforeach()
  set(${variable} ${sources} PARENT_SCOPE)
endfunction()
