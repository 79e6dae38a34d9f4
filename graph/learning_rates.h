// Learning rates that change with the step: scalars for an optimizer's learning_rate, by the names and formulas of
// TensorFlow 1.x's tf.train.
//
//   ModelVariable step = GetOrCreateGlobalStep(root);
//   Output rate = ExponentialDecay(root, 0.1f, step.read, 1000, 0.96f, true);
//   Operation train = MomentumOptimizer(rate, 0.9f).Minimize(root, loss, {.global_step = step.ref});
//
// All are computed in the dtype of `learning_rate` (a number is a float); `global_step` is a scalar of any numeric
// type, counted from 0. The scope's op name is the name of the result; what it needs is below `<name>/`. Without one
// the name is TensorFlow's (ExponentialDecay, SGDRDecay …). Errors are the scope's status.
#pragma once

#include <vector>

#include "graph/scope.h"

namespace tarn {

// Below, progress = global_step / decay_steps, with staircase rounded down.

// learning_rate * decay_rate ^ progress
Output ExponentialDecay(const Scope& scope, const Input& learning_rate, const Output& global_step,
                        const Input& decay_steps, const Input& decay_rate, bool staircase = false);
// learning_rate * exp(-decay_rate) ^ progress
Output NaturalExpDecay(const Scope& scope, const Input& learning_rate, const Output& global_step,
                       const Input& decay_steps, const Input& decay_rate, bool staircase = false);
// learning_rate / (1 + decay_rate * progress)
Output InverseTimeDecay(const Scope& scope, const Input& learning_rate, const Output& global_step,
                        const Input& decay_steps, const Input& decay_rate, bool staircase = false);

// values[0] up to and with step boundaries[0], then values[1] up to and with boundaries[1] …, at last values.back().
//   PiecewiseConstant(root, step.read, {10000, 15000}, {0.1f, 0.01f, 0.001f})
Output PiecewiseConstant(const Scope& scope, const Output& x, const std::vector<Input>& boundaries,
                         const std::vector<Input>& values);

struct PolynomialDecayOptions {
  Input end_learning_rate = 0.0001f;
  Input power = 1.0f;
  bool cycle = false;  // past decay_steps start again, from the multiple of it that is ahead; else stay at the end
};
// (learning_rate - end_learning_rate) * (1 - progress) ^ power + end_learning_rate, progress at most 1.
Output PolynomialDecay(const Scope& scope, const Input& learning_rate, const Output& global_step,
                       const Input& decay_steps, const PolynomialDecayOptions& options = {});

// learning_rate * ((1 - alpha) * (1 + cos(pi * progress)) / 2 + alpha), progress at most 1.
Output CosineDecay(const Scope& scope, const Input& learning_rate, const Output& global_step, const Input& decay_steps,
                   double alpha = 0);

struct CosineDecayRestartsOptions {
  double t_mul = 2;  // > 0: each period is this many times as long as the one before
  double m_mul = 1;  // … and starts from this many times its rate
  double alpha = 0;  // the least, as a share of learning_rate
};
// Cosine decay that starts again and again; Loshchilov and Hutter 2016.
Output CosineDecayRestarts(const Scope& scope, const Input& learning_rate, const Output& global_step,
                           const Input& first_decay_steps, const CosineDecayRestartsOptions& options = {});

// learning_rate * min(1, global_step / warm_up_steps): 0 at the first step. Not of TensorFlow; takes what another
// schedule gives as well as a number.
Output LinearWarmUp(const Scope& scope, const Input& learning_rate, const Output& global_step,
                    const Input& warm_up_steps);

}  // namespace tarn
