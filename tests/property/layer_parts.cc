#include "tests/property/layer_parts.h"

namespace tarn::testing {

std::string batch_norm(Piece& piece, Lines& lines, std::string x, DType dtype, int64_t channels, int rank,
                       bool channels_first) {
  Random& random = piece.random();
  Shape vector{channels};
  const std::string scope = str_cat("bn", lines.next++, "/");
  // Parameters: constants (perhaps shared with another layer), or fed.
  auto parameter = [&](std::string_view bare_name, bool is_positive) {
    std::string name = str_cat(scope, bare_name);
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
    bool trains = random.chance(0.12);
    std::string training = trains ? "true" : "false";
    if (trains) {  // by the batch's own; what it had moved is beside it
      mean = variance = scope + "none";
      piece.line(mean, ": f32[0] = {}");
    }
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

}  // namespace tarn::testing
