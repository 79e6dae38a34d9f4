// FakeQuantWithMinMaxArgs, …Vars and …VarsPerChannel and their gradient ops.
#include <algorithm>
#include <cmath>

#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"

namespace tarn {
namespace {

constexpr std::string_view kQuantAttrs[] = {"num_bits", "narrow_range"};
constexpr std::string_view kArgsAttrs[] = {"min", "max", "num_bits", "narrow_range"};

struct QuantAttrs {
  float lowest = 0, highest = 255;  // the codes

  static Result<QuantAttrs> read(const AttrMap& attrs) {
    int64_t bits = attrs.get<int64_t>("num_bits");
    if (bits < 2 || bits > 16) return invalid_argument("attr 'num_bits' is ", bits, ", not in [2, 16]");
    return QuantAttrs{.lowest = attrs.get<bool>("narrow_range") ? 1.0f : 0.0f,
                      .highest = static_cast<float>((1 << bits) - 1)};
  }
};

// A range shifted so that 0 is one of its steps. Source: TensorFlow fake_quant_ops_functor.h, Nudge.
struct NudgedRange {
  float min, max, scale;
  bool is_empty;  // min = max = 0: TensorFlow gives zeros, and gradients as they come

  NudgedRange(const QuantAttrs& quant, float low, float high) : is_empty(low == 0.0f && high == 0.0f) {
    scale = (high - low) / (quant.highest - quant.lowest);
    float zero = quant.lowest - low / scale;
    float nudged = zero < quant.lowest ? quant.lowest : zero > quant.highest ? quant.highest : std::round(zero);
    min = (quant.lowest - nudged) * scale;
    max = (quant.highest - nudged) * scale;
  }
  bool is_below(float x) const { return !is_empty && x < min; }
  bool is_above(float x) const { return !is_empty && x > max; }
  bool holds(float x) const { return is_empty || (x >= min && x <= max); }
};

// y = x moved into the range and onto its nearest step, halves up
class Quantizer {
 public:
  explicit Quantizer(const NudgedRange& range)
      : range_(range), inverse_(1.0f / range.scale), zero_(std::floor(-range.min * inverse_ + 0.5f)) {}
  float operator()(float x) const {
    if (range_.is_empty) return 0.0f;
    float clamped = std::max(std::min(x, range_.max), range_.min);
    return std::floor((clamped - range_.min) * inverse_ - zero_ + 0.5f) * range_.scale;
  }

 private:
  NudgedRange range_;
  float inverse_, zero_;
};

// ---- Shapes -----------------------------------------------------------------------------------------------------

Status judge_args(const AttrMap& attrs) {
  TARN_RETURN_IF_ERROR(QuantAttrs::read(attrs).status());
  float low = attrs.get<float>("min"), high = attrs.get<float>("max");
  if (low < high) return {};
  return invalid_argument("attr 'min' is ", low, ", not below attr 'max', which is ", high);
}

Status judge_scalar(const Shape& shape, std::string_view name) {
  if (!shape.has_rank() || shape.rank() == 0) return {};
  return invalid_argument("'", name, "' must be a scalar, has shape ", shape.to_string());
}

// One element a channel, the last dim of `inputs`.
Status judge_vector(const Shape& shape, const Shape& inputs, std::string_view name) {
  if (inputs.has_rank() && inputs.rank() == 0) return invalid_argument("'inputs' must have a dim of channels");
  if (!shape.has_rank()) return {};
  if (shape.rank() != 1) return invalid_argument("'", name, "' must be a vector, has shape ", shape.to_string());
  if (!inputs.has_rank()) return {};
  int64_t channels = inputs.dim(inputs.rank() - 1);
  if (shape.dim(0) == kUnknownDim || channels == kUnknownDim || shape.dim(0) == channels) return {};
  return invalid_argument("'", name, "' has ", shape.dim(0), " elements, but 'inputs' has ", channels, " channels");
}

Status judge_limit(bool per_channel, const Shape& shape, const Shape& inputs, std::string_view name) {
  return per_channel ? judge_vector(shape, inputs, name) : judge_scalar(shape, name);
}

Status judge_gradients(const Shape& gradients, const Shape& inputs) {
  if (gradients.is_compatible_with(inputs)) return {};
  return invalid_argument("'gradients' has shape ", gradients.to_string(), ", but 'inputs' has ", inputs.to_string());
}

Status infer_args(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_args(c.attrs()));
  return c.set_output(0, c.shape(0));
}

Status infer_args_grad(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_args(c.attrs()));
  TARN_RETURN_IF_ERROR(judge_gradients(c.shape(0), c.shape(1)));
  return c.set_output(0, c.shape(0).merge(c.shape(1)));
}

