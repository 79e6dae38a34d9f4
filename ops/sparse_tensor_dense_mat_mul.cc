// SparseTensorDenseMatMul.
#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/support/sparse.h"

namespace tarn {
namespace {

Status judge_shapes(const Shape& indices, const Shape& values, const Shape& shape, const Shape& b) {
  TARN_RETURN_IF_ERROR(judge_sparse(indices, values, shape, "a_shape"));
  if (!shape.is_compatible_with(Shape{2})) {
    return invalid_argument("Tensor 'a_shape' must have 2 elements, has shape ", shape.to_string());
  }
  if (indices.has_rank() && indices.dim(1) != kUnknownDim && indices.dim(1) != 2) {
    return invalid_argument("a_indices must have 2 numbers a row, have shape ", indices.to_string());
  }
  if (!b.has_rank() || b.rank() == 2) return {};
  return invalid_argument("Tensor 'b' is not a matrix, has shape ", b.to_string());
}

// Rows and inner size of op(a), inner size and columns of op(b).
struct Sizes {
  int64_t rows, inner, b_inner, columns;
  Sizes(const IntList& a, const Shape& b, bool adjoint_a, bool adjoint_b)
      : rows(a[adjoint_a ? 1 : 0]),
        inner(a[adjoint_a ? 0 : 1]),
        b_inner(b.dim(adjoint_b ? 1 : 0)),
        columns(b.dim(adjoint_b ? 0 : 1)) {}
  Status judge(const IntList& a, const Shape& b) const {
    if (rows < 0 || inner < 0) return invalid_argument("a_shape must not be negative, is ", a.to_string());
    if (inner == b_inner || b_inner == kUnknownDim) return {};
    return invalid_argument("Cannot multiply A and B because inner dimension does not match: ", inner, " vs. ", b_inner,
                            ".  Did you forget a transpose?  Dimensions of A: ", a.to_string(),
                            ".  Dimensions of B: ", b.to_string());
  }
};

Status infer_product(InferContext& c) {
  const Shape& b = c.shape(3);
  TARN_RETURN_IF_ERROR(judge_shapes(c.shape(0), c.shape(1), c.shape(2), b));
  bool adjoint_a = c.attr<bool>("adjoint_a"), adjoint_b = c.attr<bool>("adjoint_b");
  Shape output{kUnknownDim, b.has_rank() ? b.dim(adjoint_b ? 0 : 1) : kUnknownDim};
  if (std::optional<IntList> a = IntList::known(c, 2); a && a->size() == 2) {
    if (b.has_rank()) TARN_RETURN_IF_ERROR(Sizes(*a, b, adjoint_a, adjoint_b).judge(*a, b));
    if (int64_t rows = (*a)[adjoint_a ? 1 : 0]; rows >= 0) output.set_dim(0, rows);
  }
  return set_output_checked(c, 0, output);
}

template <class T>
class SparseProductKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    adjoint_a_ = c.attr<bool>("adjoint_a");
    adjoint_b_ = c.attr<bool>("adjoint_b");
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &values = c.input(1), &b = c.input(3);
    TARN_RETURN_IF_ERROR(judge_shapes(*c.input(0).shape, *values.shape, *c.input(2).shape, *b.shape));
    IntList indices = IntList::of(c.input(0)), shape = IntList::of(c.input(2));
    Sizes sizes(shape, *b.shape, adjoint_a_, adjoint_b_);
    TARN_RETURN_IF_ERROR(sizes.judge(shape, *b.shape));
    int row_at = adjoint_a_ ? 1 : 0, inner_at = adjoint_a_ ? 0 : 1;
    for (int64_t i = 0; i < values.count; ++i) {
      int64_t k = indices[2 * i + inner_at], m = indices[2 * i + row_at];
      if (k < 0 || k >= sizes.inner) {
        return invalid_argument("k (", k, ") from index[", i, ",", inner_at, "] out of bounds (>=", sizes.inner, ")");
      }
      if (m < 0 || m >= sizes.rows) {
        return invalid_argument("m (", m, ") from index[", i, ",", row_at, "] out of bounds (>=", sizes.rows, ")");
      }
    }
    Shape output{sizes.rows, sizes.columns};
    TARN_RETURN_IF_ERROR(output.element_count().status());
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    zero_elements(y.dtype, y.data, y.count);
    // Element (k, n) of op(b).
    int64_t k_step = adjoint_b_ ? 1 : sizes.columns, n_step = adjoint_b_ ? sizes.inner : 1;
    const T *a = values.as<T>(), *from = b.as<T>();
    T* out = y.as<T>();
    // Threads share the columns, so every sum is taken in the order of a's elements.
    c.threads().parallel_for(sizes.columns,
                             std::max<int64_t>(1, kElementsPerRange / std::max<int64_t>(1, values.count)),
                             [&](int64_t begin, int64_t end, int) {
                               for (int64_t i = 0; i < values.count; ++i) {
                                 const T* row = from + indices[2 * i + inner_at] * k_step;
                                 T* to = out + indices[2 * i + row_at] * sizes.columns;
                                 for (int64_t n = begin; n < end; ++n)
                                   to[n] = wrap_add(to[n], wrap_multiply(a[i], row[n * n_step]));
                               }
                             });
    return {};
  }

