// Gather, GatherV2 and ResourceGather.
#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/support/array.h"
#include "ops/variables.h"

namespace tarn {
namespace {

// params[:axis] + indices.shape[batch_dims:] + params[axis + 1:]; the first batch_dims dims of both are one.
Result<Shape> gathered(const Shape& params, const Shape& indices, int axis, int batch_dims) {
  Shape output;
  for (int d = 0; d < axis; ++d) {
    int64_t dim = params.dim(d);
    if (d < batch_dims) {
      if (dim != kUnknownDim && indices.dim(d) != kUnknownDim && dim != indices.dim(d)) {
        return invalid_argument("batch dim ", d, " of params ", params.to_string(), " and indices ",
                                indices.to_string(), " differs");
      }
      if (dim == kUnknownDim) dim = indices.dim(d);
    }
    output.add_dim(dim);
  }
  for (int d = batch_dims; d < indices.rank(); ++d) output.add_dim(indices.dim(d));
  for (int d = axis + 1; d < params.rank(); ++d) output.add_dim(params.dim(d));
  if (output.rank() > kMaxRank) return invalid_argument("the result would have ", output.rank(), " dims");
  return output;
}

struct Axes {
  int axis, batch_dims;
};

Result<Axes> resolve_axes(const Shape& params, const Shape& indices, int64_t axis, int64_t batch_dims) {
  if (params.rank() < 1) return invalid_argument("params must be at least a vector, have shape ", params.to_string());
  TARN_ASSIGN_OR_RETURN(int at, resolve_axis(axis, params.rank(), "axis"));
  int64_t batch = batch_dims < 0 ? batch_dims + indices.rank() : batch_dims;
  if (batch < 0 || batch > indices.rank() || batch > at) {
    return invalid_argument("attr 'batch_dims' = ", batch_dims, " must be at most the rank of indices, ",
                            indices.rank(), ", and the axis, ", at);
  }
  return Axes{at, static_cast<int>(batch)};
}

// Where no input says which axis: the first that is not a batch's.
int64_t first_axis(int64_t batch_dims, const Shape& indices) {
  return batch_dims < 0 ? batch_dims + indices.rank() : batch_dims;
}

Status infer_gather(InferContext& c) {
  bool has_axis = c.input_count() > 2;
  if (has_axis) TARN_RETURN_IF_ERROR(expect_single(c, 2, "axis"));
  const Shape& params = c.variable(0).shape;
  if (params.has_rank() && params.rank() < 1) {
    return invalid_argument("input 'params' must have rank 1 or more, has shape ", params.to_string());
  }
  if (!params.has_rank() || !c.shape(1).has_rank()) return {};
  int64_t batch_dims = c.attrs().get_or<int64_t>("batch_dims", 0), axis = first_axis(batch_dims, c.shape(1));
  if (has_axis) {
    std::optional<IntList> known = IntList::known(c, 2);
    if (!known) return {};
    TARN_ASSIGN_OR_RETURN(axis, single_int(*known, "axis"));
  }
  TARN_ASSIGN_OR_RETURN(Axes axes, resolve_axes(params, c.shape(1), axis, batch_dims));
  TARN_ASSIGN_OR_RETURN(Shape output, gathered(params, c.shape(1), axes.axis, axes.batch_dims));
  return set_output_checked(c, 0, output);
}

Status infer_resource_gather(InferContext& c) {
  TARN_RETURN_IF_ERROR(expect_variable_of(c, 0, "dtype"));
  return infer_gather(c);
}

class GatherKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    batch_dims_ = c.attrs().get_or<int64_t>("batch_dims", 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& params = c.input(0);
    const Shape& shape = *params.shape;
    const Shape& index_shape = *c.input(1).shape;
    int64_t given = first_axis(batch_dims_, index_shape);
    if (c.input_count() > 2) {
      TARN_ASSIGN_OR_RETURN(given, single_int(IntList::of(c.input(2)), "axis"));
    }
    TARN_ASSIGN_OR_RETURN(Axes axes, resolve_axes(shape, index_shape, given, batch_dims_));
    TARN_ASSIGN_OR_RETURN(Shape output, gathered(shape, index_shape, axes.axis, axes.batch_dims));
    IntList indices = IntList::of(c.input(1));
    int64_t limit = shape.dim(axes.axis);
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    if (y.count == 0) return {};
    for (int64_t i = 0; i < indices.size(); ++i) {
      if (indices[i] < 0 || indices[i] >= limit) {
        return invalid_argument("indices[", i, "] = ", indices[i], " is not in [0, ", limit, ")");
      }
    }
    // y[b, o, k, :] = params[b, o, indices[b, k], :]
    int64_t batches = dim_product(shape, 0, axes.batch_dims), outer = dim_product(shape, axes.batch_dims, axes.axis);
    int64_t inner = dim_product(shape, axes.axis + 1, shape.rank());
    int64_t per_batch = dim_product(index_shape, axes.batch_dims, index_shape.rank());
    int64_t rows = batches * outer * per_batch;
    c.threads().parallel_for(rows, std::max<int64_t>(1, kElementsPerRange / inner),
                             [&](int64_t begin, int64_t end, int) {
                               for (int64_t row = begin; row < end; ++row) {
                                 int64_t k = row % per_batch, block = row / per_batch;
                                 int64_t index = indices[block / outer * per_batch + k];
                                 copy_elements(y.dtype, mutable_element_at(y, row * inner),
                                               element_at(params, (block * limit + index) * inner), inner);
                               }
                             });
    return {};
  }

