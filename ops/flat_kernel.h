// Elementwise ops whose floats and doubles are computed many at a time by a kernel of ops/kernels; half and bfloat16
// one by one.
//
//   .kernels = kFlatKernels<kernels::sigmoid<float>, kernels::sigmoid<double>, SigmoidOf>
#pragma once

#include "core/element_kernel.h"
#include "core/linked_parts.h"
#include "ops/elementwise.h"
#include "ops/kernels/isa.h"

namespace tarn {

// `kFunction`: (pool, n, x, y, isa), where y may be x.
template <class T, auto kFunction>
class FlatKernel : public Kernel, public ElementKernel {
 public:
  Status prepare(PrepareContext& c) override {
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    kFunction(c.threads(), x.count, x.as<T>(), y.as<T>(), kernels::best_isa());
    return {};
  }
  const ElementKernel* by_elements() const override {
    return kHasStreaming && std::is_same_v<T, float> ? this : nullptr;
  }
  void run_elements(std::span<const ElementInput> inputs, float* y, int64_t n, ThreadPool& serial) const override {
    if constexpr (std::is_same_v<T, float>) kFunction(serial, n, inputs[0].x, y, kernels::best_isa());
  }
};

// `F` computes one element.
template <auto kOfFloats, auto kOfDoubles, template <class> class F>
static constexpr KernelDef kFlatKernels[] = {
    portable_kernel<FlatKernel<float, kOfFloats>>(DType::kFloat),
    portable_kernel<FlatKernel<double, kOfDoubles>>(DType::kDouble),
    portable_kernel<UnaryKernel<Half, Half, ElementFunctor<F, Half>>>(DType::kHalf),
    portable_kernel<UnaryKernel<BFloat16, BFloat16, ElementFunctor<F, BFloat16>>>(DType::kBFloat16)};

}  // namespace tarn
