// SparseFillEmptyRows and its gradient op.
#include <cstring>

#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/support/arguments.h"
#include "ops/support/sparse.h"

namespace tarn {
namespace {

Status infer_fill(InferContext& c) {
  const Shape& indices = c.shape(0);
  TARN_RETURN_IF_ERROR(judge_sparse(indices, c.shape(1), c.shape(2), "dense_shape"));
  TARN_RETURN_IF_ERROR(c.expect_rank(3, 0, "default_value"));
  int64_t rows = kUnknownDim;
  if (std::optional<IntList> shape = IntList::known(c, 2); shape && shape->size() > 0 && (*shape)[0] >= 0) {
    rows = (*shape)[0];
  }
  TARN_RETURN_IF_ERROR(c.set_output(0, Shape{kUnknownDim, dim_or_unknown(indices, 1)}));
  TARN_RETURN_IF_ERROR(c.set_output(1, Shape{kUnknownDim}));
  TARN_RETURN_IF_ERROR(c.set_output(2, Shape{rows}));
  return c.set_output(3, Shape{dim_or_unknown(indices, 0)});
}

class FillKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView &indices = c.input(0), &values = c.input(1);
    TARN_RETURN_IF_ERROR(judge_sparse(*indices.shape, *values.shape, *c.input(2).shape, "dense_shape"));
    if (c.input(3).shape->rank() != 0) {
      return invalid_argument("default_value must be a scalar, saw: ", c.input(3).shape->to_string());
    }
    if (c.input(2).count == 0) return invalid_argument("Dense shape cannot be empty.");
    int64_t count = values.count, rank = indices.shape->dim(1), rows = c.input(2).as<int64_t>()[0];
    if (rows < 0) return invalid_argument("dense_shape[0] must be non-negative, is ", rows);
    if (rows == 0 && count > 0) {
      return invalid_argument("Received SparseTensor with dense_shape[0] = 0 but indices.shape[0] = ", count);
    }
    TARN_ASSIGN_OR_RETURN(TensorView is_empty,
                          c.output(2, Shape{rows}));  // a row count that memory cannot hold ends here
    TARN_ASSIGN_OR_RETURN(void* memory, c.scratch(static_cast<size_t>(rows) * sizeof(int64_t)));
    auto* next = static_cast<int64_t*>(memory);  // how many elements a row has, then where its next one goes
    std::memset(next, 0, static_cast<size_t>(rows) * sizeof(int64_t));
    const auto* index = indices.as<int64_t>();
    for (int64_t i = 0; i < count; ++i) {
      int64_t row = index[i * rank];
      if (row < 0 || row >= rows) return invalid_argument("indices(", i, ", 0) is invalid: ", row, " >= ", rows);
      ++next[row];
    }
    int64_t total = 0;
    for (int64_t row = 0; row < rows; ++row) {
      int64_t elements = next[row];
      is_empty.as<bool>()[row] = elements == 0;
      next[row] = total;
      total += std::max<int64_t>(elements, 1);
    }
    TARN_ASSIGN_OR_RETURN(TensorView all_indices, c.output(0, Shape{total, rank}));
    TARN_ASSIGN_OR_RETURN(TensorView all_values, c.output(1, Shape{total}));
    TARN_ASSIGN_OR_RETURN(TensorView places, c.output(3, Shape{count}));
    for (int64_t row = 0; row < rows; ++row) {
      if (!is_empty.as<bool>()[row]) continue;
      auto* to = all_indices.as<int64_t>() + next[row] * rank;
      std::fill_n(to, rank, 0);
      to[0] = row;
      copy_elements(all_values.dtype, mutable_element_at(all_values, next[row]), c.input(3).data, 1);
    }
    for (int64_t i = 0; i < count; ++i) {
      int64_t place = next[index[i * rank]]++;
      std::copy_n(index + i * rank, rank, all_indices.as<int64_t>() + place * rank);
      copy_elements(all_values.dtype, mutable_element_at(all_values, place), element_at(values, i), 1);
      places.as<int64_t>()[i] = place;
    }
    return {};
  }
};

Status infer_fill_grad(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 1, "reverse_index_map"));
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 1, "grad_values"));
  TARN_RETURN_IF_ERROR(c.set_output(0, Shape{dim_or_unknown(c.shape(0), 0)}));
  return c.set_output(1, Shape());
}

