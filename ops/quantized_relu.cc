// QuantizedRelu, QuantizedRelu6, QuantizedReluX.
#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/quantized.h"

namespace tarn {
namespace {

enum class Ceiling { kNone, kSix, kInput };

// ReluX has its ceiling as input 1.
template <Ceiling kCeiling>
inline constexpr int kRangeInput = kCeiling == Ceiling::kInput ? 2 : 1;

template <Ceiling kCeiling>
Status infer_relu(InferContext& c) {
  if (kCeiling == Ceiling::kInput) TARN_RETURN_IF_ERROR(judge_single(c.shape(1), "max_value"));
  TARN_RETURN_IF_ERROR(expect_range(c, kRangeInput<kCeiling>, "min_features", "max_features"));
  TARN_RETURN_IF_ERROR(c.set_output(0, c.shape(0)));
  return set_range(c, 1);
}

template <class T, Ceiling kCeiling>
class QuantizedReluKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    c.may_reuse(0, 0);
    return expect_type(c, "out_type", c.attr<DType>("Tinput"));
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(CodeRange range, read_range(c, kRangeInput<kCeiling>, "min_features", "max_features"));
    const T low = code_of<T>(0.0f, range);
    T high = std::numeric_limits<T>::max();
    if (kCeiling == Ceiling::kSix) high = code_of<T>(6.0f, range);
    if (kCeiling == Ceiling::kInput) {
      TARN_ASSIGN_OR_RETURN(float ceiling, read_single(c, 1, "max_value"));
      high = code_of<T>(ceiling, range);
    }
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    c.threads().parallel_for(x.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      const T* from = x.as<T>();
      T* to = y.as<T>();
      for (int64_t i = begin; i < end; ++i) to[i] = std::min(std::max(from[i], low), high);
    });
    return write_range(c, 1, range);
  }
};

template <Ceiling kCeiling>
constexpr KernelDef kReluKernels[] = {
    portable_kernel<QuantizedReluKernel<uint8_t, kCeiling>>(DType::kQUInt8),
    portable_kernel<QuantizedReluKernel<int32_t, kCeiling>>(DType::kQInt32),
};

constexpr std::string_view kReluDoc = R"(Codes below the one of 0 become that one.
  features  Tinput[...]   min_features, max_features  float, one element each
  returns  activations  out_type[...], which is Tinput   min_activations, max_activations  float: the range given
  Errors: InvalidArgument for a range that is none.   Source: TensorFlow nn_ops QuantizedRelu.)";
constexpr std::string_view kRelu6Doc = R"(Codes are clamped between those of 0 and of 6.
  features  Tinput[...]   min_features, max_features  float, one element each
  returns  activations  out_type[...], which is Tinput   min_activations, max_activations  float: the range given
  Errors: InvalidArgument for a range that is none.   Source: TensorFlow nn_ops QuantizedRelu6.)";
constexpr std::string_view kReluXDoc = R"(Codes are clamped between those of 0 and of max_value.
  features  Tinput[...]   max_value, min_features, max_features  float, one element each
  returns  activations  out_type[...], which is Tinput   min_activations, max_activations  float: the range given
  Errors: InvalidArgument for a range that is none.   Source: TensorFlow nn_ops QuantizedReluX.)";
constexpr std::string_view kNoGradient = "its input is quantized: whole numbers";

}  // namespace

extern const OpDef op_QuantizedRelu, op_QuantizedRelu6, op_QuantizedReluX;
const OpDef op_QuantizedRelu = {
    .name = "QuantizedRelu",
    .inputs = "features: Tinput, min_features: float, max_features: float",
    .outputs = "activations: out_type, min_activations: float, max_activations: float",
    .attrs = "Tinput: " TARN_QUANTIZED_TYPES "; out_type: " TARN_QUANTIZED_TYPES " = quint8",
    .infer = infer_relu<Ceiling::kNone>,
    .kernels = kReluKernels<Ceiling::kNone>,
};
const OpDef op_QuantizedRelu6 = {
    .name = "QuantizedRelu6",
    .inputs = "features: Tinput, min_features: float, max_features: float",
    .outputs = "activations: out_type, min_activations: float, max_activations: float",
    .attrs = "Tinput: " TARN_QUANTIZED_TYPES "; out_type: " TARN_QUANTIZED_TYPES " = quint8",
    .infer = infer_relu<Ceiling::kSix>,
    .kernels = kReluKernels<Ceiling::kSix>,
};
const OpDef op_QuantizedReluX = {
    .name = "QuantizedReluX",
    .inputs = "features: Tinput, max_value: float, min_features: float, max_features: float",
    .outputs = "activations: out_type, min_activations: float, max_activations: float",
    .attrs = "Tinput: " TARN_QUANTIZED_TYPES "; out_type: " TARN_QUANTIZED_TYPES " = quint8",
    .infer = infer_relu<Ceiling::kInput>,
    .kernels = kReluKernels<Ceiling::kInput>,
};

TARN_OP_FILE(quantized_relu, {&op_QuantizedRelu, kReluDoc, nullptr, kNoGradient},
             {&op_QuantizedRelu6, kRelu6Doc, nullptr, kNoGradient},
             {&op_QuantizedReluX, kReluXDoc, nullptr, kNoGradient})

}  // namespace tarn
