// QuantizedInstanceNorm, QuantizedBatchNormWithGlobalNormalization.
#include <algorithm>

#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/quantized.h"

namespace tarn {
namespace {

// ---- QuantizedInstanceNorm --------------------------------------------------------------------------------------

Status judge_instance_attrs(const AttrMap& attrs) {
  for (std::string_view name : {"given_y_min", "given_y_max", "variance_epsilon", "min_separation"}) {
    const float value = attrs.get<float>(name);
    if (!std::isfinite(value)) return invalid_argument("attr '", name, "' is ", value, ", not a finite number");
  }
  if (attrs.get<float>("variance_epsilon") < 0) {
    return invalid_argument("attr 'variance_epsilon' is ", attrs.get<float>("variance_epsilon"), ", below 0");
  }
  const float low = attrs.get<float>("given_y_min"), high = attrs.get<float>("given_y_max");
  if (!attrs.get<bool>("output_range_given") || low < high) return {};
  return invalid_argument("attr 'given_y_min' is ", low, ", not below attr 'given_y_max', which is ", high);
}

Status infer_instance_norm(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_instance_attrs(c.attrs()));
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 4, "x"));
  TARN_RETURN_IF_ERROR(expect_range(c, 1, "x_min", "x_max"));
  TARN_RETURN_IF_ERROR(c.set_output(0, c.shape(0)));
  return set_range(c, 1);
}

class QuantizedInstanceNormKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    epsilon_ = c.attr<float>("variance_epsilon");
    separation_ = c.attr<float>("min_separation");
    range_given_ = c.attr<bool>("output_range_given");
    given_ = {c.attr<float>("given_y_min"), c.attr<float>("given_y_max")};
    const Shape& shape = c.input(0).shape;
    if (shape.is_fully_known() && shape.rank() == 4) c.request_scratch(scratch_bytes(shape));
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    const Shape& shape = *x.shape;
    if (shape.rank() != 4) return invalid_argument("input 'x' must have rank 4, has shape ", shape.to_string());
    TARN_ASSIGN_OR_RETURN(CodeRange from, read_range(c, 1, "x_min", "x_max"));
    TARN_RETURN_IF_ERROR(expect_wide(from, "x_min", "x_max"));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    if (y.count == 0) return invalid_argument("input 'x' is empty, has shape ", shape.to_string());
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(scratch_bytes(shape)));
    const int64_t channels = shape.dim(3), pixels = shape.dim(1) * shape.dim(2), images = shape.dim(0);
    auto* means = static_cast<float*>(scratch);
    float* factors = means + images * channels;
    const float step = (from.max - from.min) / 255.0f;
    const auto* codes = x.as<uint8_t>();
    for (int64_t image = 0; image < images; ++image) {
      measure(codes + image * pixels * channels, pixels, channels, step, means + image * channels,
              factors + image * channels);
    }
    // y = step * (x - mean) / sqrt(variance + epsilon), computed twice: its range comes first.
    const auto normed = [&](int64_t i) {
      const int64_t at = i / (pixels * channels) * channels + i % channels;
      return step * (static_cast<float>(codes[i]) - means[at]) * factors[at];
    };
    CodeRange to = given_;
    if (!range_given_) {
      to.min = to.max = normed(0);
      for (int64_t i = 1; i < x.count; ++i) {
        const float value = normed(i);
        to.min = std::min(to.min, value);
        to.max = std::max(to.max, value);
      }
    }
    if (to.max - to.min < separation_) to.max = to.min + separation_;
    const FloatsToCodes<uint8_t> code(to);
    c.threads().parallel_for(x.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) y.as<uint8_t>()[i] = code(normed(i));
    });
    return write_range(c, 1, to);
  }

 private:
  static size_t scratch_bytes(const Shape& shape) {
    return 2 * static_cast<size_t>(shape.dim(0) * shape.dim(3)) * sizeof(float);
  }

  // The mean code of each channel, and 1 / sqrt(variance + epsilon) in values.
  void measure(const uint8_t* x, int64_t pixels, int64_t channels, float step, float* means, float* factors) const {
    std::fill_n(means, channels, 0.0f);
    std::fill_n(factors, channels, 0.0f);
    const auto count = static_cast<float>(pixels);
    for (int64_t i = 0; i < pixels; ++i) {
      for (int64_t k = 0; k < channels; ++k) means[k] += static_cast<float>(x[i * channels + k]);
    }
    for (int64_t k = 0; k < channels; ++k) means[k] /= count;
    for (int64_t i = 0; i < pixels; ++i) {
      for (int64_t k = 0; k < channels; ++k) {
        const float off = step * (static_cast<float>(x[i * channels + k]) - means[k]);
        factors[k] += off * off;
      }
    }
    for (int64_t k = 0; k < channels; ++k) factors[k] = 1.0f / std::sqrt(factors[k] / count + epsilon_);
  }

  float epsilon_ = 0, separation_ = 0;
  bool range_given_ = false;
  CodeRange given_;
};