 private:
  bool adjoint_a_ = false, adjoint_b_ = false;
};

// Y = A B:  dB = A^T dY;  da[m,k] = sum over n of dY[m,n] B[k,n], for the elements that a has.
Status product_gradient(GradContext& c) {
  bool adjoint_a = c.attr<bool>("adjoint_a"), adjoint_b = c.attr<bool>("adjoint_b");
  int64_t swapped[] = {1, 0};
  auto transposed = [&](Wire x) { return c.op("Transpose", {x, c.int_vector(swapped)}); };
  auto column = [&](int64_t i) {  // of a_indices
    return c.op("GatherV2", {c.input(0), int_scalar(c, i), int_scalar(c, 1)});
  };
  Wire db =
      c.op("SparseTensorDenseMatMul", {c.input(0), c.input(1), c.input(2), c.grad()}, {{"adjoint_a", !adjoint_a}});
  c.set_grad(3, adjoint_b ? transposed(db) : db);
  Wire b = adjoint_b ? transposed(c.input(3)) : c.input(3);
  Wire of_y = c.op("GatherV2", {c.grad(), column(adjoint_a ? 1 : 0), int_scalar(c, 0)});
  Wire of_b = c.op("GatherV2", {b, column(adjoint_a ? 0 : 1), int_scalar(c, 0)});
  c.set_grad(1, c.op("Sum", {c.op("Mul", {of_y, of_b}), int_list(c, std::vector<int64_t>{1})}));
  return {};
}

constexpr std::string_view kDoc = R"(The product of a sparse matrix and a dense one.
  a_indices  Tindices[n, 2]   a_values  T[n]   a_shape  int64[2]   b  T[K, N], [N, K] with adjoint_b
  returns  product  T[M, N], of a of shape [M, K], [K, M] with adjoint_a; each sum in the order of a's elements
  Errors: InvalidArgument naming an index that is out of bounds, or shapes that do not fit.
  Source: TensorFlow sparse_ops SparseTensorDenseMatMul.)";

}  // namespace

extern const OpDef op_SparseTensorDenseMatMul;
const OpDef op_SparseTensorDenseMatMul = {
    .name = "SparseTensorDenseMatMul",
    .inputs = "a_indices: Tindices, a_values: T, a_shape: int64, b: T",
    .outputs = "product: T",
    .attrs = "T: type; Tindices: {int32, int64} = int64; adjoint_a: bool = false; adjoint_b: bool = false",
    .infer = infer_product,
    .kernels = kKernelsFor<SparseProductKernel, float, double, Half, BFloat16, int32_t>,
    .kernel_attr = "T",
};

TARN_OP_FILE(sparse_tensor_dense_mat_mul, {&op_SparseTensorDenseMatMul, kDoc, product_gradient})

}  // namespace tarn
