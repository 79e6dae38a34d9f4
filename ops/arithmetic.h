// Binary ops whose floats are computed many at a time (ops/kernels/arithmetic.h), other types one by one.
//
//   .kernels = kArithmeticKernels<kernels::Arithmetic::kAdd, AddOf, double, Half, int32_t>
#pragma once

#include "core/element_kernel.h"
#include "core/linked_parts.h"
#include "ops/elementwise.h"
#include "ops/kernels/arithmetic.h"

namespace tarn {

template <kernels::Arithmetic kOp>
class ArithmeticKernel : public Kernel, public ElementKernel {
 public:
  Status prepare(PrepareContext& c) override {
    prepare_binary(c, true);
    return {};
  }
  Status run(RunContext& c) const override { return run_binary(c, sizeof(float), sizeof(float), loop); }
  const ElementKernel* by_elements() const override { return kHasStreaming ? this : nullptr; }
  void run_elements(std::span<const ElementInput> inputs, float* y, int64_t n, ThreadPool&) const override {
    kernels::arithmetic<kOp>(inputs[0].x, inputs[0].step, inputs[1].x, inputs[1].step, y, n);
  }

 private:
  static void loop(const void* a, const void* b, void* y, int64_t a_step, int64_t b_step, int64_t n) {
    kernels::arithmetic<kOp>(static_cast<const float*>(a), a_step, static_cast<const float*>(b), b_step,
                             static_cast<float*>(y), n);
  }
};

// `F` computes one element of the types `Ts`.
template <kernels::Arithmetic kOp, template <class> class F, class... Ts>
static constexpr KernelDef kArithmeticKernels[] = {
    portable_kernel<ArithmeticKernel<kOp>>(DType::kFloat),
    portable_kernel<BinaryKernel<Ts, Ts, ElementFunctor<F, Ts>>>(dtype_of<Ts>())...};

}  // namespace tarn
