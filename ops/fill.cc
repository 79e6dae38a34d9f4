// Fill, ZerosLike, OnesLike.
#include "core/op.h"
#include "ops/gradients.h"
#include "ops/support/array.h"
#include "ops/support/tensor_list.h"

namespace tarn {
namespace {

Status infer_fill(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 1, "dims"));
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 0, "value"));
  return c.set_output(0, known_shape(c, 0, "dims"));
}

class FillKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    if (c.input(0).shape->rank() != 1) return invalid_argument("input 'dims' must have rank 1");
    if (c.input(1).shape->rank() != 0) return invalid_argument("input 'value' must be a scalar");
    TARN_ASSIGN_OR_RETURN(Shape shape, shape_from(IntList::of(c.input(0)), "dims"));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    fill_elements(y.dtype, y.data, c.input(1).data, y.count, c.threads());
    return {};
  }
};

class ZerosLikeKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    if (c.input(0).dtype == DType::kVariant) return zeros_like_list(c);
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *c.input(0).shape));
    zero_elements(y.dtype, y.data, y.count);
    return {};
  }
};

// 1 in any dtype, in up to 8 bytes.
struct One {
  explicit One(DType dtype) {
    switch (dtype) {
      case DType::kFloat: set(1.0f); break;
      case DType::kDouble: set(1.0); break;
      case DType::kHalf: set(uint16_t{0x3C00}); break;
      case DType::kBFloat16: set(uint16_t{0x3F80}); break;
      case DType::kInt64:
      case DType::kUInt64: set(int64_t{1}); break;
      case DType::kInt32:
      case DType::kUInt32: set(int32_t{1}); break;
      case DType::kInt16:
      case DType::kUInt16: set(int16_t{1}); break;
      default: set(int8_t{1}); break;
    }
  }
  template <class T>
  void set(T value) {
    *reinterpret_cast<T*>(bytes) = value;
  }
  alignas(8) char bytes[8];
};

class OnesLikeKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *c.input(0).shape));
    One one(y.dtype);
    fill_elements(y.dtype, y.data, one.bytes, y.count, c.threads());
    return {};
  }
};

constexpr KernelDef kFillKernels[] = {portable_kernel<FillKernel>()};
constexpr KernelDef kZerosLikeKernels[] = {portable_kernel<ZerosLikeKernel>()};
constexpr KernelDef kOnesLikeKernels[] = {
    portable_kernel<OnesLikeKernel>(DType::kFloat), portable_kernel<OnesLikeKernel>(DType::kDouble),
    portable_kernel<OnesLikeKernel>(DType::kHalf),  portable_kernel<OnesLikeKernel>(DType::kBFloat16),
    portable_kernel<OnesLikeKernel>(DType::kInt8),  portable_kernel<OnesLikeKernel>(DType::kUInt8),
    portable_kernel<OnesLikeKernel>(DType::kInt16), portable_kernel<OnesLikeKernel>(DType::kUInt16),
    portable_kernel<OnesLikeKernel>(DType::kInt32), portable_kernel<OnesLikeKernel>(DType::kUInt32),
    portable_kernel<OnesLikeKernel>(DType::kInt64), portable_kernel<OnesLikeKernel>(DType::kUInt64),
    portable_kernel<OnesLikeKernel>(DType::kBool),
};

Status fill_gradient(GradContext& c) {
  // dvalue = sum of dy
  int64_t all[] = {-1}, axis[] = {0};
  Wire row = c.op("Reshape", {c.grad(), c.int_vector(all)});
  c.set_grad(1, c.op("Sum", {row, c.int_vector(axis)}));
  return {};
}

// The result does not depend on the elements of x: dx stays unset, which is 0.
Status constant_gradient(GradContext&) {
  return {};
}

constexpr std::string_view kFillDoc = R"(A tensor of one value repeated.
  dims  index_type[rank], each >= 0   value  T, a scalar   returns  T[dims]
  Source: TensorFlow array_ops Fill.)";
constexpr std::string_view kZerosLikeDoc = R"(Zeros with the shape and type of `x`.
  x  T[...]   returns  T[...]: 0, false or the empty string; of a tensor list, a list of zeros.
  Source: TensorFlow array_ops ZerosLike.)";
constexpr std::string_view kOnesLikeDoc = R"(Ones with the shape and type of `x`.
  x  T[...]   returns  T[...]: 1 or true.   Source: TensorFlow array_ops OnesLike.)";

}  // namespace

extern const OpDef op_Fill, op_ZerosLike, op_OnesLike;
const OpDef op_Fill = {
    .name = "Fill",
    .inputs = "dims: index_type, value: T",
    .outputs = "output: T",
    .attrs = "T: type; index_type: {int32, int64} = int32",
    .infer = infer_fill,
    .kernels = kFillKernels,
};
const OpDef op_ZerosLike = {
    .name = "ZerosLike",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: type",
    .infer = infer_unchanged,
    .kernels = kZerosLikeKernels,
};
const OpDef op_OnesLike = {
    .name = "OnesLike",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs =
        "T: {bfloat16, half, float, double, int8, uint8, int16, uint16, int32, uint32, int64, uint64, complex64, "
        "complex128, bool}",
    .infer = infer_unchanged,
    .kernels = kOnesLikeKernels,
};

TARN_OP_FILE(fill, {&op_Fill, kFillDoc, fill_gradient}, {&op_ZerosLike, kZerosLikeDoc, constant_gradient},
             {&op_OnesLike, kOnesLikeDoc, constant_gradient})

}  // namespace tarn
