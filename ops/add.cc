// Add, AddV2, Sub, AddN and AccumulateNV2.
#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/arithmetic.h"
#include "ops/gradients.h"
#include "ops/support/tensor_list.h"

namespace tarn {
namespace {

template <class T>
struct AddOf {
  T operator()(T x, T y) const { return wrap_add(x, y); }
};

template <class T>
struct SubtractOf {
  T operator()(T x, T y) const { return wrap_subtract(x, y); }
};

// Adds the inputs one after the other, so that the sum does not depend on the number of threads.
template <class T>
class AddNKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& first = c.input(0);
    for (int i = 1; i < c.input_count(); ++i) {
      if (*c.input(i).shape == *first.shape) continue;
      return invalid_argument("inputs must have one shape, but input 0 is ", *first.shape, " and input ", i, " is ",
                              *c.input(i).shape);
    }
    TARN_ASSIGN_OR_RETURN(TensorView sum, c.output(0, *first.shape));
    T* out = sum.as<T>();
    c.threads().parallel_for(sum.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      T block[1024];  // each element of every input is read before the output, which may be input 0, is written
      for (int64_t at = begin; at < end; at += std::ssize(block)) {
        int64_t n = std::min<int64_t>(std::ssize(block), end - at);
        std::copy_n(first.as<T>() + at, n, block);
        for (int i = 1; i < c.input_count(); ++i) {
          const T* x = c.input(i).as<T>() + at;
          for (int64_t j = 0; j < n; ++j) block[j] = wrap_add(block[j], x[j]);
        }
        std::copy_n(block, n, out + at);
      }
    });
    return {};
  }
};

class AddListsKernel : public Kernel {
 public:
  Status run(RunContext& c) const override { return add_lists(c); }
};

template <class T>
class AccumulateKernel : public AddNKernel<T> {
 public:
  Status prepare(PrepareContext& c) override {
    shape_ = c.attr<Shape>("shape");
    return AddNKernel<T>::prepare(c);
  }
  Status run(RunContext& c) const override {
    const Shape& shape = *c.input(0).shape;
    if (shape_.is_compatible_with(shape)) return AddNKernel<T>::run(c);
    return invalid_argument("attr 'shape' is ", shape_, ", but input 0 has shape ", shape);
  }

 private:
  Shape shape_;
};

// Attr shape is what all inputs must have.
Status infer_accumulate(InferContext& c) {
  Shape shape = c.attr<Shape>("shape");
  for (int i = 0; i < c.input_count(); ++i) {
    Result<Shape> merged = shape.merge(c.shape(i));
    if (!merged.ok()) {
      return invalid_argument("attr 'shape' is ", c.attr<Shape>("shape").to_string(), ", but input ", i, " has shape ",
                              c.shape(i));
    }
    shape = *merged;
  }
  return c.set_output(0, shape);
}

Status add_gradient(GradContext& c) {
  // dx = dz, dy = dz
  set_broadcast_gradients(c, c.grad(), c.grad());
  return {};
}

Status subtract_gradient(GradContext& c) {
  // dx = dz, dy = -dz
  set_broadcast_gradients(c, c.grad(), c.op("Neg", {c.grad()}));
  return {};
}

Status add_n_gradient(GradContext& c) {
  // dx_i = dsum
  for (int i = 0; i < c.input_count(); ++i) c.set_grad(i, c.grad());
  return {};
}

constexpr std::string_view kAddDoc = R"(x + y, element by element, with broadcasting.
  x, y  T, shapes that broadcast   returns  T
  Integers wrap around.  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow math_ops Add.)";
constexpr std::string_view kSubDoc = R"(x - y, element by element, with broadcasting.
  x, y  T, shapes that broadcast   returns  T
  Integers wrap around.  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow math_ops Sub.)";
constexpr std::string_view kAccumulateDoc = R"(The sum of all inputs, element by element.
  inputs  N tensors T[...] of attr shape   returns  T[...], the same shape
  TensorFlow adds each as soon as it is there; the sum is the same.
  Errors: InvalidArgument if shapes differ.  Source: TensorFlow math_ops AccumulateNV2.)";
constexpr std::string_view kAddNDoc = R"(The sum of all inputs, element by element.
  inputs  N tensors T[...] of one shape   returns  T[...], the same shape
  Tensor lists (T = variant) of as many elements each are added element by element.
  Errors: InvalidArgument if shapes differ.  Source: TensorFlow math_ops AddN.)";

}  // namespace

