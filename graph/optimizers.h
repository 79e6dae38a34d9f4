// Optimizers: gradients of a loss and the Apply* nodes that move the variables, with TensorFlow's names and slots.
//
//   Operation train = AdamOptimizer(1e-4f).Minimize(root, loss);
//   Operation init = GlobalVariablesInitializer(root);            // after Minimize: slots are variables too
//   session.Run({}, {}, {init.name()});   …   session.Run(feeds, {loss.name()}, {train.name()});
//
// Slots are variables `<variable>/<optimizer>`, `<variable>/<optimizer>_1` …; Adam also has `beta1_power` and
// `beta2_power`. Defaults are TensorFlow 1.15's. graph/learning_rates.h has rates that change with the step,
// graph/clipping.h what may be done to gradients in between. Errors are the scope's status; the returned operation is
// then none.
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

  // A number becomes the Const `<train op>/<name>` of the variables' dtype; an output is cast to it.
  static Output hyperparameter(const Build& build, std::string_view name, const Input& value);
  // The variable `<variable>/<name>`, of the variable's shape.
  static Output slot(const Build& build, std::string_view name, const Output& variable,
                     const Initializer& initializer = Initializer::Zeros());
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

// accum += gradient^2;  w -= learning_rate * gradient / sqrt(accum).  Slot Adagrad: accum.
class AdagradOptimizer : public Optimizer {
 public:
  explicit AdagradOptimizer(const Input& learning_rate, double initial_accumulator_value = 0.1)
      : learning_rate_(learning_rate), initial_accumulator_value_(initial_accumulator_value) {}

 protected:
  std::string_view name() const override { return "Adagrad"; }
  void prepare(Build& build, const Output& home) const override;
  Operation apply(Build& build, const Scope& scope, const Output& variable, const Output& gradient) const override;

 private:
  Input learning_rate_;
  double initial_accumulator_value_;
};

struct RMSPropOptions {
  Input decay = 0.9f;
  Input momentum = 0.0f;
  Input epsilon = 1e-10f;
  bool centered = false;  // by the gradients' variance instead of their mean square
};

// rms = decay * rms + (1 - decay) * gradient^2;  mom = momentum * mom + learning_rate * gradient / sqrt(rms + epsilon);
// w -= mom.  Slots RMSProp: rms, from ones; RMSProp_1: mom. Centered has the mean gradient in RMSProp_1, mom in _2.
class RMSPropOptimizer : public Optimizer {
 public:
  explicit RMSPropOptimizer(const Input& learning_rate, const RMSPropOptions& options = {})
      : learning_rate_(learning_rate), options_(options) {}

 protected:
  std::string_view name() const override { return "RMSProp"; }
  void prepare(Build& build, const Output& home) const override;
  Operation apply(Build& build, const Scope& scope, const Output& variable, const Output& gradient) const override;

 private:
  Input learning_rate_;
  RMSPropOptions options_;
};

// Zeiler 2012 (op ApplyAdadelta); his own form has learning_rate 1.
// Slots Adadelta: mean square of the gradients; Adadelta_1: of the updates.
class AdadeltaOptimizer : public Optimizer {
 public:
  explicit AdadeltaOptimizer(const Input& learning_rate = 0.001f, const Input& rho = 0.95f,
                             const Input& epsilon = 1e-8f)
      : learning_rate_(learning_rate), rho_(rho), epsilon_(epsilon) {}

 protected:
  std::string_view name() const override { return "Adadelta"; }
  void prepare(Build& build, const Output& home) const override;
  Operation apply(Build& build, const Scope& scope, const Output& variable, const Output& gradient) const override;

 private:
  Input learning_rate_, rho_, epsilon_;
};

struct FtrlOptions {
  double learning_rate_power = -0.5;  // <= 0; 0: a fixed rate
  double initial_accumulator_value = 0.1;
  double l1_regularization_strength = 0;  // >= 0, as all below
  double l2_regularization_strength = 0;
  double l2_shrinkage_regularization_strength = 0;  // a penalty on large weights that leaves accum alone
};

// McMahan et al. 2013 (ops ApplyFtrl and, with shrinkage, ApplyFtrlV2).  Slots Ftrl: accum; Ftrl_1: linear.
class FtrlOptimizer : public Optimizer {
 public:
  explicit FtrlOptimizer(const Input& learning_rate, const FtrlOptions& options = {})
      : learning_rate_(learning_rate), options_(options) {}

 protected:
  std::string_view name() const override { return "Ftrl"; }
  void prepare(Build& build, const Output& home) const override;
  Operation apply(Build& build, const Scope& scope, const Output& variable, const Output& gradient) const override;

 private:
  Input learning_rate_;
  FtrlOptions options_;
};

}  // namespace tarn
