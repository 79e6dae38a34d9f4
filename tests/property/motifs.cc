// What passes look for, in the forms that TensorFlow wrote: layers with batch norm, dropout, conditionals, loops,
// chains of reshapes, neutral elements. Each draws one of many variants, those included that a pass has to leave alone.
#include "tests/property/random_graph.h"

#include <algorithm>

#include "graph/text.h"

namespace tarn::testing {
namespace {

DType float_dtype(Random& random) {
  double at = random.unit();
  return at < 0.82 ? DType::kFloat : at < 0.92 ? DType::kDouble : DType::kHalf;
}

bool is_float(const GrownValue& v) {
  return dtype_is_floating(v.tensor.dtype()) && v.tensor.dtype() != DType::kBFloat16;
}

std::string word(DType dtype) {
  return std::string(dtype_short_name(dtype));
}

Tensor float_scalar(DType dtype, double value) {
  Result<Tensor> tensor = tensor_from_text(str_cat(type_text(dtype, {}), "{", value, "}"));
  return tensor.ok() ? *tensor : *Tensor::zeros(dtype, {});
}

Tensor positive(Tensor tensor) {
  for (float& v : tensor.mutable_flat<float>()) v = std::abs(v) + 0.25f;
  for (double& v : tensor.mutable_flat<double>()) v = std::abs(v) + 0.25;
  if (tensor.dtype() == DType::kHalf) {
    for (uint16_t& v : tensor.mutable_flat<uint16_t>()) v = static_cast<uint16_t>((v & 0x3FF) | 0x3800);  // [0.5, 1)
  }
  return tensor;
}

std::string ints_text(const std::vector<int>& values) {
  return str_cat("{", str_join(values), "}");
}

// A name for what a line gives, and the line.
struct Lines {
  Piece& piece;
  int next = 0;
  template <class... Args>
  std::string operator()(const Args&... right) {
    std::string name = str_cat("n", next++);
    piece.line(name, " = ", right...);
    return name;
  }
  std::string ints(const std::vector<int>& values) {
    std::string name = str_cat("n", next++);
    piece.line(name, ": i32[", values.size(), "] = ", values.empty() ? "zeros" : ints_text(values));
    return name;
  }
  std::string scalar(DType dtype, double value) {
    return piece.constant(str_cat("n", next++), float_scalar(dtype, value));
  }
};

// Any float value of rank 1 or more, or a new one.
struct Chosen {
  std::string name;
  DType dtype;
  Shape shape;
};
Chosen choose(Piece& piece, int least_rank = 0, int most_rank = 6) {
  Random& random = piece.random();
  auto fits = [&](const GrownValue& v) {
    return is_float(v) && v.tensor.shape().rank() >= least_rank && v.tensor.shape().rank() <= most_rank;
  };
  if (random.chance(0.85)) {
    if (std::optional<size_t> value = piece.find(fits)) {
      const Tensor& tensor = piece.value_of(*value);
      return {piece.import(*value), tensor.dtype(), tensor.shape()};
    }
  }
  Shape shape;
  int rank = least_rank + random.below(std::min(most_rank, 4) - least_rank + 1);
  for (int d = 0; d < rank; ++d) shape.add_dim(random.chance(0.04) ? 0 : 1 + random.below(4));
  DType dtype = float_dtype(random);
  return {piece.placeholder("x", random_value(dtype, shape, random, random.chance(0.03))), dtype, shape};
}
Chosen choose_image(Piece& piece, DType dtype = DType::kInvalid) {
  Random& random = piece.random();
  auto fits = [&](const GrownValue& v) {
    const Shape& shape = v.tensor.shape();
    return is_float(v) && shape.rank() == 4 && (dtype == DType::kInvalid || v.tensor.dtype() == dtype);
  };
  if (random.chance(0.7)) {
    if (std::optional<size_t> value = piece.find(fits)) {
      const Tensor& tensor = piece.value_of(*value);
      return {piece.import(*value), tensor.dtype(), tensor.shape()};
    }
  }
  Shape shape{1 + random.below(2), 2 + random.below(5), 2 + random.below(5), 1 + random.below(4)};
  if (dtype == DType::kInvalid) dtype = float_dtype(random);
  return {piece.placeholder("image", random_value(dtype, shape, random)), dtype, shape};
}

// One of the batch norms, over the last axis of `x` (of `channels`); an axis in front where channels_first.
std::string batch_norm(Piece& piece, Lines& lines, std::string x, DType dtype, int64_t channels, int rank,
                       bool channels_first) {
  Random& random = piece.random();
  Shape vector{channels};
  // Parameters: constants (perhaps shared with another layer), or fed.
  auto parameter = [&](std::string_view name, bool is_positive) {
    if (random.chance(0.06)) return piece.placeholder(name, positive(random_value(dtype, vector, random)));
    if (is_positive) return piece.constant(name, positive(random_value(dtype, vector, random)));
    return piece.weights(name, dtype, vector);
  };
  int form = random.below(dtype == DType::kFloat && rank == 4 ? 8 : 4) + (dtype == DType::kFloat && rank == 4 ? 0 : 4);
  std::string gamma = parameter("gamma", false), beta = parameter("beta", false);
  std::string mean = parameter("moving_mean", false), variance = parameter("moving_variance", true);
  std::string format = channels_first ? "NCHW" : "NHWC";
  std::string epsilon = random.pick({"0.001", "1e-05", "0.1"});
  if (form <= 2) {
    std::string op = random.pick({"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"});
    std::string training = random.chance(0.12) ? "true" : "false";
    std::string y = lines(op, "(", x, ", ", gamma, ", ", beta, ", ", mean, ", ", variance, ") {epsilon=", epsilon,
                          ", is_training=", training, ", data_format=\"", format, "\"}");
    if (random.chance(0.1)) lines("Identity(", y, ":", 1 + random.below(2), ")");
    return y;
  }
  if (form == 3) {
    std::string scale = random.chance(0.8) ? "true" : "false";
    return lines("BatchNormWithGlobalNormalization(", x, ", ", mean, ", ", variance, ", ", beta, ", ", gamma,
                 ") {variance_epsilon=", epsilon, ", scale_after_normalization=", scale, "}");
  }
  std::string add = random.pick({"Add", "AddV2"});
  std::string sum = lines(add, "(", variance, ", ", lines.scalar(dtype, random.pick({0.001, 0.1})), ")");
  std::string rsqrt = lines("Rsqrt(", sum, ")");
  auto either = [&](const std::string& op, const std::string& a, const std::string& b) {
    return random.chance(0.5) ? lines(op, "(", a, ", ", b, ")") : lines(op, "(", b, ", ", a, ")");
  };
  if (form <= 6) {  // tf.nn.batch_normalization: x * inv + (beta - mean * inv)
    std::string inv = random.chance(0.8) ? either("Mul", rsqrt, gamma) : rsqrt;
    std::string scaled = either("Mul", x, inv), shift = either("Mul", mean, inv);
    return either(add, scaled, lines("Sub(", beta, ", ", shift, ")"));
  }
  // gamma * (x - mean) * rsqrt(var + eps) + beta
  std::string centred = lines("Sub(", x, ", ", mean, ")");
  std::string scaled = random.chance(0.5) ? either("Mul", either("Mul", centred, rsqrt), gamma)
                                          : lines("RealDiv(", centred, ", ", lines("Sqrt(", sum, ")"), ")");
  return either(add, scaled, beta);
}

// What stands between a layer and its batch norm, or behind it.
std::string perhaps_bias(Piece& piece, Lines& lines, std::string x, DType dtype, int64_t channels,
                         bool channels_first) {
  Random& random = piece.random();
  if (random.chance(0.5)) return x;
  std::string bias = piece.weights(str_cat("bias", lines.next), dtype, Shape{channels});
  std::string format = channels_first ? " {data_format=\"NCHW\"}" : "";
  double form = random.unit();
  if (form < 0.6 || channels_first) return lines("BiasAdd(", x, ", ", bias, ")", format);
  if (form < 0.75) return lines("Add(", x, ", ", bias, ")");
  if (form < 0.9) return lines("AddV2(", bias, ", ", x, ")");
  return lines("Sub(", x, ", ", bias, ")");
}

std::string perhaps_activation(Piece& piece, Lines& lines, std::string x) {
  Random& random = piece.random();
  if (random.chance(0.5)) return x;
  return lines(random.pick({"Relu", "Relu6", "Elu", "Tanh", "Sigmoid", "Softplus", "Identity", "LeakyRelu"}), "(", x,
               ")");
}

std::string perhaps_identity(Piece& piece, Lines& lines, std::string x) {
  if (piece.random().chance(0.75)) return x;
  return lines(
      piece.random().pick({"Identity", "StopGradient", "Snapshot", "Identity", "CheckNumerics"}) + std::string("("), x,
      ")");
}

std::string perhaps_scaled(Piece& piece, Lines& lines, std::string x, DType dtype, int64_t channels) {
  Random& random = piece.random();
  if (random.chance(0.75)) return x;
  Shape shape = random.chance(0.3) ? Shape{} : random.chance(0.3) ? Shape{1} : Shape{channels};
  std::string by = piece.weights(str_cat("factor", lines.next), dtype, shape);
  std::string op = random.pick({"Mul", "Mul", "RealDiv", "Add", "Sub"});
  return random.chance(0.7) ? lines(op, "(", x, ", ", by, ")") : lines(op, "(", by, ", ", x, ")");
}

// [pad] -> convolution -> [bias] -> batch norm -> [activation], and what a pass may meet instead of each.
bool draw_convolution(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  Chosen image = choose_image(piece);
  std::string x = image.name;
  DType dtype = image.dtype;
  bool channels_first = random.chance(0.1);
  int64_t in = image.shape.dim(channels_first ? 1 : 3);
  if (in == 0) return false;
  std::string form = channels_first ? "NCHW" : "NHWC";
  double before = random.unit();
  if (before < 0.12) {
    std::string pads = piece.constant(
        "pads", Tensor::from<int32_t>(
                    Shape{4, 2}, channels_first ? std::initializer_list<int32_t>{0, 0, 0, 0, 1, random.below(2), 1, 1}
                                                : std::initializer_list<int32_t>{0, 0, 1, random.below(2), 1, 1, 0,
                                                                                 random.chance(0.1) ? 1 : 0}));
    std::string op = random.pick({"Pad", "Pad", "MirrorPad"});
    x = lines(op, "(", x, ", ", pads, ")", op == "MirrorPad" ? " {mode=\"REFLECT\"}" : "");
  } else if (before < 0.18 && dtype == DType::kFloat && !channels_first) {
    x = lines("ResizeBilinear(", x, ", ", lines.ints({3 + random.below(4), 5}), ")",
              random.chance(0.5) ? " {align_corners=true}" : "");
  } else if (before < 0.24) {
    x = perhaps_scaled(piece, lines, x, dtype, in);
  }
  int kernel = 1 + random.below(3), stride = 1 + random.below(2);
  int64_t out = 1 + random.below(4);
  std::string padding = random.pick({"SAME", "SAME", "VALID"});
  std::string strides =
      channels_first ? str_cat("[1, 1, ", stride, ", ", stride, "]") : str_cat("[1, ", stride, ", ", stride, ", 1]");
  std::string dilations =
      random.chance(0.1) ? (channels_first ? ", dilations=[1, 1, 2, 2]" : ", dilations=[1, 2, 2, 1]") : "";
  bool depthwise = random.chance(0.3);
  int64_t multiplier = depthwise ? 1 + random.below(2) : 1;
  Shape filter = depthwise ? Shape{kernel, kernel, in, multiplier} : Shape{kernel, kernel, in, out};
  if (depthwise) out = in * multiplier;
  bool atrous = !channels_first && random.chance(0.08);
  std::string weights = random.chance(0.05) ? piece.placeholder("fed_weights", random_value(dtype, filter, random))
                                            : piece.weights("weights", dtype, filter, 0.4);
  weights = perhaps_identity(piece, lines, weights);
  std::string block, crops;
  if (atrous) {
    block = lines.ints({2, 2});
    piece.line("zeros: i32[2,2] = zeros");
    piece.line("paddings: i32[2,2] = {2, ", 2 + image.shape.dim(1) % 2, ", 2, ", 2 + image.shape.dim(2) % 2, "}");
    x = lines("SpaceToBatchND(", x, ", ", block, ", paddings)");
  }
  std::string attrs =
      str_cat(" {strides=", strides, ", padding=\"", padding, "\"", dilations, ", data_format=\"", form, "\"}");
  auto layer = [&](const std::string& input) {
    return lines(depthwise ? "DepthwiseConv2dNative(" : "Conv2D(", input, ", ", weights, ")", attrs);
  };
  std::string y = layer(x);
  if (atrous) y = lines("BatchToSpaceND(", y, ", ", block, ", zeros)");
  if (random.chance(0.1)) lines("Neg(", y, ")");  // somebody else reads it
  y = perhaps_bias(piece, lines, y, dtype, out, channels_first);
  y = perhaps_identity(piece, lines, y);
  bool concat = !channels_first && random.chance(0.08);
  if (concat) {
    std::string other = layer(x);
    y = lines("ConcatV2(", y, ", ", other, ", ", lines.scalar(DType::kInt32, 3), ")");
    out *= 2;
  }
  if (random.chance(0.7) && !(channels_first && dtype != DType::kFloat))
    y = batch_norm(piece, lines, y, dtype, out, 4, channels_first);
  if (random.chance(0.1)) {  // the same weights once more
    std::string twin = perhaps_bias(piece, lines, layer(x), dtype, out, channels_first);
    if (random.chance(0.5)) batch_norm(piece, lines, twin, dtype, out, 4, channels_first);
  }
  y = perhaps_scaled(piece, lines, y, dtype, out);
  perhaps_activation(piece, lines, y);
  return true;
}

bool draw_dense(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  Chosen x = choose(piece, 2, 2);
  int64_t in = x.shape.dim(1), out = 1 + random.below(5);
  if (random.chance(0.04)) out = 2000 / std::max<int64_t>(1, in);  // enough for passes that look at large weights only
  bool transposed = random.chance(0.2);
  std::string weights = piece.weights("kernel", x.dtype, transposed ? Shape{out, in} : Shape{in, out}, 0.4);
  weights = perhaps_identity(piece, lines, weights);
  std::string y = lines("MatMul(", x.name, ", ", weights, ")", transposed ? " {transpose_b=true}" : "");
  if (random.chance(0.1)) lines("Neg(", y, ")");
  y = perhaps_bias(piece, lines, y, x.dtype, out, false);
  y = perhaps_scaled(piece, lines, y, x.dtype, out);
  if (random.chance(0.4)) y = batch_norm(piece, lines, y, x.dtype, out, 2, false);
  y = perhaps_scaled(piece, lines, y, x.dtype, out);
  y = perhaps_activation(piece, lines, y);
  if (random.chance(0.2)) lines("Softmax(", y, ")");
  return true;
}

bool draw_transposed_convolution(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  Chosen image = choose_image(piece);
  int64_t in = image.shape.dim(3), out = 1 + random.below(3);
  std::string weights = piece.weights("weights", image.dtype, Shape{2, 2, out, in});
  std::string sizes = lines.ints({static_cast<int>(image.shape.dim(0)), static_cast<int>(image.shape.dim(1)) * 2,
                                  static_cast<int>(image.shape.dim(2)) * 2, static_cast<int>(out)});
  std::string y = lines("Conv2DBackpropInput(", sizes, ", ", weights, ", ", image.name,
                        ") {strides=[1, 2, 2, 1], padding=\"SAME\"}");
  y = perhaps_bias(piece, lines, y, image.dtype, out, false);
  if (random.chance(0.7)) y = batch_norm(piece, lines, y, image.dtype, out, 4, false);
  perhaps_activation(piece, lines, y);
  return true;
}

// tf.nn.dropout as every version wrote it.
bool draw_dropout(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  Chosen x = choose(piece, 1, 4);
  std::string type = word(x.dtype);
  bool has_rate = random.chance(0.5);
  double kept_share = random.pick({1.0, 0.5, 0.75});
  Tensor keep = float_scalar(x.dtype, has_rate ? 1 - kept_share : kept_share);
  double fed = random.unit();
  std::string name = has_rate ? "rate" : "keep_prob", probability;
  if (fed < 0.4) {
    probability = piece.constant(name, keep);
  } else if (fed < 0.8) {
    probability = piece.placeholder(name, keep);
  } else {
    std::string fallback = piece.constant("default", keep);
    piece.line(name, ": ", type, "[] = PlaceholderWithDefault(", fallback, ") {shape=[]}");
    probability = name;
  }
  std::string shape = random.chance(0.6) ? lines("Shape(", x.name, ")") : std::string();
  if (shape.empty()) {
    std::vector<int> dims;
    for (int64_t dim : x.shape.dims()) dims.push_back(static_cast<int>(dim));
    shape = lines.ints(dims);
  }
  std::string uniform =
      lines("RandomUniform(", shape, ") {dtype=", type, ", seed=", 1 + random.below(99), ", seed2=7}");
  if (random.chance(0.6)) {
    std::string low = lines.scalar(x.dtype, 0), high = lines.scalar(x.dtype, 1);
    std::string range = lines("Mul(", uniform, ", ", lines("Sub(", high, ", ", low, ")"), ")");
    uniform = lines("Add(", range, ", ", low, ")");
  }
  if (has_rate) {
    std::string kept = lines("GreaterEqual(", uniform, ", ", probability, ")");
    std::string one = lines.scalar(x.dtype, 1);
    std::string scale = lines("RealDiv(", one, ", ", lines("Sub(", one, ", ", probability, ")"), ")");
    std::string scaled = lines("Mul(", x.name, ", ", scale, ")");
    std::string mask = str_cat("n", lines.next++);
    piece.line(mask, ": ", type, " = Cast(", kept, ")");
    lines("Mul(", scaled, ", ", mask, ")");
  } else {
    std::string floor = lines("Floor(", lines(random.pick({"Add(", "AddV2("}), probability, ", ", uniform, ")"), ")");
    lines("Mul(", lines(random.pick({"RealDiv(", "Div("}), x.name, ", ", probability, ")"), ", ", floor, ")");
  }
  return true;
}

// if (p) … else … as Switch and Merge.
bool draw_condition(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  Chosen x = choose(piece);
  std::string pred;
  Tensor value = Tensor::scalar<bool>(random.chance(0.5));
  double form = random.unit();
  auto is_bool = [](const GrownValue& v) { return v.tensor.dtype() == DType::kBool && v.tensor.shape().rank() == 0; };
  if (std::optional<size_t> at = piece.find(is_bool); at && random.chance(0.3)) {
    pred = piece.import(*at);
  } else if (form < 0.4) {
    pred = piece.constant("pred", value);
  } else if (form < 0.7) {
    pred = piece.placeholder("is_training", value);
  } else {
    std::string fallback = piece.constant("phase_default", value);
    piece.line("keras_learning_phase: bool[] = PlaceholderWithDefault(", fallback, ") {shape=[]}");
    pred = "keras_learning_phase";
  }
  if (random.chance(0.2)) pred = lines("LogicalNot(", pred, ")");
  std::string both = lines("Switch(", pred, ", ", pred, ")");
  std::string on_true = lines("Identity(", both, ":1)"), on_false = lines("Identity(", both, ")");
  std::string data = lines("Switch(", x.name, ", ", pred, ")");
  std::string factor = str_cat("n", lines.next++);
  piece.line(factor, " = Const(^", on_true, ") {dtype=", word(x.dtype),
             ", value=", tensor_to_text(float_scalar(x.dtype, 0.5)), "}");
  std::string taken = lines("Mul(", data, ":1, ", factor, ")");
  std::string other = random.chance(0.4) ? data : lines(random.pick({"Neg(", "Identity(", "Relu("}), data, ")");
  std::string merge =
      random.chance(0.5) ? lines("Merge(", other, ", ", taken, ")") : lines("Merge(", taken, ", ", other, ")");
  piece.has_control_flow = true;
  piece.exports = {merge};
  if (random.chance(0.2)) piece.exports.push_back(merge + ":1");
  if (random.chance(0.2)) {
    std::string second = lines("Switch(", x.name, ", ", pred, ")");
    piece.exports.push_back(lines("Merge(", second, ", ", second, ":1)"));
  }
  std::string done = lines("Neg(", merge, ")");
  piece.exports.push_back(done);
  return true;
}

// while (i < n) { x = f(x); i += 1 }
bool draw_loop(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  Chosen x = choose(piece);
  std::string frame = str_cat(" {frame_name=\"loop", random.below(1 << 20), "\"");
  std::string begin = lines.scalar(DType::kInt32, 0);
  Tensor count = Tensor::scalar<int32_t>(random.below(4));
  std::string n = random.chance(0.5) ? piece.constant("n", count) : piece.placeholder("n", count);
  std::string by = piece.weights("by", x.dtype, {});
  std::string i_enter = lines("Enter(", begin, ")", frame, "}"), x_enter = lines("Enter(", x.name, ")", frame, "}");
  std::string n_enter = lines("Enter(", n, ")", frame, ", is_constant=true}");
  std::string by_enter = lines("Enter(", by, ")", frame, ", is_constant=true}");
  piece.line("i = Merge(", i_enter, ", i_next)");
  piece.line("x_merge = Merge(", x_enter, ", x_next)");
  piece.line("less = Less(i, ", n_enter, ")");
  piece.line("cond = LoopCond(less)");
  piece.line("i_switch = Switch(i, cond)");
  piece.line("x_switch = Switch(x_merge, cond)");
  piece.line("i_body = Identity(i_switch:1)");
  piece.line("one = Const(^i_body) {dtype=i32, value=i32[]{1}}");
  piece.line("i_added = Add(i_body, one)");
  std::string body = lines(random.pick({"Mul(", "Add(", "Sub(", "Maximum("}), "x_switch:1, ", by_enter, ")");
  if (random.chance(0.4)) {  // does not change from round to round
    std::string fixed = lines("Neg(", lines("Mul(", by_enter, ", ", by_enter, ")"), ")");
    body = lines("Add(", body, ", ", fixed, ")");
  }
  if (random.chance(0.3)) body = lines("Identity(", body, ")");
  piece.line("i_next = NextIteration(i_added)");
  piece.line("x_next = NextIteration(", body, ")");
  piece.line("x_exit = Exit(x_switch)");
  piece.line("i_exit = Exit(i_switch)");
  piece.has_control_flow = true;
  piece.exports = {"x_exit"};
  if (random.chance(0.4)) piece.exports.push_back("i_exit");
  return true;
}

// Reshape, Transpose, Squeeze and ExpandDims one after another.
bool draw_chain(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  auto any = [](const GrownValue& v) { return v.tensor.shape().rank() >= 1 && v.tensor.shape().rank() <= 5; };
  std::optional<size_t> value = piece.find(any);
  if (!value) return false;
  std::string y = piece.import(*value);
  Shape shape = piece.value_of(*value).shape();
  for (int steps = 1 + random.below(4); steps > 0; --steps) {
    int rank = shape.rank();
    switch (random.below(6)) {
      case 0: {
        std::vector<int> permutation(static_cast<size_t>(rank));
        for (int d = 0; d < rank; ++d) permutation[static_cast<size_t>(d)] = d;
        if (rank == 4 && random.chance(0.6)) {
          permutation = random.chance(0.5) ? std::vector<int>{0, 3, 1, 2} : std::vector<int>{0, 2, 3, 1};
        } else {
          for (int d = rank - 1; d > 0; --d)
            std::swap(permutation[static_cast<size_t>(d)], permutation[static_cast<size_t>(random.below(d + 1))]);
        }
        Shape next = shape;
        for (int d = 0; d < rank; ++d) next.set_dim(d, shape.dim(permutation[static_cast<size_t>(d)]));
        y = lines("Transpose(", y, ", ", lines.ints(permutation), ")");
        shape = next;
        break;
      }
      case 1: {
        int axis = random.below(rank + 1);
        y = lines("ExpandDims(", y, ", ", lines.scalar(DType::kInt32, random.chance(0.3) ? axis - rank - 1 : axis),
                  ")");
        Shape next;
        for (int d = 0; d <= rank; ++d) next.add_dim(d == axis ? 1 : shape.dim(d < axis ? d : d - 1));
        shape = next;
        break;
      }
      case 2: {
        Shape next;
        std::vector<int> ones;
        for (int d = 0; d < rank; ++d) {
          if (shape.dim(d) == 1) ones.push_back(d);
          if (shape.dim(d) != 1) next.add_dim(shape.dim(d));
        }
        y = lines("Squeeze(", y, ")", random.chance(0.5) ? str_cat(" {squeeze_dims=[", str_join(ones), "]}") : "");
        shape = next;
        break;
      }
      case 3: {
        y = lines("Reshape(", y, ", ", lines("Shape(", y, ")"), ")");
        break;
      }
      default: {
        Result<int64_t> count = shape.element_count();
        Shape next;
        int64_t rest = *count;
        while (rest > 1 && next.rank() < 3) {
          int64_t factor = random.chance(0.5) ? rest : rest % 2 == 0 ? 2 : rest % 3 == 0 ? 3 : rest;
          next.add_dim(factor);
          rest /= factor;
        }
        if (rest > 1) next.add_dim(rest);
        if (*count == 0) next = Shape{0, 2};
        std::vector<int> dims;
        for (int64_t dim : next.dims()) dims.push_back(static_cast<int>(dim));
        if (!dims.empty() && *count > 0 && random.chance(0.4))
          dims[static_cast<size_t>(random.below(next.rank()))] = -1;
        y = lines("Reshape(", y, ", ", lines.ints(dims), ")");
        shape = next;
      }
    }
    if (random.chance(0.15)) y = lines("Identity(", y, ")");
    if (random.chance(0.1) && shape.rank() > 5) break;
  }
  return true;
}

// Nodes that pass on what they get, and edges that only order.
bool draw_identities(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  if (piece.values().empty()) return false;
  auto any = [](const GrownValue&) { return true; };
  size_t value = *piece.find(any);
  std::string x = piece.import(value), y = x;
  bool is_real = dtype_is_floating(piece.value_of(value).dtype());
  for (int steps = 1 + random.below(3); steps > 0; --steps) {
    std::string control;
    if (random.chance(0.4)) {
      std::string other = piece.import(*piece.find(any));
      control = ", ^" + (random.chance(0.5) ? other : lines("NoOp(^", other, ")"));
    }
    double form = random.unit();
    if (form < 0.45)
      y = lines("Identity(", y, control, ")");
    else if (form < 0.6)
      y = lines("StopGradient(", y, control, ")");
    else if (form < 0.68 && is_real)
      y = lines("CheckNumerics(", y, control, ") {message=\"finite\"}");
    else if (form < 0.75)
      y = lines("PreventGradient(", y, control, ")");
    else if (form < 0.85)
      y = lines("IdentityN(", y, ", ", x, control, ")");
    else if (form < 0.92)
      y = lines("Snapshot(", y, control, ")");
    else
      y = lines("PlaceholderWithDefault(", y, control, ") {shape=", piece.value_of(value).shape().to_string(), "}");
  }
  return true;
}

// x + 0, x * 1, -(-x), x / c: with constants of every shape that broadcasts, those included that make the output
// larger.
bool draw_neutral(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  auto number = [](const GrownValue& v) {
    DType t = v.tensor.dtype();
    return t == DType::kFloat || t == DType::kDouble || t == DType::kHalf || t == DType::kInt32 || t == DType::kInt64;
  };
  std::optional<size_t> value = piece.find(number);
  if (!value) return false;
  std::string y = piece.import(*value);
  DType dtype = piece.value_of(*value).dtype();
  Shape shape = piece.value_of(*value).shape();
  for (int steps = 1 + random.below(4); steps > 0; --steps) {
    Shape other;
    double form = random.unit();
    if (form < 0.25)
      other = shape;
    else if (form < 0.35 && shape.rank() > 0)
      other = Shape{shape.dim(-1)};
    else if (form < 0.45)
      other = Shape{1};
    else if (form < 0.55)
      other = Shape{1, 1, 1, 1, 1};
    else if (form < 0.6)
      other = Shape{2, 1, 1, 1, 1};
    std::string name = str_cat("c", lines.next);
    double at = random.unit();
    double one = random.pick({0.0, 0.0, 1.0, 1.0, 2.0, -1.0, 4.0, 3.0});
    std::string splat = tensor_to_text(float_scalar(dtype, one)).substr(type_text(dtype, {}).size());
    if (splat.starts_with("{")) splat = splat.substr(1, splat.size() - 2);
    std::string c = name;
    if (at < 0.7) {
      piece.line(name, ": ", type_text(dtype, other), " = ", other.rank() == 0 ? splat : str_cat("fill(", splat, ")"));
    } else {
      c = piece.weights(name, dtype, other);
    }
    std::string op = random.pick({"Add", "AddV2", "Sub", "Mul", "RealDiv", "Maximum", "Minimum", "Pow",
                                  "SquaredDifference", "Mul", "Div", "FloorDiv"});
    double unary = random.unit();
    if (unary < 0.1)
      y = lines(random.pick({"Neg(", "Square(", "Abs(", "Sign(", "Reciprocal("}), y, ")");
    else if (unary < 0.15)
      y = lines("Neg(", lines("Neg(", y, ")"), ")");
    else if (unary < 0.2)
      y = lines(op, "(", y, ", ", y, ")");
    else if (random.chance(0.7))
      y = lines(op, "(", y, ", ", c, ")");
    else
      y = lines(op, "(", c, ", ", y, ")");
  }
  return true;
}

// Shape arithmetic as Python writes it: shape(x)[0], pack, reshape; fill; rank and size.
bool draw_shapes(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  Chosen x = choose(piece, 1, 4);
  std::string type = random.chance(0.85) ? "" : " {out_type=i64}";
  std::string shape = lines("Shape(", x.name, ")", type);
  if (random.chance(0.15)) lines(random.pick({"Rank(", "Size("}), x.name, ")");
  if (!type.empty()) return true;
  if (random.chance(0.3)) {
    lines("Fill(", shape, ", ", lines.scalar(x.dtype, random.pick({0.0, 1.0, 2.5})), ")");
    lines("Mul(", x.name, str_cat(", n", lines.next - 1), ")");
    return true;
  }
  int axis = random.below(x.shape.rank());
  std::string batch = lines("StridedSlice(", shape, ", ", lines.ints({axis}), ", ", lines.ints({axis + 1}), ", ",
                            lines.ints({1}), ") {shrink_axis_mask=1}");
  std::string rest = lines.scalar(DType::kInt32, -1);
  std::string packed =
      axis == 0 || random.chance(0.5) ? lines("Pack(", batch, ", ", rest, ")") : lines("Pack(", rest, ", ", batch, ")");
  std::string y = lines("Reshape(", x.name, ", ", packed, ")");
  if (random.chance(0.3)) lines("Reshape(", y, ", ", shape, ")");
  if (random.chance(0.2)) lines("BroadcastTo(", x.name, ", ", shape, ")");
  if (random.chance(0.2)) lines("Tile(", x.name, ", ", lines("OnesLike(", shape, ")"), ")");
  return true;
}

// Split and Unpack apart, Concat and Pack together; pieces without elements among them.
bool draw_joins(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  Chosen x = choose(piece, 1, 4);
  int rank = x.shape.rank(), axis = random.below(rank);
  auto length = static_cast<int>(x.shape.dim(axis));
  int written = random.chance(0.2) ? axis - rank : axis;
  std::string at = lines.scalar(DType::kInt32, written);
  std::string y = x.name;
  double form = random.unit();
  if (form < 0.3 && length > 0) {
    std::string parts = lines("Unpack(", y, ") {num=", length, ", axis=", written, "}");
    std::vector<std::string> names;
    for (int i = 0; i < length; ++i) names.push_back(str_cat(parts, ":", i));
    if (random.chance(0.3)) std::swap(names.front(), names.back());
    y = lines("Pack(", str_join(names), ") {axis=", written, "}");
  } else if (form < 0.6 && length > 0) {
    int count = length % 2 == 0 ? 2 : length;
    std::string parts = lines("Split(", at, ", ", y, ") {num_split=", count, "}");
    std::vector<std::string> names;
    for (int i = 0; i < count; ++i) names.push_back(str_cat(parts, ":", i));
    y = lines("ConcatV2(", str_join(names), ", ", at, ")");
  } else {
    Shape other = x.shape;
    other.set_dim(axis, random.chance(0.4) ? 0 : 1 + random.below(2));
    std::string second = piece.tensor_of(x.dtype, other);
    y = random.chance(0.7) ? lines("ConcatV2(", y, ", ", second, ", ", at, ")")
                           : lines("Concat(", at, ", ", y, ", ", second, ")");
    if (random.chance(0.4)) {
      std::string third = piece.tensor_of(x.dtype, other);
      y = lines("ConcatV2(", y, ", ", third, ", ", at, ")");
    }
    if (random.chance(0.3)) {  // cut out again what was put in
      std::vector<int> begin(static_cast<size_t>(rank), 0), size(static_cast<size_t>(rank), -1);
      size[static_cast<size_t>(axis)] = length;
      lines("Slice(", y, ", ", lines.ints(begin), ", ", lines.ints(size), ")");
    }
  }
  return true;
}

// Slices that take everything, casts there and back, tiles by one, pads by nothing.
bool draw_without_effect(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  Chosen x = choose(piece, 1, 4);
  auto rank = static_cast<size_t>(x.shape.rank());
  std::vector<int> zeros(rank, 0), all(rank, -1), ones(rank, 1), dims;
  for (int64_t dim : x.shape.dims()) dims.push_back(static_cast<int>(dim));
  auto cast = [&](const std::string& from, DType to) {
    std::string name = str_cat("n", lines.next++);
    piece.line(name, ": ", word(to), " = Cast(", from, ")");
    return name;
  };
  switch (random.below(8)) {
    case 0:
      lines("Slice(", x.name, ", ", lines.ints(zeros), ", ", lines.ints(random.chance(0.5) ? all : dims), ")");
      break;
    case 1:
      lines("StridedSlice(", x.name, ", ", lines.ints(zeros), ", ", lines.ints(zeros), ", ", lines.ints(ones),
            ") {begin_mask=255, end_mask=255}");
      break;
    case 2: cast(cast(x.name, random.pick({DType::kDouble, DType::kHalf, DType::kInt32, x.dtype})), x.dtype); break;
    case 3: lines("Tile(", x.name, ", ", lines.ints(ones), ")"); break;
    case 4:
      piece.line("none: i32[", rank, ",2] = zeros");
      lines("Pad(", x.name, ", none)");
      break;
    case 5: lines("BroadcastTo(", x.name, ", ", lines.ints(dims), ")"); break;
    case 6:
      lines(random.pick({"Sum(", "Mean(", "Max(", "Prod("}), x.name, ", ",
            lines.ints(random.chance(0.5) ? std::vector<int>{} : std::vector<int>{0}), ")",
            random.chance(0.5) ? " {keep_dims=true}" : "");
      break;
    default: lines("AddN(", x.name, random.chance(0.5) ? "" : ", " + x.name, ")");
  }
  return true;
}

// Rows of a table of constants.
bool draw_gather(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  int rows = 2 + random.below(6);
  DType dtype = float_dtype(random);
  std::string table = piece.weights("table", dtype, random.chance(0.5) ? Shape{rows} : Shape{rows, 3});
  table = perhaps_identity(piece, lines, table);
  Tensor indices = Tensor::from<int32_t>({3}, {random.below(rows), random.below(rows), 0});
  std::string at = random.chance(0.5) ? piece.placeholder("ids", indices) : piece.constant("ids", indices);
  if (random.chance(0.4)) {
    std::string axis = lines.scalar(DType::kInt32, 0);
    lines("GatherV2(", table, ", ", at, ", ", axis, ")");
  } else {
    lines("Gather(", table, ", ", at, ")");
  }
  return true;
}

// Quantized there and back, and as training for it writes.
bool draw_quantized(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  auto is_f32 = [](const GrownValue& v) { return v.tensor.dtype() == DType::kFloat; };
  std::optional<size_t> value = piece.find(is_f32);
  if (!value) return false;
  std::string x = piece.import(*value), low = lines.scalar(DType::kFloat, -2), high = lines.scalar(DType::kFloat, 2.5);
  switch (random.below(3)) {
    case 0: lines("FakeQuantWithMinMaxVars(", x, ", ", low, ", ", high, ")"); break;
    case 1: lines("FakeQuantWithMinMaxArgs(", x, ") {min=-1, max=3}"); break;
    default: {
      std::string mode = random.pick({"MIN_COMBINED", "MIN_FIRST"});
      std::string q = lines("QuantizeV2(", x, ", ", low, ", ", high, ") {T=", random.pick({"qu8", "qi8"}), ", mode=\"",
                            mode, "\"}");
      lines("Dequantize(", q, ", ", q, ":1, ", q, ":2) {mode=\"", mode, "\"}");
    }
  }
  return true;
}

// A variable that is assigned, and random draws: what has an effect stays as often as it was.
bool draw_stateful(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  Chosen x = choose(piece, 0, 3);
  if (random.chance(0.5)) {
    piece.line("v: ref(", type_text(x.dtype, x.shape), ") = VariableV2");
    std::string assigned = lines("Assign(v, ", x.name, ")");
    lines("Identity(", assigned, ")");
    lines("Add(", assigned, ", ", x.name, ")");
    return true;
  }
  std::string shape = lines("Shape(", x.name, ")");
  std::string op = random.pick({"RandomUniform", "RandomStandardNormal", "TruncatedNormal"});
  std::string attrs = str_cat(") {dtype=", word(x.dtype), ", seed=", 1 + random.below(3), ", seed2=2}");
  std::string first = lines(op, "(", shape, attrs), second = lines(op, "(", shape, attrs);
  lines("Add(", first, ", ", second, ")");
  return true;
}

// Nothing but new inputs and constants, of any dtype.
bool draw_sources(Piece& piece) {
  Random& random = piece.random();
  DType dtype = random.pick({DType::kFloat, DType::kFloat, DType::kFloat, DType::kInt32, DType::kInt64, DType::kDouble,
                             DType::kHalf, DType::kBool, DType::kString, DType::kUInt8, DType::kInt8, DType::kInt16,
                             DType::kBFloat16});
  Shape shape;
  for (int rank = random.below(4); rank > 0; --rank) shape.add_dim(random.chance(0.06) ? 0 : 1 + random.below(4));
  Tensor tensor = random_value(dtype, shape, random, random.chance(0.05));
  if (random.chance(0.4)) {
    piece.constant("c", tensor);
    if (random.chance(0.3)) piece.constant("again", tensor);
  } else {
    piece.placeholder("x", tensor);
  }
  return true;
}

// Constants that meet constants only.
bool draw_constants(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  DType dtype = random.pick({DType::kFloat, DType::kFloat, DType::kDouble, DType::kHalf, DType::kInt32, DType::kInt64});
  Shape shape{1 + random.below(3), 1 + random.below(3)};
  std::string a = piece.weights("a", dtype, shape), b = piece.weights("b", dtype, random.chance(0.5) ? shape : Shape{});
  std::string y = lines(random.pick({"Add(", "Mul(", "Sub(", "Maximum("}), a, ", ", b, ")");
  if (random.chance(0.5)) y = lines(random.pick({"Neg(", "Square(", "Abs(", "Identity("}), y, ")");
  if (random.chance(0.4)) lines("Mul(", y, ", ", piece.tensor_of(dtype, shape), ")");
  return true;
}

constexpr Motif kMotifs[] = {
    {"sources", 2, draw_sources},
    {"constants", 1, draw_constants},
    {"convolution", 3, draw_convolution},
    {"dense", 2, draw_dense},
    {"transposed_convolution", 0.5, draw_transposed_convolution},
    {"dropout", 1, draw_dropout},
    {"condition", 1, draw_condition},
    {"loop", 0.8, draw_loop},
    {"chain", 1.5, draw_chain},
    {"identities", 1.5, draw_identities},
    {"neutral", 2, draw_neutral},
    {"shapes", 1.2, draw_shapes},
    {"joins", 1, draw_joins},
    {"without_effect", 1.2, draw_without_effect},
    {"gather", 0.5, draw_gather},
    {"quantized", 0.5, draw_quantized},
    {"stateful", 0.4, draw_stateful},
};

}  // namespace

std::span<const Motif> motifs() {
  return kMotifs;
}

}  // namespace tarn::testing
