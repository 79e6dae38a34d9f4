// GatherNd and ResourceGatherNd, and ScatterNd, which is their gradient.
#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/support/slice_rows.h"
#include "ops/variables.h"

namespace tarn {
namespace {

Status infer_gather_nd(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank_at_least(1, 1, "indices"));
  const Shape& params = c.variable(0).shape;
  const Shape& indices = c.shape(1);
  if (!indices.has_rank()) return {};
  TARN_RETURN_IF_ERROR(judge_depth(indices, params, "params"));
  if (!params.has_rank() || indices.dim(-1) == kUnknownDim) return {};
  TARN_ASSIGN_OR_RETURN(Shape output, slices_shape(indices, params, "params"));
  return set_output_checked(c, 0, output);
}

Status infer_resource_gather_nd(InferContext& c) {
  TARN_RETURN_IF_ERROR(expect_variable_of(c, 0, "dtype"));
  return infer_gather_nd(c);
}

class GatherNdKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& params = c.input(0);
    const Shape& indices = *c.input(1).shape;
    TARN_ASSIGN_OR_RETURN(Shape output, slices_shape(indices, *params.shape, "params"));
    SliceRows rows(c.input(1), *params.shape);
    TARN_RETURN_IF_ERROR(rows.judge("params"));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    if (y.count == 0) return {};
    int64_t inner = dim_product(*params.shape, static_cast<int>(indices.dim(-1)), params.shape->rank());
    c.threads().parallel_for(
        rows.count(), std::max<int64_t>(1, kElementsPerRange / inner), [&](int64_t begin, int64_t end, int) {
          for (int64_t row = begin; row < end; ++row) {
            copy_elements(y.dtype, mutable_element_at(y, row * inner), element_at(params, rows[row] * inner), inner);
          }
        });
    return {};
  }
};

Status infer_scatter_nd(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank_at_least(0, 1, "indices"));
  TARN_RETURN_IF_ERROR(c.expect_rank(2, 1, "shape"));
  const Shape& indices = c.shape(0);
  std::optional<IntList> known = IntList::known(c, 2);
  if (!known) {
    int64_t rank = c.shape(2).has_rank() ? c.shape(2).dim(0) : kUnknownDim;
    if (rank == kUnknownDim) return {};
    if (rank > kMaxRank) return invalid_argument("shape has ", rank, " dims, at most ", kMaxRank);
    Shape output = Shape::unknown_of_rank(static_cast<int>(rank));
    if (indices.has_rank()) TARN_RETURN_IF_ERROR(judge_depth(indices, output, "shape"));
    return c.set_output(0, output);
  }
  TARN_ASSIGN_OR_RETURN(Shape output, shape_from(*known, "shape"));
  if (indices.has_rank()) {
    TARN_RETURN_IF_ERROR(judge_depth(indices, output, "shape"));
    if (indices.dim(-1) != kUnknownDim) {
      TARN_ASSIGN_OR_RETURN(Shape wanted, slices_shape(indices, output, "shape"));
      TARN_RETURN_IF_ERROR(judge_updates(c.shape(1), wanted, indices, output));
    }
  }
  return c.set_output(0, output);
}

template <class T>
class ScatterNdKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const Shape& indices = *c.input(0).shape;
    const TensorView& updates = c.input(1);
    if (c.input(2).shape->rank() != 1) {
      return invalid_argument("input 'shape' must have rank 1, has shape ", c.input(2).shape->to_string());
    }
    TARN_ASSIGN_OR_RETURN(Shape output, shape_from(IntList::of(c.input(2)), "shape"));
    TARN_ASSIGN_OR_RETURN(Shape wanted, slices_shape(indices, output, "shape"));
    TARN_RETURN_IF_ERROR(judge_updates(*updates.shape, wanted, indices, output));
    SliceRows rows(c.input(0), output);
    TARN_RETURN_IF_ERROR(rows.judge("shape"));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    zero_elements(y.dtype, y.data, y.count);
    if (updates.count == 0) return {};
    int64_t inner = dim_product(output, static_cast<int>(indices.dim(-1)), output.rank());
    const T* in = updates.as<T>();
    T* out = y.as<T>();
    // Threads share the columns, so every sum is taken in the order of the rows.
    c.threads().parallel_for(inner, std::max<int64_t>(1, kElementsPerRange / std::max<int64_t>(1, rows.count())),
                             [&](int64_t begin, int64_t end, int) {
                               for (int64_t row = 0; row < rows.count(); ++row) {
                                 const T* from = in + row * inner;
                                 T* to = out + rows[row] * inner;
                                 for (int64_t k = begin; k < end; ++k) to[k] = wrap_add(to[k], from[k]);
                               }
                             });
    return {};
  }
};

