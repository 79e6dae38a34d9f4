// SparseReduceSum and SparseReduceMax: a sparse tensor reduced along some axes, as a dense one.
#include <algorithm>
#include <bitset>

#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/support/sparse.h"

namespace tarn {
namespace {

using AxisSet = std::bitset<kMaxRank>;

Status judge_parts(const Shape& indices, const Shape& values, const Shape& shape, const Shape& axes) {
  TARN_RETURN_IF_ERROR(judge_sparse(indices, values, shape, "input_shape"));
  if (!axes.has_rank() || axes.rank() <= 1) return {};
  return invalid_argument("reduction_axes must be a scalar or a vector, have shape ", axes.to_string());
}

Result<AxisSet> reduced_axes(const IntList& axes, int rank) {
  AxisSet reduced;
  for (int64_t i = 0; i < axes.size(); ++i) {
    TARN_ASSIGN_OR_RETURN(int axis, resolve_axis(axes[i], rank, "reduction_axes"));
    reduced.set(static_cast<size_t>(axis));
  }
  return reduced;
}

Shape reduced_shape(const Shape& shape, const AxisSet& reduced, bool keep_dims) {
  Shape output;
  for (int d = 0; d < shape.rank(); ++d) {
    bool is_reduced = reduced.test(static_cast<size_t>(d));
    if (!is_reduced || keep_dims) output.add_dim(is_reduced ? 1 : shape.dim(d));
  }
  return output;
}

Status infer(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_parts(c.shape(0), c.shape(1), c.shape(2), c.shape(3)));
  TARN_ASSIGN_OR_RETURN(Shape shape, known_shape(c, 2, "input_shape"));
  if (!shape.has_rank()) return {};
  bool keep_dims = c.attr<bool>("keep_dims");
  std::optional<IntList> axes = IntList::known(c, 3);
  if (!axes) return keep_dims ? c.set_output(0, Shape::unknown_of_rank(shape.rank())) : Status();
  TARN_ASSIGN_OR_RETURN(AxisSet reduced, reduced_axes(*axes, shape.rank()));
  return set_output_checked(c, 0, reduced_shape(shape, reduced, keep_dims));
}

struct Sum {
  template <class T>
  T operator()(T a, T b) const {
    return wrap_add(a, b);
  }
};
struct Largest {
  template <class T>
  T operator()(T a, T b) const {
    return std::max(a, b);
  }
};

template <class T, class Combine>
class SparseReduceKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    keep_dims_ = c.attr<bool>("keep_dims");
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &places = c.input(0), &values = c.input(1);
    TARN_RETURN_IF_ERROR(judge_parts(*places.shape, *values.shape, *c.input(2).shape, *c.input(3).shape));
    TARN_ASSIGN_OR_RETURN(Shape shape, shape_from(IntList::of(c.input(2)), "input_shape"));
    TARN_ASSIGN_OR_RETURN(AxisSet reduced, reduced_axes(IntList::of(c.input(3)), shape.rank()));
    IntList indices = IntList::of(places);
    TARN_RETURN_IF_ERROR(judge_indices(indices, shape));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, reduced_shape(shape, reduced, keep_dims_)));
    zero_elements(y.dtype, y.data, y.count);
    std::vector<bool> has_value(static_cast<size_t>(y.count));
    int64_t rank = shape.rank();
    for (int64_t i = 0; i < values.count; ++i) {
      int64_t at = 0;
      for (int d = 0; d < rank; ++d) {
        if (!reduced.test(static_cast<size_t>(d))) at = at * shape.dim(d) + indices[i * rank + d];
      }
      T &to = y.as<T>()[at], value = values.as<T>()[i];
      to = has_value[static_cast<size_t>(at)] ? Combine()(to, value) : value;
      has_value[static_cast<size_t>(at)] = true;
    }
    return {};
  }

 private:
  static Status judge_indices(const IntList& indices, const Shape& shape) {
    for (int64_t i = 0; i < indices.size(); ++i) {
      int64_t limit = shape.dim(static_cast<int>(i % shape.rank()));
      if (indices[i] >= 0 && indices[i] < limit) continue;
      return invalid_argument("input_indices[", i / shape.rank(), ",", i % shape.rank(), "] = ", indices[i],
                              " is not in [0, ", limit, ")");
    }
    return {};
  }

  bool keep_dims_ = false;
};

