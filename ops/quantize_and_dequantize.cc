// QuantizeAndDequantize, V2, V3, V4 and the gradient op of V4: what codes of few bits would lose, in floats.
#include <algorithm>

#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/quantized.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// Where the four versions have what: V1 its range in attrs and no axis, V3 the number of bits as an input.
enum class Version { kV1, kV2, kV3, kV4 };

struct SimulatedAttrs {
  bool is_signed = true, range_given = false, narrow_range = false, half_up = false;
  int64_t bits = 8, axis = -1;

  static Result<SimulatedAttrs> read(const AttrMap& attrs, Version version) {
    SimulatedAttrs read{.is_signed = attrs.get<bool>("signed_input"), .range_given = attrs.get<bool>("range_given")};
    if (version != Version::kV1) {
      read.narrow_range = attrs.get<bool>("narrow_range");
      read.axis = attrs.get<int64_t>("axis");
    }
    if (version == Version::kV2 || version == Version::kV4) {
      read.half_up = attrs.get<std::string>("round_mode") == "HALF_UP";
    }
    if (version != Version::kV3) {
      read.bits = attrs.get<int64_t>("num_bits");
      TARN_RETURN_IF_ERROR(read.judge_bits());
    }
    if (read.axis >= -1) return read;
    return invalid_argument("attr 'axis' must be at least -1, not ", read.axis);
  }
  Status judge_bits() const {
    const int64_t limit = is_signed ? 62 : 63;
    if (bits > 0 && bits < limit) return {};
    return invalid_argument("num_bits is ", bits, ", not in [1, ", limit - 1, "]",
                            is_signed ? " for signed codes" : "");
  }
};

// One range for all with axis -1, else one for each slice along it.
Result<int64_t> ranges_of(const Shape& input, int64_t axis) {
  if (axis == -1) return 1;
  if (!input.has_rank()) return kUnknownDim;
  if (axis < input.rank()) return input.dim(static_cast<int>(axis));
  return invalid_argument("attr 'axis' = ", axis, " is out of range for shape ", input.to_string());
}

Status judge_limit(const Shape& limit, int64_t ranges, int64_t axis, std::string_view name) {
  if (axis == -1) return judge_single(limit, name);
  if (limit.is_compatible_with(Shape{ranges})) return {};
  return invalid_argument("input '", name, "' must have one element for each of the ", ranges, " slices of dim ", axis,
                          ", has shape ", limit.to_string());
}

template <Version kVersion>
Status infer_simulated(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(SimulatedAttrs attrs, SimulatedAttrs::read(c.attrs(), kVersion));
  TARN_ASSIGN_OR_RETURN(int64_t ranges, ranges_of(c.shape(0), attrs.axis));
  if (kVersion != Version::kV1 && attrs.range_given) {
    TARN_RETURN_IF_ERROR(judge_limit(c.shape(1), ranges, attrs.axis, "input_min"));
    TARN_RETURN_IF_ERROR(judge_limit(c.shape(2), ranges, attrs.axis, "input_max"));
  }
  if (kVersion == Version::kV3) TARN_RETURN_IF_ERROR(expect_single(c, 3, "num_bits"));
  return c.set_output(0, c.shape(0));
}

Status infer_simulated_grad(InferContext& c) {
  const int64_t axis = c.attr<int64_t>("axis");
  if (axis < -1) return invalid_argument("attr 'axis' must be at least -1, not ", axis);
  TARN_ASSIGN_OR_RETURN(Shape input, c.shape(1).merge(c.shape(0)));
  TARN_ASSIGN_OR_RETURN(int64_t ranges, ranges_of(input, axis));
  TARN_RETURN_IF_ERROR(judge_limit(c.shape(2), ranges, axis, "input_min"));
  TARN_RETURN_IF_ERROR(judge_limit(c.shape(3), ranges, axis, "input_max"));
  TARN_RETURN_IF_ERROR(c.set_output(0, input));
  TARN_RETURN_IF_ERROR(c.set_output(1, c.shape(2)));
  return c.set_output(2, c.shape(2));
}

// The scale that takes [min, max] into the codes and leaves 0 where it is; the side that it does not come from moves.
// Source: TensorFlow quantize_and_dequantize_op.h, ComputeQuantizationRange.
template <class T>
struct Scaling {
  T min, max, scale, inverse;

