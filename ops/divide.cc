// Div, RealDiv, FloorDiv, FloorMod, TruncateDiv, TruncateMod and Mod.
#include <cmath>

#include "core/op.h"
#include "ops/arithmetic.h"
#include "ops/gradients.h"

namespace tarn {
namespace {

// Integer x / y, x % y for y != 0. The quotient of the smallest number and -1 wraps, as its negation does.
template <class T>
T quotient(T x, T y) {
  if constexpr (std::is_signed_v<T>) {
    if (y == T(-1)) return wrap_subtract(T(0), x);
  }
  return static_cast<T>(x / y);
}
template <class T>
T remainder(T x, T y) {
  if constexpr (std::is_signed_v<T>) {
    if (y == T(-1)) return T(0);
  }
  return static_cast<T>(x % y);
}

// x / y, rounded to T: of half and bfloat16 too, whose whole part is taken after that. 2047 / 682.5 is 3 in half.
template <class T>
struct DivideOf {
  T operator()(T x, T y) const {
    if constexpr (std::is_integral_v<T>) {
      return quotient(x, y);
    } else {
      return narrowed<T>(widened(x) / widened(y));
    }
  }
};

template <class T>
struct FloorDivideOf {
  T operator()(T x, T y) const {
    if constexpr (std::is_integral_v<T>) {
      T q = quotient(x, y);
      return remainder(x, y) != T(0) && (x < T(0)) != (y < T(0)) ? static_cast<T>(q - 1) : q;
    } else {
      return narrowed<T>(std::floor(widened(DivideOf<T>()(x, y))));
    }
  }
};

template <class T>
struct FloorModOf {
  T operator()(T x, T y) const {
    Computed<T> rest, divisor = widened(y);
    if constexpr (std::is_integral_v<T>) {
      rest = remainder(x, y);
    } else {
      rest = std::fmod(widened(x), divisor);
    }
    bool is_behind = rest != 0 && (rest < 0) != (divisor < 0);
    return narrowed<T>(is_behind ? static_cast<Computed<T>>(rest + divisor) : rest);
  }
};

// Cut towards zero.
template <class T>
struct TruncateDivideOf {
  T operator()(T x, T y) const {
    if constexpr (std::is_integral_v<T>) {
      return quotient(x, y);
    } else {
      return narrowed<T>(std::trunc(widened(DivideOf<T>()(x, y))));
    }
  }
};

template <class T>
struct TruncateModOf {
  T operator()(T x, T y) const {
    if constexpr (std::is_integral_v<T>) {
      return remainder(x, y);
    } else {
      return narrowed<T>(std::fmod(widened(x), widened(y)));
    }
  }
};

// A binary kernel on integers that refuses a zero in y.
template <class T, template <class> class F>
class IntegerDivisionKernel : public BinaryKernel<T, T, F<T>> {
 public:
  Status run(RunContext& c) const override {
    const TensorView& y = c.input(1);
    std::span<const T> divisors = y.flat<T>();
    auto zero = std::find(divisors.begin(), divisors.end(), T(0));
    if (zero != divisors.end() && c.input(0).count > 0) {
      return invalid_argument("division by zero: y", element_position(*y.shape, zero - divisors.begin()), " is 0");
    }
    return BinaryKernel<T, T, F<T>>::run(c);
  }
};

template <template <class> class F>
constexpr KernelDef kDivisionKernels[] = {
    portable_kernel<BinaryKernel<float, float, F<float>>>(DType::kFloat),
    portable_kernel<BinaryKernel<double, double, F<double>>>(DType::kDouble),
    portable_kernel<IntegerDivisionKernel<int32_t, F>>(DType::kInt32),
    portable_kernel<IntegerDivisionKernel<int64_t, F>>(DType::kInt64),
    portable_kernel<IntegerDivisionKernel<uint8_t, F>>(DType::kUInt8),
    portable_kernel<IntegerDivisionKernel<int8_t, F>>(DType::kInt8),
    portable_kernel<IntegerDivisionKernel<int16_t, F>>(DType::kInt16),
    portable_kernel<IntegerDivisionKernel<uint16_t, F>>(DType::kUInt16),
    portable_kernel<IntegerDivisionKernel<uint32_t, F>>(DType::kUInt32),
    portable_kernel<IntegerDivisionKernel<uint64_t, F>>(DType::kUInt64),
    portable_kernel<BinaryKernel<Half, Half, F<Half>>>(DType::kHalf),
    portable_kernel<BinaryKernel<BFloat16, BFloat16, F<BFloat16>>>(DType::kBFloat16),
};

template <template <class> class F>
constexpr KernelDef kRemainderKernels[] = {
    portable_kernel<BinaryKernel<float, float, F<float>>>(DType::kFloat),
    portable_kernel<BinaryKernel<double, double, F<double>>>(DType::kDouble),
    portable_kernel<BinaryKernel<Half, Half, F<Half>>>(DType::kHalf),
    portable_kernel<BinaryKernel<BFloat16, BFloat16, F<BFloat16>>>(DType::kBFloat16),
    portable_kernel<IntegerDivisionKernel<int32_t, F>>(DType::kInt32),
    portable_kernel<IntegerDivisionKernel<int64_t, F>>(DType::kInt64),
};

Status divide_gradient(GradContext& c) {
  Wire x = c.input(0), y = c.input(1);
  // dx = dz / y
  Wire dx = c.op("RealDiv", {c.grad(), y});
  // dy = dz * (-x / y / y)
  Wire dy = c.op("Mul", {c.grad(), c.op("RealDiv", {c.op("RealDiv", {c.op("Neg", {x}), y}), y})});
  set_broadcast_gradients(c, dx, dy);
  return {};
}

Status floor_mod_gradient(GradContext& c) {
  // dx = dz, dy = -dz * floor(x / y)
  Wire floor = c.op("FloorDiv", {c.input(0), c.input(1)});
  set_broadcast_gradients(c, c.grad(), c.op("Neg", {c.op("Mul", {c.grad(), floor})}));
  return {};
}

constexpr std::string_view kDivDoc = R"(x / y, element by element, with broadcasting; integers are cut towards zero.
  x, y  T, shapes that broadcast   returns  T
  Errors: InvalidArgument if the shapes do not broadcast, or an integer of y is 0 (the element is named).
  The smallest integer / -1 wraps around to itself.  Source: TensorFlow math_ops Div.)";
constexpr std::string_view kRealDivDoc = R"(x / y of floating numbers, element by element, with broadcasting.
  x, y  T, shapes that broadcast   returns  T
  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow math_ops RealDiv.)";
