// Optimizers: gradients of a loss and the Apply* nodes that move the variables, with TensorFlow's names and slots.
//
//   Operation train = AdamOptimizer(1e-4f).Minimize(root, loss);
//   Operation init = GlobalVariablesInitializer(root);            // after Minimize: slots are variables too
//   session.Run({}, {}, {init.name()});   …   session.Run(feeds, {loss.name()}, {train.name()});
//
// Slots are variables `<variable>/Momentum`, `<variable>/Adam`, `<variable>/Adam_1`; Adam also has `beta1_power` and
// `beta2_power`. Errors are the scope's status; the returned operation is then none.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph/variables.h"

namespace tarn {

struct MinimizeOptions {
  std::vector<Output> var_list = {};  // empty: every trainable variable
  Output global_step = {};            // an integer variable to count up; none: nothing counts
  bool run_update_ops = true;         // a step also runs UPDATE_OPS (the moving averages of batch norms)
};

struct GradAndVar {
  Output gradient;  // NoGradient(): the variable stays as it is
  Output variable;  // the reference or handle
};

// Thread-compatible: describes an update, holds no graph.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  // d(loss)/d(variable), 1 node or none a variable. Between these two calls gradients may be clipped or scaled.
  std::vector<GradAndVar> ComputeGradients(const Scope& scope, const Output& loss,
                                           const std::vector<Output>& var_list = {}) const;
  // The train op, called as the scope's op name or the optimizer's name; everything else is below `<name>/`.
  Operation ApplyGradients(const Scope& scope, const std::vector<GradAndVar>& grads_and_vars,
                           const MinimizeOptions& options = {}) const;
  // Both.
  Operation Minimize(const Scope& scope, const Output& loss, const MinimizeOptions& options = {}) const;

 protected:
  // Where an optimizer's nodes go while one ApplyGradients runs.
  struct Build {
    Scope outer;  // the caller's
    Scope inner;  // below the train op's name
    DType dtype;
    std::vector<Output> hyper = {};          // learning rate …, in the optimizer's order
    std::vector<ModelVariable> shared = {};  // variables not tied to one variable
    std::vector<Operation> updates = {};
  };
  virtual std::string_view name() const = 0;
  // Makes hyperparameters and shared variables; `home` is the variable these live beside.
  virtual void prepare(Build& build, const Output& home) const = 0;
  virtual Operation apply(Build& build, const Scope& scope, const Output& variable, const Output& gradient) const = 0;
  // Nodes to run after every variable's update.
  virtual void finish(Build&, const Output& /*home*/) const {}

  // A number becomes the Const `<train op>/<name>` of the variables' dtype; an output is taken as it is.
  static Output hyperparameter(const Build& build, std::string_view name, const Input& value);
  // The variable `<variable>/<name>`, zeros, of the variable's shape.
  static Output slot(const Build& build, std::string_view name, const Output& variable);
};

// w -= learning_rate * gradient
class GradientDescentOptimizer : public Optimizer {
 public:
  explicit GradientDescentOptimizer(const Input& learning_rate) : learning_rate_(learning_rate) {}

 protected:
  std::string_view name() const override { return "GradientDescent"; }
  void prepare(Build& build, const Output& home) const override;
  Operation apply(Build& build, const Scope& scope, const Output& variable, const Output& gradient) const override;

 private:
  Input learning_rate_;
};

// accum = momentum * accum + gradient;  w -= learning_rate * accum  (Nesterov: see op ApplyMomentum)
class MomentumOptimizer : public Optimizer {
 public:
  MomentumOptimizer(const Input& learning_rate, const Input& momentum, bool use_nesterov = false)
      : learning_rate_(learning_rate), momentum_(momentum), use_nesterov_(use_nesterov) {}

 protected:
  std::string_view name() const override { return "Momentum"; }
  void prepare(Build& build, const Output& home) const override;
  Operation apply(Build& build, const Scope& scope, const Output& variable, const Output& gradient) const override;

 private:
  Input learning_rate_, momentum_;
  bool use_nesterov_;
};

// Kingma and Ba 2014, with TensorFlow's epsilon-hat form (op ApplyAdam).
class AdamOptimizer : public Optimizer {
 public:
  explicit AdamOptimizer(const Input& learning_rate = 0.001f, const Input& beta1 = 0.9f, const Input& beta2 = 0.999f,
                         const Input& epsilon = 1e-8f)
      : learning_rate_(learning_rate), beta1_(beta1), beta2_(beta2), epsilon_(epsilon) {}

 protected:
  std::string_view name() const override { return "Adam"; }
  void prepare(Build& build, const Output& home) const override;
  Operation apply(Build& build, const Scope& scope, const Output& variable, const Output& gradient) const override;
  void finish(Build& build, const Output& home) const override;

 private:
  Input learning_rate_, beta1_, beta2_, epsilon_;
};

}  // namespace tarn