template <class T>
class FillGradKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    const Shape& dy = c.input(1).shape;
    if (dy.is_fully_known() && dy.rank() == 1) c.request_scratch(static_cast<size_t>(dy.dim(0)));
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_RETURN_IF_ERROR(expect_rank(c.input(0), 1, "reverse_index_map"));
    TARN_RETURN_IF_ERROR(expect_rank(c.input(1), 1, "grad_values"));
    const TensorView &places = c.input(0), &dy = c.input(1);
    TARN_ASSIGN_OR_RETURN(TensorView d_values, c.output(0, *places.shape));
    TARN_ASSIGN_OR_RETURN(TensorView d_default, c.output(1, Shape()));
    TARN_ASSIGN_OR_RETURN(void* memory, c.scratch(static_cast<size_t>(dy.count)));
    auto* is_value = static_cast<bool*>(memory);
    std::fill_n(is_value, dy.count, false);
    for (int64_t i = 0; i < places.count; ++i) {
      int64_t place = places.as<int64_t>()[i];
      if (place < 0 || place >= dy.count) {
        return invalid_argument("Elements in reverse index must be in [0, ", dy.count, ") but got ", place);
      }
      d_values.as<T>()[i] = dy.as<T>()[place];
      is_value[place] = true;
    }
    T sum = T(0);
    for (int64_t i = 0; i < dy.count; ++i) {
      if (!is_value[i]) sum = wrap_add(sum, dy.as<T>()[i]);
    }
    *d_default.as<T>() = sum;
    return {};
  }
};

constexpr KernelDef kFillKernels[] = {portable_kernel<FillKernel>()};

Status fill_gradient(GradContext& c) {
  if (c.grad(1).is_none()) return {};
  Wire d_values = c.op("SparseFillEmptyRowsGrad", {c.output(3), c.grad(1)});
  c.set_grad(1, d_values);
  c.set_grad(3, GradContext::slot(d_values, 1));
  return {};
}

constexpr std::string_view kFillDoc = R"(Gives every row of a sparse tensor an element: a default where it has none.
  indices  int64[n, rank]   values  T[n]   dense_shape  int64[rank]   default_value  T, a scalar
  returns  output_indices  int64[m, rank] and output_values  T[m], sorted by rows, those filled at [row, 0, ...];
  empty_row_indicator  bool[dense_shape[0]]; reverse_index_map  int64[n]: where each element is now
  Errors: InvalidArgument for a row that is not below dense_shape[0].
  Source: TensorFlow sparse_ops SparseFillEmptyRows.)";
constexpr std::string_view kGradDoc = R"(The gradient of SparseFillEmptyRows.
  reverse_index_map  int64[n]   grad_values  T[m]   returns  d_values  T[n]: those at the places named;
  d_default_value  T, a scalar: the sum of all others
  Errors: InvalidArgument naming a place that is not there.   Source: TensorFlow sparse_ops SparseFillEmptyRowsGrad.)";

}  // namespace

extern const OpDef op_SparseFillEmptyRows, op_SparseFillEmptyRowsGrad;
const OpDef op_SparseFillEmptyRows = {
    .name = "SparseFillEmptyRows",
    .inputs = "indices: int64, values: T, dense_shape: int64, default_value: T",
    .outputs = "output_indices: int64, output_values: T, empty_row_indicator: bool, reverse_index_map: int64",
    .attrs = "T: type",
    .infer = infer_fill,
    .kernels = kFillKernels,
};
const OpDef op_SparseFillEmptyRowsGrad = {
    .name = "SparseFillEmptyRowsGrad",
    .inputs = "reverse_index_map: int64, grad_values: T",
    .outputs = "d_values: T, d_default_value: T",
    .attrs = "T: type",
    .infer = infer_fill_grad,
    .kernels = kKernelsFor<FillGradKernel, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                           uint16_t, uint32_t, uint64_t>,
};

TARN_OP_FILE(sparse_fill_empty_rows, {&op_SparseFillEmptyRows, kFillDoc, fill_gradient},
             {&op_SparseFillEmptyRowsGrad, kGradDoc, nullptr, "TensorFlow has none: it is a gradient itself"})

}  // namespace tarn