  Scaling(const SimulatedAttrs& attrs, T low, T high) : min(low), max(high) {
    const int64_t top = int64_t{1} << (attrs.is_signed ? attrs.bits - 1 : attrs.bits);
    const auto lowest = static_cast<T>(attrs.is_signed ? -top + (attrs.narrow_range ? 1 : 0) : 0);
    const auto highest = static_cast<T>(top - 1);
    constexpr T kNone = std::numeric_limits<T>::max();
    const T from_min = lowest * min > 0 ? lowest / min : kNone, from_max = highest * max > 0 ? highest / max : kNone;
    if (from_min < from_max) {
      scale = from_min;
      inverse = min / lowest;
      max = highest * inverse;
    } else {
      scale = from_max;
      inverse = max / highest;
      min = lowest * inverse;
    }
  }
};

// Slice `slice` of `ranges`: blocks of `inner` elements, `ranges * inner` apart. Calls f(first element, count).
template <class F>
void for_slice(int64_t slice, int64_t ranges, int64_t outer, int64_t inner, const F& f) {
  for (int64_t block = 0; block < outer; ++block) f((block * ranges + slice) * inner, inner);
}

template <class T, Version kVersion>
class SimulatedKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(attrs_, SimulatedAttrs::read(c.attrs(), kVersion));
    if constexpr (kVersion == Version::kV1) {
      low_ = c.attr<float>("input_min");
      high_ = c.attr<float>("input_max");
    }
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    SimulatedAttrs attrs = attrs_;
    TARN_ASSIGN_OR_RETURN(int64_t ranges, ranges_of(*x.shape, attrs.axis));
    const T *lows = nullptr, *highs = nullptr;
    const T v1_low = static_cast<T>(low_), v1_high = static_cast<T>(high_);
    if constexpr (kVersion == Version::kV1) {
      lows = &v1_low;
      highs = &v1_high;
    } else if (attrs.range_given) {
      TARN_RETURN_IF_ERROR(judge_limit(*c.input(1).shape, ranges, attrs.axis, "input_min"));
      TARN_RETURN_IF_ERROR(judge_limit(*c.input(2).shape, ranges, attrs.axis, "input_max"));
      lows = c.input(1).as<T>();
      highs = c.input(2).as<T>();
    }
    if constexpr (kVersion == Version::kV3) {
      TARN_ASSIGN_OR_RETURN(attrs.bits, single_int(IntList::of(c.input(3)), "num_bits"));
      TARN_RETURN_IF_ERROR(attrs.judge_bits());
    }
    for (int64_t i = 0; attrs.range_given && i < ranges; ++i) {
      if (lows[i] <= highs[i]) continue;
      return invalid_argument("input_min ", lows[i], " must not exceed input_max ", highs[i]);
    }
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    if (y.count == 0) return {};
    const int axis = static_cast<int>(attrs.axis);
    const int64_t inner = axis < 0 ? x.count : dim_product(*x.shape, axis + 1, x.shape->rank());
    const int64_t outer = axis < 0 ? 1 : dim_product(*x.shape, 0, axis);
    for (int64_t slice = 0; slice < ranges; ++slice) {
      T low, high;
      if (attrs.range_given) {
        low = lows[slice];
        high = highs[slice];
      } else {
        low = high = x.as<T>()[slice * inner];
        for_slice(slice, ranges, outer, inner, [&](int64_t first, int64_t count) {
          for (const T* value = x.as<T>() + first; value < x.as<T>() + first + count; ++value) {
            low = std::min(low, *value);
            high = std::max(high, *value);
          }
        });
      }
      const Scaling<T> scaling(attrs, low, high);
      for_slice(slice, ranges, outer, inner, [&](int64_t first, int64_t count) {
        if (attrs.half_up) {
          simulate(c.threads(), attrs.range_given, scaling, x.as<T>() + first, y.as<T>() + first, count,
                   [](T code) { return std::floor(code + T(0.5)); });
        } else {
          simulate(c.threads(), attrs.range_given, scaling, x.as<T>() + first, y.as<T>() + first, count,
                   [](T code) { return std::nearbyint(code); });
        }
      });
    }
    return {};
  }

 private:
  // A range given clamps; one that was measured holds everything.
  template <class Round>
  static void simulate(ThreadPool& threads, bool clamps, const Scaling<T>& s, const T* x, T* y, int64_t count,
                       Round round) {
    threads.parallel_for(count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const T value = clamps ? std::max(std::min(x[i], s.max), s.min) : x[i];
        y[i] = round(value * s.scale) * s.inverse;
      }
    });
  }

  SimulatedAttrs attrs_;
  float low_ = 0, high_ = 0;
};