constexpr KernelDef kGatherKernels[] = {portable_kernel<GatherNdKernel>()};

Status gather_nd_gradient(GradContext& c) {
  // dparams = dy put where it came from, summed where a slice was taken twice
  Wire indices = c.input(1);
  DType index = c.attr<DType>("Tindices");
  if (index == DType::kInt16) {  // the sizes of params may leave int16
    indices = c.op("Cast", {indices}, {{"DstT", DType::kInt32}});
    index = DType::kInt32;
  }
  c.set_grad(0, c.op("ScatterNd", {indices, c.grad(), shape_of(c, c.input(0), index)}));
  return {};
}

Status scatter_nd_gradient(GradContext& c) {
  c.set_grad(1, c.op("GatherNd", {c.grad(), c.input(0)}));
  return {};
}

constexpr std::string_view kGatherDoc = R"(Takes slices of a tensor, each named by an index of one or several numbers.
  params  Tparams[...]   indices  Tindices[..., depth]: each row the first depth coordinates of a slice, depth <= rank
  returns  Tparams[indices.shape[:-1] + params.shape[depth:]]
  Errors: InvalidArgument naming the row of indices, its numbers and the shape of params.
  Source: TensorFlow array_ops GatherNd.)";
constexpr std::string_view kResourceGatherDoc = R"(Takes slices of the value that a variable has.
  resource  a handle on a variable dtype[...]   indices  Tindices[..., depth]: the first depth coordinates of a slice
  returns   dtype[indices.shape[:-1] + variable.shape[depth:]]
  Errors: InvalidArgument naming the row of indices, its numbers and the variable's shape; FailedPrecondition if the
  variable has no value.   Source: TensorFlow resource_variable_ops ResourceGatherNd.)";
constexpr std::string_view kScatterDoc = R"(Adds slices to a tensor of zeros, each at its index.
  indices  Tindices[..., depth]   updates  T[indices.shape[:-1] + shape[depth:]]   shape  Tindices[rank]
  returns  T[shape]; slices with the same index are added up, integers wrap
  Errors: InvalidArgument naming the row of indices, its numbers and the shape.
  Source: TensorFlow array_ops ScatterNd.)";

}  // namespace

extern const OpDef op_GatherNd, op_ResourceGatherNd, op_ScatterNd;
const OpDef op_GatherNd = {
    .name = "GatherNd",
    .inputs = "params: Tparams, indices: Tindices",
    .outputs = "output: Tparams",
    .attrs = "Tparams: type; Tindices: {int16, int32, int64}",
    .infer = infer_gather_nd,
    .kernels = kGatherKernels,
};
const OpDef op_ResourceGatherNd = {
    .name = "ResourceGatherNd",
    .inputs = "resource: resource, indices: Tindices",
    .outputs = "output: dtype",
    .attrs = "dtype: type; Tindices: {int32, int64}",
    .traits = kStateful | kTakesVariable,
    .infer = infer_resource_gather_nd,
    .kernels = kGatherKernels,
};
const OpDef op_ScatterNd = {
    .name = "ScatterNd",
    .inputs = "indices: Tindices, updates: T, shape: Tindices",
    .outputs = "output: T",
    .attrs = "T: type; Tindices: {int16, int32, int64}",
    .infer = infer_scatter_nd,
    .kernels = kKernelsFor<ScatterNdKernel, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                           uint16_t, uint32_t, uint64_t>,
};

TARN_OP_FILE(gather_nd, {&op_GatherNd, kGatherDoc, gather_nd_gradient},
             {&op_ResourceGatherNd, kResourceGatherDoc, gather_nd_gradient},
             {&op_ScatterNd, kScatterDoc, scatter_nd_gradient})

}  // namespace tarn
