// Dequantize.
#include <cmath>
#include <limits>

#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

enum class Mode { kMinCombined, kMinFirst, kScaled };

// x = (q + shift) * scale + offset, in float.
struct Affine {
  float shift, scale, offset;
};

template <class Q>
Affine affine_for(Mode mode, bool narrow_range, float low, float high) {
  constexpr auto kLowest = static_cast<float>(std::numeric_limits<Q>::min());
  constexpr auto kHighest = static_cast<float>(std::numeric_limits<Q>::max());
  constexpr bool kSigned = std::is_signed_v<Q>;
  switch (mode) {
    case Mode::kMinCombined: {
      // x = (q + half the range where q is signed) * (high - low) / (highest - lowest) + low
      float half_range = kSigned ? (kHighest - kLowest + 1) / 2.0f : 0.0f;
      return {half_range, (high - low) / (kHighest - kLowest), low};
    }
    case Mode::kMinFirst: {
      // s = (high - low) / (2^bits - 1);  x = q * s + (round(low / s) * s - lowest * s)
      constexpr double kSteps = static_cast<double>(uint64_t{1} << (8 * sizeof(Q))) - 1;
      auto scale = static_cast<float>((high - low) / kSteps);
      float rounded = high == low ? low : std::round(low / scale) * scale;
      return {0, scale, rounded - kLowest * scale};
    }
    case Mode::kScaled: break;
  }
  // x = q * max(low / lowest, high / highest)
  float scale = high / kHighest;
  if (kSigned) scale = std::max(low / (kLowest + (narrow_range ? 1.0f : 0.0f)), scale);
  return {0, scale, 0};
}

// axis -1 means one range for all.
Status judge_ranges(const Shape& shape, const Shape& ranges, int64_t axis, std::string_view name) {
  if (!ranges.has_rank()) return {};
  if (axis == -1) {
    bool single = ranges.rank() == 0 || (ranges.rank() == 1 && (ranges.dim(0) == 1 || ranges.dim(0) == kUnknownDim));
    if (single) return {};
    return invalid_argument("input '", name, "' must have one element, has shape ", ranges.to_string());
  }
  if (!shape.has_rank()) return {};
  if (axis < -1 || axis >= shape.rank()) {
    return invalid_argument("attr 'axis' = ", axis, " is out of range for shape ", shape.to_string());
  }
  if (ranges.is_compatible_with(Shape{shape.dim(static_cast<int>(axis))})) return {};
  return invalid_argument("input '", name, "' must have one element for each of dim ", axis, " of ", shape.to_string(),
                          ", has shape ", ranges.to_string());
}

Status infer_dequantize(InferContext& c) {
  int64_t axis = c.attr<int64_t>("axis");
  if (axis < -1) return invalid_argument("attr 'axis' must be at least -1, not ", axis);
  TARN_RETURN_IF_ERROR(judge_ranges(c.shape(0), c.shape(1), axis, "min_range"));
  TARN_RETURN_IF_ERROR(judge_ranges(c.shape(0), c.shape(2), axis, "max_range"));
  return c.set_output(0, c.shape(0));
}

