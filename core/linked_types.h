// Which kernels a binary holds. All of them, unless cmake/ops_from.cmake says for which element types a build's models
// need them (-DTARN_OPS_FROM=model.pb): then lists of kernels name no code for others, and the linker drops it.
//
//   KernelDef{dtype, backend, kernel_is_linked(dtype) ? make : nullptr}
//
// The build says it of each file in ops/, as sets with bit n for TensorFlow's DataType n: TARN_KERNEL_TYPES, by which
// its ops choose kernels, and TARN_NODE_TYPES, all that the attrs of their nodes name. A build with
// TARN_SIGNATURES_ONLY has no kernel at all: its program only asks what ops there are (tools/host).
#pragma once

#include <cstdint>
#include <string_view>

#include "core/dtype.h"

#ifndef TARN_KERNEL_TYPES
#define TARN_KERNEL_TYPES 0xffffffffu
#endif
#ifndef TARN_NODE_TYPES
#define TARN_NODE_TYPES 0xffffffffu
#endif

namespace tarn {

#ifdef TARN_SIGNATURES_ONLY
constexpr bool kHasKernels = false;
#else
constexpr bool kHasKernels = true;
#endif

// Both are another set in each file, so what asks them has internal linkage.
static constexpr bool kernel_is_linked(DType dtype) {
  return dtype == DType::kInvalid || ((uint32_t{TARN_KERNEL_TYPES} >> static_cast<int>(dtype)) & 1) != 0;
}
// For a kernel that serves any type and chooses among loops itself.
static constexpr bool type_is_linked(DType dtype) {
  return ((uint32_t{TARN_NODE_TYPES} >> static_cast<int>(dtype)) & 1) != 0;
}

// The end of a message about an op or a kernel that is not there.
#ifdef TARN_SELECTED_OPS
constexpr std::string_view kLeftOutAdvice =
    "; this engine was built with the ops and types of other models alone: build it with -DTARN_OPS_FROM naming this "
    "one too";
#else
constexpr std::string_view kLeftOutAdvice = "";
#endif

}  // namespace tarn
