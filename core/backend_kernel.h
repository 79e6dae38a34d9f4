// BackendKernel: a kernel of an op that another library has, beside those of the op's own file. Sessions link such a
// library; an app does not.
//
//   const BackendKernelFile dnnl_matmul = …;   // ops/dnnl/matmul.cc, one op family a file
//   for (const BackendKernelFile* file : dnnl_files) …
//
// prepare() of such a kernel declines with Unimplemented what the library has no good code for: the next backend's
// kernel runs that node then.
#pragma once

#include <span>
#include <string_view>

#include "core/kernel.h"

namespace tarn {

struct BackendKernel {
  std::string_view op;
  KernelDef def;
  // Whether it was measured to be faster than the portable kernel on these shapes; asked before prepare(). Null: never.
  bool (*is_faster)(const PrepareContext&) = nullptr;
};

template <class K>
constexpr KernelDef dnnl_kernel(DType dtype) {
  return {dtype, Backend::kDnnl, []() -> std::unique_ptr<Kernel> { return std::make_unique<K>(); }};
}

using BackendKernelFile = std::span<const BackendKernel>;

// The kernels of ops/dnnl: generated, empty where Tarn is built without oneDNN.
extern const std::span<const BackendKernelFile* const> dnnl_files;

}  // namespace tarn
