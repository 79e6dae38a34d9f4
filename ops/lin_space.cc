// LinSpace.
#include "core/op.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

constexpr std::string_view kNames[] = {"start", "stop", "num"};

Status judge_count(int64_t count) {
  if (count > 0) return {};
  return invalid_argument("input 'num' must be above 0, is ", count);
}

Status infer_lin_space(InferContext& c) {
  for (int i = 0; i < 3; ++i) TARN_RETURN_IF_ERROR(c.expect_rank(i, 0, kNames[i]));
  std::optional<IntList> known = IntList::known(c, 2);
  if (!known) return c.set_output(0, Shape{kUnknownDim});
  TARN_ASSIGN_OR_RETURN(int64_t count, single_int(*known, "num"));
  TARN_RETURN_IF_ERROR(judge_count(count));
  return set_output_checked(c, 0, Shape{count});
}

template <class T>
class LinSpaceKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    for (int i = 0; i < 3; ++i) {
      if (c.input(i).shape->is_scalar()) continue;
      return invalid_argument("input ", quoted(kNames[i]), " must be a scalar, has shape ",
                              c.input(i).shape->to_string());
    }
    T start = c.input(0).item<T>(), stop = c.input(1).item<T>();
    int64_t count = IntList::of(c.input(2))[0];
    TARN_RETURN_IF_ERROR(judge_count(count));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape{count}));
    T* out = y.as<T>();
    T step = count > 1 ? (stop - start) / static_cast<T>(count - 1) : T(0);
    for (int64_t i = 0; i < count; ++i) out[i] = start + step * static_cast<T>(i);
    if (count > 1) out[count - 1] = stop;  // which roundings would miss
    return {};
  }
};

constexpr KernelDef kKernels[] = {
    portable_kernel<LinSpaceKernel<float>>(DType::kFloat),
    portable_kernel<LinSpaceKernel<double>>(DType::kDouble),
};

constexpr std::string_view kDoc = R"(Numbers from `start` to `stop`, both included, evenly apart.
  start, stop  T, scalars   num  Tidx, a scalar: how many, 1 or more   returns  T[num]; with num = 1, start
  Errors: InvalidArgument if num is below 1.   Source: TensorFlow math_ops LinSpace.)";

}  // namespace

extern const OpDef op_LinSpace;
const OpDef op_LinSpace = {
    .name = "LinSpace",
    .inputs = "start: T, stop: T, num: Tidx",
    .outputs = "output: T",
    .attrs = "T: {bfloat16, half, float, double}; Tidx: {int32, int64} = int32",
    .infer = infer_lin_space,
    .kernels = kKernels,
};

TARN_OP_FILE(lin_space, {&op_LinSpace, kDoc, nullptr, "TensorFlow gives none: its ends are rarely learned"})

}  // namespace tarn
