// Max and Min over dims, and the boolean All and Any.
#include <limits>

#include "core/op.h"
#include "ops/reduction.h"

namespace tarn {
namespace {

// NaN wins, as in Maximum. Of nothing: the value that any other beats.
template <class T>
struct MaxOf {
  using Acc = T;
  using Limits = std::numeric_limits<T>;
  static T start() { return Limits::has_infinity ? -Limits::infinity() : Limits::lowest(); }
  static T step(T acc, T x) { return x > acc || x != x ? x : acc; }
  static T merge(T a, T b) { return step(a, b); }
  static T finish(T acc, int64_t) { return acc; }
};

template <class T>
struct MinOf {
  using Acc = T;
  using Limits = std::numeric_limits<T>;
  static T start() { return Limits::has_infinity ? Limits::infinity() : Limits::max(); }
  static T step(T acc, T x) { return x < acc || x != x ? x : acc; }
  static T merge(T a, T b) { return step(a, b); }
  static T finish(T acc, int64_t) { return acc; }
};

struct AllOf {
  using Acc = bool;
  static bool start() { return true; }
  static bool step(bool acc, bool x) { return acc & x; }
  static bool merge(bool a, bool b) { return a & b; }
  static bool finish(bool acc, int64_t) { return acc; }
};

struct AnyOf {
  using Acc = bool;
  static bool start() { return false; }
  static bool step(bool acc, bool x) { return acc | x; }
  static bool merge(bool a, bool b) { return a | b; }
  static bool finish(bool acc, int64_t) { return acc; }
};

constexpr KernelDef kAllKernels[] = {portable_kernel<ReductionKernel<bool, bool, AllOf>>()};
constexpr KernelDef kAnyKernels[] = {portable_kernel<ReductionKernel<bool, bool, AnyOf>>()};

// Elements equal to the extreme share its gradient evenly, as in TensorFlow.
Status extreme_gradient(GradContext& c, std::string_view op) {
  Wire x = c.input(0), axes = c.input(1);
  // mask = (x == y)
  Wire y = broadcastable_to_input(c, c.output(0), op);
  Wire mask = c.op("Cast", {c.op("Equal", {x, y})}, {{"DstT", c.fact(x).dtype}});
  // dx = mask / sum(mask) * dy
  Wire share = c.op("RealDiv", {mask, c.op("Sum", {mask, axes}, {{"keep_dims", true}})});
  c.set_grad(0, c.op("Mul", {share, broadcastable_to_input(c, c.grad(), op)}));
  return {};
}

Status max_gradient(GradContext& c) {
  return extreme_gradient(c, "Max");
}

Status min_gradient(GradContext& c) {
  return extreme_gradient(c, "Min");
}

constexpr std::string_view kMaxDoc = R"(The largest element over the given dims; NaN if there is one.
  input  T[...]   reduction_indices  the dims, a scalar or vector; negative ones count from the end
  returns  T without those dims, or with size 1 for them if keep_dims. Of nothing: -infinity or the smallest integer.
  Errors: InvalidArgument if a dim does not exist or is named twice.  Source: TensorFlow math_ops Max.)";
constexpr std::string_view kMinDoc = R"(The smallest element over the given dims; NaN if there is one.
  input  T[...]   reduction_indices  the dims, a scalar or vector; negative ones count from the end
  returns  T without those dims, or with size 1 for them if keep_dims. Of nothing: infinity or the largest integer.
  Errors: InvalidArgument if a dim does not exist or is named twice.  Source: TensorFlow math_ops Min.)";
constexpr std::string_view kAllDoc = R"(Whether all elements over the given dims are true.
  input  bool[...]   reduction_indices  the dims, a scalar or vector; negative ones count from the end
  returns  bool without those dims, or with size 1 for them if keep_dims. Of nothing: true.
  Errors: InvalidArgument if a dim does not exist or is named twice.  Source: TensorFlow math_ops All.)";
constexpr std::string_view kAnyDoc = R"(Whether an element over the given dims is true.
  input  bool[...]   reduction_indices  the dims, a scalar or vector; negative ones count from the end
  returns  bool without those dims, or with size 1 for them if keep_dims. Of nothing: false.
  Errors: InvalidArgument if a dim does not exist or is named twice.  Source: TensorFlow math_ops Any.)";

}  // namespace

extern const OpDef op_Max, op_Min, op_All, op_Any;
const OpDef op_Max = {
    .name = "Max",
    .inputs = "input: T, reduction_indices: Tidx",
    .outputs = "output: T",
    .attrs =
        "keep_dims: bool = false; T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, "
        "uint32, uint64, qint8, quint8, qint32, qint16, quint16}; Tidx: {int32, int64} = int32",
    .infer = infer_reduction,
    .kernels = kReductionKernels<MaxOf, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                                 uint16_t, uint32_t, uint64_t>,
};
const OpDef op_Min = {
    .name = "Min",
    .inputs = "input: T, reduction_indices: Tidx",
    .outputs = "output: T",
    .attrs =
        "keep_dims: bool = false; T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, "
        "uint32, uint64, qint8, quint8, qint32, qint16, quint16}; Tidx: {int32, int64} = int32",
    .infer = infer_reduction,
    .kernels = kReductionKernels<MinOf, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                                 uint16_t, uint32_t, uint64_t>,
};
const OpDef op_All = {
    .name = "All",
    .inputs = "input: bool, reduction_indices: Tidx",
    .outputs = "output: bool",
    .attrs = "keep_dims: bool = false; Tidx: {int32, int64} = int32",
    .infer = infer_reduction,
    .kernels = kAllKernels,
};
const OpDef op_Any = {
    .name = "Any",
    .inputs = "input: bool, reduction_indices: Tidx",
    .outputs = "output: bool",
    .attrs = "keep_dims: bool = false; Tidx: {int32, int64} = int32",
    .infer = infer_reduction,
    .kernels = kAnyKernels,
};

TARN_OP_FILE(max, {&op_Max, kMaxDoc, max_gradient}, {&op_Min, kMinDoc, min_gradient},
             {&op_All, kAllDoc, nullptr, "the output is boolean"}, {&op_Any, kAnyDoc, nullptr, "the output is boolean"})

}  // namespace tarn
