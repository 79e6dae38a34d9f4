// ArgMax and ArgMin.
#include <limits>

#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/support/arguments.h"

namespace tarn {
namespace {

Result<int> judge_axis(int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) {
    return invalid_argument("'dimension' is ", axis, ", not in [", -rank, ", ", rank, ") of an input of rank ", rank);
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Shape without_dim(const Shape& shape, int axis) {
  Shape rest;
  for (int i = 0; i < shape.rank(); ++i) {
    if (i != axis) rest.add_dim(shape.dim(i));
  }
  return rest;
}

Status judge_size(int64_t size) {
  return size != 0 ? Status() : invalid_argument("the dim to search is empty: there is no index to give");
}

Status infer_arg(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank_at_least(0, 1, "input"));
  if (c.shape(1).is_fully_known() && c.shape(1).elements() != 1) {
    return invalid_argument("'dimension' must be one number, has shape ", c.shape(1).to_string());
  }
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 0, "dimension"));
  const Shape& input = c.shape(0);
  if (!input.has_rank()) return c.set_output(0, Shape::unknown());
  std::optional<std::vector<int64_t>> axis = c.int_value(1);
  if (!axis) return c.set_output(0, Shape::unknown_of_rank(input.rank() - 1));
  TARN_ASSIGN_OR_RETURN(int dim, judge_axis((*axis)[0], input.rank()));
  TARN_RETURN_IF_ERROR(judge_size(input.dim(dim)));
  return c.set_output(0, without_dim(input, dim));
}

// The first index whose element beats all others; NaN beats nothing.
template <class T, bool kMax>
void search(const void* xv, int64_t begin, int64_t end, int64_t size, int64_t inner, void* indices, bool wide) {
  using Limits = std::numeric_limits<T>;
  const T* x = static_cast<const T*>(xv);
  for (int64_t i = begin; i < end; ++i) {
    const T* from = x + (i / inner) * size * inner + i % inner;
    T best = kMax ? (Limits::has_infinity ? -Limits::infinity() : Limits::lowest())
                  : (Limits::has_infinity ? Limits::infinity() : Limits::max());
    int64_t index = 0;
    for (int64_t j = 0; j < size; ++j) {
      T value = from[j * inner];
      if (kMax ? value > best : value < best) {
        best = value;
        index = j;
      }
    }
    if (wide) {
      static_cast<int64_t*>(indices)[i] = index;
    } else {
      static_cast<int32_t*>(indices)[i] = static_cast<int32_t>(index);
    }
  }
}

template <class T, bool kMax>
class ArgKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView &x = c.input(0), &dimension = c.input(1);
    TARN_RETURN_IF_ERROR(expect_scalar(dimension, "dimension"));
    int64_t axis = dimension.dtype == DType::kInt32 ? dimension.item<int32_t>() : dimension.item<int64_t>();
    TARN_ASSIGN_OR_RETURN(int dim, judge_axis(axis, x.shape->rank()));
    int64_t size = x.shape->dim(dim);
    TARN_RETURN_IF_ERROR(judge_size(size));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, without_dim(*x.shape, dim)));
    int64_t inner = 1;
    for (int i = dim + 1; i < x.shape->rank(); ++i) inner *= x.shape->dim(i);
    c.threads().parallel_for(y.count, std::max<int64_t>(1, kElementsPerRange / size),
                             [&](int64_t begin, int64_t end, int) {
                               search<T, kMax>(x.data, begin, end, size, inner, y.data, y.dtype == DType::kInt64);
                             });
    return {};
  }
};

template <class T>
using ArgMaxKernel = ArgKernel<T, true>;
template <class T>
using ArgMinKernel = ArgKernel<T, false>;

constexpr std::string_view kNoGradient = "the output is an index";

constexpr std::string_view kArgMaxDoc = R"(The index of the largest element along a dim; the first one if several are.
  input  T[...]   dimension  a scalar; negative ones count from the end
  returns  output_type, the input's shape without that dim. NaN is never the largest.
  Errors: InvalidArgument if the dim does not exist or is empty.  Source: TensorFlow math_ops ArgMax.)";
constexpr std::string_view kArgMinDoc = R"(The index of the smallest element along a dim; the first one if several are.
  input  T[...]   dimension  a scalar; negative ones count from the end
  returns  output_type, the input's shape without that dim. NaN is never the smallest.
  Errors: InvalidArgument if the dim does not exist or is empty.  Source: TensorFlow math_ops ArgMin.)";

}  // namespace

extern const OpDef op_ArgMax, op_ArgMin;
const OpDef op_ArgMax = {
    .name = "ArgMax",
    .inputs = "input: T, dimension: Tidx",
    .outputs = "output: output_type",
    .attrs =
        "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, uint16, "
        "complex128, half, uint32, uint64, bool}; Tidx: {int32, int64} = int32; "
        "output_type: {int32, int64} = int64",
    .infer = infer_arg,
    .kernels = kKernelsFor<ArgMaxKernel, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                           uint16_t, uint32_t, uint64_t, bool>,
};
const OpDef op_ArgMin = {
    .name = "ArgMin",
    .inputs = "input: T, dimension: Tidx",
    .outputs = "output: output_type",
    .attrs =
        "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, uint16, "
        "complex128, half, uint32, uint64, bool}; Tidx: {int32, int64} = int32; "
        "output_type: {int32, int64} = int64",
    .infer = infer_arg,
    .kernels = kKernelsFor<ArgMinKernel, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                           uint16_t, uint32_t, uint64_t, bool>,
};

TARN_OP_FILE(arg_max, {&op_ArgMax, kArgMaxDoc, nullptr, kNoGradient}, {&op_ArgMin, kArgMinDoc, nullptr, kNoGradient})

}  // namespace tarn
