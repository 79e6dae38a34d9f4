// Kernels that serve more than they were written for: float kernels run half and bfloat16, kernels for images with the
// channels last run NCHW and NCDHW.
//
//   constexpr Layout kLayout{.inputs = {Operand::kImage}, .outputs = {Operand::kImage}};
//   constexpr KernelDef kKernels[] = {adapted_kernel<PoolKernel<float>, DType::kFloat, kLayout>(),
//                                     adapted_kernel<PoolKernel<float>, DType::kHalf, kLayout>()};
//
// Where dtype and data_format are the kernel's own it runs as it is. Otherwise inputs are converted to memory of the
// heap and outputs back: each run costs a pass over them, which is little beside a convolution. Half and bfloat16 are
// rounded once, at the end.
#pragma once

#include <memory>

#include "core/kernel.h"
#include "ops/support/half.h"

namespace tarn {

enum class Operand : uint8_t {
  kPlain,  // has no channels, or has them where they are in every format
  kImage,  // [N, C, ...] or [N, ..., C], as attr data_format says
  kSizes,  // an integer vector that holds an image's dims
};

struct Layout {
  static constexpr int kMostOperands = 8;
  Operand inputs[kMostOperands] = {};
  Operand outputs[kMostOperands] = {};
};

// `dtype` is the one that the node has: for half and bfloat16 `kernel` is one for float.
std::unique_ptr<Kernel> adapt(std::unique_ptr<Kernel> kernel, DType dtype, const Layout& layout);

template <class K, DType dtype, Layout layout = Layout{}>
static constexpr KernelDef adapted_kernel() {
  KernelDef def{dtype, Backend::kPortable, nullptr};
  if constexpr (kHasKernels && kernel_is_linked(dtype)) {
    def.make = []() -> std::unique_ptr<Kernel> { return adapt(std::make_unique<K>(), dtype, layout); };
  }
  return def;
}

// K<T>, through float for half and bfloat16. `static`, here and in the lists of other headers: what is given to them
// are templates of unnamed namespaces, which GCC 12 overlooks, and lists over equal names in two files would be one.
template <template <class> class K, class T>
static constexpr KernelDef kernel_for() {
  if constexpr (kIsNarrow<T>) {
    return adapted_kernel<K<float>, dtype_of<T>()>();
  } else {
    return portable_kernel<K<T>>(dtype_of<T>());
  }
}
template <template <class> class K, class... Ts>
static constexpr KernelDef kKernelsFor[] = {kernel_for<K, Ts>()...};

// The four floating dtypes of a kernel that is written for float and double.
template <template <class> class K, Layout layout = Layout{}>
static constexpr KernelDef kFloatingKernels[] = {
    adapted_kernel<K<float>, DType::kFloat, layout>(),
    adapted_kernel<K<double>, DType::kDouble, layout>(),
    adapted_kernel<K<float>, DType::kHalf, layout>(),
    adapted_kernel<K<float>, DType::kBFloat16, layout>(),
};

}  // namespace tarn
