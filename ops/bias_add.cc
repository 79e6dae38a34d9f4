// BiasAdd, BiasAddV1 (its old form) and BiasAddGrad.
#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/kernels/elementwise.h"
#include "ops/reduction.h"

namespace tarn {
namespace {

bool is_nchw(const AttrMap& attrs) {
  return attrs.get_or<std::string>("data_format", "NHWC") == "NCHW";
}

// Where the channels are: last, or after the batch for NCHW.
Result<int> channel_dim(const Shape& value, bool nchw, std::string_view name) {
  int least = nchw ? 3 : 2;
  if (value.rank() < least) {
    return invalid_argument("'", name, "' must have rank at least ", least, nchw ? " for NCHW" : "", ", has shape ",
                            value);
  }
  return nchw ? 1 : value.rank() - 1;
}

Status infer_bias_add(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 1, "bias"));
  Shape value = c.shape(0);
  if (!value.has_rank()) return c.set_output(0, value);
  TARN_ASSIGN_OR_RETURN(int dim, channel_dim(value, is_nchw(c.attrs()), "value"));
  int64_t channels = value.dim(dim), biases = c.shape(1).has_rank() ? c.shape(1).dim(0) : kUnknownDim;
  if (channels == kUnknownDim) {
    value.set_dim(dim, biases);
  } else if (biases != kUnknownDim && biases != channels) {
    return invalid_argument("bias has ", biases, " elements but value has ", channels, " channels");
  }
  return c.set_output(0, value);
}

Status infer_bias_add_grad(InferContext& c) {
  if (!c.shape(0).has_rank()) return c.set_output(0, Shape{kUnknownDim});
  TARN_ASSIGN_OR_RETURN(int dim, channel_dim(c.shape(0), is_nchw(c.attrs()), "out_backprop"));
  return c.set_output(0, Shape{c.shape(0).dim(dim)});
}

template <class T>
class BiasAddKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    nchw_ = is_nchw(c.attrs());
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &x = c.input(0), &bias = c.input(1);
    TARN_ASSIGN_OR_RETURN(int dim, channel_dim(*x.shape, nchw_, "value"));
    int64_t channels = x.shape->dim(dim);
    if (bias.shape->rank() != 1 || bias.count != channels) {
      return invalid_argument("bias ", *bias.shape, " does not fit value ", *x.shape);
    }
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    if (y.count == 0) return {};
    int64_t inner = 1;  // elements that share a channel, one after the other
    for (int i = dim + 1; i < x.shape->rank(); ++i) inner *= x.shape->dim(i);
    const T *in = x.as<T>(), *b = bias.as<T>();
    T* out = y.as<T>();
    if constexpr (std::is_floating_point_v<T>) {
      if (inner == 1) {
        kernels::bias_add<T>(c.threads(), x.count / channels, channels, in, b, out);
        return {};
      }
    }
    c.threads().parallel_for(x.count / inner, std::max<int64_t>(1, kElementsPerRange / inner),
                             [&](int64_t begin, int64_t end, int) {
                               for (int64_t row = begin; row < end; ++row) {
                                 T value = b[row % channels];
                                 for (int64_t i = row * inner; i < (row + 1) * inner; ++i)
                                   out[i] = wrap_add(in[i], value);
                               }
                             });
    return {};
  }

 private:
  bool nchw_ = false;
};

template <class T>
class BiasAddGradKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    nchw_ = is_nchw(c.attrs());
    const Shape& dy = c.input(0).shape;
    if constexpr (std::is_floating_point_v<T>) {
      if (!nchw_ && dy.is_fully_known() && dy.elements() > 0) {
        c.request_scratch(kernels::column_sums_scratch_bytes<T>(dy.elements() / dy.dim(-1), dy.dim(-1)));
      }
    }
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& dy = c.input(0);
    TARN_ASSIGN_OR_RETURN(int dim, channel_dim(*dy.shape, nchw_, "out_backprop"));
    int64_t channels = dy.shape->dim(dim);
    TARN_ASSIGN_OR_RETURN(TensorView db, c.output(0, Shape{channels}));
    if constexpr (std::is_floating_point_v<T>) {
      if (!nchw_ && dy.count > 0) {
        int64_t rows = dy.count / channels;
        TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(kernels::column_sums_scratch_bytes<T>(rows, channels)));
        kernels::column_sums<T>(c.threads(), rows, channels, dy.as<T>(), db.as<T>(), scratch);
        return {};
      }
    }
    int64_t others[kMaxRank];
    size_t count = 0;
    for (int i = 0; i < dy.shape->rank(); ++i) {
      if (i != dim) others[count++] = i;
    }
    TARN_ASSIGN_OR_RETURN(ReductionPlan plan, ReductionPlan::make(*dy.shape, std::span<const int64_t>(others, count)));
    run_reduction(c.threads(), plan, reduce_range<T, T, SumOf<T>>, dy.data, db.data);
    return {};
  }

 private:
  bool nchw_ = false;
};

