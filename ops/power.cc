// Pow.
#include <cmath>

#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"

namespace tarn {
namespace {

template <class T>
struct PowerOf {
  T operator()(T x, T y) const {
    if constexpr (std::is_integral_v<T>) {
      T power = 1;  // by squaring; y >= 0
      for (; y > 0; y = static_cast<T>(y >> 1)) {
        if (y & 1) power = wrap_multiply(power, x);
        x = wrap_multiply(x, x);
      }
      return power;
    } else {
      return std::pow(x, y);
    }
  }
};

template <class T>
class IntegerPowerKernel : public BinaryKernel<T, T, PowerOf<T>> {
 public:
  Status run(RunContext& c) const override {
    const TensorView& y = c.input(1);
    std::span<const T> exponents = y.flat<T>();
    auto negative = std::find_if(exponents.begin(), exponents.end(), [](T e) { return e < 0; });
    if (negative != exponents.end() && c.input(0).count > 0) {
      return invalid_argument("integers have no negative integer powers: y",
                              element_position(*y.shape, negative - exponents.begin()), " is ", int64_t{*negative});
    }
    return BinaryKernel<T, T, PowerOf<T>>::run(c);
  }
};

constexpr KernelDef kKernels[] = {
    portable_kernel<BinaryKernel<float, float, PowerOf<float>>>(DType::kFloat),
    portable_kernel<BinaryKernel<double, double, PowerOf<double>>>(DType::kDouble),
    portable_kernel<IntegerPowerKernel<int32_t>>(DType::kInt32),
    portable_kernel<IntegerPowerKernel<int64_t>>(DType::kInt64),
    portable_kernel<IntegerPowerKernel<int8_t>>(DType::kInt8),
    portable_kernel<IntegerPowerKernel<int16_t>>(DType::kInt16),
    portable_kernel<BinaryKernel<Half, Half, ElementFunctor<PowerOf, Half>>>(DType::kHalf),
    portable_kernel<BinaryKernel<BFloat16, BFloat16, ElementFunctor<PowerOf, BFloat16>>>(DType::kBFloat16),
};

Status power_gradient(GradContext& c) {
  Wire x = c.input(0), y = c.input(1), z = c.output(0), dz = c.grad();
  // dx = dz * y * x^(y - 1)
  Wire lowered = c.op("Pow", {x, c.op("Sub", {y, c.scalar(1, y)})});
  Wire dx = c.op("Mul", {c.op("Mul", {dz, y}), lowered});
  // dy = dz * z * log(x), and 0 where x <= 0
  Wire positive = c.op("Greater", {x, c.scalar(0, x)});
  Wire log = c.op("Select", {positive, c.op("Log", {x}), c.op("ZerosLike", {x})});
  Wire dy = c.op("Mul", {c.op("Mul", {dz, z}), log});
  set_broadcast_gradients(c, dx, dy);
  return {};
}

constexpr std::string_view kDoc = R"(x to the power of y, element by element, with broadcasting.
  x, y  T, shapes that broadcast   returns  T
  Integers wrap around.  Errors: InvalidArgument if the shapes do not broadcast, or an integer of y is negative (the
  element is named).  The gradient with respect to y is 0 where x <= 0.  Source: TensorFlow math_ops Pow.)";

}  // namespace

extern const OpDef op_Pow;
const OpDef op_Pow = {
    .name = "Pow",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs = "T: {bfloat16, float, half, double, int8, int16, int32, int64, complex64, complex128}",
    .infer = infer_broadcast,
    .kernels = kKernels,
};

TARN_OP_FILE(power, {&op_Pow, kDoc, power_gradient})

}  // namespace tarn
