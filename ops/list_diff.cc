// ListDiff.
#include <unordered_set>

#include "core/op.h"
#include "ops/support/arguments.h"
#include "ops/support/array.h"
#include "ops/support/element_key.h"

namespace tarn {
namespace {

Status infer_diff(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 1, "x"));
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 1, "y"));
  TARN_RETURN_IF_ERROR(c.set_output(0, Shape{kUnknownDim}));
  return c.set_output(1, Shape{kUnknownDim});
}

class DiffKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView &x = c.input(0), &y = c.input(1);
    TARN_RETURN_IF_ERROR(expect_rank(x, 1, "x"));
    TARN_RETURN_IF_ERROR(expect_rank(y, 1, "y"));
    ElementKeys y_keys(y), x_keys(x);
    std::unordered_set<std::string> taken;
    for (int64_t i = 0; i < y.count; ++i) taken.insert(y_keys.at(i));
    std::vector<int64_t> kept;
    // A NaN is no other NaN: keys of x and y must not agree on one.
    for (int64_t i = 0; i < x.count; ++i) {
      std::string key = x_keys.at(i);
      if (!taken.contains(key) || is_nan_key(key, x.dtype)) kept.push_back(i);
    }
    auto count = static_cast<int64_t>(kept.size());
    TARN_ASSIGN_OR_RETURN(TensorView out, c.output(0, Shape{count}));
    TARN_ASSIGN_OR_RETURN(TensorView idx, c.output(1, Shape{count}));
    for (int64_t k = 0; k < count; ++k) {
      copy_elements(out.dtype, mutable_element_at(out, k), element_at(x, kept[static_cast<size_t>(k)]), 1);
      store_int(idx, k, kept[static_cast<size_t>(k)]);
    }
    return {};
  }

 private:
  static bool is_nan_key(const std::string& key, DType dtype) {
    return dtype != DType::kString && key.size() != dtype_size(dtype);
  }
};

constexpr KernelDef kKernels[] = {portable_kernel<DiffKernel>()};

constexpr std::string_view kDoc = R"(The elements of one list that are not in another.
  x  T[n]   y  T[m]   returns  out  T: in the order of x, repeated ones kept; idx  out_idx: where they are in x
  Source: TensorFlow array_ops ListDiff.)";

}  // namespace

extern const OpDef op_ListDiff;
const OpDef op_ListDiff = {
    .name = "ListDiff",
    .inputs = "x: T, y: T",
    .outputs = "out: T, idx: out_idx",
    .attrs = "T: type; out_idx: {int32, int64} = int32",
    .infer = infer_diff,
    .kernels = kKernels,
};

TARN_OP_FILE(list_diff, {&op_ListDiff, kDoc, nullptr, "which elements are equal does not change smoothly"})

}  // namespace tarn
