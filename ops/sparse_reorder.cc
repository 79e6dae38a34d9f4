// SparseReorder and SparseConcat: elements of sparse tensors in the order of a dense one.
#include "core/op.h"
#include "ops/gradients.h"
#include "ops/support/sparse.h"

namespace tarn {
namespace {

// ---- SparseReorder
// ---------------------------------------------------------------------------------------------------

Status infer_reorder(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_sparse(c.shape(0), c.shape(1), c.shape(2), "input_shape"));
  TARN_RETURN_IF_ERROR(c.set_output(0, c.shape(0)));
  return c.set_output(1, c.shape(1));
}

class ReorderKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView &indices = c.input(0), &values = c.input(1);
    TARN_RETURN_IF_ERROR(judge_sparse(*indices.shape, *values.shape, *c.input(2).shape, "input_shape"));
    int64_t rank = indices.shape->dim(1);
    TARN_ASSIGN_OR_RETURN(TensorView y_indices, c.output(0, *indices.shape));
    TARN_ASSIGN_OR_RETURN(TensorView y_values, c.output(1, *values.shape));
    int64_t to = 0;
    for (int64_t from : row_major_order(IntList::of(indices), values.count, rank)) {
      std::copy_n(indices.as<int64_t>() + from * rank, rank, y_indices.as<int64_t>() + to * rank);
      copy_elements(values.dtype, mutable_element_at(y_values, to++), element_at(values, from), 1);
    }
    return {};
  }
};

// Each value has the gradient of the place it went to: what happens to 0, 1, 2 ... in its stead tells which.
Status reorder_gradient(GradContext& c) {
  if (c.grad(1).is_none()) return {};
  Wire numbers = c.op("Range", {int_scalar(c, 0), c.op("Size", {c.input(1)}), int_scalar(c, 1)});
  Wire reordered = c.op("SparseReorder", {c.input(0), numbers, c.input(2)});
  Wire places = c.op("InvertPermutation", {GradContext::slot(reordered, 1)});
  c.set_grad(1, c.op("GatherV2", {c.grad(1), places, int_scalar(c, 0)}));
  return {};
}

// ---- SparseConcat
// ----------------------------------------------------------------------------------------------------

Result<int> concat_axis(int64_t axis, int64_t rank) {
  if (axis >= -rank && axis < rank) return static_cast<int>(axis < 0 ? axis + rank : axis);
  return invalid_argument("Concat dimension must be in range [", -rank, ", ", rank, "), got ", axis);
}

// Inputs are N indices, N values, N shapes.
Status infer_concat(InferContext& c) {
  int n = c.input_count() / 3;
  int64_t rank = kUnknownDim, count = 0;
  for (int i = 0; i < n; ++i) {
    const Shape& indices = c.shape(i);
    TARN_RETURN_IF_ERROR(judge_sparse(indices, c.shape(n + i), c.shape(2 * n + i), "shape"));
    if (rank == kUnknownDim) rank = dim_or_unknown(indices, 1);
    int64_t rows = dim_or_unknown(indices, 0);
    count = count == kUnknownDim || rows == kUnknownDim ? kUnknownDim : count + rows;
  }
  if (rank != kUnknownDim) TARN_RETURN_IF_ERROR(concat_axis(c.attr<int64_t>("concat_dim"), rank).status());
  TARN_RETURN_IF_ERROR(c.set_output(0, Shape{count, rank}));
  TARN_RETURN_IF_ERROR(c.set_output(1, Shape{count}));
  return c.set_output(2, Shape{rank});
}

class ConcatKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    concat_dim_ = c.attr<int64_t>("concat_dim");
    return {};
  }
  Status run(RunContext& c) const override {
    int n = c.input_count() / 3;
    int64_t rank = c.input(2 * n).count, count = 0;
    TARN_ASSIGN_OR_RETURN(int axis, concat_axis(concat_dim_, rank));
    std::vector<int64_t> shape;
    for (int i = 0; i < n; ++i) {
      const TensorView& part = c.input(2 * n + i);
      TARN_RETURN_IF_ERROR(judge_sparse(*c.input(i).shape, *c.input(n + i).shape, *part.shape, "shape"));
      if (part.count != rank) {
        return invalid_argument("Ranks of all input tensors must match: expected ", rank, " but got ", part.count,
                                " at position ", i);
      }
      count += c.input(n + i).count;
      if (i == 0) shape.assign(part.as<int64_t>(), part.as<int64_t>() + rank);
      for (int d = 0; d < rank && i > 0; ++d) {
        int64_t size = part.as<int64_t>()[d];
        int64_t& sum = shape[static_cast<size_t>(d)];
        if (d == axis) {
          if (__builtin_add_overflow(sum, size, &sum))
            return invalid_argument("the parts' shapes are too large together");
        } else if (size != sum) {
          return invalid_argument("Input shapes must match: expected ", sum, " for dimension ", d, " but got ", size,
                                  " at position ", i);
        }
      }
    }
    // All elements with the indices that they have in the whole, then in order.
    std::vector<int64_t> indices;
    std::vector<const void*> elements;
    indices.reserve(static_cast<size_t>(count * rank));
    elements.reserve(static_cast<size_t>(count));
    int64_t offset = 0;
    for (int i = 0; i < n; ++i) {
      const auto* part = c.input(i).as<int64_t>();
      for (int64_t e = 0; e < c.input(n + i).count; ++e) {
        for (int64_t d = 0; d < rank; ++d) {
          auto shifted = static_cast<uint64_t>(part[e * rank + d]) + static_cast<uint64_t>(d == axis ? offset : 0);
          indices.push_back(static_cast<int64_t>(shifted));
        }
        elements.push_back(element_at(c.input(n + i), e));
      }
      offset += c.input(2 * n + i).as<int64_t>()[axis];
    }
    TARN_ASSIGN_OR_RETURN(TensorView y_indices, c.output(0, Shape{count, rank}));
    TARN_ASSIGN_OR_RETURN(TensorView y_values, c.output(1, Shape{count}));
    TARN_ASSIGN_OR_RETURN(TensorView y_shape, c.output(2, Shape{rank}));
    std::copy(shape.begin(), shape.end(), y_shape.as<int64_t>());
    int64_t to = 0;
    for (int64_t from : row_major_order(IntList(DType::kInt64, indices.data(), count * rank), count, rank)) {
      std::copy_n(indices.data() + from * rank, rank, y_indices.as<int64_t>() + to * rank);
      copy_elements(y_values.dtype, mutable_element_at(y_values, to++), elements[static_cast<size_t>(from)], 1);
    }
    return {};
  }

 private:
  int64_t concat_dim_ = 0;
};

constexpr KernelDef kReorderKernels[] = {portable_kernel<ReorderKernel>()};
constexpr KernelDef kConcatKernels[] = {portable_kernel<ConcatKernel>()};

constexpr std::string_view kReorderDoc =
    R"(A sparse tensor's elements in the order of a dense one, the last dim fastest.
  input_indices  int64[n, rank]   input_values  T[n]   input_shape  int64[rank]
  returns  output_indices  int64[n, rank], output_values  T[n]; equal indices keep their order
  Source: TensorFlow sparse_ops SparseReorder.)";
constexpr std::string_view kConcatDoc = R"(Joins sparse tensors along a dim.
  indices  N tensors int64[n, rank]   values  N tensors T[n]   shapes  N tensors int64[rank], equal but for concat_dim
  returns  output_indices, output_values, output_shape: all elements, in the order of a dense tensor's
  Errors: InvalidArgument naming the shapes that differ.   Source: TensorFlow sparse_ops SparseConcat.)";

}  // namespace

extern const OpDef op_SparseReorder, op_SparseConcat;
const OpDef op_SparseReorder = {
    .name = "SparseReorder",
    .inputs = "input_indices: int64, input_values: T, input_shape: int64",
    .outputs = "output_indices: int64, output_values: T",
    .attrs = "T: type",
    .infer = infer_reorder,
    .kernels = kReorderKernels,
};
const OpDef op_SparseConcat = {
    .name = "SparseConcat",
    .inputs = "indices: N * int64, values: N * T, shapes: N * int64",
    .outputs = "output_indices: int64, output_values: T, output_shape: int64",
    .attrs = "concat_dim: int; N: int >= 2; T: type",
    .infer = infer_concat,
    .kernels = kConcatKernels,
};

TARN_OP_FILE(sparse_reorder, {&op_SparseReorder, kReorderDoc, reorder_gradient},
             {&op_SparseConcat, kConcatDoc, nullptr, "TensorFlow has none"})

}  // namespace tarn
