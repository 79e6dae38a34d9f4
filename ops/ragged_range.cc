// RaggedRange.
#include <cmath>

#include "core/op.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// Scalars stand for every range; vectors have one length.
Result<int64_t> count_ranges(const Shape& starts, const Shape& limits, const Shape& deltas) {
  int64_t count = 1;
  bool is_known = true, has_vector = false;
  for (const Shape* shape : {&starts, &limits, &deltas}) {
    if (shape->has_rank() && shape->rank() > 1) {
      return invalid_argument("starts, limits and deltas must be scalars or vectors, one has shape ",
                              shape->to_string());
    }
    is_known = is_known && shape->is_fully_known();
    if (!shape->is_fully_known() || shape->rank() == 0) continue;
    if (has_vector && shape->dim(0) != count) {
      return invalid_argument("starts, limits and deltas must have one length, have ", starts.to_string(), ", ",
                              limits.to_string(), " and ", deltas.to_string());
    }
    has_vector = true;
    count = shape->dim(0);
  }
  return has_vector || is_known ? count : kUnknownDim;
}

Status infer_ranges(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(int64_t count, count_ranges(c.shape(0), c.shape(1), c.shape(2)));
  TARN_RETURN_IF_ERROR(c.set_output(0, Shape{count == kUnknownDim ? kUnknownDim : count + 1}));
  return c.set_output(1, Shape{kUnknownDim});
}

// How many numbers from start on, delta apart, come before limit; none if delta leads away from it.
template <class T>
Result<int64_t> range_size(T start, T limit, T delta) {
  if (delta == T(0)) return invalid_argument("a delta is 0");
  if (delta > T(0) ? !(start < limit) : !(start > limit)) return int64_t{0};
  if constexpr (std::is_integral_v<T>) {
    uint64_t span = delta > 0 ? static_cast<uint64_t>(limit) - static_cast<uint64_t>(start)
                              : static_cast<uint64_t>(start) - static_cast<uint64_t>(limit);
    uint64_t step = delta > 0 ? static_cast<uint64_t>(delta) : uint64_t{0} - static_cast<uint64_t>(delta);
    uint64_t size = span / step + (span % step != 0 ? 1 : 0);
    if (size > INT64_MAX) return invalid_argument("a range of ", size, " numbers is too long");
    return static_cast<int64_t>(size);
  } else {
    // As TensorFlow, in T: 0.3f / 0.1f is 3 in float and above 3 in double.
    T steps = (limit - start) / delta;
    double size = std::ceil(static_cast<double>(steps));
    if (!(size < 4e18)) return invalid_argument("a range of ", start, " ... ", limit, " by ", delta, " is too long");
    return static_cast<int64_t>(size);
  }
}

template <class T>
class RaggedRangeKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(int64_t count, count_ranges(*c.input(0).shape, *c.input(1).shape, *c.input(2).shape));
    auto value = [&](int input, int64_t i) {
      const TensorView& view = c.input(input);
      return view.as<T>()[view.shape->rank() == 0 ? 0 : i];
    };
    TARN_ASSIGN_OR_RETURN(TensorView splits, c.output(0, Shape{count + 1}));
    int64_t total = 0;
    for (int64_t i = 0; i <= count; ++i) {
      if (!store_int(splits, i, total)) {
        return invalid_argument(total, " numbers are more than attr 'Tsplits' = ", dtype_name(splits.dtype),
                                " can count");
      }
      if (i == count) break;
      Result<int64_t> size = range_size(value(0, i), value(1, i), value(2, i));
      if (!size.ok()) return invalid_argument("range ", i, ": ", size.status().message());
      if (*size > INT64_MAX - total) return invalid_argument("the ranges are too long");
      total += *size;
    }
    TARN_ASSIGN_OR_RETURN(TensorView values, c.output(1, Shape{total}));
    T* out = values.as<T>();
    for (int64_t i = 0; i < count; ++i) {
      TARN_ASSIGN_OR_RETURN(int64_t size, range_size(value(0, i), value(1, i), value(2, i)));
      // As TensorFlow: each number is the one before it plus delta.
      T at = value(0, i);
      for (int64_t k = 0; k < size; ++k) {
        *out++ = at;
        if (k + 1 < size) at = static_cast<T>(at + value(2, i));
      }
    }
    return {};
  }
};

constexpr KernelDef kKernels[] = {
    portable_kernel<RaggedRangeKernel<float>>(DType::kFloat),
    portable_kernel<RaggedRangeKernel<double>>(DType::kDouble),
    portable_kernel<RaggedRangeKernel<int32_t>>(DType::kInt32),
    portable_kernel<RaggedRangeKernel<int64_t>>(DType::kInt64),
};

constexpr std::string_view kDoc = R"(Several ranges of numbers, one behind the other.
  starts, limits, deltas  T, scalars or vectors of one length N
  returns  rt_nested_splits  Tsplits[N + 1]: where each range begins, and where the last one ends
           rt_dense_values   T: the numbers of each range, as of Range; none if delta leads away from limit
  Errors: InvalidArgument if a delta is 0 or the lengths differ.   Source: TensorFlow ragged_math_ops RaggedRange.)";

}  // namespace

extern const OpDef op_RaggedRange;
const OpDef op_RaggedRange = {
    .name = "RaggedRange",
    .inputs = "starts: T, limits: T, deltas: T",
    .outputs = "rt_nested_splits: Tsplits, rt_dense_values: T",
    .attrs = "T: {bfloat16, float, double, int32, int64} = int32; Tsplits: {int32, int64} = int64",
    .infer = infer_ranges,
    .kernels = kKernels,
};

TARN_OP_FILE(ragged_range, {&op_RaggedRange, kDoc, nullptr, "TensorFlow has none"})

}  // namespace tarn
