// Maximum and Minimum.
#include "core/op.h"
#include "ops/arithmetic.h"
#include "ops/gradients.h"

namespace tarn {
namespace {

template <class T>
struct MaximumOf {
  T operator()(T x, T y) const { return x > y || x != x ? x : y; }  // NaN wins on either side
};

template <class T>
struct MinimumOf {
  T operator()(T x, T y) const { return x < y || x != x ? x : y; }
};

// dx = dz where x was chosen, dy = dz elsewhere. Where both are equal, x counts as chosen, as in TensorFlow.
Status choice_gradient(GradContext& c, std::string_view chose_x) {
  Wire mask = c.op(chose_x, {c.input(0), c.input(1)});
  Wire zeros = c.op("ZerosLike", {c.grad()});
  set_broadcast_gradients(c, c.op("Select", {mask, c.grad(), zeros}), c.op("Select", {mask, zeros, c.grad()}));
  return {};
}

Status maximum_gradient(GradContext& c) {
  return choice_gradient(c, "GreaterEqual");
}

Status minimum_gradient(GradContext& c) {
  return choice_gradient(c, "LessEqual");
}

constexpr std::string_view kMaximumDoc = R"(The larger of x and y, element by element, with broadcasting; NaN if one is.
  x, y  T, shapes that broadcast   returns  T
  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow math_ops Maximum.)";
constexpr std::string_view kMinimumDoc =
    R"(The smaller of x and y, element by element, with broadcasting; NaN if one is.
  x, y  T, shapes that broadcast   returns  T
  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow math_ops Minimum.)";

}  // namespace

extern const OpDef op_Maximum, op_Minimum;
const OpDef op_Maximum = {
    .name = "Maximum",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs = "T: {bfloat16, half, float, double, int8, uint8, int16, uint16, int32, uint32, int64, uint64}",
    .traits = kCommutative,
    .infer = infer_broadcast,
    .kernels = kArithmeticKernels<kernels::Arithmetic::kMaximum, MaximumOf, double, Half, BFloat16, int32_t, int64_t,
                                  uint8_t, int8_t, int16_t, uint16_t, uint32_t, uint64_t>,
};
const OpDef op_Minimum = {
    .name = "Minimum",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs = "T: {bfloat16, half, float, double, int8, uint8, int16, uint16, int32, uint32, int64, uint64}",
    .traits = kCommutative,
    .infer = infer_broadcast,
    .kernels = kArithmeticKernels<kernels::Arithmetic::kMinimum, MinimumOf, double, Half, BFloat16, int32_t, int64_t,
                                  uint8_t, int8_t, int16_t, uint16_t, uint32_t, uint64_t>,
};

TARN_OP_FILE(maximum, {&op_Maximum, kMaximumDoc, maximum_gradient}, {&op_Minimum, kMinimumDoc, minimum_gradient})

}  // namespace tarn