// ---- QuantizedBatchNormWithGlobalNormalization ------------------------------------------------------------------

constexpr std::string_view kParameters[] = {"m", "v", "beta", "gamma"};
constexpr int kParameterCount = 4;

int input_of(int parameter) {
  return 3 + 3 * parameter;
}
std::string limit_name(std::string_view parameter, std::string_view suffix) {
  return str_cat(parameter, suffix);
}

Status judge_vectors(const Shape& t, const Shape* const (&vectors)[kParameterCount]) {
  if (t.has_rank() && t.rank() != 4) return invalid_argument("input 't' must have rank 4, has shape ", t.to_string());
  Shape expected = t.has_rank() ? Shape{t.dim(3)} : Shape{kUnknownDim};
  for (int i = 0; i < kParameterCount; ++i) {
    if (vectors[i]->is_compatible_with(expected)) continue;
    return invalid_argument("input '", kParameters[i], "' must have one element a channel of t ", t.to_string(),
                            ", has shape ", vectors[i]->to_string());
  }
  return {};
}

Status judge_epsilon(const AttrMap& attrs) {
  const float epsilon = attrs.get<float>("variance_epsilon");
  if (std::isfinite(epsilon)) return {};
  return invalid_argument("attr 'variance_epsilon' is ", epsilon, ", not a finite number");
}

Status infer_batch_norm(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_epsilon(c.attrs()));
  TARN_RETURN_IF_ERROR(expect_range(c, 1, "t_min", "t_max"));
  const Shape* vectors[kParameterCount];
  for (int i = 0; i < kParameterCount; ++i) {
    vectors[i] = &c.shape(input_of(i));
    TARN_RETURN_IF_ERROR(
        expect_range(c, input_of(i) + 1, limit_name(kParameters[i], "_min"), limit_name(kParameters[i], "_max")));
  }
  TARN_RETURN_IF_ERROR(judge_vectors(c.shape(0), vectors));
  TARN_RETURN_IF_ERROR(c.set_output(0, c.shape(0)));
  return set_range(c, 1);
}

class QuantizedBatchNormKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_RETURN_IF_ERROR(expect_type(c, "out_type", DType::kQInt32));
    epsilon_ = c.attr<float>("variance_epsilon");
    scale_after_ = c.attr<bool>("scale_after_normalization");
    const Shape& shape = c.input(0).shape;
    if (shape.rank() == 4 && shape.dim(3) >= 0) c.request_scratch(scratch_bytes(shape.dim(3)));
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    const Shape* vectors[kParameterCount];
    CodeRange ranges[kParameterCount];
    for (int i = 0; i < kParameterCount; ++i) {
      vectors[i] = c.input(input_of(i)).shape;
      TARN_ASSIGN_OR_RETURN(ranges[i], read_range(c, input_of(i) + 1, limit_name(kParameters[i], "_min"),
                                                  limit_name(kParameters[i], "_max")));
    }
    TARN_RETURN_IF_ERROR(judge_vectors(*x.shape, vectors));
    TARN_ASSIGN_OR_RETURN(CodeRange from, read_range(c, 1, "t_min", "t_max"));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    const CodeRange to{-static_cast<float>(1 << 20), static_cast<float>(1 << 20)};
    if (y.count == 0) return write_range(c, 1, to);
    const int64_t channels = x.shape->dim(3);
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(scratch_bytes(channels)));
    auto *scales = static_cast<int32_t*>(scratch), *offsets = scales + channels;
    const auto parameter = [&](int i, int64_t channel) {
      return value_of<uint8_t>(c.input(input_of(i)).as<uint8_t>()[channel], ranges[i]);
    };
    for (int64_t k = 0; k < channels; ++k) {
      float scale = 1.0f / std::sqrt(parameter(1, k) + epsilon_);
      if (scale_after_) scale = scale * parameter(3, k);
      const float offset = -parameter(0, k) * scale + parameter(2, k);
      scales[k] = code_of<int32_t>(scale, to);
      offsets[k] = code_of<int32_t>(offset, to);
    }
    const int32_t one = code_of<int32_t>(1.0f, to);
    constexpr int kCodes = 256;
    int32_t codes[kCodes];  // of t, in the output's range
    for (int i = 0; i < kCodes; ++i) codes[i] = code_of<int32_t>(value_of<uint8_t>(static_cast<uint8_t>(i), from), to);
    c.threads().parallel_for(y.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t k = i % channels;
        y.as<int32_t>()[i] = wrap_add(wrap_multiply(codes[x.as<uint8_t>()[i]], scales[k]) / one, offsets[k]);
      }
    });
    return write_range(c, 1, to);
  }

 private:
  static size_t scratch_bytes(int64_t channels) { return 2 * static_cast<size_t>(channels) * sizeof(int32_t); }

  float epsilon_ = 0;
  bool scale_after_ = false;
};

