#include "passes/support/channel_scale.h"

#include <algorithm>
#include <cmath>

#include "core/half.h"

namespace tarn {
namespace {

// Parameters of batch norms hang no deeper: Sub(beta, Mul(mean, Mul(Rsqrt(Add(variance, epsilon)), gamma))), with an
// Identity (a frozen variable's read) before each, and a Reshape for NCHW.
constexpr int kMostDepth = 16;
constexpr int64_t kMostChannels = 1 << 20;

bool is_number(DType dtype) {
  return dtype == DType::kFloat || dtype == DType::kDouble || dtype == DType::kHalf || dtype == DType::kBFloat16;
}

double element(const Tensor& tensor, int64_t i) {
  auto at = static_cast<size_t>(i);
  switch (tensor.dtype()) {
    case DType::kFloat: return tensor.flat<float>()[at];
    case DType::kDouble: return tensor.flat<double>()[at];
    case DType::kHalf: return half_to_float(tensor.flat<uint16_t>()[at]);
    case DType::kBFloat16: return bfloat16_to_float(tensor.flat<uint16_t>()[at]);
    default: return 0;
  }
}

// The nearest number of the dtype is written, and returned.
double set_element(DType dtype, void* data, int64_t i, double value) {
  auto narrow = static_cast<float>(value);
  switch (dtype) {
    case DType::kFloat: return static_cast<float*>(data)[i] = narrow;
    case DType::kDouble: return static_cast<double*>(data)[i] = value;
    case DType::kHalf: return half_to_float(static_cast<uint16_t*>(data)[i] = float_to_half(narrow));
    case DType::kBFloat16: return bfloat16_to_float(static_cast<uint16_t*>(data)[i] = float_to_bfloat16(narrow));
    default: return 0;
  }
}

// Below it a dtype has fewer digits.
double smallest_normal(DType dtype) {
  constexpr double kFloatSmallest = 0x1p-126, kDoubleSmallest = 0x1p-1022, kHalfSmallest = 0x1p-14;
  if (dtype == DType::kHalf) return kHalfSmallest;
  return dtype == DType::kDouble ? kDoubleSmallest : kFloatSmallest;
}

// --- constants
// --------------------------------------------------------------------------------------------------------------

bool is_unary(const Node& node) {
  constexpr std::string_view kOps[] = {"Identity",   "StopGradient", "Rsqrt",   "Sqrt",       "Square", "Neg",
                                       "Reciprocal", "Inv",          "Reshape", "ExpandDims", "Squeeze"};
  return std::find(std::begin(kOps), std::end(kOps), node.op) != std::end(kOps);
}

bool is_binary(const Node& node) {
  constexpr std::string_view kOps[] = {"Add", "AddV2", "Sub", "Mul", "RealDiv", "Div"};
  return std::find(std::begin(kOps), std::end(kOps), node.op) != std::end(kOps);
}

// A Const, or an elementwise op on nothing but constants; nothing that is fed or waits.
bool is_constant(const Rewriter& rewriter, Wire wire, int depth = 0) {
  if (wire.is_none() || wire.slot != 0 || depth > kMostDepth) return false;
  const Node& node = rewriter.node(wire.node);
  if (node.def == nullptr || node.outputs.empty() || !is_number(node.outputs[0].dtype) || rewriter.is_input(wire.node))
    return false;
  if (rewriter.constant(wire) != nullptr) return true;
  if (!node.controls.empty() || !(is_unary(node) || is_binary(node))) return false;
  return is_constant(rewriter, node.inputs[0], depth + 1) &&
         (is_unary(node) || is_constant(rewriter, node.inputs[1], depth + 1));
}

struct Values {
  Shape shape;
  std::vector<double> numbers;
};

double computed(std::string_view op, double a) {
  if (op == "Rsqrt") return 1 / std::sqrt(a);
  if (op == "Sqrt") return std::sqrt(a);
  if (op == "Square") return a * a;
  if (op == "Neg") return -a;
  if (op == "Reciprocal" || op == "Inv") return 1 / a;
  return a;
}

double computed(std::string_view op, double a, double b) {
  if (op == "Mul") return a * b;
  if (op == "Sub") return a - b;
  return op == "RealDiv" || op == "Div" ? a / b : a + b;
}

// Of what is_constant. Two that are neither of one shape nor a single number are not computed here.
std::optional<Values> values_of(const Rewriter& rewriter, Wire wire) {
  if (const Tensor* value = rewriter.constant(wire)) {
    if (value->element_count() > kMostChannels || !is_number(value->dtype())) return std::nullopt;
    Values values{value->shape(), {}};
    for (int64_t i = 0; i < value->element_count(); ++i) values.numbers.push_back(element(*value, i));
    return values;
  }
  const Node& node = rewriter.node(wire.node);
  std::optional<Values> a = values_of(rewriter, node.inputs[0]);
  if (!a) return std::nullopt;
  if (is_unary(node)) {
    for (double& number : a->numbers) number = computed(node.op, number);
    if (!node.outputs[0].shape.is_fully_known()) return std::nullopt;
    a->shape = node.outputs[0].shape;
    return a->shape.elements() == std::ssize(a->numbers) ? a : std::nullopt;
  }
  std::optional<Values> b = values_of(rewriter, node.inputs[1]);
  if (!b) return std::nullopt;
  bool one_b = b->numbers.size() == 1 && b->shape.rank() <= a->shape.rank();
  bool one_a = a->numbers.size() == 1 && a->shape.rank() <= b->shape.rank();
  if (!(a->shape == b->shape) && !one_a && !one_b) return std::nullopt;
  Values result{one_b || a->shape == b->shape ? a->shape : b->shape, {}};
  for (size_t i = 0; i < std::max(a->numbers.size(), b->numbers.size()); ++i) {
    double x = a->numbers[a->numbers.size() == 1 ? 0 : i], y = b->numbers[b->numbers.size() == 1 ? 0 : i];
    result.numbers.push_back(computed(node.op, x, y));
  }
  return result;
}

std::optional<std::vector<double>> finite(std::vector<double> values) {
  bool all = std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
  return all ? std::optional(std::move(values)) : std::nullopt;
}

// A constant that is broadcast over an image of this rank: the same number for all of a channel, and no larger image.
std::optional<std::vector<double>> broadcast_values(const Rewriter& rewriter, Wire wire, int rank, ChannelDim dim,
                                                    int64_t channels) {
  std::optional<Values> values = values_of(rewriter, wire);
  if (!values || values->shape.rank() > rank) return std::nullopt;
  int64_t count = std::ssize(values->numbers);
  if (count == 1) return finite(std::vector<double>(static_cast<size_t>(channels), values->numbers[0]));
  int at = (dim == ChannelDim::kLast ? rank - 1 : 1) - (rank - values->shape.rank());
  if (at < 0 || count != channels || values->shape.dim(at) != channels) return std::nullopt;
  return finite(std::move(values->numbers));
}

std::optional<std::vector<double>> vector_values(const Rewriter& rewriter, Wire wire, int64_t channels) {
  std::optional<Values> values = values_of(rewriter, wire);
  if (!values || !(values->shape == Shape{channels})) return std::nullopt;
  return finite(std::move(values->numbers));
}

// --- steps
// ------------------------------------------------------------------------------------------------------------------

bool is_fused_version(const Node& node) {
  return node.is("FusedBatchNorm") || node.is("FusedBatchNormV2") || node.is("FusedBatchNormV3");
}

bool is_bias_add(const Node& node) {
  return node.is("BiasAdd") || node.is("BiasAddV1");
}

ChannelDim channel_dim_of(const Node& node) {
  return node.attrs.get_or<std::string>("data_format", "NHWC").starts_with("NC") ? ChannelDim::kSecond
                                                                                 : ChannelDim::kLast;
}

std::optional<ChannelValues> batch_norm_values(const Rewriter& rewriter, const Node& node, int64_t channels) {
  bool is_old = !is_fused_version(node);  // (t, m, v, beta, gamma), else (x, gamma, beta, mean, variance)
  std::optional<std::vector<double>> p[4];
  for (size_t i = 0; i < 4; ++i) p[i] = vector_values(rewriter, node.inputs[i + 1], channels);
  if (!p[0] || !p[1] || !p[2] || !p[3]) return std::nullopt;
  const auto &gamma = is_old ? *p[3] : *p[0], &beta = is_old ? *p[2] : *p[1];
  const auto &mean = is_old ? *p[0] : *p[2], &variance = is_old ? *p[1] : *p[3];
  bool scales = !is_old || node.attrs.get_or<bool>("scale_after_normalization", true);
  double epsilon = node.attrs.get_or<float>(is_old ? "variance_epsilon" : "epsilon", is_old ? 0.0f : 1e-4f);
  ChannelValues values;
  for (size_t c = 0; c < gamma.size(); ++c) {
    // s = gamma / sqrt(variance + epsilon);  t = beta - mean * s
    double scale = (scales ? gamma[c] : 1) / std::sqrt(variance[c] + epsilon);
    if (!std::isfinite(scale)) return std::nullopt;  // a variance of -epsilon: left for the run to show
    values.scale.push_back(scale);
    values.shift.push_back(beta[c] - mean[c] * scale);
  }
  return values;
}

}  // namespace

bool is_fused_batch_norm(const Node& node) {
  return is_fused_version(node) || node.is("BatchNormWithGlobalNormalization");
}

ChannelValues ChannelValues::then(const ChannelValues& next) const {
  ChannelValues both{scale, shift};
  if (!next.scale.empty()) {
    if (both.scale.empty()) both.scale.assign(next.scale.size(), 1);
    for (size_t c = 0; c < next.scale.size(); ++c) both.scale[c] *= next.scale[c];
    for (size_t c = 0; c < both.shift.size(); ++c) both.shift[c] *= next.scale[c];
  }
  if (!next.shift.empty()) {
    if (both.shift.empty()) both.shift.assign(next.shift.size(), 0);
    for (size_t c = 0; c < next.shift.size(); ++c) both.shift[c] += next.shift[c];
  }
  return both;
}

ChannelValues ChannelValues::slice(size_t first, size_t count) const {
  auto part = [&](const std::vector<double>& all) {
    return all.empty() ? all : std::vector<double>(all.data() + first, all.data() + first + count);
  };
  return {part(scale), part(shift)};
}

bool ChannelValues::shifts() const {
  return std::any_of(shift.begin(), shift.end(), [](double value) { return value != 0; });
}

Wire channel_step_input(const Rewriter& rewriter, NodeId id) {
  const Node& node = rewriter.node(id);
  if (node.def == nullptr || node.outputs.empty() || !is_number(node.outputs[0].dtype) || node.inputs.size() < 2)
    return {};
  auto constant_from = [&](size_t first) {
    return std::all_of(node.inputs.begin() + static_cast<std::ptrdiff_t>(first), node.inputs.end(),
                       [&](Wire wire) { return is_constant(rewriter, wire); });
  };
  if (is_fused_batch_norm(node)) {
    bool trains = is_fused_version(node) && node.attrs.get_or<bool>("is_training", true);
    return !trains && constant_from(1) ? node.inputs[0] : Wire{};
  }
  bool adds_bias = is_bias_add(node);
  if (!adds_bias && !is_binary(node)) return {};
  if (is_constant(rewriter, node.inputs[1])) return is_constant(rewriter, node.inputs[0]) ? Wire{} : node.inputs[0];
  bool either_way = node.is("Mul") || node.is("Add") || node.is("AddV2") || node.is("Sub");
  return either_way && is_constant(rewriter, node.inputs[0]) ? node.inputs[1] : Wire{};
}

std::optional<ChannelStep> channel_step(const Rewriter& rewriter, NodeId id, ChannelDim dim, int64_t channels) {
  Wire input = channel_step_input(rewriter, id);
  if (input.is_none() || input.slot != 0 || channels < 1 || channels > kMostChannels) return std::nullopt;
  const Node& node = rewriter.node(id);
  const Shape& shape = rewriter.fact(input).shape;
  if (!shape.has_rank() || shape.rank() < 2 || rewriter.fact(input).is_ref) return std::nullopt;
  int64_t known = shape.dim(dim == ChannelDim::kLast ? -1 : 1);
  if (known != kUnknownDim && known != channels) return std::nullopt;
  ChannelStep step{.input = input, .is_bias = node.is("BiasAdd"), .is_batch_norm = is_fused_batch_norm(node)};
  if (step.is_batch_norm) {
    std::optional<ChannelValues> values = batch_norm_values(rewriter, node, channels);
    if (!values || channel_dim_of(node) != dim) return std::nullopt;
    step.values = *std::move(values);
    return step;
  }
  bool is_first = node.inputs[0] == input;
  Wire other = node.inputs[is_first ? 1 : 0];
  if (is_bias_add(node)) {
    std::optional<std::vector<double>> values = vector_values(rewriter, other, channels);
    if (!values || channel_dim_of(node) != dim) return std::nullopt;
    step.values.shift = *std::move(values);
    return step;
  }
  // A constant of all channels makes as many of a single one: that there are as many already must be known.
  const Shape& constant = rewriter.fact(other).shape;
  bool is_single = constant.is_fully_known() && constant.elements() == 1;
  bool is_certain = known == channels || is_single || product_of(rewriter, input.node).has_value();
  std::optional<std::vector<double>> values = broadcast_values(rewriter, other, shape.rank(), dim, channels);
  if (!values || !is_certain) return std::nullopt;
  if (node.is("Mul")) {
    step.values.scale = *std::move(values);
  } else if (node.is("RealDiv") || node.is("Div")) {
    for (double& value : *values) value = 1 / value;
    values = finite(*std::move(values));
    if (!values) return std::nullopt;
    step.values.scale = *std::move(values);
  } else {
    bool negates = node.is("Sub") && is_first;
    if (node.is("Sub") && !is_first) step.values.scale.assign(values->size(), -1);  // c - x
    for (double& value : *values) value = negates ? -value : value;
    step.values.shift = *std::move(values);
  }
  return step;
}

// --- products
// ---------------------------------------------------------------------------------------------------------------

std::optional<Product> product_of(const Rewriter& rewriter, NodeId id) {
  const Node& node = rewriter.node(id);
  bool is_conv = node.is("Conv2D"), is_depthwise = node.is("DepthwiseConv2dNative");
  bool is_transposed = node.is("Conv2DBackpropInput"), is_matrix = node.is("MatMul");
  if (node.def == nullptr || !(is_conv || is_depthwise || is_transposed || is_matrix)) return std::nullopt;
  Product product{.node = id, .dim = channel_dim_of(node), .data_input = is_transposed ? 2 : 0};
  product.weights = rewriter.constant(node.inputs[1]);
  if (product.weights == nullptr || !is_number(product.weights->dtype())) return std::nullopt;
  const Shape& shape = product.weights->shape();
  if (shape.rank() != (is_matrix ? 2 : 4) || product.weights->element_count() == 0) return std::nullopt;
  product.can_scale_inputs = true;
  if (is_matrix) {
    bool is_turned = node.attrs.get_or<bool>("transpose_b", false);
    product.inputs = {is_turned ? 1 : shape[1], shape[is_turned ? 1 : 0]};
    product.outputs = {is_turned ? shape[1] : 1, shape[is_turned ? 0 : 1]};
    // The channels of a matrix that is transposed are its rows.
    product.can_scale_inputs = product.can_shift_inputs = !node.attrs.get_or<bool>("transpose_a", false);
    return product;
  }
  if (is_transposed) {
    product.inputs = {1, shape[3]};
    product.outputs = {shape[3], shape[2]};
    return product;
  }
  product.inputs = {shape[3], shape[2]};
  product.outputs = {1, is_depthwise ? shape[2] * shape[3] : shape[3]};
  std::string padding = node.attrs.get_or<std::string>("padding", "");
  std::vector<int64_t> around = node.attrs.get_or<std::vector<int64_t>>("explicit_paddings", {});
  bool is_point = shape[0] == 1 && shape[1] == 1;  // SAME pads nothing then
  bool pads_nothing =
      padding == "EXPLICIT" && std::all_of(around.begin(), around.end(), [](int64_t n) { return n == 0; });
  product.can_shift_inputs = padding == "VALID" || (padding == "SAME" && is_point) || pads_nothing;
  return product;
}

std::optional<Tensor> scaled_weights(const Product& product, const WeightChannels& channels,
                                     const std::vector<double>& scale) {
  const Tensor& weights = *product.weights;
  Result<Tensor> scaled = Tensor::allocate(weights.dtype(), weights.shape());
  if (!scaled.ok() || std::ssize(scale) != channels.count) return std::nullopt;
  void* data = scaled->mutable_data();
  std::vector<double> largest(scale.size()), largest_before(scale.size());
  // As WeightChannels::of, without a division for each of millions.
  for (int64_t i = 0; i < weights.element_count();) {
    for (size_t c = 0; c < scale.size(); ++c) {
      for (int64_t end = i + channels.stride; i < end; ++i) {
        double before = element(weights, i);
        double after = set_element(weights.dtype(), data, i, before * scale[c]);
        if (!std::isfinite(after)) return std::nullopt;
        largest[c] = std::max(largest[c], std::abs(after));
        largest_before[c] = std::max(largest_before[c], std::abs(before));
      }
    }
  }
  double smallest = smallest_normal(weights.dtype());
  for (size_t c = 0; c < scale.size(); ++c) {
    if (scale[c] != 0 && largest_before[c] != 0 && largest[c] < smallest) return std::nullopt;
  }
  return *std::move(scaled);
}

std::vector<double> shift_of_outputs(const Product& product, const std::vector<double>& shift) {
  std::vector<double> sums(static_cast<size_t>(product.outputs.count));
  for (int64_t i = 0; i < product.weights->element_count(); ++i) {
    sums[product.outputs.of(i)] += element(*product.weights, i) * shift[product.inputs.of(i)];
  }
  return sums;
}

std::optional<Tensor> channel_vector(DType dtype, const std::vector<double>& values) {
  Result<Tensor> vector = Tensor::allocate(dtype, Shape{std::ssize(values)});
  if (!vector.ok() || !is_number(dtype)) return std::nullopt;
  void* data = vector->mutable_data();
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(set_element(dtype, data, static_cast<int64_t>(i), values[i]))) return std::nullopt;
  }
  return *std::move(vector);
}

}  // namespace tarn