// dx = dy where min <= x <= max, else 0; none for the range.
template <class T>
class SimulatedGradKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    axis_ = c.attr<int64_t>("axis");
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &dy = c.input(0), &x = c.input(1), &lows = c.input(2), &highs = c.input(3);
    if (!(*dy.shape == *x.shape)) {
      return invalid_argument("'gradients' has shape ", dy.shape->to_string(), ", but 'input' has ",
                              x.shape->to_string());
    }
    TARN_ASSIGN_OR_RETURN(int64_t ranges, ranges_of(*x.shape, axis_));
    TARN_RETURN_IF_ERROR(judge_limit(*lows.shape, ranges, axis_, "input_min"));
    TARN_RETURN_IF_ERROR(judge_limit(*highs.shape, ranges, axis_, "input_max"));
    TARN_ASSIGN_OR_RETURN(TensorView dx, c.output(0, *x.shape));
    for (int i = 1; i < 3; ++i) {
      TARN_ASSIGN_OR_RETURN(TensorView dlimit, c.output(i, *lows.shape));
      std::fill_n(dlimit.as<T>(), dlimit.count, T(0));
    }
    const int axis = static_cast<int>(axis_);
    const int64_t inner = axis < 0 ? x.count : dim_product(*x.shape, axis + 1, x.shape->rank());
    c.threads().parallel_for(x.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t range = i / inner % ranges;
        const T value = x.as<T>()[i];
        const bool inside = value >= lows.as<T>()[range] && value <= highs.as<T>()[range];
        dx.as<T>()[i] = dy.as<T>()[i] * (inside ? T(1) : T(0));
      }
    });
    return {};
  }

 private:
  int64_t axis_ = -1;
};

template <Version kVersion>
constexpr KernelDef kSimulatedKernels[] = {portable_kernel<SimulatedKernel<float, kVersion>>(DType::kFloat),
                                           portable_kernel<SimulatedKernel<double, kVersion>>(DType::kDouble)};
constexpr KernelDef kSimulatedGradKernels[] = {portable_kernel<SimulatedGradKernel<float>>(DType::kFloat),
                                               portable_kernel<SimulatedGradKernel<double>>(DType::kDouble)};

// Straight through the rounding and the clamping.
Status straight_through(GradContext& c) {
  c.set_grad(0, c.grad());
  return {};
}

Status clamped_gradient(GradContext& c) {
  constexpr std::string_view kKept[] = {"axis"};
  const Wire first =
      c.op("QuantizeAndDequantizeV4Grad", {c.grad(), c.input(0), c.input(1), c.input(2)}, kept_attrs(c, kKept));
  for (int i = 0; i < 3; ++i) c.set_grad(i, c.slot(first, i));
  return {};
}

constexpr std::string_view kV1Doc =
    R"(Rounds floats to what codes of few bits could hold (deprecated: V2 has replaced it).
  input  T[...]   returns  output  T[...]: round(input * s) / s, half to even
  s takes the range of the input, or with range_given the attrs input_min and input_max, to num_bits wide codes around 0.
  Errors: InvalidArgument for num_bits beyond 61 (62 unsigned), input_min > input_max.
  Source: TensorFlow array_ops QuantizeAndDequantize.)";
constexpr std::string_view kV2Doc = R"(Rounds floats to what codes of few bits could hold.
  input  T[...]   input_min, input_max  T, one element, or one for each slice of dim `axis`: used with range_given
  returns  output  T[...]: round(clamp(input) * s) / s
  s = min(lowest / min, highest / max) with the codes of num_bits, lowest + 1 with narrow_range, 0 to 2^bits - 1 unless
  signed_input. round_mode HALF_UP is floor(x + 1/2).
  Errors: InvalidArgument for num_bits beyond 61 (62 unsigned), input_min > input_max, other numbers of them.
  Source: TensorFlow array_ops QuantizeAndDequantizeV2.)";
constexpr std::string_view kV3Doc = R"(Rounds floats to what codes of a number of bits could hold that only a run knows.
  input  T[...]   input_min, input_max  T, one element, or one for each slice of dim `axis`   num_bits  int32, a scalar
  returns  output  T[...], as QuantizeAndDequantizeV2 with round_mode HALF_TO_EVEN
  Errors: InvalidArgument for num_bits beyond 61 (62 unsigned), input_min > input_max, other numbers of them.
  Source: TensorFlow array_ops QuantizeAndDequantizeV3.)";
