#include "graph/optimizers.h"

#include <algorithm>

#include "graph/gradients.h"

namespace tarn {
namespace {

bool is_resource(const Output& variable) {
  return variable.fact().dtype == DType::kResource;
}

}  // namespace

std::vector<GradAndVar> Optimizer::ComputeGradients(const Scope& scope, const Output& loss,
                                                    const std::vector<Output>& var_list) const {
  if (!scope.ok()) return {};
  std::vector<Output> variables = var_list.empty() ? TrainableVariables(scope) : var_list;
  if (variables.empty()) {
    scope.UpdateStatus(failed_precondition(name(), ": the graph has no trainable variables and none were given"));
    return {};
  }
  std::vector<Output> gradients;
  Status status = AddSymbolicGradients(scope, {loss}, variables, &gradients);
  if (!status.ok()) {
    scope.UpdateStatus(status);
    return {};
  }
  std::vector<GradAndVar> pairs;
  for (size_t i = 0; i < variables.size(); ++i) pairs.push_back({gradients[i], variables[i]});
  return pairs;
}

Operation Optimizer::ApplyGradients(const Scope& scope, const std::vector<GradAndVar>& grads_and_vars,
                                    const MinimizeOptions& options) const {
  if (!scope.ok()) return {};
  std::vector<GradAndVar> moved;
  std::vector<std::string> names;
  for (const GradAndVar& pair : grads_and_vars) {
    names.push_back(pair.variable.op().name());
    if (pair.gradient.is_none()) continue;
    moved.push_back({pair.gradient, Output(&scope.graph(), variable_behind(scope.graph(), pair.variable.wire()))});
    if (!moved.back().variable.fact().is_variable()) {
      scope.UpdateStatus(
          invalid_argument(name(), ": ", quoted(pair.variable.name()),
                           " is not a variable; give what VariableV2 or VarHandleOp gives, not its read"));
      return {};
    }
  }
  if (moved.empty()) {
    scope.UpdateStatus(invalid_argument(name(), ": the loss depends on none of the variables ", str_join(names)));
    return {};
  }
  // TensorFlow keeps what all variables share beside the one whose name comes first.
  Output home = std::min_element(moved.begin(), moved.end(), [](const GradAndVar& a, const GradAndVar& b) {
                  return a.variable.op().name() < b.variable.op().name();
                })->variable;
  Build build{.outer = scope,
              .inner = scope.NewSubScope(scope.op_name().empty() ? name() : std::string_view(scope.op_name())),
              .dtype = variable_fact(home).dtype};
  prepare(build, home);
  // No variable moves before every gradient is there: TensorFlow runs whatever is ready, and what a gradient reads of a
  // variable would already be the new value. (TensorFlow's own graphs have such a node per gradient: GATE_OP.)
  std::vector<Operation> gradients;
  for (const GradAndVar& pair : moved) gradients.push_back(pair.gradient.op());
  Operation ready = AddNode(build.inner.WithControlDependencies(gradients).WithOpName("group_deps"), "NoOp", {});
  if (!scope.ok()) return {};
  for (const GradAndVar& pair : moved) {
    Scope update = build.inner.Reopen("update_" + pair.variable.op().name())
                       .ColocateWith(pair.variable.op())
                       .WithControlDependencies({ready});
    build.updates.push_back(apply(build, update, pair.variable, pair.gradient));
    if (!scope.ok()) return {};
  }
  finish(build, home);
  if (options.run_update_ops) {
    for (const std::string& node : scope.collections().node_names(kUpdateOps)) {
      if (std::optional<NodeId> id = scope.graph().find(node)) build.updates.emplace_back(&scope.graph(), *id);
    }
  }
  if (!scope.ok()) return {};
  Operation train;
  if (options.global_step.is_none()) {
    train = AddNodeNamed(scope.WithControlDependencies(build.updates), build.inner.prefix(), "NoOp", {});
  } else {
    Scope counting = build.inner.ColocateWith(options.global_step.op());
    Operation all = AddNode(build.inner.WithControlDependencies(build.updates).WithOpName("update"), "NoOp", {});
    if (!scope.ok()) return {};
    Output one = ops::ConstOfType(counting.WithControlDependencies({all}).WithOpName("value"), 1,
                                  variable_fact(options.global_step).dtype);
    train = AddNodeNamed(scope.ColocateWith(options.global_step.op()), build.inner.prefix(),
                         op_for_variable("AssignAdd", options.global_step), {options.global_step, one});
  }
  if (!train.is_none()) scope.collections().add_node(kTrainOp, train.name());
  return train;
}

Operation Optimizer::Minimize(const Scope& scope, const Output& loss, const MinimizeOptions& options) const {
  return ApplyGradients(scope, ComputeGradients(scope, loss, options.var_list), options);
}

Output Optimizer::hyperparameter(const Build& build, std::string_view name, const Input& value) {
  if (value.is_constant()) return ops::ConstOfType(build.inner.WithOpName(name), value.constant(), build.dtype);
  const Output output = read_variable(build.inner, value.output());
  if (output.is_none() || output.dtype() == build.dtype) return output;
  return AddNode(build.inner, "Cast", {output}, {{"DstT", build.dtype}}).output(0);
}

Output Optimizer::slot(const Build& build, std::string_view name, const Output& variable,
                       const Initializer& initializer) {
  // Of the variable's own kind, whatever the scope makes.
  const Fact& fact = variable_fact(variable);
  return CreateVariable(build.outer.WithResourceVariables(false).Inside(variable.op()).WithOpName(name), fact.shape,
                        initializer,
                        {.dtype = fact.dtype,
                         .trainable = false,
                         .use_resource = is_resource(variable),
                         .colocate_with = variable.op().name()})
      .ref;
}

void GradientDescentOptimizer::prepare(Build& build, const Output&) const {
  build.hyper = {hyperparameter(build, "learning_rate", learning_rate_)};
}

Operation GradientDescentOptimizer::apply(Build& build, const Scope& scope, const Output& variable,
                                          const Output& gradient) const {
  return AddNode(scope, op_for_variable("ApplyGradientDescent", variable), {variable, build.hyper[0], gradient});
}

void MomentumOptimizer::prepare(Build& build, const Output&) const {
  build.hyper = {hyperparameter(build, "learning_rate", learning_rate_), hyperparameter(build, "momentum", momentum_)};
}

Operation MomentumOptimizer::apply(Build& build, const Scope& scope, const Output& variable,
                                   const Output& gradient) const {
  Output accumulated = slot(build, "Momentum", variable);
  return AddNode(scope, op_for_variable("ApplyMomentum", variable),
                 {variable, accumulated, build.hyper[0], gradient, build.hyper[1]}, {{"use_nesterov", use_nesterov_}});
}

void AdamOptimizer::prepare(Build& build, const Output& home) const {
  VariableOptions options{.trainable = false, .use_resource = is_resource(home), .colocate_with = home.op().name()};
  const Scope beside = build.outer.WithResourceVariables(false);  // of home's own kind, as slots are
  auto power = [&](std::string_view name, const Input& beta) {
    if (!beta.is_constant())
      return CreateVariable(beside.WithOpName(name), read_variable(build.outer, beta.output()), options);
    Result<Tensor> value = cast_literal(beta.constant().tensor(), build.dtype);
    build.outer.UpdateStatus(value.status());
    return value.ok() ? CreateVariable(beside.WithOpName(name), *value, options) : ModelVariable();
  };
  build.shared = {power("beta1_power", beta1_), power("beta2_power", beta2_)};
  build.hyper = {hyperparameter(build, "learning_rate", learning_rate_), hyperparameter(build, "beta1", beta1_),
                 hyperparameter(build, "beta2", beta2_), hyperparameter(build, "epsilon", epsilon_)};
}

Operation AdamOptimizer::apply(Build& build, const Scope& scope, const Output& variable, const Output& gradient) const {
  Output m = slot(build, "Adam", variable);
  Output v = slot(build, "Adam", variable);  // `<variable>/Adam_1`
  return AddNode(scope, op_for_variable("ApplyAdam", variable),
                 {variable, m, v, build.shared[0].read, build.shared[1].read, build.hyper[0], build.hyper[1],
                  build.hyper[2], build.hyper[3], gradient});
}

// beta_power *= beta, once every variable has used it.
void AdamOptimizer::finish(Build& build, const Output& home) const {
  Scope after = build.inner.ColocateWith(home.op());
  std::vector<Operation> updates = build.updates;
  for (size_t i = 0; i < 2; ++i) {
    const ModelVariable& power = build.shared[i];
    Output next =
        AddNode(after.WithControlDependencies(updates).WithOpName("mul"), "Mul", {power.read, build.hyper[1 + i]})
            .output(0);
    AttrMap attrs;
    if (!is_resource(power.ref)) attrs.set("use_locking", false);
    build.updates.push_back(AddNode(after, op_for_variable("Assign", power.ref), {power.ref, next}, attrs));
  }
}

}  // namespace tarn
