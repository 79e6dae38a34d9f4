#include "graph/layers.h"

namespace tarn::layers {
namespace {

// Where a layer's nodes go: a new scope called as the caller said, or by the layer's own name.
Scope layer_scope(const Scope& scope, std::string_view name) {
  return scope.NewSubScope(scope.op_name().empty() ? name : std::string_view(scope.op_name()));
}

Output add(const Scope& scope, std::string_view op, const std::vector<NodeArg>& args, AttrMap attrs = {}) {
  return AddNode(scope, op, args, std::move(attrs)).output(0);
}

// The layer's input as an output, so that its shape can be asked; none after an error.
Output as_output(const Scope& scope, const Input& x) {
  if (!x.is_constant() && !x.output().is_none()) return x.output();
  if (x.is_constant()) return ops::Const(scope.WithOpName("input"), x.constant());
  scope.UpdateStatus(invalid_argument("layer ", quoted(scope.prefix()), ": its input is no output of any node"));
  return {};
}

// Whether x has this rank and a known last dim; if not, the scope's status says what it has.
bool check_channels(const Scope& scope, std::string_view layer, const Output& x, int rank, std::string_view hint = "") {
  if (!scope.ok()) return false;
  const Shape& shape = x.shape();
  if (shape.rank() == rank && shape[-1] != kUnknownDim) return true;
  scope.UpdateStatus(invalid_argument(layer, " ", quoted(scope.prefix()), ": the input must have rank ", rank,
                                      " and a known last dim, ", quoted(x.name()), " is ", x.fact().to_string(), hint)
                         .with_node(x.op().name()));
  return false;
}

bool check_positive(const Scope& scope, std::string_view layer, std::string_view what, int64_t value) {
  if (value > 0) return true;
  scope.UpdateStatus(invalid_argument(layer, " ", quoted(scope.prefix()), ": ", what, " must be positive, is ", value));
  return false;
}

Output activated(const Scope& scope, const Output& x, const std::string& activation) {
  return activation.empty() ? x : add(scope, activation, {x});
}

std::vector<int64_t> nhwc(Size2 size) {
  return {1, size.height, size.width, 1};
}

Output pool(const Scope& scope, std::string_view name, std::string_view op, const Input& x, Size2 pool_size,
            Size2 strides, std::string_view padding) {
  if (!scope.ok()) return {};
  return add(layer_scope(scope, name), op, {x},
             {{"ksize", nhwc(pool_size)}, {"strides", nhwc(strides)}, {"padding", padding}});
}

// TensorFlow's tf.cond: values enter a branch through Switch and leave through Merge.
class Cond {
 public:
  Cond(const Scope& parent, const Output& flag) : scope(parent.NewSubScope("cond")) {
    Operation pivot = AddNode(scope.WithOpName("Switch"), "Switch", {flag, flag});
    on_true_ = add(scope.WithOpName("switch_t"), "Identity", {pivot.output(1)});
    on_false_ = add(scope.WithOpName("switch_f"), "Identity", {pivot.output(0)});
    pred_ = add(scope.WithOpName("pred_id"), "Identity", {flag});
  }
  // For nodes without data inputs (constants): they run in their branch only.
  Scope in_true(const Scope& within) const { return within.WithControlDependencies(on_true_); }
  Scope in_false(const Scope& within) const { return within.WithControlDependencies(on_false_); }
  // Output 0 is alive in the false branch, output 1 in the true one.
  Operation enter(const Scope& within, const Output& value, std::string_view name = "Switch") const {
    return AddNode(within.WithOpName(name), "Switch", {value, pred_});
  }
  Output merge(const Output& when_false, const Output& when_true) const {
    return add(scope, "Merge", {InputList{when_false, when_true}});
  }

  const Scope scope;

