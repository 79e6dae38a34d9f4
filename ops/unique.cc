// Unique, UniqueWithCounts, UniqueV2, UniqueWithCountsV2.
#include <limits>
#include <unordered_map>

#include "core/op.h"
#include "ops/support/array.h"
#include "ops/support/element_key.h"

namespace tarn {
namespace {

Status infer_unique(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 1, "x"));
  TARN_RETURN_IF_ERROR(c.set_output(0, Shape{kUnknownDim}));
  if (c.output_count() == 3) TARN_RETURN_IF_ERROR(c.set_output(2, Shape{kUnknownDim}));
  return c.set_output(1, c.shape(0).has_rank() ? c.shape(0) : Shape{kUnknownDim});
}

// Along which dim; of no axis, a vector's only one. Slices of more than one element are what is compared then.
Result<int> axis_of(const Shape& x, const IntList& axis) {
  if (axis.size() > 1) return invalid_argument("axis must have one element or none, has ", axis.size());
  if (axis.size() == 1) return resolve_axis(axis[0], x.rank(), "axis");
  if (x.rank() == 1) return 0;
  return invalid_argument("without an axis, input 'x' must be a vector, has shape ", x.to_string());
}

Status infer_unique_v2(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 1, "axis"));
  Shape y = Shape::unknown();
  Shape idx{kUnknownDim};
  std::optional<IntList> axis = IntList::known(c, 1);
  if (c.shape(0).has_rank()) {
    y = Shape::unknown_of_rank(c.shape(0).rank());
    if (axis) {
      TARN_ASSIGN_OR_RETURN(int dim, axis_of(c.shape(0), *axis));
      y = c.shape(0);
      idx.set_dim(0, y.dim(dim));
      y.set_dim(dim, kUnknownDim);
    }
  }
  TARN_RETURN_IF_ERROR(c.set_output(0, y));
  if (c.output_count() == 3) TARN_RETURN_IF_ERROR(c.set_output(2, Shape{kUnknownDim}));
  return c.set_output(1, idx);
}

template <bool kHasAxis>
class UniqueKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    int dim = 0;
    if (kHasAxis) {
      if (c.input(1).shape->rank() != 1) return invalid_argument("input 'axis' must be a vector");
      TARN_ASSIGN_OR_RETURN(dim, axis_of(*x.shape, IntList::of(c.input(1))));
    } else if (x.shape->rank() != 1) {
      return invalid_argument("unique expects a 1D vector, has shape ", x.shape->to_string());
    }
    const Shape& shape = *x.shape;
    int64_t size = shape.dim(dim), outer = dim_product(shape, 0, dim),
            inner = dim_product(shape, dim + 1, shape.rank());
    if (size > std::numeric_limits<int32_t>::max()) return invalid_argument("unique does not support ", size, " items");
    TARN_ASSIGN_OR_RETURN(TensorView idx, c.output(1, Shape{size}));
    ElementKeys keys(x);
    std::unordered_map<std::string, int64_t> seen;
    std::vector<int64_t> first, counts;
    std::string key;
    for (int64_t i = 0; i < size; ++i) {
      key.clear();
      for (int64_t o = 0; o < outer; ++o) {
        for (int64_t k = 0; k < inner; ++k) keys.append((o * size + i) * inner + k, key);
      }
      auto [at, is_new] = seen.try_emplace(key, static_cast<int64_t>(first.size()));
      if (is_new) {
        first.push_back(i);
        counts.push_back(0);
      }
      ++counts[static_cast<size_t>(at->second)];
      store_int(idx, i, at->second);
    }
    auto found = static_cast<int64_t>(first.size());
    Shape unique_shape = shape;
    unique_shape.set_dim(dim, found);
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, unique_shape));
    for (int64_t o = 0; o < outer && inner > 0; ++o) {
      for (int64_t i = 0; i < found; ++i) {
        copy_elements(y.dtype, mutable_element_at(y, (o * found + i) * inner),
                      element_at(x, (o * size + first[static_cast<size_t>(i)]) * inner), inner);
      }
    }
    if (c.output_count() < 3) return {};
    TARN_ASSIGN_OR_RETURN(TensorView count, c.output(2, Shape{found}));
    for (int64_t i = 0; i < found; ++i) store_int(count, i, counts[static_cast<size_t>(i)]);
    return {};
  }
};

constexpr KernelDef kKernels[] = {portable_kernel<UniqueKernel<false>>()};
constexpr KernelDef kV2Kernels[] = {portable_kernel<UniqueKernel<true>>()};

constexpr std::string_view kNoGradient = "TensorFlow has none: which elements are equal does not change smoothly";
constexpr std::string_view kDoc = R"(The distinct elements of a vector, in the order of their first appearance.
  x  T[n]   returns  y  T[m], idx  out_idx[n]: x[i] = y[idx[i]]
  0 and -0 are one; every NaN is another.   Source: TensorFlow array_ops Unique.)";
constexpr std::string_view kCountsDoc = R"(The distinct elements of a vector, and how often each is there.
  x  T[n]   returns  y  T[m], idx  out_idx[n], count  out_idx[m]
  As Unique.   Source: TensorFlow array_ops UniqueWithCounts.)";
constexpr std::string_view kV2Doc = R"(The distinct slices of a tensor along an axis, in the order of first appearance.
  x  T[...]   axis  one integer, or none if x is a vector
  returns  y  T, fewer along the axis; idx  out_idx[n]: slice i of x is slice idx[i] of y
  Source: TensorFlow array_ops UniqueV2.)";
constexpr std::string_view kCountsV2Doc = R"(The distinct slices of a tensor along an axis, and how often each is there.
  As UniqueV2, with count  out_idx[m].   Source: TensorFlow array_ops UniqueWithCountsV2.)";

}  // namespace

extern const OpDef op_Unique, op_UniqueWithCounts, op_UniqueV2, op_UniqueWithCountsV2;
const OpDef op_Unique = {
    .name = "Unique",
    .inputs = "x: T",
    .outputs = "y: T, idx: out_idx",
    .attrs = "T: type; out_idx: {int32, int64} = int32",
    .infer = infer_unique,
    .kernels = kKernels,
};
const OpDef op_UniqueWithCounts = {
    .name = "UniqueWithCounts",
    .inputs = "x: T",
    .outputs = "y: T, idx: out_idx, count: out_idx",
    .attrs = "T: type; out_idx: {int32, int64} = int32",
    .infer = infer_unique,
    .kernels = kKernels,
};
const OpDef op_UniqueV2 = {
    .name = "UniqueV2",
    .inputs = "x: T, axis: Taxis",
    .outputs = "y: T, idx: out_idx",
    .attrs = "T: type; Taxis: {int32, int64} = int64; out_idx: {int32, int64} = int32",
    .infer = infer_unique_v2,
    .kernels = kV2Kernels,
};
const OpDef op_UniqueWithCountsV2 = {
    .name = "UniqueWithCountsV2",
    .inputs = "x: T, axis: Taxis",
    .outputs = "y: T, idx: out_idx, count: out_idx",
    .attrs = "T: type; Taxis: {int32, int64} = int64; out_idx: {int32, int64} = int32",
    .infer = infer_unique_v2,
    .kernels = kV2Kernels,
};

TARN_OP_FILE(unique, {&op_Unique, kDoc, nullptr, kNoGradient}, {&op_UniqueWithCounts, kCountsDoc, nullptr, kNoGradient},
             {&op_UniqueV2, kV2Doc, nullptr, kNoGradient}, {&op_UniqueWithCountsV2, kCountsV2Doc, nullptr, kNoGradient})

}  // namespace tarn
