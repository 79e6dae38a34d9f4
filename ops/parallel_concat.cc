// ParallelConcat.
#include "core/op.h"
#include "ops/gradients.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// Every value is one row of the output, [1, ...].
Result<Shape> stacked(const Shape& wanted, std::span<const Shape* const> values) {
  Shape row = wanted;
  if (row.has_rank()) {
    if (row.rank() < 1 || !Shape{static_cast<int64_t>(values.size())}.is_compatible_with(Shape{row.dim(0)})) {
      return invalid_argument("attr 'shape' is ", wanted.to_string(), ", but there are ", values.size(), " rows");
    }
    row.set_dim(0, 1);
  }
  for (size_t i = 0; i < values.size(); ++i) {
    Result<Shape> merged = row.merge(*values[i]);
    if (!merged.ok() || (merged->has_rank() && (merged->rank() < 1 || merged->dim(0) > 1 || merged->dim(0) == 0))) {
      return invalid_argument("attr 'shape' is ", wanted.to_string(), ", but values[", i, "] has shape ",
                              values[i]->to_string());
    }
    row = *merged;
  }
  if (row.has_rank()) row.set_dim(0, static_cast<int64_t>(values.size()));
  return row;
}

Status infer_concat(InferContext& c) {
  std::vector<const Shape*> shapes;
  for (int i = 0; i < c.input_count(); ++i) shapes.push_back(&c.shape(i));
  TARN_ASSIGN_OR_RETURN(Shape output, stacked(c.attr<Shape>("shape"), shapes));
  return set_output_checked(c, 0, output);
}

class ConcatKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    shape_ = c.attr<Shape>("shape");
    return {};
  }
  Status run(RunContext& c) const override {
    std::vector<const Shape*> shapes;
    for (int i = 0; i < c.input_count(); ++i) shapes.push_back(c.input(i).shape);
    TARN_ASSIGN_OR_RETURN(Shape output, stacked(shape_, shapes));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    int64_t row = c.input(0).count;
    for (int i = 0; i < c.input_count(); ++i) {
      copy_elements(y.dtype, mutable_element_at(y, i * row), c.input(i).data, row);
    }
    return {};
  }

 private:
  Shape shape_;
};

constexpr KernelDef kKernels[] = {portable_kernel<ConcatKernel>()};

Status concat_gradient(GradContext& c) {
  // Each row gets its row of dy.
  Wire parts = c.op("Split", {int_scalar(c, 0), c.grad()}, {{"num_split", c.input_count()}});
  for (int i = 0; i < c.input_count(); ++i) c.set_grad(i, c.slot(parts, i));
  return {};
}

constexpr std::string_view kDoc = R"(Puts N rows one below the other.
  values  N tensors T[1, ...] of one shape   returns  T[N, ...], which is attr shape
  TensorFlow copies each as soon as it is there; the result is the same.
  Errors: InvalidArgument naming the value that does not fit.   Source: TensorFlow array_ops ParallelConcat.)";

}  // namespace

extern const OpDef op_ParallelConcat;
const OpDef op_ParallelConcat = {
    .name = "ParallelConcat",
    .inputs = "values: N * T",
    .outputs = "output: T",
    .attrs = "N: int >= 1; T: type; shape: shape",
    .infer = infer_concat,
    .kernels = kKernels,
};

TARN_OP_FILE(parallel_concat, {&op_ParallelConcat, kDoc, concat_gradient})

}  // namespace tarn
