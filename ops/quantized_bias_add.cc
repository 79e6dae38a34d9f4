// QuantizedBiasAdd.
#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/quantized.h"

namespace tarn {
namespace {

Status judge_bias(const Shape& input, const Shape& bias) {
  if (input.has_rank() && input.rank() < 2) {
    return invalid_argument("input 'input' must have rank at least 2, has shape ", input.to_string());
  }
  if (bias.has_rank() && bias.rank() != 1) {
    return invalid_argument("input 'bias' must have rank 1, has shape ", bias.to_string());
  }
  if (!input.has_rank() || bias.is_compatible_with(Shape{input.dim(input.rank() - 1)})) return {};
  return invalid_argument("bias ", bias.to_string(), " does not fit the last dim of input ", input.to_string());
}

Status infer_bias_add(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_bias(c.shape(0), c.shape(1)));
  TARN_RETURN_IF_ERROR(expect_range(c, 2, "min_input", "max_input"));
  TARN_RETURN_IF_ERROR(expect_range(c, 4, "min_bias", "max_bias"));
  TARN_RETURN_IF_ERROR(c.set_output(0, c.shape(0)));
  return set_range(c, 1);
}

// A range in which sums of the two do not overflow: 2^17 times the largest magnitude.   Source: TensorFlow
// quantization_utils, GetOutputMinAndMaxForQuantizedAdd.
CodeRange sum_range(const CodeRange& a, const CodeRange& b) {
  const float largest = std::max(a.max, std::max(-a.min, std::max(b.max, -b.min))) * static_cast<float>(1 << 17);
  return {-largest, largest};
}

template <class T>
class QuantizedBiasAddKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_RETURN_IF_ERROR(expect_type(c, "T2", c.attr<DType>("T1")));
    return expect_type(c, "out_type", DType::kQInt32);
  }
  Status run(RunContext& c) const override {
    const TensorView &x = c.input(0), &bias = c.input(1);
    TARN_RETURN_IF_ERROR(judge_bias(*x.shape, *bias.shape));
    TARN_ASSIGN_OR_RETURN(CodeRange x_range, read_range(c, 2, "min_input", "max_input"));
    TARN_ASSIGN_OR_RETURN(CodeRange bias_range, read_range(c, 4, "min_bias", "max_bias"));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    const CodeRange range = sum_range(x_range, bias_range);
    // Every code in the range of the sum: 256 of them are all there are.
    constexpr int kCodes = 256;
    const CodesToFloats<T> x_value(x_range), bias_value(bias_range);
    const FloatsToCodes<int32_t> sum_code(range);
    const int32_t zero = code_of<int32_t>(0.0f, range);
    int32_t x_codes[kCodes], bias_codes[kCodes];
    for (int i = 0; i < kCodes; ++i) {
      const auto code = static_cast<T>(i);
      x_codes[i] = sum_code(x_value(code));
      bias_codes[i] = wrap_add(sum_code(bias_value(code)), zero);
    }
    const auto *from = x.as<uint8_t>(), *biases = bias.as<uint8_t>();
    auto* to = y.as<int32_t>();
    if (y.count == 0) return write_range(c, 1, range);
    c.threads().parallel_for(y.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      int64_t channel = begin % bias.count;
      for (int64_t i = begin; i < end; ++i) {
        to[i] = wrap_add(x_codes[from[i]], bias_codes[biases[channel]]);
        if (++channel == bias.count) channel = 0;
      }
    });
    return write_range(c, 1, range);
  }
};

constexpr KernelDef kKernels[] = {
    portable_kernel<QuantizedBiasAddKernel<uint8_t>>(DType::kQUInt8),
    portable_kernel<QuantizedBiasAddKernel<int8_t>>(DType::kQInt8),
};

constexpr std::string_view kDoc = R"(Adds a bias to each channel, the last dim, of 8-bit codes.
  input  T1[..., C]   bias  T2[C], T2 = T1   min_input, max_input, min_bias, max_bias  float, one element each: the ranges
  of the codes
  returns  output  qint32[..., C]   min_out, max_out  float: -r and r, r = 2^17 times the largest magnitude given
  Errors: InvalidArgument if C differs, for a range that is none.   Source: TensorFlow nn_ops QuantizedBiasAdd.)";

}  // namespace

extern const OpDef op_QuantizedBiasAdd;
const OpDef op_QuantizedBiasAdd = {
    .name = "QuantizedBiasAdd",
    .inputs = "input: T1, bias: T2, min_input: float, max_input: float, min_bias: float, max_bias: float",
    .outputs = "output: out_type, min_out: float, max_out: float",
    .attrs = "T1: " TARN_QUANTIZED_TYPES "; T2: " TARN_QUANTIZED_TYPES "; out_type: " TARN_QUANTIZED_TYPES,
    .infer = infer_bias_add,
    .kernels = kKernels,
};

TARN_OP_FILE(quantized_bias_add, {&op_QuantizedBiasAdd, kDoc, nullptr, "its inputs are quantized: whole numbers"})

}  // namespace tarn
