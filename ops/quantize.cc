// QuantizeV2.
#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/kernels/float_codes.h"
#include "ops/quantized.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

enum class Mode { kMinCombined, kMinFirst, kScaled };

struct QuantizeAttrs {
  Mode mode = Mode::kMinCombined;
  bool ties_to_even = false, narrow_range = false;
  int64_t axis = -1;
  float minimum_range = 0.01f;

  static Result<QuantizeAttrs> read(const AttrMap& attrs) {
    const auto& mode = attrs.get<std::string>("mode");
    QuantizeAttrs read{.mode = mode == "MIN_FIRST" ? Mode::kMinFirst
                               : mode == "SCALED"  ? Mode::kScaled
                                                   : Mode::kMinCombined,
                       .ties_to_even = attrs.get<std::string>("round_mode") == "HALF_TO_EVEN",
                       .narrow_range = attrs.get<bool>("narrow_range"),
                       .axis = attrs.get<int64_t>("axis"),
                       .minimum_range = attrs.get<float>("ensure_minimum_range")};
    if (read.axis < -1) return invalid_argument("attr 'axis' must be at least -1, not ", read.axis);
    if (read.ties_to_even && read.mode != Mode::kScaled) {
      return invalid_argument("attr 'round_mode' = HALF_TO_EVEN goes with 'mode' = SCALED only, not with ", mode);
    }
    if (!std::isfinite(read.minimum_range)) {
      return invalid_argument("attr 'ensure_minimum_range' is ", read.minimum_range, ", not a finite number");
    }
    return read;
  }
};

// Slices along the axis, one range each; kUnknownDim if not known. One slice is the same as no axis.
Result<int64_t> slices_of(const Shape& input, int64_t axis) {
  if (axis == -1) return 1;
  if (!input.has_rank()) return kUnknownDim;
  if (axis < input.rank()) return input.dim(static_cast<int>(axis));
  return invalid_argument("attr 'axis' = ", axis, " is out of range for shape ", input.to_string());
}

Status judge_limits(const Shape& limits, int64_t slices, int64_t axis, std::string_view name) {
  if (axis == -1) return judge_single(limits, name);
  if (limits.is_compatible_with(Shape{slices})) return {};
  return invalid_argument("input '", name, "' must have one element for each of the ", slices, " slices of dim ", axis,
                          ", has shape ", limits.to_string());
}

Status infer_quantize(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(QuantizeAttrs attrs, QuantizeAttrs::read(c.attrs()));
  TARN_ASSIGN_OR_RETURN(int64_t slices, slices_of(c.shape(0), attrs.axis));
  TARN_RETURN_IF_ERROR(judge_limits(c.shape(1), slices, attrs.axis, "min_range"));
  TARN_RETURN_IF_ERROR(judge_limits(c.shape(2), slices, attrs.axis, "max_range"));
  if (slices == kUnknownDim && c.shape(1).rank() == 1) slices = c.shape(1).dim(0);
  TARN_RETURN_IF_ERROR(c.set_output(0, c.shape(0)));
  Shape range = slices == kUnknownDim ? Shape::unknown() : slices == 1 ? Shape() : Shape{slices};
  TARN_RETURN_IF_ERROR(c.set_output(1, range));
  return c.set_output(2, range);
}

// From 0 at the latest to 0 at the earliest, and not too narrow.
Result<CodeRange> widened(float low, float high, float minimum_range) {
  if (!std::isfinite(low) || !std::isfinite(high)) {
    return invalid_argument("min_range ", low, " and max_range ", high, " must be finite numbers");
  }
  if (low > high) return invalid_argument("min_range ", low, " must not exceed max_range ", high);
  const float least = std::max(1.0f, std::max(std::fabs(low), std::fabs(high))) * minimum_range;
  const float min = std::min(0.0f, low);
  return CodeRange{min, std::max(0.0f, std::max(high, min + least))};
}

template <class T>
T cut(float code) {
  constexpr auto kLow = static_cast<float>(kLowestCode<T>), kHigh = static_cast<float>(kHighestCode<T>);
  if (!(code > kLow)) return std::numeric_limits<T>::min();
  return code < kHigh ? static_cast<T>(code) : std::numeric_limits<T>::max();
}

// One value after the other.
template <class T, class Code>
auto each(const Code& code) {
  return [=](const float* values, int64_t count, T* codes) {
    for (int64_t i = 0; i < count; ++i) codes[i] = code(values[i]);
  };
}

// Calls loop(f) with the function f(values, count, codes), and changes `range` to what the codes then stand for.
template <class T, class Loop>
void with_encoder(const QuantizeAttrs& attrs, CodeRange& range, const Loop& loop) {
  const float min = range.min, max = range.max;
  const auto scale = static_cast<float>(kCodeSteps<T> / static_cast<double>(max - min));
  if (attrs.mode == Mode::kMinFirst) {
    if constexpr (std::is_same_v<T, uint8_t>) {
      // Rounded once, half to even. That is TensorFlow 2's kernel on x86-64 (oneDNN); its plain one, which it takes for
      // constants, and TensorFlow 1's, round value and min apart, half away from zero. Either is within a step; chains
      // of such ops show the difference. (Of a scalar oneDNN's kernel cuts the fraction off.)
      loop([=](const float* x, int64_t n, T* codes) { kernels::float_codes(x, n, min, scale, codes); });
    } else {
      loop(each<T>(FloatsToCodes<T>(range)));
    }
  } else if (attrs.mode == Mode::kMinCombined) {
    if constexpr (std::is_signed_v<T>) {
      constexpr auto kHalf = static_cast<float>((kCodeSteps<T> + 1) / 2);
      loop(each<T>(
          [=](float x) { return cut<T>(std::round((std::max(std::min(x, max), min) - min) * scale - kHalf)); }));
    } else {
      loop(each<T>([=](float x) { return cut<T>((std::max(std::min(x, max), min) - min) * scale + 0.5f); }));
    }
  } else {
    constexpr float kNone = std::numeric_limits<float>::max();
    const auto lowest = static_cast<float>(kLowestCode<T> + (attrs.narrow_range ? 1 : 0));
    const auto highest = static_cast<float>(kHighestCode<T>);
    const float factor = std::min(lowest * min > 0 ? lowest / min : kNone, highest * max > 0 ? highest / max : kNone);
    const float low = lowest / factor, high = highest / factor;
    range = {low, high};
    if (attrs.ties_to_even) {
      loop(each<T>([=](float x) { return cut<T>(std::nearbyint(std::max(std::min(x, high), low) * factor)); }));
    } else {
      loop(each<T>([=](float x) { return cut<T>(std::round(std::max(std::min(x, high), low) * factor)); }));
    }
  }
}

