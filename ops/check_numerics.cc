// CheckNumerics and Assert: ops that fail a run.
#include <cmath>

#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/support/array.h"
#include "ops/support/summarize.h"

namespace tarn {
namespace {

template <class T>
class CheckNumericsKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    message_ = c.attr<std::string>("message");
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    const T* in = x.as<T>();
    int64_t bad = 0;
    while (bad < x.count && std::isfinite(in[bad])) ++bad;
    if (bad < x.count) {
      return invalid_argument(message_, " : Tensor had ", std::isnan(in[bad]) ? "NaN" : "Inf",
                              " values (first at element ", bad, " of ", x.count, ")");
    }
    if (y.data != x.data) copy_elements(x.dtype, y.data, x.data, x.count);
    return {};
  }

 private:
  std::string message_;
};

Status infer_assert(InferContext& c) {
  return c.expect_rank(0, 0, "condition");
}

class AssertKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    summarize_ = c.attr<int64_t>("summarize");
    return {};
  }
  Status run(RunContext& c) const override {
    if (c.input(0).count != 1) {
      return invalid_argument("input 'condition' must be a scalar, has shape ", c.input(0).shape->to_string());
    }
    if (c.input(0).item<bool>()) return {};
    std::string message = "assertion failed:";
    constexpr int64_t kMost = 1000;  // a message, not a dump
    for (int i = 1; i < c.input_count(); ++i) {
      const TensorView& x = c.input(i);
      bool is_long = (summarize_ < 0 || summarize_ > kMost) && x.count > kMost;
      str_append(message, " [", summarize_value(x, is_long ? kMost : summarize_), "]");
    }
    return invalid_argument(message);
  }

 private:
  int64_t summarize_ = 3;
};

constexpr KernelDef kAssertKernels[] = {portable_kernel<AssertKernel>()};

Status check_numerics_gradient(GradContext& c) {
  AttrMap attrs{{"message", "Not a number (NaN) or infinity (Inf) values detected in gradient."}};
  c.set_grad(0, c.op("CheckNumerics", {c.grad()}, attrs));
  return {};
}

constexpr std::string_view kCheckDoc = R"(Passes a tensor on, or fails the run if it holds NaN or infinity.
  tensor  T[...]   returns  T[...]
  Errors: InvalidArgument "<message> : Tensor had NaN values".   Source: TensorFlow array_ops CheckNumerics.)";
constexpr std::string_view kAssertDoc = R"(Fails the run unless `condition` is true.
  condition  bool   data  tensors to show in the message, `summarize` elements of each (-1: all)
  Errors: InvalidArgument "assertion failed: <data>".   Source: TensorFlow logging_ops Assert.)";

}  // namespace

extern const OpDef op_CheckNumerics, op_Assert;
const OpDef op_CheckNumerics = {
    .name = "CheckNumerics",
    .inputs = "tensor: T",
    .outputs = "output: T",
    .attrs = "T: {bfloat16, half, float, double}; message: string",
    .infer = infer_unchanged,
    .kernels = kFloatingKernels<CheckNumericsKernel>,
};
const OpDef op_Assert = {
    .name = "Assert",
    .inputs = "condition: bool, data: T",
    .attrs = "T: list(type) >= 1; summarize: int = 3",
    .traits = kStateful,
    .infer = infer_assert,
    .kernels = kAssertKernels,
};

TARN_OP_FILE(check_numerics, {&op_CheckNumerics, kCheckDoc, check_numerics_gradient},
             {&op_Assert, kAssertDoc, nullptr, "it has no outputs"})

}  // namespace tarn
