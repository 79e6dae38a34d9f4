#include "graph/moving_averages.h"

#include <algorithm>

#include "graph/cond.h"

namespace tarn {
namespace {

bool is_floating(DType dtype) {
  return dtype == DType::kFloat || dtype == DType::kDouble || dtype == DType::kHalf || dtype == DType::kBFloat16;
}

Output output_named(const Scope& scope, const std::string& node) {
  std::optional<NodeId> id = scope.graph().find(node);
  return id ? Output(&scope.graph(), Wire{*id, 0}) : Output();
}

// 1 - decay, in the average's dtype.
Output rate_of(const Scope& scope, const Output& decay, DType dtype) {
  Output rate = AddNode(scope.WithOpName("sub"), "Sub", {1.0f, decay}).output(0);
  return rate.is_none() || rate.dtype() == dtype ? rate : AddNode(scope, "Cast", {rate}, {{"DstT", dtype}}).output(0);
}

// variable -= rate * (now - value), under the name of `inner`. `now` is the variable as the difference is to see it.
Operation subtract(const Scope& outer, const Scope& inner, std::string_view name, const Output& variable,
                   const Output& now, const Output& value, const Output& rate) {
  Output difference = AddNode(inner.WithOpName("sub"), "Sub", {now, value}).output(0);
  Output step = AddNode(inner.WithOpName("mul"), "Mul", {difference, rate}).output(0);
  return AddNodeNamed(outer, name, op_for_variable("AssignSub", variable), {variable, step});
}

// The variable's value if it has one, else its initial value: the average starts where the variable does, whether both
// are initialised together or the variable came from a checkpoint.
Output initialized_value(const Scope& scope, const Output& variable) {
  const VariableRecord* record = scope.collections().find_variable(variable.op().name());
  const Result<Wire> initial = scope.graph().find_wire(record == nullptr ? "" : record->initial_value);
  if (!initial.ok()) {
    scope.UpdateStatus(invalid_argument("ExponentialMovingAverage: the graph does not say where variable ",
                                        quoted(variable.op().name()), " starts"));
    return {};
  }
  const bool is_ref = variable.fact().is_ref;
  Output has_value = AddNode(scope, is_ref ? "IsVariableInitialized" : "VarIsInitializedOp", {variable}).output(0);
  Cond cond(scope, has_value);
  Scope in_true = cond.in_true(cond.scope).WithOpName("read");
  Output value = is_ref ? AddNode(in_true, "Identity", {variable}).output(0) : read_variable(in_true, variable);
  return cond.merge(cond.enter(cond.scope, Output(&scope.graph(), *initial)).output(0), value);
}

}  // namespace

Operation AssignMovingAverage(const Scope& scope, const ModelVariable& variable, const Output& value,
                              const Output& decay) {
  if (!scope.ok()) return {};
  Scope inner = scope.NewSubScope("AssignMovingAvg").ColocateWith(variable.ref.op());
  Output rate = rate_of(inner, read_variable(inner, decay), variable_fact(variable.ref).dtype);
  return subtract(scope.AtRoot().ColocateWith(variable.ref.op()), inner, inner.prefix(), variable.ref, variable.read,
                  read_variable(inner, value), rate);
}

Operation ExponentialMovingAverage::Apply(const Scope& scope, const std::vector<Output>& var_list) {
  if (!scope.ok()) return {};
  std::vector<Output> values = var_list.empty() ? TrainableVariables(scope) : var_list;
  if (values.empty()) {
    scope.UpdateStatus(
        failed_precondition(options_.name, ": the graph has no trainable variables and none were given"));
    return {};
  }
  for (const Output& value : values) {
    if (value.is_none() || !is_floating(variable_fact(value).dtype)) {
      scope.UpdateStatus(invalid_argument(options_.name, ": only floating values have averages, not ",
                                          value.is_none() ? "a missing one" : quoted(value.name()),
                                          value.is_none() ? std::string() : str_cat(", ", value.fact().to_string())));
      return {};
    }
    if (!Average(value).ref.is_none()) continue;
    averages_.push_back({value, make_average(scope, value, value.fact().is_variable())});
    if (!scope.ok()) return {};
  }

  Scope inner = scope.NewSubScope(scope.op_name().empty() ? options_.name : scope.op_name());
  Output decay = decay_.is_constant() ? ops::ConstOfType(inner.WithOpName("decay"), decay_.constant(), DType::kFloat)
                                      : read_variable(inner, decay_.output());
  if (!options_.num_updates.is_none()) {
    // (1 + n) / (10 + n): while there are few updates, the average follows sooner.
    Output n =
        AddNode(inner, "Cast", {read_variable(inner, options_.num_updates)}, {{"DstT", DType::kFloat}}).output(0);
    Output above = AddNode(inner.WithOpName("add"), "Add", {1.0f, n}).output(0);
    Output below = AddNode(inner.WithOpName("add"), "Add", {10.0f, n}).output(0);
    Output early = AddNode(inner.WithOpName("truediv"), "RealDiv", {above, below}).output(0);
    decay = AddNode(inner, "Minimum", {decay, early}).output(0);
  }
  std::vector<Operation> updates;
  for (const Output& value : values) {
    const ModelVariable average = Average(value);
    const bool is_debiased = options_.zero_debias && !value.fact().is_variable();
    const Output now = read_variable(inner, value);
    updates.push_back(is_debiased ? assign_debiased(inner, average, now, decay)
                                  : AssignMovingAverage(inner, average, now, decay));
    if (!scope.ok()) return {};
  }
  return AddNodeNamed(scope.WithControlDependencies(updates), inner.prefix(), "NoOp", {});
}

ModelVariable ExponentialMovingAverage::make_average(const Scope& scope, const Output& value, bool is_variable) const {
  // Averages are reference variables, also those of resource variables: nothing but this class and a Saver, to which
  // both are alike, has to do with them.
  Scope beside = scope.WithNoControlDependencies().WithResourceVariables(false).Inside(value.op());
  Scope named = beside.WithOpName(options_.name);
  const Fact& fact = variable_fact(value);
  VariableOptions variable{.dtype = fact.dtype, .trainable = false};
  if (!is_variable) return CreateVariable(named, fact.shape, Initializer::Zeros(), variable);
  variable.colocate_with = value.op().name();
  scope.collections().add_node(kMovingAverageVariables, value.op().name());
  Scope initial = beside.NewSubScope(options_.name + "/initial_value").ColocateWith(value.op());
  return CreateVariable(named, initialized_value(initial, value), variable);
}

// biased -= rate * (biased - value);  local_step += 1;  average = biased / (1 - (1 - rate)^local_step): the weights of
// all values so far then add up to 1. Kingma and Ba 2014, sec. 3.
Operation ExponentialMovingAverage::assign_debiased(const Scope& scope, const ModelVariable& average,
                                                    const Output& value, const Output& decay) const {
  const Operation home = average.ref.op();
  const DType dtype = average.ref.dtype();
  VariableOptions options{.dtype = dtype, .trainable = false, .colocate_with = home.name()};
  Scope beside = scope.WithResourceVariables(false).Inside(home);
  ModelVariable biased =
      CreateVariable(beside.WithOpName("biased"), average.ref.shape(), Initializer::Zeros(), options);
  ModelVariable local_step = CreateVariable(beside.WithOpName("local_step"), Shape(), Initializer::Zeros(), options);

  Scope inner = scope.NewSubScope("AssignMovingAvg").ColocateWith(home);
  Output rate = rate_of(inner, decay, dtype);
  Operation moved = subtract(inner, inner, inner.GetUniqueNameForOp("AssignSub"), biased.ref, biased.read, value, rate);
  Output count = AddNode(inner, "AssignAdd", {local_step.ref, 1}).output(0);
  Output kept = AddNode(inner.WithOpName("sub"), "Sub", {1, rate}).output(0);
  Output weight =
      AddNode(inner.WithOpName("sub"), "Sub", {1, AddNode(inner, "Pow", {kept, count}).output(0)}).output(0);
  Output unbiased = AddNode(inner.WithOpName("truediv"), "RealDiv", {moved.output(0), weight}).output(0);
  return AddNodeNamed(scope.AtRoot().ColocateWith(home), inner.prefix(), "Assign", {average.ref, unbiased});
}

ModelVariable ExponentialMovingAverage::Average(const Output& value) const {
  auto found = std::find_if(averages_.begin(), averages_.end(), [&](const Entry& e) { return e.value == value; });
  return found == averages_.end() ? ModelVariable() : found->average;
}

std::string ExponentialMovingAverage::AverageName(const Output& value) const {
  const ModelVariable average = Average(value);
  return average.ref.is_none() ? str_cat(value.op().name(), "/", options_.name) : average.ref.op().name();
}

std::map<std::string, Output> ExponentialMovingAverage::VariablesToRestore(const Scope& scope) const {
  std::map<std::string, Output> by_name;
  std::vector<Output> averaged = TrainableVariables(scope);
  for (const std::string& name : scope.collections().node_names(kMovingAverageVariables)) {
    Output variable = output_named(scope, name);
    if (!variable.is_none() && std::find(averaged.begin(), averaged.end(), variable) == averaged.end())
      averaged.push_back(variable);
  }
  for (const Output& variable : averaged) by_name.emplace(AverageName(variable), variable);
  for (const VariableRecord& record : scope.collections().variables()) {
    Output variable = output_named(scope, record.variable);
    if (variable.is_none() || std::find(averaged.begin(), averaged.end(), variable) != averaged.end()) continue;
    by_name.emplace(record.variable, variable);
  }
  return by_name;
}

}  // namespace tarn
