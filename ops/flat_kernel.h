// Elementwise ops whose floats and doubles are computed many at a time by a kernel of ops/kernels; half and bfloat16
// one by one.
//
//   .kernels = kFlatKernels<kernels::sigmoid<float>, kernels::sigmoid<double>, SigmoidOf>
#pragma once

#include "ops/elementwise.h"
#include "ops/kernels/isa.h"

namespace tarn {

// `kFunction`: (pool, n, x, y, isa), where y may be x.
template <class T, auto kFunction>
class FlatKernel : public Kernel {
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
};

// `F` computes one element.
template <auto kOfFloats, auto kOfDoubles, template <class> class F>
static constexpr KernelDef kFlatKernels[] = {
    portable_kernel<FlatKernel<float, kOfFloats>>(DType::kFloat),
    portable_kernel<FlatKernel<double, kOfDoubles>>(DType::kDouble),
    portable_kernel<UnaryKernel<Half, Half, ElementFunctor<F, Half>>>(DType::kHalf),
    portable_kernel<UnaryKernel<BFloat16, BFloat16, ElementFunctor<F, BFloat16>>>(DType::kBFloat16)};

}  // namespace tarn
