// InTopK.
#include <cmath>

#include "core/op.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

Status judge(const Shape& predictions, const Shape& targets) {
  if (predictions.has_rank() && predictions.rank() != 2) {
    return invalid_argument("input 'predictions' must have rank 2, has shape ", predictions.to_string());
  }
  if (targets.has_rank() && targets.rank() != 1) {
    return invalid_argument("input 'targets' must have rank 1, has shape ", targets.to_string());
  }
  if (!predictions.has_rank() || !targets.has_rank()) return {};
  if (Shape{predictions.dim(0)}.is_compatible_with(targets)) return {};
  return invalid_argument("there are ", targets.dim(0), " targets for ", predictions.dim(0), " rows of predictions");
}

Status infer_in_top_k(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge(c.shape(0), c.shape(1)));
  int64_t rows = c.shape(1).has_rank() ? c.shape(1).dim(0) : kUnknownDim;
  if (rows == kUnknownDim && c.shape(0).has_rank()) rows = c.shape(0).dim(0);
  return c.set_output(0, Shape{rows});
}

// In the top k: a class of the row, finite, and fewer than k classes predicted above it.
bool is_in_top_k(const float* row, int64_t classes, int64_t target, int64_t k) {
  if (target < 0 || target >= classes || !std::isfinite(row[target])) return false;
  int64_t above = 0;
  for (int64_t i = 0; i < classes; ++i) {
    if (!std::isfinite(row[i])) return false;  // an order among these means nothing
    above += row[i] > row[target] ? 1 : 0;
  }
  return above < k;
}

template <class Target>
class InTopKKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    k_ = c.attr<int64_t>("k");
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &predictions = c.input(0), &targets = c.input(1);
    TARN_RETURN_IF_ERROR(judge(*predictions.shape, *targets.shape));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *targets.shape));
    int64_t classes = predictions.shape->dim(1);
    c.threads().parallel_for(y.count, std::max<int64_t>(1, kElementsPerRange / std::max<int64_t>(1, classes)),
                             [&](int64_t begin, int64_t end, int) {
                               for (int64_t i = begin; i < end; ++i) {
                                 y.as<bool>()[i] = is_in_top_k(predictions.as<float>() + i * classes, classes,
                                                               targets.as<Target>()[i], k_);
                               }
                             });
    return {};
  }

 private:
  int64_t k_ = 1;
};

constexpr KernelDef kKernels[] = {
    portable_kernel<InTopKKernel<int32_t>>(DType::kInt32),
    portable_kernel<InTopKKernel<int64_t>>(DType::kInt64),
};

constexpr std::string_view kDoc = R"(Whether the target class of each row is among the k largest predictions.
  predictions  float[N, C]   targets  T[N], classes   returns  bool[N]
  Classes that tie with the k-th are all in. A target outside [0, C) is not in, nor is any in a row with NaN or infinity.
  Errors: InvalidArgument if the sizes differ.  Source: TensorFlow nn_ops InTopK.)";

}  // namespace

extern const OpDef op_InTopK;
const OpDef op_InTopK = {
    .name = "InTopK",
    .inputs = "predictions: float, targets: T",
    .outputs = "precision: bool",
    .attrs = "k: int; T: {int32, int64} = int32",
    .infer = infer_in_top_k,
    .kernels = kKernels,
};

TARN_OP_FILE(in_top_k, {&op_InTopK, kDoc, nullptr, "the output is boolean"})

}  // namespace tarn