template <bool kPerChannel>
Status infer_vars(InferContext& c) {
  TARN_RETURN_IF_ERROR(QuantAttrs::read(c.attrs()).status());
  TARN_RETURN_IF_ERROR(judge_limit(kPerChannel, c.shape(1), c.shape(0), "min"));
  TARN_RETURN_IF_ERROR(judge_limit(kPerChannel, c.shape(2), c.shape(0), "max"));
  return c.set_output(0, c.shape(0));
}

template <bool kPerChannel>
Status infer_vars_grad(InferContext& c) {
  TARN_RETURN_IF_ERROR(QuantAttrs::read(c.attrs()).status());
  TARN_RETURN_IF_ERROR(judge_gradients(c.shape(0), c.shape(1)));
  TARN_ASSIGN_OR_RETURN(Shape inputs, c.shape(0).merge(c.shape(1)));
  TARN_RETURN_IF_ERROR(judge_limit(kPerChannel, c.shape(2), inputs, "min"));
  TARN_RETURN_IF_ERROR(judge_limit(kPerChannel, c.shape(3), inputs, "max"));
  TARN_RETURN_IF_ERROR(c.set_output(0, inputs));
  Shape limit;
  if (kPerChannel) {
    limit = Shape::unknown_of_rank(1);
    if (inputs.has_rank()) limit.set_dim(0, inputs.dim(inputs.rank() - 1));
    TARN_ASSIGN_OR_RETURN(limit, limit.merge(c.shape(2)));
    TARN_ASSIGN_OR_RETURN(limit, limit.merge(c.shape(3)));
  }
  TARN_RETURN_IF_ERROR(c.set_output(1, limit));
  return c.set_output(2, limit);
}

// ---- Kernels ----------------------------------------------------------------------------------------------------

void quantize(ThreadPool& threads, const NudgedRange& range, int64_t n, const float* x, float* y) {
  Quantizer quantizer(range);
  threads.parallel_for(n, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) y[i] = quantizer(x[i]);
  });
}

class ArgsKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_RETURN_IF_ERROR(judge_args(c.attrs()));
    TARN_ASSIGN_OR_RETURN(quant_, QuantAttrs::read(c.attrs()));
    min_ = c.attr<float>("min");
    max_ = c.attr<float>("max");
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    quantize(c.threads(), NudgedRange(quant_, min_, max_), x.count, x.as<float>(), y.as<float>());
    return {};
  }

 private:
  QuantAttrs quant_;
  float min_ = 0, max_ = 0;
};

class ArgsGradKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_RETURN_IF_ERROR(judge_args(c.attrs()));
    TARN_ASSIGN_OR_RETURN(quant_, QuantAttrs::read(c.attrs()));
    min_ = c.attr<float>("min");
    max_ = c.attr<float>("max");
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &dy = c.input(0), &x = c.input(1);
    TARN_RETURN_IF_ERROR(judge_gradients(*dy.shape, *x.shape));
    TARN_ASSIGN_OR_RETURN(TensorView dx, c.output(0, *x.shape));
    NudgedRange range(quant_, min_, max_);
    c.threads().parallel_for(x.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        dx.as<float>()[i] = range.holds(x.as<float>()[i]) ? dy.as<float>()[i] : 0.0f;
      }
    });
    return {};
  }

 private:
  QuantAttrs quant_;
  float min_ = 0, max_ = 0;
};

// Rows whose channels are walked one after another: as many as stay in the cache meanwhile.
int64_t tile_rows(int64_t channels) {
  return std::max<int64_t>(1, kElementsPerRange / channels);
}