template <class T>
using SumKernel = SparseReduceKernel<T, Sum>;
template <class T>
using MaxKernel = SparseReduceKernel<T, Largest>;

Status sum_gradient(GradContext& c) {
  // dvalues = dy where each value was added: its indices, with 0 for those of reduced axes
  const Shape& sizes = c.fact(c.input(2)).shape;
  std::optional<std::vector<int64_t>> axes = constant_ints(c, c.input(3));
  if (!axes || sizes.rank() != 1 || sizes.dim(0) == kUnknownDim) {
    return unimplemented("the gradient of SparseReduceSum needs constant axes and a known rank");
  }
  auto rank = static_cast<int>(sizes.dim(0));
  TARN_ASSIGN_OR_RETURN(AxisSet reduced,
                        reduced_axes(IntList(DType::kInt64, axes->data(), static_cast<int64_t>(axes->size())), rank));
  std::vector<int64_t> kept, ones;
  for (int d = 0; d < rank; ++d) {
    ones.push_back(reduced.test(static_cast<size_t>(d)) ? 1 : 0);
    kept.push_back(1 - ones.back());
  }
  Wire is_kept = int_list(c, kept, DType::kInt64);
  Wire shape = c.op("Add", {c.op("Mul", {c.input(2), is_kept}), int_list(c, ones, DType::kInt64)});
  c.set_grad(1, c.op("GatherNd", {c.op("Reshape", {c.grad(), shape}), c.op("Mul", {c.input(0), is_kept})}));
  return {};
}

constexpr std::string_view kSumDoc = R"(Adds up a sparse tensor along some axes; the result is dense.
  input_indices  int64[n, rank]   input_values  T[n]   input_shape  int64[rank]
  reduction_axes  int32, a vector or a scalar, each in [-rank, rank); with none it is made dense
  returns  T without the reduced axes, with keep_dims of size 1 there; 0 where there are no values, integers wrap
  Errors: InvalidArgument naming an index or axis out of range.   Source: TensorFlow sparse_ops SparseReduceSum.)";
constexpr std::string_view kMaxDoc = R"(The largest values of a sparse tensor along some axes; the result is dense.
  input_indices  int64[n, rank]   input_values  T[n]   input_shape  int64[rank]   reduction_axes  as SparseReduceSum's
  returns  T without the reduced axes, with keep_dims of size 1 there; 0 where there are no values
  Source: TensorFlow sparse_ops SparseReduceMax.)";

constexpr std::string_view kInputs = "input_indices: int64, input_values: T, input_shape: int64, reduction_axes: int32";

}  // namespace

extern const OpDef op_SparseReduceSum, op_SparseReduceMax;
const OpDef op_SparseReduceSum = {
    .name = "SparseReduceSum",
    .inputs = kInputs,
    .outputs = "output: T",
    .attrs =
        "keep_dims: bool = false; T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, "
        "qint32, bfloat16, qint16, quint16, uint16, complex128, half, uint32, uint64}",
    .infer = infer,
    .kernels = kKernelsFor<SumKernel, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                           uint16_t, uint32_t, uint64_t>,
};
const OpDef op_SparseReduceMax = {
    .name = "SparseReduceMax",
    .inputs = kInputs,
    .outputs = "output: T",
    .attrs =
        "keep_dims: bool = false; T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, "
        "uint64}",
    .infer = infer,
    .kernels = kKernelsFor<MaxKernel, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                           uint16_t, uint32_t, uint64_t>,
};

TARN_OP_FILE(sparse_reduce, {&op_SparseReduceSum, kSumDoc, sum_gradient},
             {&op_SparseReduceMax, kMaxDoc, nullptr, "TensorFlow gives none"})

}  // namespace tarn
