// Relu, Relu6 and their gradients: floats by the SIMD kernels, other types one by one.
#pragma once

#include "core/element_kernel.h"
#include "core/linked_parts.h"
#include "ops/elementwise.h"
#include "ops/kernels/elementwise.h"
#include "ops/window.h"

namespace tarn {

template <class T, kernels::Activation kActivation>
class ActivationKernel : public Kernel, public RowKernel, public ElementKernel {
 public:
  Status prepare(PrepareContext& c) override {
    c.may_reuse(0, 0);
    rows_ = tarn::row_window(c.input(0).shape, sizeof(T));
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    kernels::activate<T>(c.threads(), kActivation, x.count, x.as<T>(), y.as<T>());
    return {};
  }
  RowKernel* by_rows() override { return kHasStreaming && rows_.images > 0 ? this : nullptr; }
  const RowWindow& row_window() const override { return rows_; }
  size_t row_scratch_bytes(int64_t) const override { return 0; }
  void run_rows(const RowBand& band) const override {
    const int64_t count = band.rows * static_cast<int64_t>(rows_.out_row_bytes / sizeof(T));
    kernels::activate<T>(band.pool, kActivation, count, static_cast<const T*>(band.x), static_cast<T*>(band.y));
  }
  const ElementKernel* by_elements() const override {
    return kHasStreaming && std::is_same_v<T, float> ? this : nullptr;
  }
  void run_elements(std::span<const ElementInput> inputs, float* y, int64_t n, ThreadPool& serial) const override {
    if constexpr (std::is_same_v<T, float>) kernels::activate<float>(serial, kActivation, n, inputs[0].x, y);
  }

 private:
  RowWindow rows_;
};

// (gradients, features of the same shape)
template <class T, kernels::Activation kActivation>
class ActivationGradKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    c.may_reuse(0, 0);
    c.may_reuse(1, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &gradients = c.input(0), &features = c.input(1);
    if (!(*gradients.shape == *features.shape))
      return invalid_argument("gradients are ", *gradients.shape, ", features ", *features.shape);
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *gradients.shape));
    kernels::activate_grad<T>(c.threads(), kActivation, y.count, gradients.as<T>(), features.as<T>(), y.as<T>());
    return {};
  }
};

// `F` computes one element of the types `Ts`.
template <kernels::Activation kActivation, template <class> class F, class... Ts>
static constexpr KernelDef kActivationKernels[] = {
    portable_kernel<ActivationKernel<float, kActivation>>(DType::kFloat),
    portable_kernel<ActivationKernel<double, kActivation>>(DType::kDouble),
    portable_kernel<UnaryKernel<Ts, Ts, ElementFunctor<F, Ts>>>(dtype_of<Ts>())...};
template <kernels::Activation kActivation, template <class> class F, class... Ts>
static constexpr KernelDef kActivationGradKernels[] = {
    portable_kernel<ActivationGradKernel<float, kActivation>>(DType::kFloat),
    portable_kernel<ActivationGradKernel<double, kActivation>>(DType::kDouble),
    portable_kernel<BinaryKernel<Ts, Ts, ElementFunctor<F, Ts>>>(dtype_of<Ts>())...};

}  // namespace tarn