template <class Q>
class DequantizeKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    const auto& mode = c.attr<std::string>("mode");
    mode_ = mode == "MIN_FIRST" ? Mode::kMinFirst : mode == "SCALED" ? Mode::kScaled : Mode::kMinCombined;
    narrow_range_ = c.attr<bool>("narrow_range");
    axis_ = c.attr<int64_t>("axis");
    narrow_output_ = c.attr<DType>("dtype") == DType::kBFloat16;
    if (narrow_output_ && mode_ != Mode::kMinCombined) {
      return invalid_argument("attr 'mode' = ", mode, " gives float only; bfloat16 goes with MIN_COMBINED");
    }
    if (sizeof(Q) == (narrow_output_ ? sizeof(BFloat16) : sizeof(float))) c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    const Shape& shape = *x.shape;
    for (int i = 1; i < 3; ++i) {
      TARN_RETURN_IF_ERROR(judge_ranges(shape, *c.input(i).shape, axis_, i == 1 ? "min_range" : "max_range"));
    }
    const float* low = c.input(1).as<float>();
    const float* high = c.input(2).as<float>();
    for (int64_t i = 0; i < c.input(1).count; ++i) {
      if (!(low[i] <= high[i])) {
        return invalid_argument("min_range ", low[i], " must not exceed max_range ", high[i], " (channel ", i, ")");
      }
    }
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    if (y.count == 0) return {};
    // Rows of `inner` elements with one range each; the ranges take turns.
    int64_t channels = axis_ < 0 ? 1 : shape.dim(static_cast<int>(axis_));
    int64_t inner = axis_ < 0 ? y.count : dim_product(shape, static_cast<int>(axis_) + 1, shape.rank());
    const Q* in = x.as<Q>();
    c.threads().parallel_for(y.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      while (begin < end) {
        int64_t row = begin / inner, stop = std::min(end, (row + 1) * inner), channel = row % channels;
        Affine a = affine_for<Q>(mode_, narrow_range_, low[channel], high[channel]);
        const auto value = [&](Q q) { return (static_cast<float>(q) + a.shift) * a.scale + a.offset; };
        if (narrow_output_) {
          for (; begin < stop; ++begin) y.as<BFloat16>()[begin] = narrowed<BFloat16>(value(in[begin]));
        } else {
          for (; begin < stop; ++begin) y.as<float>()[begin] = value(in[begin]);
        }
      }
    });
    return {};
  }

 private:
  Mode mode_ = Mode::kMinCombined;
  bool narrow_range_ = false, narrow_output_ = false;
  int64_t axis_ = -1;
};

constexpr KernelDef kKernels[] = {
    portable_kernel<DequantizeKernel<uint8_t>>(DType::kQUInt8),
    portable_kernel<DequantizeKernel<int8_t>>(DType::kQInt8),
    portable_kernel<DequantizeKernel<uint16_t>>(DType::kQUInt16),
    portable_kernel<DequantizeKernel<int16_t>>(DType::kQInt16),
    portable_kernel<DequantizeKernel<int32_t>>(DType::kQInt32),
};

constexpr std::string_view kDoc = R"(Turns quantized numbers back into floats.
  input  T[...]   min_range, max_range  float, one element, or one for each of dim `axis`
  returns  dtype[...]: float, or bfloat16 with MIN_COMBINED
  With lowest and highest of T, and range = max_range - min_range:
    MIN_COMBINED  x = (q + (highest - lowest + 1) / 2 if T is signed) * range / (highest - lowest) + min_range
    MIN_FIRST     s = range / (2^bits - 1);  x = (q - lowest) * s + round(min_range / s) * s
    SCALED        x = q * max(min_range / lowest, max_range / highest); unsigned: q * max_range / highest;
                  lowest + 1 with narrow_range
  Errors: InvalidArgument if min_range > max_range, is NaN, or has another number of elements.
  Source: TensorFlow array_ops Dequantize.)";

}  // namespace

extern const OpDef op_Dequantize;
const OpDef op_Dequantize = {
    .name = "Dequantize",
    .inputs = "input: T, min_range: float, max_range: float",
    .outputs = "output: dtype",
    .attrs =
        "T: {qint8, quint8, qint32, qint16, quint16}; mode: {'MIN_COMBINED', 'MIN_FIRST', 'SCALED'} = "
        "'MIN_COMBINED'; narrow_range: bool = false; axis: int = -1; dtype: {bfloat16, float} = float",
    .infer = infer_dequantize,
    .kernels = kKernels,
};

TARN_OP_FILE(dequantize, {&op_Dequantize, kDoc, nullptr, "its input is quantized: whole numbers"})

}  // namespace tarn
