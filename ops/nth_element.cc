// NthElement.
#include <algorithm>

#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

Status judge(const Shape& input, int64_t n) {
  if (input.has_rank() && input.rank() < 1) return invalid_argument("input must have rank 1 or more, is a scalar");
  if (n < 0 && n != kUnknownDim) return invalid_argument("n must be >= 0, is ", n);
  if (!input.has_rank() || n == kUnknownDim || input.dim(-1) == kUnknownDim || n < input.dim(-1)) return {};
  return invalid_argument("n = ", n, " must be below the last dim of input ", input.to_string());
}

Shape without_last(const Shape& shape) {
  if (!shape.has_rank()) return shape;
  return Shape(shape.dims().first(static_cast<size_t>(shape.rank() - 1)));
}

Status infer_nth(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 0, "n"));
  int64_t n = kUnknownDim;
  if (std::optional<IntList> known = IntList::known(c, 1)) {
    n = (*known)[0];
    if (n < 0) return invalid_argument("n must be >= 0, is ", n);
  }
  TARN_RETURN_IF_ERROR(judge(c.shape(0), n));
  return c.set_output(0, without_last(c.shape(0)));
}

template <class T>
class NthElementKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    reverse_ = c.attr<bool>("reverse");
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(int64_t n, single_int(IntList::of(c.input(1)), "n"));
    if (n < 0) return invalid_argument("n must be >= 0, is ", n);
    TARN_RETURN_IF_ERROR(judge(*x.shape, n));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, without_last(*x.shape)));
    if (y.count == 0) return {};
    int64_t columns = x.shape->dim(-1);
    std::vector<T> row(static_cast<size_t>(columns));
    for (int64_t i = 0; i < y.count; ++i) {
      std::copy_n(x.as<T>() + i * columns, columns, row.begin());
      auto nth = row.begin() + (reverse_ ? columns - 1 - n : n);
      std::nth_element(row.begin(), nth, row.end(), comes_first);
      y.as<T>()[i] = *nth;
    }
    return {};
  }

 private:
  // A strict order also where there are NaN, which come last.
  static bool comes_first(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      if (a != a || b != b) return a == a && b != b;
    }
    return a < b;
  }

  bool reverse_ = false;
};

Status nth_gradient(GradContext& c) {
  // dx = dy / k at each of the k elements that are y, as in TensorFlow
  Wire axis = int_scalar(c, -1);
  Wire y = c.op("ExpandDims", {c.output(0), axis}), dy = c.op("ExpandDims", {c.grad(), axis});
  Wire chosen = c.op("Cast", {c.op("Equal", {y, c.input(0)})}, {{"DstT", c.attr<DType>("T")}});
  Wire count = c.op("Sum", {chosen, axis}, {{"keep_dims", true}});
  c.set_grad(0, c.op("Mul", {c.op("RealDiv", {chosen, count}), dy}));
  return {};
}

constexpr std::string_view kDoc = R"(The n-th smallest element of each row; n = 0 is the smallest.
  input  T[..., C]   n  int32, a scalar in [0, C)   returns  T[...]; reverse: the n-th largest
  NaN counts as larger than all numbers.
  Errors: InvalidArgument if n is out of range.   Source: TensorFlow nn_ops NthElement.)";

}  // namespace

extern const OpDef op_NthElement;
const OpDef op_NthElement = {
    .name = "NthElement",
    .inputs = "input: T, n: int32",
    .outputs = "values: T",
    .attrs =
        "reverse: bool = false; "
        "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64}",
    .infer = infer_nth,
    .kernels = kKernelsFor<NthElementKernel, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                           uint16_t, uint32_t, uint64_t>,
};

TARN_OP_FILE(nth_element, {&op_NthElement, kDoc, nth_gradient})

}  // namespace tarn