constexpr std::string_view kV4Doc = R"(QuantizeAndDequantizeV2 with another gradient: none outside the range.
  input  T[...]   input_min, input_max  T, one element, or one for each slice of dim `axis`   returns  output  T[...]
  Errors: as QuantizeAndDequantizeV2.   Source: TensorFlow array_ops QuantizeAndDequantizeV4.)";
constexpr std::string_view kGradDoc = R"(The gradient of QuantizeAndDequantizeV4.
  gradients, input  T[...]   input_min, input_max  T, one element, or one for each slice of dim `axis`
  returns  input_backprop  T[...]: gradients where input_min <= input <= input_max, else 0
           input_min_backprop, input_max_backprop  T, of the shape of input_min: zeros
  Source: TensorFlow array_ops QuantizeAndDequantizeV4Grad.)";

}  // namespace

extern const OpDef op_QuantizeAndDequantize, op_QuantizeAndDequantizeV2, op_QuantizeAndDequantizeV3,
    op_QuantizeAndDequantizeV4, op_QuantizeAndDequantizeV4Grad;
const OpDef op_QuantizeAndDequantize = {
    .name = "QuantizeAndDequantize",
    .inputs = "input: T",
    .outputs = "output: T",
    .attrs =
        "signed_input: bool = true; num_bits: int = 8; range_given: bool = false; input_min: float = 0; "
        "input_max: float = 0; T: {bfloat16, half, float, double}",
    .infer = infer_simulated<Version::kV1>,
    .kernels = kSimulatedKernels<Version::kV1>,
};
const OpDef op_QuantizeAndDequantizeV2 = {
    .name = "QuantizeAndDequantizeV2",
    .inputs = "input: T, input_min: T, input_max: T",
    .outputs = "output: T",
    .attrs =
        "signed_input: bool = true; num_bits: int = 8; range_given: bool = false; T: {bfloat16, half, float, double}; "
        "round_mode: {'HALF_TO_EVEN', 'HALF_UP'} = 'HALF_TO_EVEN'; narrow_range: bool = false; axis: int = -1",
    .infer = infer_simulated<Version::kV2>,
    .kernels = kSimulatedKernels<Version::kV2>,
};
const OpDef op_QuantizeAndDequantizeV3 = {
    .name = "QuantizeAndDequantizeV3",
    .inputs = "input: T, input_min: T, input_max: T, num_bits: int32",
    .outputs = "output: T",
    .attrs =
        "signed_input: bool = true; range_given: bool = true; T: {bfloat16, half, float, double}; "
        "narrow_range: bool = false; axis: int = -1",
    .infer = infer_simulated<Version::kV3>,
    .kernels = kSimulatedKernels<Version::kV3>,
};
const OpDef op_QuantizeAndDequantizeV4 = {
    .name = "QuantizeAndDequantizeV4",
    .inputs = "input: T, input_min: T, input_max: T",
    .outputs = "output: T",
    .attrs =
        "signed_input: bool = true; num_bits: int = 8; range_given: bool = false; T: {bfloat16, half, float, double}; "
        "round_mode: {'HALF_TO_EVEN', 'HALF_UP'} = 'HALF_TO_EVEN'; narrow_range: bool = false; axis: int = -1",
    .infer = infer_simulated<Version::kV4>,
    .kernels = kSimulatedKernels<Version::kV4>,
};
const OpDef op_QuantizeAndDequantizeV4Grad = {
    .name = "QuantizeAndDequantizeV4Grad",
    .inputs = "gradients: T, input: T, input_min: T, input_max: T",
    .outputs = "input_backprop: T, input_min_backprop: T, input_max_backprop: T",
    .attrs = "T: {bfloat16, half, float, double}; axis: int = -1",
    .infer = infer_simulated_grad,
    .kernels = kSimulatedGradKernels,
};

TARN_OP_FILE(quantize_and_dequantize, {&op_QuantizeAndDequantize, kV1Doc, straight_through},
             {&op_QuantizeAndDequantizeV2, kV2Doc, straight_through},
             {&op_QuantizeAndDequantizeV3, kV3Doc, straight_through},
             {&op_QuantizeAndDequantizeV4, kV4Doc, clamped_gradient},
             {&op_QuantizeAndDequantizeV4Grad, kGradDoc, nullptr, "second derivatives of rounding are not needed"})

}  // namespace tarn
