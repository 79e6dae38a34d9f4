// ApplyAdagrad.
#include <cmath>

#include "ops/apply.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

constexpr std::string_view kNames[] = {"var", "accum", "lr", "grad"};
constexpr ApplyInputs kInputs{.refs = 2, .grad = 3, .names = kNames};

Status infer(InferContext& c) {
  return infer_apply(c, kInputs);
}

template <class T>
class AdagradKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    update_slots_ = c.attr<bool>("update_slots");
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_RETURN_IF_ERROR(judge_apply(c, kInputs));
    const T learning_rate = c.input(2).item<T>();
    const TensorView& gradient = c.input(3);
    const T* grad = gradient.as<T>();
    T *accum = variable_data<T>(c, 1), *var = variable_data<T>(c, 0);
    c.threads().parallel_for(gradient.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        if (update_slots_) accum[i] += grad[i] * grad[i];
        var[i] -= learning_rate * grad[i] / std::sqrt(accum[i]);
      }
    });
    c.set_variable(0, c.variable(0));
    return {};
  }

 private:
  bool update_slots_ = true;
};

constexpr KernelDef kKernels[] = {
    portable_kernel<AdagradKernel<float>>(DType::kFloat),
    portable_kernel<AdagradKernel<double>>(DType::kDouble),
};

constexpr std::string_view kDoc = R"(A step of Adagrad.
  var, accum  variables T[...] of one shape   lr  T, a scalar   grad  T[...], var's shape   returns  the variable var
  accum += grad^2, unless update_slots is false;  var -= lr * grad / sqrt(accum).
  Errors: InvalidArgument if shapes differ; FailedPrecondition if a variable has no value.
  Source: TensorFlow training_ops ApplyAdagrad; Duchi, Hazan and Singer 2011.)";

}  // namespace

extern const OpDef op_ApplyAdagrad;
const OpDef op_ApplyAdagrad = {
    .name = "ApplyAdagrad",
    .inputs = "var: Ref(T), accum: Ref(T), lr: T, grad: T",
    .outputs = "out: Ref(T)",
    .attrs =
        "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, qint16, "
        "quint16, uint16, complex128, half, uint32, uint64}; use_locking: bool = false; update_slots: bool = true",
    .traits = kStateful | kWritesRef,
    .infer = infer,
    .kernels = kKernels,
};

TARN_OP_FILE(apply_adagrad, {&op_ApplyAdagrad, kDoc, nullptr, "it changes variables"})

}  // namespace tarn
