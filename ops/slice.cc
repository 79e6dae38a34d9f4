// Slice: a box out of a tensor.
#include "core/op.h"
#include "ops/gradients.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// The size of dim d, judged; `dim` may be unknown.
Result<int64_t> sliced_dim(int d, int64_t dim, int64_t begin, int64_t size) {
  if (begin < 0) return invalid_argument("begin[", d, "] must be >= 0, not ", begin);
  if (size < -1) return invalid_argument("size[", d, "] must be >= -1, not ", size);
  if (dim == kUnknownDim) return size == -1 ? kUnknownDim : size;
  if (begin > dim) return invalid_argument("begin[", d, "] = ", begin, " is beyond the dim, ", dim);
  if (size == -1) return dim - begin;
  if (size > dim - begin) {
    return invalid_argument("begin[", d, "] + size[", d, "] = ", begin, " + ", size, " is beyond the dim, ", dim);
  }
  return size;
}

Status infer_slice(InferContext& c) {
  Shape vector{kUnknownDim};
  for (int i = 1; i < 3; ++i) {
    TARN_RETURN_IF_ERROR(c.expect_rank(i, 1, i == 1 ? "begin" : "size"));
    TARN_ASSIGN_OR_RETURN(vector, vector.merge(c.shape(i)));
  }
  const Shape& shape = c.shape(0);
  int64_t rank = shape.has_rank() ? shape.rank() : vector.dim(0);
  if (rank == kUnknownDim) return {};
  if (rank > kMaxRank || (vector.dim(0) != kUnknownDim && vector.dim(0) != rank)) {
    return invalid_argument("'begin' and 'size' must have one element a dim, have shape ", vector.to_string());
  }
  std::optional<IntList> begin = IntList::known(c, 1), size = IntList::known(c, 2);
  Shape output = Shape::unknown_of_rank(static_cast<int>(rank));
  for (int d = 0; d < rank; ++d) {
    int64_t dim = shape.has_rank() ? shape.dim(d) : kUnknownDim;
    if (begin && size) {
      TARN_ASSIGN_OR_RETURN(int64_t sliced, sliced_dim(d, dim, (*begin)[d], (*size)[d]));
      output.set_dim(d, sliced);
    } else if (size && (*size)[d] != -1) {
      TARN_RETURN_IF_ERROR(sliced_dim(d, dim, 0, (*size)[d]).status());
      output.set_dim(d, (*size)[d]);
    }
  }
  return set_output_checked(c, 0, output);
}

class SliceKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    const Shape& shape = *x.shape;
    IntList begin = IntList::of(c.input(1)), size = IntList::of(c.input(2));
    if (begin.size() != shape.rank() || size.size() != shape.rank()) {
      return invalid_argument("'begin' and 'size' must have one element a dim of ", shape.to_string(), ", have ",
                              begin.size(), " and ", size.size());
    }
    Shape output = shape;
    for (int d = 0; d < shape.rank(); ++d) {
      TARN_ASSIGN_OR_RETURN(int64_t sliced, sliced_dim(d, shape.dim(d), begin[d], size[d]));
      output.set_dim(d, sliced);
    }
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    if (y.count == 0) return {};
    int64_t from_stride[kMaxRank], to_stride[kMaxRank];
    row_strides(shape, from_stride);
    row_strides(output, to_stride);
    int64_t offset = 0;
    StridedCopy copy;
    for (int d = 0; d < shape.rank(); ++d) {
      offset += begin[d] * from_stride[d];
      TARN_RETURN_IF_ERROR(copy.add_dim(output.dim(d), to_stride[d], from_stride[d]));
    }
    copy.run(y.dtype, y.data, element_at(x, offset), c.threads());
    return {};
  }
};

constexpr KernelDef kSliceKernels[] = {portable_kernel<SliceKernel>()};

Status slice_gradient(GradContext& c) {
  // dx = dy with zeros around: begin[d] before, dim - begin - size behind
  Wire x = c.input(0), begin = c.input(1), dy = c.grad();
  DType index = c.attr<DType>("Index");
  std::optional<std::vector<int64_t>> known = constant_ints(c, begin);
  const Shape& shape = c.fact(x).shape;
  const Shape& sliced = c.fact(c.output(0)).shape;
  if (known && shape.is_fully_known() && sliced.is_fully_known()) {
    std::vector<int64_t> paddings;
    for (int d = 0; d < shape.rank(); ++d) {
      int64_t before = (*known)[static_cast<size_t>(d)];
      paddings.push_back(before);
      paddings.push_back(shape.dim(d) - before - sliced.dim(d));
    }
    std::optional<Tensor> table = int_tensor(index, Shape{shape.rank(), 2}, paddings);
    if (!table) return invalid_argument("the paddings exceed ", dtype_name(index));
    c.set_grad(0, c.op("Pad", {dy, c.constant(*table)}));
    return {};
  }
  Wire behind = c.op("Sub", {c.op("Sub", {shape_of(c, x, index), begin}), shape_of(c, c.output(0), index)});
  Wire columns[] = {begin, behind};
  c.set_grad(0, c.op("Pad", {dy, c.op("Pack", columns, {{"axis", 1}})}));
  return {};
}

constexpr std::string_view kSliceDoc = R"(A box of a tensor: in dim d the elements begin[d] … begin[d] + size[d] - 1.
  input  T[...]   begin, size  Index[rank]; size -1: all that is left   returns  T[size]
  Errors: InvalidArgument naming the dim if the box leaves the tensor.   Source: TensorFlow array_ops Slice.)";

}  // namespace

extern const OpDef op_Slice;
const OpDef op_Slice = {
    .name = "Slice",
    .inputs = "input: T, begin: Index, size: Index",
    .outputs = "output: T",
    .attrs = "T: type; Index: {int32, int64}",
    .infer = infer_slice,
    .kernels = kSliceKernels,
};

TARN_OP_FILE(slice, {&op_Slice, kSliceDoc, slice_gradient})

}  // namespace tarn
