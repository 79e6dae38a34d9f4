// ExponentialMovingAverage: averages of variables over the last steps, which often serve better than the last values.
//
//   Operation train = optimizer.Minimize(root, loss);
//   ExponentialMovingAverage ema(0.999f);
//   Operation step = ema.Apply(root.WithControlDependencies({train}));   // run this one; after it `w` and its average
//   Output smooth = ema.Average(w.ref).read;                             // variable w/ExponentialMovingAverage
//   Saver saver(root, {.var_map = ema.VariablesToRestore(root)});        // to evaluate: the averages become the values
//
// Names and formulas are those of TensorFlow 1.15's tf.train.ExponentialMovingAverage. Variables are given as
// references or handles, num_updates too: they are then read after the scope's control dependencies, as TensorFlow does
// in practice, while `w.read` is the value from before the step.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "graph/variables.h"

namespace tarn {

// variable -= (1 - decay) * (variable - value), as node `AssignMovingAvg`: TensorFlow's assign_moving_average. An
// average of a variable that this scope's control dependencies change is of its new value, if given as reference or
// handle.
Operation AssignMovingAverage(const Scope& scope, const ModelVariable& variable, const Output& value,
                              const Output& decay);

struct MovingAverageOptions {
  Output num_updates = {};  // if given, the decay is min(decay, (1 + num_updates) / (10 + num_updates))
  bool zero_debias =
      false;  // averages of values start from their first value, not from 0; those of variables do anyway
  std::string name = "ExponentialMovingAverage";
};

// Thread-compatible. Serves one graph: it remembers which averages it made.
class ExponentialMovingAverage {
 public:
  explicit ExponentialMovingAverage(const Input& decay, const MovingAverageOptions& options = {})
      : decay_(decay), options_(options) {}

  // The operation that moves the averages of these (none: all trainable variables) a step, called as the scope's op
  // name or the class's name. Makes the averages that do not exist yet: a variable's starts at the variable's initial
  // value, another value's at 0.
  Operation Apply(const Scope& scope, const std::vector<Output>& var_list = {});

  // What Apply made for this variable or value; empty if nothing.
  ModelVariable Average(const Output& value) const;
  // The name of that variable, or the one it would get.
  std::string AverageName(const Output& value) const;
  // The names under which a checkpoint has what variables are to be set to: of trainable and averaged variables the
  // average, of others themselves.
  std::map<std::string, Output> VariablesToRestore(const Scope& scope) const;

 private:
  ModelVariable make_average(const Scope& scope, const Output& value, bool is_variable) const;
  Operation assign_debiased(const Scope& scope, const ModelVariable& average, const Output& value,
                            const Output& decay) const;

  Input decay_;
  MovingAverageOptions options_;
  struct Entry {
    Output value;
    ModelVariable average;
  };
  std::vector<Entry> averages_;
};

}  // namespace tarn