template <class T>
class QuantizeKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(attrs_, QuantizeAttrs::read(c.attrs()));
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &x = c.input(0), &lows = c.input(1), &highs = c.input(2);
    TARN_ASSIGN_OR_RETURN(int64_t slices, slices_of(*x.shape, attrs_.axis));
    TARN_RETURN_IF_ERROR(judge_limits(*lows.shape, slices, attrs_.axis, "min_range"));
    TARN_RETURN_IF_ERROR(judge_limits(*highs.shape, slices, attrs_.axis, "max_range"));
    if (slices != 1 && attrs_.mode == Mode::kMinFirst) {
      return unimplemented("QuantizeV2 has no 'mode' = MIN_FIRST with 'axis' = ", attrs_.axis, ", only with -1");
    }
    const Shape range_shape = slices == 1 ? Shape() : Shape{slices};
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    TARN_ASSIGN_OR_RETURN(TensorView mins, c.output(1, range_shape));
    TARN_ASSIGN_OR_RETURN(TensorView maxs, c.output(2, range_shape));
    const int axis = static_cast<int>(attrs_.axis);
    const int64_t inner = axis < 0 ? x.count : dim_product(*x.shape, axis + 1, x.shape->rank());
    const int64_t outer = axis < 0 ? 1 : dim_product(*x.shape, 0, axis);
    for (int64_t slice = 0; slice < slices; ++slice) {
      TARN_ASSIGN_OR_RETURN(CodeRange range,
                            widened(lows.as<float>()[slice], highs.as<float>()[slice], attrs_.minimum_range));
      const float* from = x.as<float>() + slice * inner;
      T* to = y.as<T>() + slice * inner;
      with_encoder<T>(attrs_, range, [&](const auto& encode) {
        for (int64_t block = 0; block < outer; ++block) {
          const int64_t start = block * slices * inner;
          c.threads().parallel_for(inner, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
            encode(from + start + begin, end - begin, to + start + begin);
          });
        }
      });
      mins.as<float>()[slice] = range.min;
      maxs.as<float>()[slice] = range.max;
    }
    return {};
  }

 private:
  QuantizeAttrs attrs_;
};

constexpr KernelDef kKernels[] = {
    portable_kernel<QuantizeKernel<uint8_t>>(DType::kQUInt8),
    portable_kernel<QuantizeKernel<int8_t>>(DType::kQInt8),
    portable_kernel<QuantizeKernel<uint16_t>>(DType::kQUInt16),
    portable_kernel<QuantizeKernel<int16_t>>(DType::kQInt16),
    portable_kernel<QuantizeKernel<int32_t>>(DType::kQInt32),
};

constexpr std::string_view kDoc = R"(Turns floats into codes of few bits.
  input  float[...]   min_range, max_range  float, one element, or one for each slice of dim `axis`
  returns  output  T[...]   output_min, output_max  float: the range that the codes stand for, to be handed to Dequantize
  The range is widened to hold 0 and to be at least ensure_minimum_range * max(1, |min|, |max|) wide. Then with lowest and
  highest of T, range = max - min:
    MIN_COMBINED  code = round((clamp(x) - min) * (highest - lowest) / range) + lowest
    MIN_FIRST     code = round((x - min) * (2^bits - 1) / range) + lowest; quint8 rounds half to even, the others round x
                  and min apart, half away from zero
    SCALED        s = min(lowest / min, highest / max);  code = round(clamp(x) * s);  the range becomes lowest / s to
                  highest / s; lowest + 1 with narrow_range
  Errors: InvalidArgument if min_range > max_range, is no number, or has another number of elements.
  Source: TensorFlow array_ops QuantizeV2.)";

}  // namespace

extern const OpDef op_QuantizeV2;
const OpDef op_QuantizeV2 = {
    .name = "QuantizeV2",
    .inputs = "input: float, min_range: float, max_range: float",
    .outputs = "output: T, output_min: float, output_max: float",
    .attrs = "T: " TARN_QUANTIZED_TYPES
             "; mode: {'MIN_COMBINED', 'MIN_FIRST', 'SCALED'} = 'MIN_COMBINED'; "
             "round_mode: {'HALF_AWAY_FROM_ZERO', 'HALF_TO_EVEN'} = 'HALF_AWAY_FROM_ZERO'; narrow_range: bool = false; "
             "axis: int = -1; ensure_minimum_range: float = 0.01",
    .infer = infer_quantize,
    .kernels = kKernels,
};

TARN_OP_FILE(quantize, {&op_QuantizeV2, kDoc, nullptr, "its output is quantized: whole numbers"})

}  // namespace tarn
