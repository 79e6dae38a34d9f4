// Bucketize.
#include <algorithm>

#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

template <class T>
class BucketizeKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    boundaries_ = c.attr<std::vector<float>>("boundaries");
    for (size_t i = 1; i < boundaries_.size(); ++i) {
      if (boundaries_[i] >= boundaries_[i - 1]) continue;
      return invalid_argument("Expected sorted boundaries, but boundaries[", i, "] = ", boundaries_[i], " is below ",
                              boundaries_[i - 1]);
    }
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    c.threads().parallel_for(x.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        // Integers are compared as floats, as in TensorFlow: large ones are rounded.
        auto above = std::upper_bound(boundaries_.begin(), boundaries_.end(), static_cast<Compared>(x.as<T>()[i]));
        y.as<int32_t>()[i] = static_cast<int32_t>(above - boundaries_.begin());
      }
    });
    return {};
  }

 private:
  using Compared = std::conditional_t<std::is_same_v<T, double>, double, float>;
  std::vector<float> boundaries_;
};

template <class... Ts>
constexpr KernelDef kKernels[] = {portable_kernel<BucketizeKernel<Ts>>(dtype_of<Ts>())...};

constexpr std::string_view kDoc = R"(In which part of a range each number is: how many boundaries are not above it.
  input  T[...]   boundaries  floats, never falling   returns  int32[...], in [0, number of boundaries]
  A number equal to a boundary is above it; NaN is above all.
  Errors: InvalidArgument naming a boundary that falls.   Source: TensorFlow math_ops Bucketize.)";

}  // namespace

extern const OpDef op_Bucketize;
const OpDef op_Bucketize = {
    .name = "Bucketize",
    .inputs = "input: T",
    .outputs = "output: int32",
    .attrs = "T: {int32, int64, float, double}; boundaries: list(float)",
    .infer = infer_unchanged,
    .kernels = kKernels<int32_t, int64_t, float, double>,
};

TARN_OP_FILE(bucketize, {&op_Bucketize, kDoc, nullptr, "the output counts"})

}  // namespace tarn
