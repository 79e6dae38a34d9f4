// Range.
#include <cmath>

#include "core/op.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

template <class T>
Status too_long(T start, T limit, T delta) {
  return invalid_argument("a range from start = ", start, " to limit = ", limit, " by delta = ", delta, " is too long");
}

// How many numbers from start on, delta apart, come before limit.
template <class T>
Result<int64_t> range_size(T start, T limit, T delta) {
  if constexpr (std::is_floating_point_v<T>) {
    if (!std::isfinite(start) || !std::isfinite(limit) || !std::isfinite(delta)) {
      return invalid_argument("a range from start = ", start, " to limit = ", limit, " by delta = ", delta,
                              " has no end");
    }
  }
  if (delta == T(0)) return invalid_argument("input 'delta' must not be 0");
  if (delta > T(0) ? start > limit : start < limit) {
    return invalid_argument("range by ", delta, " requires start ", delta > T(0) ? "<=" : ">=", " limit, got ", start,
                            " and ", limit);
  }
  if constexpr (std::is_floating_point_v<T>) {
    // As TensorFlow, in T: 0.3f / 0.1f is 3 in float and above 3 in double.
    T steps = (limit - start) / delta;
    double size = std::ceil(std::abs(static_cast<double>(steps)));
    if (size > 4e18) return too_long(start, limit, delta);
    return static_cast<int64_t>(size);
  } else {
    auto low = static_cast<uint64_t>(delta > 0 ? start : limit),
         high = static_cast<uint64_t>(delta > 0 ? limit : start);
    uint64_t span = high - low;
    uint64_t step = delta > 0 ? static_cast<uint64_t>(delta) : uint64_t{0} - static_cast<uint64_t>(delta);
    uint64_t size = span / step + (span % step != 0 ? 1 : 0);
    if (size > INT64_MAX) return too_long(start, limit, delta);
    return static_cast<int64_t>(size);
  }
}

template <class T>
Result<int64_t> range_size_of(const void* start, const void* limit, const void* delta) {
  return range_size(*static_cast<const T*>(start), *static_cast<const T*>(limit), *static_cast<const T*>(delta));
}

Status infer_range(InferContext& c) {
  constexpr std::string_view kNames[] = {"start", "limit", "delta"};
  const void* values[3];
  bool known = true;
  for (int i = 0; i < 3; ++i) {
    TARN_RETURN_IF_ERROR(expect_single(c, i, kNames[i]));
    known = known && c.input(i).has_value();
    if (known && c.input(i).value.element_count() != 1) return invalid_argument("input '", kNames[i], "' is empty");
    if (known) values[i] = c.input(i).value.data();
  }
  if (!known) return c.set_output(0, Shape{kUnknownDim});
  Result<int64_t> size = int64_t{kUnknownDim};
  switch (c.output(0).dtype) {
    case DType::kFloat: size = range_size_of<float>(values[0], values[1], values[2]); break;
    case DType::kDouble: size = range_size_of<double>(values[0], values[1], values[2]); break;
    case DType::kInt32: size = range_size_of<int32_t>(values[0], values[1], values[2]); break;
    case DType::kInt64: size = range_size_of<int64_t>(values[0], values[1], values[2]); break;
    default: break;
  }
  if (!size.ok()) return size.status();
  return c.set_output(0, Shape{*size});
}

template <class T>
class RangeKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    for (int i = 0; i < 3; ++i) {
      constexpr std::string_view kNames[] = {"start", "limit", "delta"};
      if (c.input(i).count != 1 || c.input(i).shape->rank() > 1) {
        return invalid_argument("input ", quoted(kNames[i]), " must be a scalar, has shape ",
                                c.input(i).shape->to_string());
      }
    }
    T start = c.input(0).item<T>(), delta = c.input(2).item<T>();
    TARN_ASSIGN_OR_RETURN(int64_t size, range_size(start, c.input(1).item<T>(), delta));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape{size}));
    // As TensorFlow: each number is the one before it plus delta, so floats carry their roundings on.
    T* out = y.as<T>();
    T value = start;
    for (int64_t i = 0; i < size; ++i) {
      out[i] = value;
      if (i + 1 < size) value = static_cast<T>(value + delta);
    }
    return {};
  }
};

constexpr KernelDef kKernels[] = {
    portable_kernel<RangeKernel<float>>(DType::kFloat),
    portable_kernel<RangeKernel<double>>(DType::kDouble),
    portable_kernel<RangeKernel<int32_t>>(DType::kInt32),
    portable_kernel<RangeKernel<int64_t>>(DType::kInt64),
};

constexpr std::string_view kDoc = R"(Numbers from `start` on, `delta` apart, up to but without `limit`.
  start, limit, delta  Tidx, scalars   returns  Tidx[ceil((limit - start) / delta)]
  Errors: InvalidArgument if delta is 0 or leads away from limit.   Source: TensorFlow math_ops Range.)";

}  // namespace

extern const OpDef op_Range;
const OpDef op_Range = {
    .name = "Range",
    .inputs = "start: Tidx, limit: Tidx, delta: Tidx",
    .outputs = "output: Tidx",
    .attrs = "Tidx: {bfloat16, half, float, double, int8, int16, int32, int64, uint32} = int32",
    .infer = infer_range,
    .kernels = kKernels,
};

TARN_OP_FILE(range, {&op_Range, kDoc, nullptr, "TensorFlow gives none: how many numbers there are is a step function"})

}  // namespace tarn
