// Layers: functions that add a few nodes and the variables they need, named and formed as tf.layers of TensorFlow 1.x
// does, so that tools for its graphs know them.
//
//   auto x = ops::Placeholder(root.WithOpName("input_node"), DT_FLOAT, ops::Placeholder::Shape({-1, 28, 28, 1}));
//   Output training = layers::TrainingFlag(root.WithOpName("training"));      // false unless fed
//   Output h = layers::Conv2D(root.WithOpName("conv1"), x, 32, 5, {.padding = "SAME"});
//   h = layers::BatchNorm(root.WithOpName("bn1"), h, training, {.activation = "Relu"});
//   h = layers::MaxPool(root.WithOpName("pool1"), h, 2, 2);
//   h = layers::Dropout(root.WithOpName("drop"), layers::Flatten(root, h), 0.5, training);
//   Output logits = layers::Dense(root.WithOpName("fc"), h, 10);
//
// The op name of the scope is the layer's name; without one it is tf.layers' (dense, dense_1, conv2d …). Images are
// NHWC. An activation is any op of one input, by name. Variables and update ops go into scope.collections().
#pragma once

#include <string>

#include "graph/variables.h"

namespace tarn::layers {

// Whether a layer behaves as in training: known now, or a bool value decided at each run.
class Training {
 public:
  Training(bool always) : always_(always) {}     // NOLINT: implicit by design
  Training(const Output& flag) : flag_(flag) {}  // NOLINT
  bool is_known() const { return flag_.is_none(); }
  bool always() const { return always_; }
  const Output& flag() const { return flag_; }

 private:
  bool always_ = false;
  Output flag_;
};

// A PlaceholderWithDefault: false unless a run feeds true.
Output TrainingFlag(const Scope& scope);

// Height and width, in pixels.
struct Size2 {
  Size2(int side) : height(side), width(side) {}  // NOLINT: implicit by design
  Size2(int height_, int width_) : height(height_), width(width_) {}
  int height, width;
};

struct DenseOptions {
  std::string activation = {};
  bool use_bias = true;
  Initializer kernel_initializer = Initializer::GlorotUniform();
  Initializer bias_initializer = Initializer::Zeros();
  bool trainable = true;
};
// x T[N, C] -> T[N, units]. Variables kernel [C, units] and bias [units].
Output Dense(const Scope& scope, const Input& x, int64_t units, const DenseOptions& options = {});

struct Conv2DOptions {
  Size2 strides = 1;
  std::string padding = "VALID";
  std::string activation = {};
  bool use_bias = true;
  Initializer kernel_initializer = Initializer::GlorotUniform();
  Initializer bias_initializer = Initializer::Zeros();
  bool trainable = true;
};
// x T[N, H, W, C] -> T[N, H', W', filters]. Variables kernel [kh, kw, C, filters] and bias [filters].
Output Conv2D(const Scope& scope, const Input& x, int64_t filters, Size2 kernel_size,
              const Conv2DOptions& options = {});

struct BatchNormOptions {
  double momentum = 0.99;
  double epsilon = 1e-3;
  std::string activation = {};
  bool trainable = true;
};
// Normalizes over all dims but the last of x T[N, H, W, C] or T[N, C]: with the batch's statistics while training (and
// then update ops move moving_mean and moving_variance towards them), else with the moving ones. Variables gamma, beta,
// moving_mean, moving_variance, all [C]. An optimizer's Minimize runs the update ops; whoever trains without one must.
Output BatchNorm(const Scope& scope, const Input& x, const Training& training, const BatchNormOptions& options = {});

// While training each element is 0 with probability `rate`, the others grow by 1 / (1 - rate); else x itself.
Output Dropout(const Scope& scope, const Input& x, const Input& rate, const Training& training);

Output MaxPool(const Scope& scope, const Input& x, Size2 pool_size, Size2 strides, std::string_view padding = "VALID");
Output AvgPool(const Scope& scope, const Input& x, Size2 pool_size, Size2 strides, std::string_view padding = "VALID");

// T[N, …] -> T[N, product of the rest], which must be known.
Output Flatten(const Scope& scope, const Input& x);

}  // namespace tarn::layers