template <template <class> class K>
constexpr KernelDef kKernels[] = {
    portable_kernel<K<float>>(DType::kFloat),     portable_kernel<K<double>>(DType::kDouble),
    portable_kernel<K<int32_t>>(DType::kInt32),   portable_kernel<K<int64_t>>(DType::kInt64),
    portable_kernel<K<uint8_t>>(DType::kUInt8),   portable_kernel<K<int8_t>>(DType::kInt8),
    portable_kernel<K<int16_t>>(DType::kInt16),   portable_kernel<K<uint16_t>>(DType::kUInt16),
    portable_kernel<K<uint32_t>>(DType::kUInt32), portable_kernel<K<uint64_t>>(DType::kUInt64),
    adapted_kernel<K<float>, DType::kHalf>(),     adapted_kernel<K<float>, DType::kBFloat16>(),
};

Status bias_add_gradient(GradContext& c) {
  // dvalue = dy,  dbias = dy summed over all dims but the channels
  c.set_grad(0, c.grad());
  c.set_grad(1, c.op("BiasAddGrad", {c.grad()}, {{"data_format", is_nchw(c.attrs()) ? "NCHW" : "NHWC"}}));
  return {};
}

Status bias_add_grad_gradient(GradContext& c) {
  // ddy = dbias, repeated for every pixel:  y -> BiasAdd(0, dbias)
  Wire zeros = c.op("ZerosLike", {c.input(0)});
  c.set_grad(0, c.op("BiasAdd", {zeros, c.grad()}, {{"data_format", is_nchw(c.attrs()) ? "NCHW" : "NHWC"}}));
  return {};
}

constexpr std::string_view kDoc = R"(Adds a bias to every channel.
  value  T[..., C], or T[N, C, ...] with data_format NCHW   bias  T[C]   returns  T, value's shape
  Errors: InvalidArgument if the channels differ, naming both.  Source: TensorFlow nn_ops BiasAdd.)";
constexpr std::string_view kV1Doc = R"(Adds a bias to every channel: BiasAdd as it was before data_format.
  value  T[..., C]   bias  T[C]   returns  T, value's shape
  Errors: InvalidArgument if the channels differ, naming both.  Source: TensorFlow nn_ops BiasAddV1.)";
constexpr std::string_view kGradDoc = R"(The gradient of BiasAdd with respect to the bias: the sum over all other dims.
  out_backprop  T[..., C], or T[N, C, ...] with data_format NCHW   returns  T[C]
  Source: TensorFlow nn_ops BiasAddGrad.)";

}  // namespace

extern const OpDef op_BiasAdd, op_BiasAddV1, op_BiasAddGrad;
const OpDef op_BiasAdd = {
    .name = "BiasAdd",
    .inputs = "value: T, bias: T",
    .outputs = "output: T",
    .attrs =
        "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, qint16, "
        "quint16, uint16, complex128, half, uint32, uint64}; data_format: {'NHWC', 'NCHW'} = 'NHWC'",
    .traits = kBiasAdd,
    .infer = infer_bias_add,
    .kernels = kKernels<BiasAddKernel>,
};
const OpDef op_BiasAddV1 = {
    .name = "BiasAddV1",
    .inputs = "value: T, bias: T",
    .outputs = "output: T",
    .attrs =
        "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, qint16, "
        "quint16, uint16, complex128, half, uint32, uint64}",
    .traits = kBiasAdd,
    .infer = infer_bias_add,
    .kernels = kKernels<BiasAddKernel>,
};
const OpDef op_BiasAddGrad = {
    .name = "BiasAddGrad",
    .inputs = "out_backprop: T",
    .outputs = "output: T",
    .attrs =
        "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, qint16, "
        "quint16, uint16, complex128, half, uint32, uint64}; data_format: {'NHWC', 'NCHW'} = 'NHWC'",
    .infer = infer_bias_add_grad,
    .kernels = kKernels<BiasAddGradKernel>,
};

TARN_OP_FILE(bias_add, {&op_BiasAdd, kDoc, bias_add_gradient}, {&op_BiasAddV1, kV1Doc, bias_add_gradient},
             {&op_BiasAddGrad, kGradDoc, bias_add_grad_gradient})

}  // namespace tarn
