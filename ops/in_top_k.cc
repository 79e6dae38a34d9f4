// InTopK and InTopKV2.
#include <cmath>

#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/support/array.h"

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
  if (c.input_count() > 2) TARN_RETURN_IF_ERROR(c.expect_rank(2, 0, "k"));
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
    k_ = c.attrs().get_or<int64_t>("k", 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &predictions = c.input(0), &targets = c.input(1);
    TARN_RETURN_IF_ERROR(judge(*predictions.shape, *targets.shape));
    int64_t k = k_;
    if (c.input_count() > 2) {
      TARN_ASSIGN_OR_RETURN(k, single_int(IntList::of(c.input(2)), "k"));
    }
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *targets.shape));
    int64_t classes = predictions.shape->dim(1);
    c.threads().parallel_for(y.count, std::max<int64_t>(1, kElementsPerRange / std::max<int64_t>(1, classes)),
                             [&](int64_t begin, int64_t end, int) {
                               for (int64_t i = begin; i < end; ++i) {
                                 y.as<bool>()[i] = is_in_top_k(predictions.as<float>() + i * classes, classes,
                                                               targets.as<Target>()[i], k);
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
constexpr std::string_view kDocV2 = R"(Whether the target class of each row is among the k largest predictions.
  predictions  float[N, C]   targets  T[N], classes   k  T, a scalar   returns  bool[N]
  Classes that tie with the k-th are all in. A target outside [0, C) is not in, nor is any in a row with NaN or infinity.
  Errors: InvalidArgument if the sizes differ.  Source: TensorFlow nn_ops InTopKV2.)";

}  // namespace

extern const OpDef op_InTopK, op_InTopKV2;
const OpDef op_InTopK = {
    .name = "InTopK",
    .inputs = "predictions: float, targets: T",
    .outputs = "precision: bool",
    .attrs = "k: int; T: {int32, int64} = int32",
    .infer = infer_in_top_k,
    .kernels = kKernels,
};

const OpDef op_InTopKV2 = {
    .name = "InTopKV2",
    .inputs = "predictions: float, targets: T, k: T",
    .outputs = "precision: bool",
    .attrs = "T: {int32, int64} = int32",
    .infer = infer_in_top_k,
    .kernels = kKernels,
};

TARN_OP_FILE(in_top_k, {&op_InTopK, kDoc, nullptr, "the output is boolean"},
             {&op_InTopKV2, kDocV2, nullptr, "the output is boolean"})

}  // namespace tarn