extern const OpDef op_Add, op_AddV2, op_Sub, op_AddN, op_AccumulateNV2;
const OpDef op_Add = {
    .name = "Add",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs = "T: {bfloat16, half, float, double, uint8, int8, int16, int32, int64, complex64, complex128, string}",
    .traits = kCommutative | kResidualAdd,
    .infer = infer_broadcast,
    .kernels = kArithmeticKernels<kernels::Arithmetic::kAdd, AddOf, double, Half, BFloat16, int32_t, int64_t, uint8_t,
                                  int8_t, int16_t>,
};
const OpDef op_AddV2 = {
    .name = "AddV2",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs =
        "T: {bfloat16, half, float, double, uint8, uint16, uint32, uint64, int8, int16, int32, int64, complex64, "
        "complex128}",
    .traits = kCommutative | kResidualAdd,
    .infer = infer_broadcast,
    .kernels = kArithmeticKernels<kernels::Arithmetic::kAdd, AddOf, double, Half, BFloat16, int32_t, int64_t, uint8_t,
                                  int8_t, int16_t, uint16_t, uint32_t, uint64_t>,
};
const OpDef op_Sub = {
    .name = "Sub",
    .inputs = "x: T, y: T",
    .outputs = "z: T",
    .attrs =
        "T: {bfloat16, half, float, double, uint8, int8, uint16, int16, int32, int64, complex64, complex128, "
        "uint32, uint64}",
    .infer = infer_broadcast,
    .kernels = kArithmeticKernels<kernels::Arithmetic::kSubtract, SubtractOf, double, Half, BFloat16, int32_t, int64_t,
                                  uint8_t, int8_t, int16_t, uint16_t, uint32_t, uint64_t>,
};

namespace {
constexpr KernelDef kAddNKernels[] = {
    kernel_for<AddNKernel, float>(),
    kernel_for<AddNKernel, double>(),
    kernel_for<AddNKernel, Half>(),
    kernel_for<AddNKernel, BFloat16>(),
    kernel_for<AddNKernel, int32_t>(),
    kernel_for<AddNKernel, int64_t>(),
    kernel_for<AddNKernel, uint8_t>(),
    kernel_for<AddNKernel, int8_t>(),
    kernel_for<AddNKernel, int16_t>(),
    kernel_for<AddNKernel, uint16_t>(),
    kernel_for<AddNKernel, uint32_t>(),
    kernel_for<AddNKernel, uint64_t>(),
    portable_kernel<AddListsKernel>(DType::kVariant),
};
constexpr KernelDef kAccumulateKernels[] = {
    kernel_for<AccumulateKernel, float>(),    kernel_for<AccumulateKernel, double>(),
    kernel_for<AccumulateKernel, Half>(),     kernel_for<AccumulateKernel, BFloat16>(),
    kernel_for<AccumulateKernel, int32_t>(),  kernel_for<AccumulateKernel, int64_t>(),
    kernel_for<AccumulateKernel, uint8_t>(),  kernel_for<AccumulateKernel, int8_t>(),
    kernel_for<AccumulateKernel, int16_t>(),  kernel_for<AccumulateKernel, uint16_t>(),
    kernel_for<AccumulateKernel, uint32_t>(), kernel_for<AccumulateKernel, uint64_t>(),
};
}  // namespace

const OpDef op_AddN = {
    .name = "AddN",
    .inputs = "inputs: N * T",
    .outputs = "sum: T",
    .attrs =
        "N: int >= 1; T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, "
        "bfloat16, qint16, quint16, uint16, complex128, half, uint32, uint64, variant}",
    .traits = kCommutative | kAggregate,
    .infer = infer_merged_inputs,
    .kernels = kAddNKernels,
};

const OpDef op_AccumulateNV2 = {
    .name = "AccumulateNV2",
    .inputs = "inputs: N * T",
    .outputs = "sum: T",
    .attrs =
        "N: int >= 1; T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, "
        "bfloat16, qint16, quint16, uint16, complex128, half, uint32, uint64}; shape: shape",
    .traits = kCommutative | kAggregate,
    .infer = infer_accumulate,
    .kernels = kAccumulateKernels,
};

TARN_OP_FILE(add, {&op_Add, kAddDoc, add_gradient}, {&op_AddV2, kAddDoc, add_gradient},
             {&op_Sub, kSubDoc, subtract_gradient}, {&op_AddN, kAddNDoc, add_n_gradient},
             {&op_AccumulateNV2, kAccumulateDoc, add_n_gradient})

}  // namespace tarn
