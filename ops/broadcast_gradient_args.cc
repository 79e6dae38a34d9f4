// BroadcastGradientArgs: over which dims the gradient of a broadcasting op is summed.
#include "core/op.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

struct Reductions {
  int axes[2][kMaxRank];
  int count[2] = {0, 0};
};

// As TensorFlow's BCast: a dim where only one side is 1 (or missing) is summed for that side, a dim where both are 1
// for both; equal shapes need no sum.
Status find_reductions(const IntList& s0, const IntList& s1, Reductions& reductions) {
  int64_t rank = std::max(s0.size(), s1.size());
  if (rank > kMaxRank) return invalid_argument("shapes have up to ", kMaxRank, " dims, not ", rank);
  bool equal = s0.size() == s1.size();
  for (int64_t d = 0; d < rank && equal; ++d) equal = s0[d] == s1[d];
  if (equal) return {};
  for (int64_t d = 0; d < rank; ++d) {
    int64_t i = d - (rank - s0.size()), j = d - (rank - s1.size());
    int64_t a = i < 0 ? 1 : s0[i], b = j < 0 ? 1 : s1[j];
    if (a != b && a != 1 && b != 1) {
      return invalid_argument("incompatible shapes for broadcasting: ", s0.to_string(), " and ", s1.to_string());
    }
    if (a == 1) reductions.axes[0][reductions.count[0]++] = static_cast<int>(d);
    if (b == 1) reductions.axes[1][reductions.count[1]++] = static_cast<int>(d);
  }
  return {};
}

Status infer(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 1, "s0"));
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 1, "s1"));
  std::optional<IntList> s0 = IntList::known(c, 0), s1 = IntList::known(c, 1);
  Reductions reductions;
  if (s0 && s1) TARN_RETURN_IF_ERROR(find_reductions(*s0, *s1, reductions));
  for (int i = 0; i < 2; ++i) {
    if (!s0 || !s1) {
      TARN_RETURN_IF_ERROR(c.set_output(i, Shape{kUnknownDim}));
      continue;
    }
    std::vector<int64_t> axes(reductions.axes[i], reductions.axes[i] + reductions.count[i]);
    Shape shape{reductions.count[i]};
    std::optional<Tensor> value = int_tensor(c.output(i).dtype, shape, axes);
    if (value) c.set_value(i, *value);
    TARN_RETURN_IF_ERROR(c.set_output(i, shape));
  }
  return {};
}

class ArgsKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    Reductions reductions;
    TARN_RETURN_IF_ERROR(find_reductions(IntList::of(c.input(0)), IntList::of(c.input(1)), reductions));
    for (int i = 0; i < 2; ++i) {
      TARN_ASSIGN_OR_RETURN(TensorView y, c.output(i, Shape{reductions.count[i]}));
      for (int k = 0; k < reductions.count[i]; ++k) store_int(y, k, reductions.axes[i][k]);
    }
    return {};
  }
};

constexpr KernelDef kKernels[] = {portable_kernel<ArgsKernel>()};

constexpr std::string_view kDoc = R"(The dims to sum a gradient over, for each side of a broadcasting op.
  s0, s1  T[rank0], T[rank1]: the shapes of the two inputs   returns  r0, r1  T[…]: dims of the broadcast shape
  Errors: InvalidArgument naming both shapes if they do not broadcast.
  Source: TensorFlow array_ops BroadcastGradientArgs.)";

}  // namespace

extern const OpDef op_BroadcastGradientArgs;
const OpDef op_BroadcastGradientArgs = {
    .name = "BroadcastGradientArgs",
    .inputs = "s0: T, s1: T",
    .outputs = "r0: T, r1: T",
    .attrs = "T: {int32, int64} = int32",
    .infer = infer,
    .kernels = kKernels,
};

TARN_OP_FILE(broadcast_gradient_args, {&op_BroadcastGradientArgs, kDoc, nullptr, "shapes and dims are integers"})

}  // namespace tarn