constexpr KernelDef kInstanceKernels[] = {portable_kernel<QuantizedInstanceNormKernel>(DType::kQUInt8)};
constexpr KernelDef kBatchKernels[] = {portable_kernel<QuantizedBatchNormKernel>(DType::kQUInt8)};

constexpr std::string_view kInstanceDoc = R"(Normalizes codes to mean 0 and variance 1, each channel of each image.
  x  quint8[N, H, W, C]   x_min, x_max  float, one element each
  returns  y  quint8[N, H, W, C]   y_min, y_max  float: the range that occurs, or the attrs given_y_min and given_y_max with
  output_range_given; min_separation at least
    y = (x - mean) / sqrt(variance + variance_epsilon) over H and W, in float
  Errors: InvalidArgument for an empty x, for a range without width.   Source: TensorFlow array_ops QuantizedInstanceNorm.)";
constexpr std::string_view kBatchDoc = R"(Batch normalization of codes in inference, the form of before TensorFlow 1.0.
  t  quint8[N, H, W, C]   m, v, beta, gamma  quint8[C]   each followed by its range: two floats of one element
  returns  result  qint32[N, H, W, C]   result_min, result_max  float: -2^20 and 2^20
    result = (t - m) * s + beta,  s = gamma / sqrt(v + variance_epsilon); without gamma unless scale_after_normalization
    in fixed point of about 11 bits behind the point; products that leave 32 bits wrap.
  Errors: InvalidArgument if C differs, for a range that is none.
  Source: TensorFlow nn_ops QuantizedBatchNormWithGlobalNormalization.)";
constexpr std::string_view kNoGradient = "its inputs are quantized: whole numbers";

}  // namespace

extern const OpDef op_QuantizedInstanceNorm, op_QuantizedBatchNormWithGlobalNormalization;
const OpDef op_QuantizedInstanceNorm = {
    .name = "QuantizedInstanceNorm",
    .inputs = "x: T, x_min: float, x_max: float",
    .outputs = "y: T, y_min: float, y_max: float",
    .attrs = "T: " TARN_QUANTIZED_TYPES
             "; output_range_given: bool = false; given_y_min: float = 0; given_y_max: float = 0; "
             "variance_epsilon: float = 0.00001; min_separation: float = 0.001",
    .infer = infer_instance_norm,
    .kernels = kInstanceKernels,
};
const OpDef op_QuantizedBatchNormWithGlobalNormalization = {
    .name = "QuantizedBatchNormWithGlobalNormalization",
    .inputs =
        "t: Tinput, t_min: float, t_max: float, m: Tinput, m_min: float, m_max: float, v: Tinput, v_min: float, "
        "v_max: float, beta: Tinput, beta_min: float, beta_max: float, gamma: Tinput, gamma_min: float, "
        "gamma_max: float",
    .outputs = "result: out_type, result_min: float, result_max: float",
    .attrs = "Tinput: " TARN_QUANTIZED_TYPES "; out_type: " TARN_QUANTIZED_TYPES
             "; variance_epsilon: float; scale_after_normalization: bool",
    .infer = infer_batch_norm,
    .kernels = kBatchKernels,
};

TARN_OP_FILE(quantized_norm, {&op_QuantizedInstanceNorm, kInstanceDoc, nullptr, kNoGradient},
             {&op_QuantizedBatchNormWithGlobalNormalization, kBatchDoc, nullptr, kNoGradient})

}  // namespace tarn