// min and max are scalars, or one a channel.
template <bool kPerChannel>
class VarsKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(quant_, QuantAttrs::read(c.attrs()));
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &x = c.input(0), &min = c.input(1), &max = c.input(2);
    TARN_RETURN_IF_ERROR(judge_limit(kPerChannel, *min.shape, *x.shape, "min"));
    TARN_RETURN_IF_ERROR(judge_limit(kPerChannel, *max.shape, *x.shape, "max"));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    if (y.count == 0) return {};
    if constexpr (!kPerChannel) {
      NudgedRange range(quant_, min.item<float>(), max.item<float>());
      quantize(c.threads(), range, x.count, x.as<float>(), y.as<float>());
    } else {
      int64_t channels = min.count, tile = tile_rows(channels);
      c.threads().parallel_for(x.count / channels, tile, [&](int64_t begin, int64_t end, int) {
        for (int64_t first = begin; first < end; first += tile) {
          int64_t last = std::min(end, first + tile) * channels;
          for (int64_t channel = 0; channel < channels; ++channel) {
            Quantizer quantizer(NudgedRange(quant_, min.as<float>()[channel], max.as<float>()[channel]));
            for (int64_t i = first * channels + channel; i < last; i += channels) {
              y.as<float>()[i] = quantizer(x.as<float>()[i]);
            }
          }
        }
      });
    }
    return {};
  }

 private:
  QuantAttrs quant_;
};

// A block of rows is summed by one thread and has two sums a channel, so that bits do not depend on how many threads
// there are. The scalar case is that of one channel.
struct Blocks {
  static constexpr int64_t kMost = 64;
  int64_t rows_each, count, channels;

  Blocks(int64_t rows, int64_t channels)
      : rows_each(std::max(tile_rows(channels), (rows + kMost - 1) / kMost)),
        count((rows + rows_each - 1) / rows_each),
        channels(channels) {}
  size_t scratch_bytes() const { return sizeof(double) * 2 * static_cast<size_t>(count * channels); }
};

template <bool kPerChannel>
class VarsGradKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(quant_, QuantAttrs::read(c.attrs()));
    const Shape &inputs = c.output(0).shape, &limit = c.output(1).shape;
    if (inputs.is_fully_known() && limit.is_fully_known()) {
      TARN_ASSIGN_OR_RETURN(int64_t count, inputs.element_count());
      TARN_ASSIGN_OR_RETURN(int64_t channels, limit.element_count());
      if (count > 0) c.request_scratch(Blocks(count / channels, channels).scratch_bytes());
    }
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &dy = c.input(0), &x = c.input(1), &min = c.input(2), &max = c.input(3);
    TARN_RETURN_IF_ERROR(judge_gradients(*dy.shape, *x.shape));
    TARN_RETURN_IF_ERROR(judge_limit(kPerChannel, *min.shape, *x.shape, "min"));
    TARN_RETURN_IF_ERROR(judge_limit(kPerChannel, *max.shape, *x.shape, "max"));
    TARN_ASSIGN_OR_RETURN(TensorView dx, c.output(0, *x.shape));
    TARN_ASSIGN_OR_RETURN(TensorView dmin, c.output(1, *min.shape));
    TARN_ASSIGN_OR_RETURN(TensorView dmax, c.output(2, *max.shape));
    int64_t channels = min.count;
    if (channels == 0) return {};
    const int64_t rows = x.count / channels, tile = tile_rows(channels);
    const Blocks blocks(rows, channels);
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(blocks.scratch_bytes()));
    auto* sums = static_cast<double*>(scratch);
    c.threads().parallel_for(blocks.count, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t block = begin; block < end; ++block) {
        double* block_sums = sums + block * channels * 2;
        std::fill_n(block_sums, channels * 2, 0.0);
        int64_t end_row = std::min(rows, (block + 1) * blocks.rows_each);
        for (int64_t row = block * blocks.rows_each; row < end_row; row += tile) {
          int64_t last = std::min(end_row, row + tile) * channels;
          for (int64_t channel = 0; channel < channels; ++channel) {
            NudgedRange range(quant_, min.as<float>()[channel], max.as<float>()[channel]);
            for (int64_t i = row * channels + channel; i < last; i += channels) {
              float value = x.as<float>()[i], gradient = dy.as<float>()[i];
              if (range.is_below(value)) block_sums[channel * 2] += gradient;
              if (range.is_above(value)) block_sums[channel * 2 + 1] += gradient;
              dx.as<float>()[i] = range.holds(value) ? gradient : 0.0f;
            }
          }
        }
      }
    });
    for (int64_t channel = 0; channel < channels; ++channel) {
      double below = 0, above = 0;
      for (int64_t block = 0; block < blocks.count; ++block) {
        below += sums[(block * channels + channel) * 2];
        above += sums[(block * channels + channel) * 2 + 1];
      }
      dmin.as<float>()[channel] = static_cast<float>(below);
      dmax.as<float>()[channel] = static_cast<float>(above);
    }
    return {};
  }

 private:
  QuantAttrs quant_;
};