constexpr std::string_view kFloorDivDoc = R"(floor(x / y), element by element, with broadcasting.
  x, y  T, shapes that broadcast   returns  T
  Errors: InvalidArgument if the shapes do not broadcast, or an integer of y is 0 (the element is named).
  The smallest integer / -1 wraps around to itself.  Source: TensorFlow math_ops FloorDiv.)";
constexpr std::string_view kFloorModDoc =
    R"(x - floor(x / y) * y, element by element, with broadcasting: y's sign, or 0.
  x, y  T, shapes that broadcast   returns  T
  Errors: InvalidArgument if the shapes do not broadcast, or an integer of y is 0 (the element is named).
  Source: TensorFlow math_ops FloorMod.)";

constexpr std::string_view kTruncateDivDoc = R"(x / y cut towards zero, element by element, with broadcasting.
  x, y  T, shapes that broadcast   returns  T
  Errors: InvalidArgument if the shapes do not broadcast, or an integer of y is 0 (the element is named).
  The smallest integer / -1 wraps around to itself.  Source: TensorFlow math_ops TruncateDiv.)";
constexpr std::string_view kTruncateModDoc =
    R"(What x / y cut towards zero leaves, element by element, with broadcasting: x's sign, or 0.
  x, y  T, shapes that broadcast   returns  T
  Errors: InvalidArgument if the shapes do not broadcast, or an integer of y is 0 (the element is named).
  Source: TensorFlow math_ops TruncateMod; Mod is its older name.)";
constexpr std::string_view kStepGradient = "a step function: its derivative is 0 wherever it has one";
constexpr std::string_view kNoModGradient = "TensorFlow has none";

}  // namespace

extern const OpDef op_Div, op_RealDiv, op_FloorDiv, op_FloorMod, op_TruncateDiv, op_TruncateMod, op_Mod;
const OpDef op_Div = {
    .name = "Div",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs =
        "T: {bfloat16, half, float, double, uint8, int8, uint16, int16, int32, uint32, uint64, int64, complex64, "
        "complex128}",
    .infer = infer_broadcast,
    .kernels = kDivisionKernels<DivideOf>,
};
const OpDef op_RealDiv = {
    .name = "RealDiv",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs =
        "T: {bfloat16, half, float, double, uint8, int8, uint16, int16, int32, uint32, uint64, int64, complex64, "
        "complex128}",
    .infer = infer_broadcast,
    .kernels = kArithmeticKernels<kernels::Arithmetic::kDivide, DivideOf, double, Half, BFloat16>,
};
const OpDef op_FloorDiv = {
    .name = "FloorDiv",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs =
        "T: {bfloat16, half, float, double, uint8, int8, uint16, int16, int32, uint32, uint64, int64, complex64, "
        "complex128}",
    .infer = infer_broadcast,
    .kernels = kDivisionKernels<FloorDivideOf>,
};
const OpDef op_FloorMod = {
    .name = "FloorMod",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs = "T: {int8, int16, int32, int64, uint8, uint16, uint32, uint64, bfloat16, half, float, double}",
    .infer = infer_broadcast,
    .kernels = kDivisionKernels<FloorModOf>,
};

const OpDef op_TruncateDiv = {
    .name = "TruncateDiv",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs =
        "T: {bfloat16, half, float, double, uint8, int8, uint16, int16, int32, uint32, uint64, int64, complex64, "
        "complex128}",
    .infer = infer_broadcast,
    .kernels = kDivisionKernels<TruncateDivideOf>,
};
const OpDef op_TruncateMod = {
    .name = "TruncateMod",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs = "T: {int32, int64, bfloat16, half, float, double}",
    .infer = infer_broadcast,
    .kernels = kRemainderKernels<TruncateModOf>,
};
const OpDef op_Mod = {
    .name = "Mod",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs = "T: {int32, int64, half, bfloat16, float, double}",
    .infer = infer_broadcast,
    .kernels = kRemainderKernels<TruncateModOf>,
};

TARN_OP_FILE(divide, {&op_Div, kDivDoc, divide_gradient}, {&op_RealDiv, kRealDivDoc, divide_gradient},
             {&op_FloorDiv, kFloorDivDoc, nullptr, "a step function: its derivative is 0 wherever it has one"},
             {&op_FloorMod, kFloorModDoc, floor_mod_gradient},
             {&op_TruncateDiv, kTruncateDivDoc, nullptr, kStepGradient},
             {&op_TruncateMod, kTruncateModDoc, nullptr, kNoModGradient},
             {&op_Mod, kTruncateModDoc, nullptr, kNoModGradient})

}  // namespace tarn
