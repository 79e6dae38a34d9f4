// Sum, Mean and Prod.
#include <limits>

#include "core/op.h"
#include "ops/gradients.h"
#include "ops/reduction.h"

namespace tarn {
namespace {

template <class T>
struct MeanOf : SumOf<T> {
  using Acc = SumAccumulator<T>;
  // Of nothing: NaN, as TensorFlow gives; integers have none and get 0.
  static T finish(Acc acc, int64_t count) {
    if constexpr (std::is_integral_v<T>) {
      using Wide = std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>;
      return count == 0 ? T(0) : static_cast<T>(static_cast<Wide>(acc) / static_cast<Wide>(count));
    } else {
      return count == 0 ? std::numeric_limits<T>::quiet_NaN() : static_cast<T>(acc / static_cast<double>(count));
    }
  }
};

template <class T>
struct ProductOf {
  using Acc = SumAccumulator<T>;
  static Acc start() { return 1; }
  static Acc step(Acc acc, T x) { return acc * static_cast<Acc>(x); }
  static Acc merge(Acc a, Acc b) { return a * b; }
  static T finish(Acc acc, int64_t) { return static_cast<T>(acc); }
};

Status sum_gradient(GradContext& c) {
  // dx = dy, repeated along the reduced dims
  Wire dy = broadcastable_to_input(c, c.grad(), "Sum");
  c.set_grad(0, c.op("BroadcastTo", {dy, shape_of(c, c.input(0))}));
  return {};
}

// How many elements each mean is over, in the dtype of the gradient.
Wire mean_count(GradContext& c) {
  const Shape& input = c.fact(c.input(0)).shape;
  std::optional<std::vector<int64_t>> axes = constant_ints(c, c.input(1));
  bool marks[kMaxRank];
  if (axes && input.has_rank() &&
      mark_axes(input.rank(), *axes, std::span<bool>(marks, static_cast<size_t>(input.rank()))).ok()) {
    double count = 1;
    bool known = true;
    for (int i = 0; i < input.rank(); ++i) {
      if (!marks[i]) continue;
      known = known && input.dim(i) != kUnknownDim;
      count *= static_cast<double>(input.dim(i));
    }
    if (known) return c.scalar(count, c.grad());
  }
  // Size(x) / Size(y); no element, no matter what it is divided by
  Wire one = c.constant(Tensor::scalar<int32_t>(1));
  Wire outputs = c.op("Maximum", {c.op("Size", {c.output(0)}), one});
  Wire count = c.op("FloorDiv", {c.op("Size", {c.input(0)}), outputs});
  return c.op("Cast", {count}, {{"DstT", c.fact(c.grad()).dtype}});
}

Status mean_gradient(GradContext& c) {
  // dx = dy / count, repeated along the reduced dims
  Wire dy = broadcastable_to_input(c, c.op("RealDiv", {c.grad(), mean_count(c)}), "Mean");
  c.set_grad(0, c.op("BroadcastTo", {dy, shape_of(c, c.input(0))}));
  return {};
}

Status product_gradient(GradContext& c) {
  // dx = dy * (product of the other elements). With p the product of all that are not 0, and z how many are 0:
  //   x != 0:  p / x where z = 0, else 0          x = 0:  p where z = 1, else 0
  Wire x = c.input(0), axes = c.input(1);
  Wire zero = c.scalar(0, x);
  Wire is_zero = c.op("Equal", {x, zero});
  Wire safe = c.op("SelectV2", {is_zero, c.scalar(1, x), x});
  Wire p = c.op("Prod", {safe, axes}, {{"keep_dims", true}});
  Wire ones = c.op("Cast", {is_zero}, {{"DstT", c.fact(x).dtype}});
  Wire z = c.op("Sum", {ones, axes}, {{"keep_dims", true}});
  // The zeros among the others: z less one where x itself is 0
  Wire others_zero = c.op("Greater", {c.op("Sub", {z, ones}), zero});
  Wire others = c.op("SelectV2", {others_zero, zero, c.op("RealDiv", {p, safe})});
  c.set_grad(0, c.op("Mul", {broadcastable_to_input(c, c.grad(), "Prod"), others}));
  return {};
}

constexpr std::string_view kSumDoc = R"(The sum over the given dims.
  input  T[...]   reduction_indices  the dims, a scalar or vector; negative ones count from the end
  returns  T without those dims, or with size 1 for them if keep_dims. Sums of nothing are 0; integers wrap around.
  Errors: InvalidArgument if a dim does not exist or is named twice.  Source: TensorFlow math_ops Sum.)";
constexpr std::string_view kMeanDoc = R"(The mean over the given dims.
  input  T[...]   reduction_indices  the dims, a scalar or vector; negative ones count from the end
  returns  T without those dims, or with size 1 for them if keep_dims. Means of nothing are NaN (integers: 0); integer
  means are cut towards zero.
  Errors: InvalidArgument if a dim does not exist or is named twice.  Source: TensorFlow math_ops Mean.)";
constexpr std::string_view kProdDoc = R"(The product over the given dims.
  input  T[...]   reduction_indices  the dims, a scalar or vector; negative ones count from the end
  returns  T without those dims, or with size 1 for them if keep_dims. Products of nothing are 1; integers wrap around.
  Errors: InvalidArgument if a dim does not exist or is named twice.  Source: TensorFlow math_ops Prod.)";

}  // namespace

extern const OpDef op_Sum, op_Mean, op_Prod;
const OpDef op_Sum = {
    .name = "Sum",
    .inputs = "input: T, reduction_indices: Tidx",
    .outputs = "output: T",
    .attrs =
        "keep_dims: bool = false; T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, "
        "qint32, bfloat16, qint16, quint16, uint16, complex128, half, uint32, uint64}; "
        "Tidx: {int32, int64} = int32",
    .infer = infer_reduction,
    .kernels = kReductionKernels<SumOf, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                                 uint16_t, uint32_t, uint64_t>,
};
const OpDef op_Mean = {
    .name = "Mean",
    .inputs = "input: T, reduction_indices: Tidx",
    .outputs = "output: T",
    .attrs =
        "keep_dims: bool = false; T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, "
        "qint32, bfloat16, qint16, quint16, uint16, complex128, half, uint32, uint64}; "
        "Tidx: {int32, int64} = int32",
    .infer = infer_reduction,
    .kernels = kReductionKernels<MeanOf, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                                 uint16_t, uint32_t, uint64_t>,
};
const OpDef op_Prod = {
    .name = "Prod",
    .inputs = "input: T, reduction_indices: Tidx",
    .outputs = "output: T",
    .attrs =
        "keep_dims: bool = false; T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, "
        "qint32, bfloat16, qint16, quint16, uint16, complex128, half, uint32, uint64}; "
        "Tidx: {int32, int64} = int32",
    .infer = infer_reduction,
    .kernels = kReductionKernels<ProductOf, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                                 uint16_t, uint32_t, uint64_t>,
};

TARN_OP_FILE(sum, {&op_Sum, kSumDoc, sum_gradient}, {&op_Mean, kMeanDoc, mean_gradient},
             {&op_Prod, kProdDoc, product_gradient})

}  // namespace tarn