constexpr KernelDef kArgsKernels[] = {portable_kernel<ArgsKernel>()};
constexpr KernelDef kArgsGradKernels[] = {portable_kernel<ArgsGradKernel>()};
constexpr KernelDef kVarsKernels[] = {portable_kernel<VarsKernel<false>>()};
constexpr KernelDef kVarsGradKernels[] = {portable_kernel<VarsGradKernel<false>>()};
constexpr KernelDef kChannelKernels[] = {portable_kernel<VarsKernel<true>>()};
constexpr KernelDef kChannelGradKernels[] = {portable_kernel<VarsGradKernel<true>>()};

// ---- Gradients: rounding passes for the identity ----------------------------------------------------------------

Status args_gradient(GradContext& c) {
  // dx = dy where min <= x <= max
  c.set_grad(0, c.op("FakeQuantWithMinMaxArgsGradient", {c.grad(), c.input(0)}, kept_attrs(c, kArgsAttrs)));
  return {};
}

Status set_vars_gradients(GradContext& c, std::string_view op) {
  // dx = dy where min <= x <= max, dmin = sum of dy where x < min, dmax = sum of dy where x > max
  Wire dx = c.op(op, {c.grad(), c.input(0), c.input(1), c.input(2)}, kept_attrs(c, kQuantAttrs));
  for (int i = 0; i < 3; ++i) c.set_grad(i, c.slot(dx, i));
  return {};
}
Status vars_gradient(GradContext& c) {
  return set_vars_gradients(c, "FakeQuantWithMinMaxVarsGradient");
}
Status per_channel_gradient(GradContext& c) {
  return set_vars_gradients(c, "FakeQuantWithMinMaxVarsPerChannelGradient");
}

constexpr std::string_view kArgsDoc = R"(Rounds to the values a quantized tensor of range [min, max] could hold.
  inputs  f32[...]   returns  f32[...], same shape
  The range has 2^num_bits steps (one less with narrow_range) and is shifted a little so that 0 is one of them; values
  outside are moved to its ends.  Errors: InvalidArgument unless min < max and num_bits is 2 to 16.
  Source: TensorFlow array_ops FakeQuantWithMinMaxArgs; Jacob et al. 2017, sec. 3.)";
constexpr std::string_view kArgsGradDoc =
    R"(The gradient of FakeQuantWithMinMaxArgs: gradients where inputs are in the range.
  gradients  f32[...]   inputs  f32[...], same shape   returns  f32[...], same shape; 0 outside the range
  Errors: InvalidArgument if shapes differ, unless min < max and num_bits is 2 to 16.
  Source: TensorFlow array_ops FakeQuantWithMinMaxArgsGradient.)";
constexpr std::string_view kVarsDoc = R"(Rounds to the values a quantized tensor of range [min, max] could hold.
  inputs  f32[...]   min, max  f32, scalars   returns  f32[...], same shape
  As FakeQuantWithMinMaxArgs, with a range that is computed or learned; all 0 where min = max = 0.
  Errors: InvalidArgument if min or max is no scalar or num_bits is not 2 to 16.
  Source: TensorFlow array_ops FakeQuantWithMinMaxVars; Jacob et al. 2017, sec. 3.)";
constexpr std::string_view kVarsGradDoc = R"(The gradient of FakeQuantWithMinMaxVars, from the same inputs.
  gradients, inputs  f32[...] of one shape   min, max  f32, scalars
  returns  gradients where inputs are in the range, else 0; the sum of gradients below it; the sum of those above it
  Errors: InvalidArgument if shapes differ, naming both.  Source: TensorFlow FakeQuantWithMinMaxVarsGradient.)";
constexpr std::string_view kChannelDoc = R"(FakeQuantWithMinMaxVars with a range for each channel.
  inputs  f32[..., C]   min, max  f32[C]   returns  f32[..., C]
  Errors: InvalidArgument if min or max has another length than C, naming both, or num_bits is not 2 to 16.
  Source: TensorFlow array_ops FakeQuantWithMinMaxVarsPerChannel.)";
