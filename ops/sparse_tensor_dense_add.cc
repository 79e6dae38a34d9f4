// SparseTensorDenseAdd.
#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

Status infer_add(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 2, "a_indices"));
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 1, "a_values"));
  TARN_RETURN_IF_ERROR(c.expect_rank(2, 1, "a_shape"));
  return c.set_output(0, c.shape(3));
}

// a is the tensor that has a_values at a_indices, and zeros elsewhere.
Status judge(const RunContext& c) {
  const Shape &indices = *c.input(0).shape, &values = *c.input(1).shape, &b = *c.input(3).shape;
  IntList shape = IntList::of(c.input(2));
  if (indices.rank() != 2 || values.rank() != 1 || c.input(2).shape->rank() != 1 || indices.dim(0) != values.dim(0)) {
    return invalid_argument("a_indices must be [n, rank], a_values [n] and a_shape [rank], they are ",
                            indices.to_string(), ", ", values.to_string(), " and ", c.input(2).shape->to_string());
  }
  bool fits = shape.size() == b.rank() && indices.dim(1) == b.rank();
  for (int d = 0; d < b.rank() && fits; ++d) fits = shape[d] == b.dim(d);
  if (fits) return {};
  return invalid_argument("a_shape is ", shape.to_string(), " with indices of ", indices.dim(1),
                          " numbers, but b has shape ", b.to_string());
}

template <class T>
class SparseDenseAddKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    c.may_reuse(3, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_RETURN_IF_ERROR(judge(c));
    const TensorView &values = c.input(1), &b = c.input(3);
    IntList indices = IntList::of(c.input(0));
    int rank = b.shape->rank();
    for (int64_t i = 0; i < indices.size(); ++i) {
      int64_t limit = b.shape->dim(static_cast<int>(i % rank));
      if (indices[i] >= 0 && indices[i] < limit) continue;
      return invalid_argument("a_indices[", i / rank, ",", i % rank, "] = ", indices[i], " is not in [0, ", limit, ")");
    }
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *b.shape));
    if (y.data != b.data) copy_elements(y.dtype, y.data, b.data, b.count);
    for (int64_t i = 0; i < values.count; ++i) {
      int64_t at = 0;
      for (int d = 0; d < rank; ++d) at = at * b.shape->dim(d) + indices[i * rank + d];
      T& to = y.as<T>()[at];
      to = wrap_add(to, values.as<T>()[i]);
    }
    return {};
  }
};

Status add_gradient(GradContext& c) {
  // da_values = dy where they were added,  db = dy
  c.set_grad(1, c.op("GatherNd", {c.grad(), c.input(0)}));
  c.set_grad(3, c.grad());
  return {};
}

constexpr std::string_view kDoc = R"(Adds a sparse tensor to a dense one.
  a_indices  Tindices[n, rank]   a_values  T[n]   a_shape  Tindices[rank], b's shape   b  T[...]
  returns  T[...], b with each value added at its indices; integers wrap
  Errors: InvalidArgument naming an index out of range, or shapes that differ.
  Source: TensorFlow sparse_ops SparseTensorDenseAdd.)";

}  // namespace

extern const OpDef op_SparseTensorDenseAdd;
const OpDef op_SparseTensorDenseAdd = {
    .name = "SparseTensorDenseAdd",
    .inputs = "a_indices: Tindices, a_values: T, a_shape: Tindices, b: T",
    .outputs = "output: T",
    .attrs =
        "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, qint16, "
        "quint16, uint16, complex128, half, uint32, uint64}; Tindices: {int32, int64}",
    .infer = infer_add,
    .kernels = kKernelsFor<SparseDenseAddKernel, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t,
                           int16_t, uint16_t, uint32_t, uint64_t>,
    .kernel_attr = "T",
};

TARN_OP_FILE(sparse_tensor_dense_add, {&op_SparseTensorDenseAdd, kDoc, add_gradient})

}  // namespace tarn