 private:
  int64_t batch_dims_ = 0;
};

constexpr KernelDef kGatherKernels[] = {portable_kernel<GatherKernel>()};
// dparams[i] = sum of the dy of every place that took row i. TensorFlow hands this on as IndexedSlices and adds them up
// in the same way when a dense gradient is needed.
Status gather_gradient(GradContext& c) {
  Wire params = c.input(0), indices = c.input(1);
  int64_t axis = 0;
  if (c.input_count() > 2) {
    std::optional<std::vector<int64_t>> known = constant_ints(c, c.input(2));
    if (!known || known->size() != 1)
      return unimplemented("the gradient of GatherV2 along an axis that is not constant");
    axis = (*known)[0];
  }
  if (c.attrs().get_or<int64_t>("batch_dims", 0) != 0) return unimplemented("the gradient of a Gather with batch_dims");
  int rank = c.fact(params).variable().shape.rank(), index_rank = c.fact(indices).shape.rank();
  if (axis < 0 && rank < 0) return unimplemented("the gradient of GatherV2 needs the rank of params");
  if (axis < 0) axis += rank;
  if (axis > 0 && (rank < 0 || index_rank < 0)) {
    return unimplemented("the gradient of GatherV2 along axis ", axis, " needs the ranks of its inputs");
  }
  Wire dy = c.grad();
  // Along another axis than 0: put the gathered dims first, and the axis back at the end.
  std::vector<int64_t> back;
  if (axis > 0) {
    std::vector<int64_t> perm;
    int dy_rank = rank - 1 + index_rank;
    for (int64_t d = axis; d < axis + index_rank; ++d) perm.push_back(d);
    for (int64_t d = 0; d < dy_rank; ++d) {
      if (d < axis || d >= axis + index_rank) perm.push_back(d);
    }
    dy = c.op("Transpose", {dy, c.int_vector(perm)});
    for (int64_t d = 0; d < rank; ++d) back.push_back(d < axis ? d + 1 : d == axis ? 0 : d);
  }
  int64_t at[] = {axis}, one[] = {1};
  AttrMap shrink{{"shrink_axis_mask", 1}};
  int64_t next[] = {axis + 1};
  Wire rows =
      c.op("StridedSlice", {shape_of(c, params), c.int_vector(at), c.int_vector(next), c.int_vector(one)}, shrink);
  Wire sum = c.op("UnsortedSegmentSum", {dy, indices, rows});
  c.set_grad(0, back.empty() ? sum : c.op("Transpose", {sum, c.int_vector(back)}));
  return {};
}

constexpr std::string_view kGatherDoc = R"(Takes rows of a tensor.
  params  Tparams[n, ...]   indices  Tindices[...], each in [0, n)   returns  Tparams[indices.shape, ...]
  Errors: InvalidArgument naming the index, its place and n.   Source: TensorFlow array_ops Gather.)";
constexpr std::string_view kGatherV2Doc = R"(Takes slices of a tensor along an axis.
  params  Tparams[...]   indices  Tindices[...]   axis  Taxis, a scalar in [-rank, rank)
  returns  params.shape[:axis] + indices.shape[batch_dims:] + params.shape[axis + 1:]
  With batch_dims the first dims of params and indices are walked together.
  Errors: InvalidArgument naming the index, its place and its limit.   Source: TensorFlow array_ops GatherV2.)";
constexpr std::string_view kResourceGatherDoc = R"(Takes rows of the value that a variable has.
  resource  a handle on a variable dtype[n, ...]   indices  Tindices[...], each in [0, n)
  returns   dtype[indices.shape, ...]; with batch_dims the first dims of variable and indices are walked together
  Errors: InvalidArgument naming the index, its place and n; FailedPrecondition if the variable has no value.
  Source: TensorFlow resource_variable_ops ResourceGather.)";
}  // namespace

extern const OpDef op_Gather, op_GatherV2, op_ResourceGather;
const OpDef op_Gather = {
    .name = "Gather",
    .inputs = "params: Tparams, indices: Tindices",
    .outputs = "output: Tparams",
    .attrs = "validate_indices: bool = true; Tparams: type; Tindices: {int32, int64}",
    .infer = infer_gather,
    .kernels = kGatherKernels,
};
const OpDef op_GatherV2 = {
    .name = "GatherV2",
    .inputs = "params: Tparams, indices: Tindices, axis: Taxis",
    .outputs = "output: Tparams",
    .attrs = "batch_dims: int = 0; Tparams: type; Tindices: {int16, int32, int64}; Taxis: {int32, int64}",
    .infer = infer_gather,
    .kernels = kGatherKernels,
};
const OpDef op_ResourceGather = {
    .name = "ResourceGather",
    .inputs = "resource: resource, indices: Tindices",
    .outputs = "output: dtype",
    .attrs = "batch_dims: int = 0; validate_indices: bool = true; dtype: type; Tindices: {int32, int64}",
    .traits = kStateful | kTakesVariable,
    .infer = infer_resource_gather,
    .kernels = kGatherKernels,
};
TARN_OP_FILE(gather, {&op_Gather, kGatherDoc, gather_gradient}, {&op_GatherV2, kGatherV2Doc, gather_gradient},
             {&op_ResourceGather, kResourceGatherDoc, gather_gradient})

}  // namespace tarn