constexpr std::string_view kChannelGradDoc = R"(The gradient of FakeQuantWithMinMaxVarsPerChannel, from the same inputs.
  gradients, inputs  f32[..., C] of one shape   min, max  f32[C]
  returns  gradients where inputs are in their channel's range, else 0; for each channel the sum of gradients below its
  range; for each channel the sum of those above
  Errors: InvalidArgument if shapes differ, naming both.
  Source: TensorFlow array_ops FakeQuantWithMinMaxVarsPerChannelGradient.)";

constexpr std::string_view kArgsAttrText =
    "min: float = -6.0; max: float = 6.0; num_bits: int = 8; narrow_range: bool = false";
constexpr std::string_view kVarsAttrText = "num_bits: int = 8; narrow_range: bool = false";
constexpr std::string_view kNoSecond = "second derivatives of FakeQuant ops are not needed: they are straight-through";

}  // namespace

extern const OpDef op_FakeQuantWithMinMaxArgs, op_FakeQuantWithMinMaxArgsGradient, op_FakeQuantWithMinMaxVars,
    op_FakeQuantWithMinMaxVarsGradient, op_FakeQuantWithMinMaxVarsPerChannel,
    op_FakeQuantWithMinMaxVarsPerChannelGradient;
const OpDef op_FakeQuantWithMinMaxArgs = {
    .name = "FakeQuantWithMinMaxArgs",
    .inputs = "inputs: float",
    .outputs = "outputs: float",
    .attrs = kArgsAttrText,
    .infer = infer_args,
    .kernels = kArgsKernels,
};
const OpDef op_FakeQuantWithMinMaxArgsGradient = {
    .name = "FakeQuantWithMinMaxArgsGradient",
    .inputs = "gradients: float, inputs: float",
    .outputs = "backprops: float",
    .attrs = kArgsAttrText,
    .infer = infer_args_grad,
    .kernels = kArgsGradKernels,
};
const OpDef op_FakeQuantWithMinMaxVars = {
    .name = "FakeQuantWithMinMaxVars",
    .inputs = "inputs: float, min: float, max: float",
    .outputs = "outputs: float",
    .attrs = kVarsAttrText,
    .infer = infer_vars<false>,
    .kernels = kVarsKernels,
};
const OpDef op_FakeQuantWithMinMaxVarsGradient = {
    .name = "FakeQuantWithMinMaxVarsGradient",
    .inputs = "gradients: float, inputs: float, min: float, max: float",
    .outputs = "backprops_wrt_input: float, backprop_wrt_min: float, backprop_wrt_max: float",
    .attrs = kVarsAttrText,
    .infer = infer_vars_grad<false>,
    .kernels = kVarsGradKernels,
};
const OpDef op_FakeQuantWithMinMaxVarsPerChannel = {
    .name = "FakeQuantWithMinMaxVarsPerChannel",
    .inputs = "inputs: float, min: float, max: float",
    .outputs = "outputs: float",
    .attrs = kVarsAttrText,
    .infer = infer_vars<true>,
    .kernels = kChannelKernels,
};
const OpDef op_FakeQuantWithMinMaxVarsPerChannelGradient = {
    .name = "FakeQuantWithMinMaxVarsPerChannelGradient",
    .inputs = "gradients: float, inputs: float, min: float, max: float",
    .outputs = "backprops_wrt_input: float, backprop_wrt_min: float, backprop_wrt_max: float",
    .attrs = kVarsAttrText,
    .infer = infer_vars_grad<true>,
    .kernels = kChannelGradKernels,
};

TARN_OP_FILE(fake_quant, {&op_FakeQuantWithMinMaxArgs, kArgsDoc, args_gradient},
             {&op_FakeQuantWithMinMaxArgsGradient, kArgsGradDoc, nullptr, kNoSecond},
             {&op_FakeQuantWithMinMaxVars, kVarsDoc, vars_gradient},
             {&op_FakeQuantWithMinMaxVarsGradient, kVarsGradDoc, nullptr, kNoSecond},
             {&op_FakeQuantWithMinMaxVarsPerChannel, kChannelDoc, per_channel_gradient},
             {&op_FakeQuantWithMinMaxVarsPerChannelGradient, kChannelGradDoc, nullptr, kNoSecond})

}  // namespace tarn
