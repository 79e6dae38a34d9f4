// Equal, NotEqual, Less, LessEqual, Greater and GreaterEqual.
#include "core/op.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

template <class T>
struct EqualTo {
  bool operator()(const T& x, const T& y) const { return x == y; }
};
template <class T>
struct NotEqualTo {
  bool operator()(const T& x, const T& y) const { return x != y; }
};
template <class T>
struct LessThan {
  bool operator()(T x, T y) const { return x < y; }
};
template <class T>
struct LessOrEqual {
  bool operator()(T x, T y) const { return x <= y; }
};
template <class T>
struct GreaterThan {
  bool operator()(T x, T y) const { return x > y; }
};
template <class T>
struct GreaterOrEqual {
  bool operator()(T x, T y) const { return x >= y; }
};

// With incompatible_shape_error = false, shapes that do not broadcast are an answer rather than an error: the tensors
// are not equal.
Status infer_equality(InferContext& c) {
  if (c.attr<bool>("incompatible_shape_error")) return infer_broadcast(c);
  Result<Shape> shape = broadcast_shapes(c.shape(0), c.shape(1));
  if (!shape.ok()) return c.set_output(0, Shape());
  // An unknown dim may still turn out not to broadcast.
  return c.set_output(0, shape->is_fully_known() ? *shape : Shape::unknown());
}

template <class T, template <class> class F>
class EqualityKernel : public BinaryKernel<T, bool, ElementFunctor<F, T>> {
 public:
  Status prepare(PrepareContext& c) override {
    shapes_must_agree_ = c.attr<bool>("incompatible_shape_error");
    return BinaryKernel<T, bool, ElementFunctor<F, T>>::prepare(c);
  }
  Status run(RunContext& c) const override {
    if (shapes_must_agree_ || broadcast_shapes(*c.input(0).shape, *c.input(1).shape).ok()) {
      return BinaryKernel<T, bool, ElementFunctor<F, T>>::run(c);
    }
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape()));
    *y.as<bool>() = F<int>()(0, 1);
    return {};
  }

 private:
  bool shapes_must_agree_ = true;
};

template <template <class> class F, class... Ts>
constexpr KernelDef kEqualityKernels[] = {portable_kernel<EqualityKernel<Ts, F>>(dtype_of<Ts>())...,
                                          // codes, whatever they stand for
                                          portable_kernel<EqualityKernel<uint8_t, F>>(DType::kQUInt8),
                                          portable_kernel<EqualityKernel<int8_t, F>>(DType::kQInt8),
                                          portable_kernel<EqualityKernel<uint16_t, F>>(DType::kQUInt16),
                                          portable_kernel<EqualityKernel<int16_t, F>>(DType::kQInt16),
                                          portable_kernel<EqualityKernel<int32_t, F>>(DType::kQInt32)};

constexpr std::string_view kNoGradient = "the output is boolean";

constexpr std::string_view kEqualDoc = R"(Whether x == y, element by element, with broadcasting; NaN equals nothing.
  x, y  T, shapes that broadcast   returns  bool
  Errors: InvalidArgument if the shapes do not broadcast; with incompatible_shape_error = false the answer is then a
  scalar false.  Source: TensorFlow math_ops Equal.)";
constexpr std::string_view kNotEqualDoc = R"(Whether x != y, element by element, with broadcasting; true for NaN.
  x, y  T, shapes that broadcast   returns  bool
  Errors: InvalidArgument if the shapes do not broadcast; with incompatible_shape_error = false the answer is then a
  scalar true.  Source: TensorFlow math_ops NotEqual.)";
constexpr std::string_view kLessDoc = R"(Whether x < y, element by element, with broadcasting; false for NaN.
  x, y  T, shapes that broadcast   returns  bool
  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow math_ops Less.)";
constexpr std::string_view kLessEqualDoc = R"(Whether x <= y, element by element, with broadcasting; false for NaN.
  x, y  T, shapes that broadcast   returns  bool
  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow math_ops LessEqual.)";
constexpr std::string_view kGreaterDoc = R"(Whether x > y, element by element, with broadcasting; false for NaN.
  x, y  T, shapes that broadcast   returns  bool
  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow math_ops Greater.)";
constexpr std::string_view kGreaterEqualDoc = R"(Whether x >= y, element by element, with broadcasting; false for NaN.
  x, y  T, shapes that broadcast   returns  bool
  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow math_ops GreaterEqual.)";

}  // namespace

extern const OpDef op_Equal, op_NotEqual, op_Less, op_LessEqual, op_Greater, op_GreaterEqual;
const OpDef op_Equal = {
    .name = "Equal",
    .inputs = "x: T, y: T",
    .outputs = "z: bool",
    .attrs = "T: type; incompatible_shape_error: bool = true",
    .traits = kCommutative,
    .infer = infer_equality,
    .kernels = kEqualityKernels<EqualTo, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                                uint16_t, uint32_t, uint64_t, bool, std::string>,
};
const OpDef op_NotEqual = {
    .name = "NotEqual",
    .inputs = "x: T, y: T",
    .outputs = "z: bool",
    .attrs = "T: type; incompatible_shape_error: bool = true",
    .traits = kCommutative,
    .infer = infer_equality,
    .kernels = kEqualityKernels<NotEqualTo, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                                uint16_t, uint32_t, uint64_t, bool, std::string>,
};
const OpDef op_Less = {
    .name = "Less",
    .inputs = "x: T, y: T",
    .outputs = "z: bool",
    .attrs = "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64}",
    .infer = infer_broadcast,
    .kernels = kCompareKernels<LessThan, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                               uint16_t, uint32_t, uint64_t>,
};
const OpDef op_LessEqual = {
    .name = "LessEqual",
    .inputs = "x: T, y: T",
    .outputs = "z: bool",
    .attrs = "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64}",
    .infer = infer_broadcast,
    .kernels = kCompareKernels<LessOrEqual, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                               uint16_t, uint32_t, uint64_t>,
};
const OpDef op_Greater = {
    .name = "Greater",
    .inputs = "x: T, y: T",
    .outputs = "z: bool",
    .attrs = "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64}",
    .infer = infer_broadcast,
    .kernels = kCompareKernels<GreaterThan, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                               uint16_t, uint32_t, uint64_t>,
};
const OpDef op_GreaterEqual = {
    .name = "GreaterEqual",
    .inputs = "x: T, y: T",
    .outputs = "z: bool",
    .attrs = "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64}",
    .infer = infer_broadcast,
    .kernels = kCompareKernels<GreaterOrEqual, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t,
                               int16_t, uint16_t, uint32_t, uint64_t>,
};

TARN_OP_FILE(compare, {&op_Equal, kEqualDoc, nullptr, kNoGradient}, {&op_NotEqual, kNotEqualDoc, nullptr, kNoGradient},
             {&op_Less, kLessDoc, nullptr, kNoGradient}, {&op_LessEqual, kLessEqualDoc, nullptr, kNoGradient},
             {&op_Greater, kGreaterDoc, nullptr, kNoGradient},
             {&op_GreaterEqual, kGreaterEqualDoc, nullptr, kNoGradient})

}  // namespace tarn
