// Optimizers that give each weight a rate of its own by the gradients it has seen: Adagrad, RMSProp, Adadelta, Ftrl.
#include "graph/optimizers.h"

namespace tarn {

void AdagradOptimizer::prepare(Build& build, const Output&) const {
  if (!(initial_accumulator_value_ > 0)) {
    build.outer.UpdateStatus(
        invalid_argument("Adagrad: initial_accumulator_value must be positive, is ", initial_accumulator_value_));
  }
  build.hyper = {hyperparameter(build, "learning_rate", learning_rate_)};
}

Operation AdagradOptimizer::apply(Build& build, const Scope& scope, const Output& variable,
                                  const Output& gradient) const {
  Output accumulated = slot(build, name(), variable, Initializer::Constant(initial_accumulator_value_));
  return AddNode(scope, op_for_variable("ApplyAdagrad", variable), {variable, accumulated, build.hyper[0], gradient});
}

void RMSPropOptimizer::prepare(Build& build, const Output&) const {
  build.hyper = {hyperparameter(build, "learning_rate", learning_rate_), hyperparameter(build, "decay", options_.decay),
                 hyperparameter(build, "momentum", options_.momentum),
                 hyperparameter(build, "epsilon", options_.epsilon)};
}

Operation RMSPropOptimizer::apply(Build& build, const Scope& scope, const Output& variable,
                                  const Output& gradient) const {
  Output mean_square = slot(build, name(), variable, Initializer::Ones());
  Output mean_gradient = options_.centered ? slot(build, name(), variable) : Output();
  Output momentum = slot(build, name(), variable);
  const std::vector<Output>& h = build.hyper;
  if (options_.centered) {
    return AddNode(scope, op_for_variable("ApplyCenteredRMSProp", variable),
                   {variable, mean_gradient, mean_square, momentum, h[0], h[1], h[2], h[3], gradient});
  }
  return AddNode(scope, op_for_variable("ApplyRMSProp", variable),
                 {variable, mean_square, momentum, h[0], h[1], h[2], h[3], gradient});
}

void AdadeltaOptimizer::prepare(Build& build, const Output&) const {
  build.hyper = {hyperparameter(build, "lr", learning_rate_), hyperparameter(build, "rho", rho_),
                 hyperparameter(build, "epsilon", epsilon_)};
}

Operation AdadeltaOptimizer::apply(Build& build, const Scope& scope, const Output& variable,
                                   const Output& gradient) const {
  Output squares = slot(build, name(), variable);
  Output squares_of_updates = slot(build, name(), variable);
  return AddNode(scope, op_for_variable("ApplyAdadelta", variable),
                 {variable, squares, squares_of_updates, build.hyper[0], build.hyper[1], build.hyper[2], gradient});
}

void FtrlOptimizer::prepare(Build& build, const Output&) const {
  auto judge = [&](std::string_view what, double value, bool is_fine, std::string_view rule) {
    if (!is_fine) build.outer.UpdateStatus(invalid_argument("Ftrl: ", what, " must be ", rule, ", is ", value));
  };
  const FtrlOptions& o = options_;
  judge("learning_rate_power", o.learning_rate_power, o.learning_rate_power <= 0, "0 or below");
  const std::pair<std::string_view, double> strengths[] = {
      {"initial_accumulator_value", o.initial_accumulator_value},
      {"l1_regularization_strength", o.l1_regularization_strength},
      {"l2_regularization_strength", o.l2_regularization_strength},
      {"l2_shrinkage_regularization_strength", o.l2_shrinkage_regularization_strength}};
  for (auto [what, value] : strengths) judge(what, value, value >= 0, "0 or above");
  build.hyper = {hyperparameter(build, "learning_rate", learning_rate_),
                 hyperparameter(build, "l1_regularization_strength", o.l1_regularization_strength),
                 hyperparameter(build, "l2_regularization_strength", o.l2_regularization_strength),
                 hyperparameter(build, "l2_shrinkage_regularization_strength", o.l2_shrinkage_regularization_strength),
                 hyperparameter(build, "learning_rate_power", o.learning_rate_power)};
}

Operation FtrlOptimizer::apply(Build& build, const Scope& scope, const Output& variable, const Output& gradient) const {
  Output accumulated = slot(build, name(), variable, Initializer::Constant(options_.initial_accumulator_value));
  Output linear = slot(build, name(), variable);
  const std::vector<Output>& h = build.hyper;
  if (options_.l2_shrinkage_regularization_strength > 0) {
    return AddNode(scope, op_for_variable("ApplyFtrlV2", variable),
                   {variable, accumulated, linear, gradient, h[0], h[1], h[2], h[3], h[4]});
  }
  return AddNode(scope, op_for_variable("ApplyFtrl", variable),
                 {variable, accumulated, linear, gradient, h[0], h[1], h[2], h[4]});
}

}  // namespace tarn
