// Requantize, RequantizationRange and QuantizeDownAndShrinkRange: from 32-bit codes to 8-bit ones.
#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/quantized.h"

namespace tarn {
namespace {

// The values of the smallest and the largest code that occur, 0 included. As TensorFlow, of nothing: 0 and from.min.
CodeRange occurring_range(const TensorView& x, const CodeRange& from) {
  int32_t low = std::numeric_limits<int32_t>::max(), high = std::numeric_limits<int32_t>::min();
  for (const int32_t code : x.flat<const int32_t>()) {
    low = std::min(low, code);
    high = std::max(high, code);
  }
  return {std::min(0.0f, value_of<int32_t>(low, from)), value_of<int32_t>(high, from)};
}

template <class T>
void requantize(ThreadPool& threads, const TensorView& x, const CodeRange& from, const CodeRange& to, T* y) {
  const auto* codes = x.as<int32_t>();
  threads.parallel_for(x.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
    if constexpr (std::is_same_v<T, uint8_t>) {
      const Requantizer requantizer(from, to);
      for (int64_t i = begin; i < end; ++i) y[i] = requantizer(codes[i]);
    } else {
      const CodesToFloats<int32_t> value(from);
      const FloatsToCodes<T> code(to);
      for (int64_t i = begin; i < end; ++i) y[i] = code(value(codes[i]));
    }
  });
}

Status infer_requantize(InferContext& c) {
  TARN_RETURN_IF_ERROR(expect_range(c, 1, "input_min", "input_max"));
  TARN_RETURN_IF_ERROR(expect_range(c, 3, "requested_output_min", "requested_output_max"));
  TARN_RETURN_IF_ERROR(c.set_output(0, c.shape(0)));
  return set_range(c, 1);
}
Status infer_range(InferContext& c) {
  TARN_RETURN_IF_ERROR(expect_range(c, 1, "input_min", "input_max"));
  return set_range(c, 0);
}
Status infer_shrink(InferContext& c) {
  TARN_RETURN_IF_ERROR(expect_range(c, 1, "input_min", "input_max"));
  TARN_RETURN_IF_ERROR(c.set_output(0, c.shape(0)));
  return set_range(c, 1);
}

template <class T>
class RequantizeKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override { return expect_type(c, "Tinput", DType::kQInt32); }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(CodeRange from, read_range(c, 1, "input_min", "input_max"));
    TARN_ASSIGN_OR_RETURN(CodeRange to, read_range(c, 3, "requested_output_min", "requested_output_max"));
    if (to.min > 0) return invalid_argument("requested_output_min must be at most 0, is ", to.min);
    if (to.max < 0) return invalid_argument("requested_output_max must be at least 0, is ", to.max);
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    requantize(c.threads(), x, from, to, y.as<T>());
    return write_range(c, 1, to);
  }
};

class RequantizationRangeKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(CodeRange from, read_range(c, 1, "input_min", "input_max"));
    return write_range(c, 0, occurring_range(c.input(0), from));
  }
};

class ShrinkRangeKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override { return expect_type(c, "out_type", DType::kQUInt8); }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(CodeRange from, read_range(c, 1, "input_min", "input_max"));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    const CodeRange to = occurring_range(x, from);
    requantize(c.threads(), x, from, to, y.as<uint8_t>());
    return write_range(c, 1, to);
  }
};

constexpr KernelDef kRequantizeKernels[] = {
    portable_kernel<RequantizeKernel<uint8_t>>(DType::kQUInt8),
    portable_kernel<RequantizeKernel<int8_t>>(DType::kQInt8),
};
constexpr KernelDef kRangeKernels[] = {portable_kernel<RequantizationRangeKernel>(DType::kQInt32)};
constexpr KernelDef kShrinkKernels[] = {portable_kernel<ShrinkRangeKernel>(DType::kQInt32)};

constexpr std::string_view kRequantizeDoc = R"(Turns 32-bit codes into 8-bit ones of a given range.
  input  qint32[...]   input_min, input_max, requested_output_min <= 0, requested_output_max >= 0  float, one element each
  returns  output  out_type[...]   output_min, output_max  float: the requested ones
  quint8: code = (q * (255 * 2^16 * range_in / range_out) >> 32) + center_in - min_out, in fixed point with 16 bits
  behind the point, rounded, clamped. A range_out of no width gives zeros. qint8: through float.
  Errors: InvalidArgument for ranges that are none.   Source: TensorFlow math_ops Requantize.)";
constexpr std::string_view kRangeDoc = R"(The range of values that occur in a tensor of 32-bit codes.
  input  qint32[...]   input_min, input_max  float, one element each
  returns  output_min  float: of the smallest code, at most 0   output_max  float: of the largest code
  Errors: InvalidArgument for a range that is none.   Source: TensorFlow math_ops RequantizationRange.)";
constexpr std::string_view kShrinkDoc = R"(Turns 32-bit codes into 8-bit ones of the range that occurs in them.
  input  qint32[...]   input_min, input_max  float, one element each
  returns  output  quint8[...]   output_min, output_max  float: as RequantizationRange gives them
  RequantizationRange and Requantize in one: files of TensorFlow 0.x have it.
  Errors: InvalidArgument for a range that is none.   Source: TensorFlow math_ops QuantizeDownAndShrinkRange.)";
constexpr std::string_view kNoGradient = "its input is quantized: whole numbers";

}  // namespace

extern const OpDef op_Requantize, op_RequantizationRange, op_QuantizeDownAndShrinkRange;
const OpDef op_Requantize = {
    .name = "Requantize",
    .inputs =
        "input: Tinput, input_min: float, input_max: float, requested_output_min: float, requested_output_max: float",
    .outputs = "output: out_type, output_min: float, output_max: float",
    .attrs = "Tinput: " TARN_QUANTIZED_TYPES "; out_type: " TARN_QUANTIZED_TYPES,
    .infer = infer_requantize,
    .kernels = kRequantizeKernels,
    .kernel_attr = "out_type",
};
const OpDef op_RequantizationRange = {
    .name = "RequantizationRange",
    .inputs = "input: Tinput, input_min: float, input_max: float",
    .outputs = "output_min: float, output_max: float",
    .attrs = "Tinput: " TARN_QUANTIZED_TYPES,
    .infer = infer_range,
    .kernels = kRangeKernels,
};
const OpDef op_QuantizeDownAndShrinkRange = {
    .name = "QuantizeDownAndShrinkRange",
    .inputs = "input: Tinput, input_min: float, input_max: float",
    .outputs = "output: out_type, output_min: float, output_max: float",
    .attrs = "Tinput: " TARN_QUANTIZED_TYPES "; out_type: " TARN_QUANTIZED_TYPES,
    .infer = infer_shrink,
    .kernels = kShrinkKernels,
};

TARN_OP_FILE(requantize, {&op_Requantize, kRequantizeDoc, nullptr, kNoGradient},
             {&op_RequantizationRange, kRangeDoc, nullptr, kNoGradient},
             {&op_QuantizeDownAndShrinkRange, kShrinkDoc, nullptr, kNoGradient})

}  // namespace tarn