 private:
  Output on_true_, on_false_, pred_;
};

// moving -= (1 - decay) * (moving - batch value)
void add_moving_average(const Scope& layer, const ModelVariable& moving, const Output& batch_value,
                        const Output& decay) {
  Scope inner = layer.NewSubScope("AssignMovingAvg").ColocateWith(moving.ref.op());
  Output rate = add(inner.WithOpName("sub"), "Sub", {1.0f, decay});
  Output difference = add(inner.WithOpName("sub"), "Sub", {moving.read, batch_value});
  Output step = add(inner.WithOpName("mul"), "Mul", {difference, rate});
  Scope outer = layer.AtRoot().ColocateWith(moving.ref.op());
  Operation update = AddNodeNamed(outer, inner.prefix(), op_for_variable("AssignSub", moving.ref), {moving.ref, step});
  if (!update.is_none()) layer.collections().add_node(kUpdateOps, update.name());
}

struct BatchNormVariables {
  ModelVariable gamma, beta, mean, variance;
};

Output fused_batch_norm(const Scope& scope, const std::string& name, const std::vector<NodeArg>& args, double epsilon,
                        bool is_training, Operation* node) {
  *node = AddNodeNamed(scope, name, "FusedBatchNorm", args,
                       {{"epsilon", epsilon}, {"is_training", is_training}, {"data_format", "NHWC"}});
  return node->output(0);
}

Output empty_const(const Scope& scope) {
  return ops::Const<float>(scope.WithOpName("Const"), {});
}

// Both kinds behind a cond. The two branches share their Switches: a gradient then meets in one Merge.
Output switched_batch_norm(const Scope& layer, const Output& x, const BatchNormVariables& v, const Output& flag,
                           const BatchNormOptions& options) {
  Cond cond(layer, flag);
  const Scope& scope = cond.scope;
  Scope training_scope = scope.Reopen("FusedBatchNorm");
  Scope inference_scope = scope.Reopen("FusedBatchNorm_1");
  Output no_mean = empty_const(cond.in_true(scope));  // the batch's own statistics are used
  Output no_variance = empty_const(cond.in_true(scope));
  Operation data = cond.enter(training_scope, x);
  Operation gamma = cond.enter(training_scope, v.gamma.read);
  Operation beta = cond.enter(training_scope, v.beta.read);
  Operation mean = cond.enter(inference_scope, v.mean.read);
  Operation variance = cond.enter(inference_scope, v.variance.read);
  Operation trained, inferred;
  fused_batch_norm(scope, training_scope.prefix(),
                   {data.output(1), gamma.output(1), beta.output(1), no_mean, no_variance}, options.epsilon, true,
                   &trained);
  fused_batch_norm(scope, inference_scope.prefix(),
                   {data.output(0), gamma.output(0), beta.output(0), mean.output(0), variance.output(0)},
                   options.epsilon, false, &inferred);
  Output y = cond.merge(inferred.output(0), trained.output(0));
  Output batch_mean = cond.merge(inferred.output(1), trained.output(1));
  Output batch_variance = cond.merge(inferred.output(2), trained.output(2));

  Cond momentum(layer, flag);  // 1 leaves the moving averages as they are
  auto decay_in = [&](const Scope& branch, double value) {
    return ops::Const<float>(branch.WithOpName("Const"), value);
  };
  Output decay_true = decay_in(momentum.in_true(momentum.scope), options.momentum);
  Output decay = momentum.merge(decay_in(momentum.in_false(momentum.scope), 1), decay_true);
  add_moving_average(layer, v.mean, batch_mean, decay);
  add_moving_average(layer, v.variance, batch_variance, decay);
  return y;
}

Output training_batch_norm(const Scope& layer, const Output& x, const BatchNormVariables& v,
                           const BatchNormOptions& options) {
  Output no_mean = empty_const(layer);
  Output no_variance = empty_const(layer);
  Operation node;
  Output y = fused_batch_norm(layer, layer.GetUniqueNameForOp("FusedBatchNorm"),
                              {x, v.gamma.read, v.beta.read, no_mean, no_variance}, options.epsilon, true, &node);
  Output decay = ops::Const<float>(layer.WithOpName("Const"), options.momentum);
  add_moving_average(layer, v.mean, node.output(1), decay);
  add_moving_average(layer, v.variance, node.output(2), decay);
  return y;
}

Output inference_batch_norm(const Scope& layer, const Output& x, const BatchNormVariables& v,
                            const BatchNormOptions& options) {
  Operation node;
  return fused_batch_norm(layer, layer.GetUniqueNameForOp("FusedBatchNorm"),
                          {x, v.gamma.read, v.beta.read, v.mean.read, v.variance.read}, options.epsilon, false, &node);
}

// x * (1 / (1 - rate)) * (random >= rate), node for node as TensorFlow 1.15's nn.dropout. `constants` is where nodes
// without data inputs go.
Output drop(const Scope& scope, const Scope& constants, const Output& x, const Input& rate_in) {
  DType dtype = x.dtype();
  Output rate = rate_in.is_constant() ? Output() : rate_in.output();
  if (rate_in.is_constant()) {
    Result<Tensor> value = cast_literal(rate_in.constant().tensor(), dtype);
    scope.UpdateStatus(value.status());
    if (!scope.ok()) return {};
    rate = AddConst(constants.WithOpName("rate"), *value);
  }
  auto constant = [&](std::string_view name, double value) {
    return ops::ConstOfType(constants.WithOpName(name), value, dtype);
  };
  Output shape = add(scope, "Shape", {x});
  Output low = constant("random_uniform/min", 0);
  Output high = constant("random_uniform/max", 1);
  auto [seed, seed2] = scope.NextSeeds();
  Output drawn = add(scope.WithOpName("random_uniform/RandomUniform"), "RandomUniform", {shape},
                     {{"dtype", dtype}, {"seed", seed}, {"seed2", seed2}});
  Output range = add(scope.WithOpName("random_uniform/sub"), "Sub", {high, low});
  Output scaled = add(scope.WithOpName("random_uniform/mul"), "Mul", {drawn, range});
  Output random = add(scope.WithOpName("random_uniform"), "Add", {scaled, low});
  Output keep = add(scope.WithOpName("sub"), "Sub", {constant("sub/x", 1), rate});
  Output scale = add(scope.WithOpName("truediv"), "RealDiv", {constant("truediv/x", 1), keep});
  Output is_kept = add(scope, "GreaterEqual", {random, rate});
  Output grown = add(scope.WithOpName("mul"), "Mul", {x, scale});
  Output mask = add(scope, "Cast", {is_kept}, {{"DstT", dtype}});
  return add(scope.WithOpName("mul"), "Mul", {grown, mask});
}

}  // namespace

Output TrainingFlag(const Scope& scope) {
  Scope named = scope.op_name().empty() ? scope.WithOpName("training") : scope;
  return add(named, "PlaceholderWithDefault", {false}, {{"shape", Shape()}});
}

Output Dense(const Scope& scope, const Input& input, int64_t units, const DenseOptions& options) {
  if (!scope.ok()) return {};
  Scope layer = layer_scope(scope, "dense");
  Output x = as_output(layer, input);
  if (!check_channels(layer, "Dense", x, 2, "; Flatten it first") || !check_positive(layer, "Dense", "units", units))
    return {};
  VariableOptions variable{.dtype = x.dtype(), .trainable = options.trainable};
  ModelVariable kernel =
      CreateVariable(layer.WithOpName("kernel"), {x.shape()[-1], units}, options.kernel_initializer, variable);
  ModelVariable bias;
  if (options.use_bias)
    bias = CreateVariable(layer.WithOpName("bias"), Shape{units}, options.bias_initializer, variable);
  Output y = add(layer, "MatMul", {x, kernel.read});
  if (options.use_bias) y = add(layer, "BiasAdd", {y, bias.read});
  return activated(layer, y, options.activation);
}

Output Conv2D(const Scope& scope, const Input& input, int64_t filters, Size2 kernel_size,
              const Conv2DOptions& options) {
  if (!scope.ok()) return {};
  Scope layer = layer_scope(scope, "conv2d");
  Output x = as_output(layer, input);
  if (!check_channels(layer, "Conv2D", x, 4) || !check_positive(layer, "Conv2D", "filters", filters) ||
      !check_positive(layer, "Conv2D", "kernel height", kernel_size.height) ||
      !check_positive(layer, "Conv2D", "kernel width", kernel_size.width))
    return {};
  VariableOptions variable{.dtype = x.dtype(), .trainable = options.trainable};
  ModelVariable kernel =
      CreateVariable(layer.WithOpName("kernel"), {kernel_size.height, kernel_size.width, x.shape()[-1], filters},
                     options.kernel_initializer, variable);
  ModelVariable bias;
  if (options.use_bias)
    bias = CreateVariable(layer.WithOpName("bias"), Shape{filters}, options.bias_initializer, variable);
  Output y = add(layer, "Conv2D", {x, kernel.read},
                 {{"strides", nhwc(options.strides)}, {"padding", options.padding}, {"data_format", "NHWC"}});
  if (options.use_bias) y = add(layer, "BiasAdd", {y, bias.read}, {{"data_format", "NHWC"}});
  return activated(layer, y, options.activation);
}

Output BatchNorm(const Scope& scope, const Input& input, const Training& training, const BatchNormOptions& options) {
  if (!scope.ok()) return {};
  Scope layer = layer_scope(scope, "batch_normalization");
  Output x = as_output(layer, input);
  const bool is_flat = x.shape().rank() == 2;
  if (!check_channels(layer, "BatchNorm", x, is_flat ? 2 : 4)) return {};
  const Shape channels{x.shape()[-1]};
  VariableOptions learnt{.trainable = options.trainable};
  VariableOptions moving{.trainable = false};
  BatchNormVariables v;
  v.gamma = CreateVariable(layer.WithOpName("gamma"), channels, Initializer::Ones(), learnt);
  v.beta = CreateVariable(layer.WithOpName("beta"), channels, Initializer::Zeros(), learnt);
  v.mean = CreateVariable(layer.WithOpName("moving_mean"), channels, Initializer::Zeros(), moving);
  v.variance = CreateVariable(layer.WithOpName("moving_variance"), channels, Initializer::Ones(), moving);
  // FusedBatchNorm takes images: [N, C] passes through as [N, 1, 1, C].
  const auto count = static_cast<int32_t>(channels[0]);
  if (is_flat) x = add(layer, "Reshape", {x, std::vector<int32_t>{-1, 1, 1, count}});
  Output y = !training.is_known() ? switched_batch_norm(layer, x, v, training.flag(), options)
             : training.always()  ? training_batch_norm(layer, x, v, options)
                                  : inference_batch_norm(layer, x, v, options);
  if (is_flat) y = add(layer, "Reshape", {y, std::vector<int32_t>{-1, count}});
  return activated(layer, y, options.activation);
}

Output Dropout(const Scope& scope, const Input& input, const Input& rate, const Training& training) {
  if (!scope.ok()) return {};
  Scope layer = layer_scope(scope, "dropout");
  Output x = as_output(layer, input);
  if (!scope.ok()) return {};
  if (rate.is_constant()) {
    Result<Tensor> value = cast_literal(rate.constant().tensor(), DType::kDouble);
    if (!value.ok() || value->element_count() != 1 || !(value->item<double>() >= 0 && value->item<double>() < 1)) {
      scope.UpdateStatus(invalid_argument("Dropout ", quoted(layer.prefix()), ": rate must be in [0, 1), is ",
                                          rate.constant().tensor().to_string()));
      return {};
    }
  }
  if (training.is_known() && !training.always()) return add(layer, "Identity", {x});
  if (training.is_known()) {
    Scope inner = layer.Reopen("dropout");
    return drop(inner, inner, x, rate);
  }
  Cond cond(layer, training.flag());
  Scope inner = cond.scope.Reopen("dropout");
  Operation entered = cond.enter(inner, x, "Shape/Switch");
  Output dropped = drop(inner, cond.in_true(inner), entered.output(1), rate);
  Output kept = add(cond.scope, "Identity", {entered.output(0)});
  return cond.merge(kept, dropped);
}

Output MaxPool(const Scope& scope, const Input& x, Size2 pool_size, Size2 strides, std::string_view padding) {
  return pool(scope, "max_pooling2d", "MaxPool", x, pool_size, strides, padding);
}

Output AvgPool(const Scope& scope, const Input& x, Size2 pool_size, Size2 strides, std::string_view padding) {
  return pool(scope, "average_pooling2d", "AvgPool", x, pool_size, strides, padding);
}

Output Flatten(const Scope& scope, const Input& input) {
  if (!scope.ok()) return {};
  Scope layer = layer_scope(scope, "flatten");
  Output x = as_output(layer, input);
  if (!scope.ok()) return {};
  int64_t features = 1;
  bool is_known = x.shape().rank() >= 1;
  for (int i = 1; i < x.shape().rank(); ++i) {
    is_known = is_known && x.shape()[i] != kUnknownDim;
    features *= x.shape()[i];
  }
  if (!is_known) {
    scope.UpdateStatus(invalid_argument("Flatten ", quoted(layer.prefix()), ": all dims but the first must be known, ",
                                        quoted(x.name()), " is ", x.fact().to_string())
                           .with_node(x.op().name()));
    return {};
  }
  std::vector<int32_t> shape{-1, static_cast<int32_t>(features)};
  return add(layer, "Reshape", {x, shape});
}

}  // namespace tarn::layers
