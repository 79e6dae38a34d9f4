#include "graph/variables.h"

#include <algorithm>
#include <cmath>

namespace tarn {
namespace {

// From here on TensorFlow's initializers write a Fill instead of the values.
constexpr int64_t kFillFromElements = 1000;

Output const_of(const Scope& scope, double value, DType dtype) {
  return ops::ConstOfType(scope, value, dtype);
}

Output shape_const(const Scope& scope, const Shape& shape) {
  std::vector<int32_t> dims(shape.dims().begin(), shape.dims().end());
  return AddConst(scope, Tensor::vector<int32_t>(dims));
}

// Fans of a kernel: [inputs, outputs] or [height, width, inputs, outputs]; TensorFlow's init_ops _compute_fans.
std::pair<double, double> fans(const Shape& shape) {
  if (shape.rank() == 0) return {1, 1};
  if (shape.rank() == 1) return {shape[0], shape[0]};
  double receptive_field = 1;
  for (int i = 0; i < shape.rank() - 2; ++i) receptive_field *= static_cast<double>(shape[i]);
  return {static_cast<double>(shape[-2]) * receptive_field, static_cast<double>(shape[-1]) * receptive_field};
}

Output output_named(const Scope& scope, const std::string& node) {
  std::optional<NodeId> id = scope.graph().find(node);
  return id ? Output(&scope.graph(), Wire{*id, 0}) : Output();
}

ModelVariable add_reference(const Scope& placed, const std::string& name, const Output& initial_value) {
  ModelVariable variable;
  Operation node = AddNodeNamed(placed, name, "VariableV2", {},
                                {{"shape", initial_value.shape()}, {"dtype", initial_value.dtype()}});
  variable.ref = node.output(0);
  Scope inside = placed.Reopen(name);
  variable.initializer = AddNode(inside.WithOpName("Assign"), "Assign", {variable.ref, initial_value});
  variable.read = AddNode(inside.WithOpName("read"), "Identity", {variable.ref}).output(0);
  return variable;
}

ModelVariable add_resource(const Scope& placed, const std::string& name, const Output& initial_value) {
  ModelVariable variable;
  const DType dtype = initial_value.dtype();
  Operation node = AddNodeNamed(placed, name, "VarHandleOp", {},
                                {{"shape", initial_value.shape()}, {"dtype", dtype}, {"shared_name", name}});
  variable.ref = node.output(0);
  Scope inside = placed.ClearColocation().Reopen(name);
  AddNode(inside.Reopen("IsInitialized"), "VarIsInitializedOp", {variable.ref});
  variable.initializer = AddNode(inside.WithOpName("Assign"), "AssignVariableOp", {variable.ref, initial_value});
  variable.read = AddNode(inside.Reopen("Read"), "ReadVariableOp", {variable.ref}, {{"dtype", dtype}}).output(0);
  return variable;
}

// The variable's nodes around an initial value, and its record.
ModelVariable add_variable(const Scope& scope, const std::string& name, const Output& initial_value,
                           const VariableOptions& options, const std::string& home) {
  if (!scope.ok()) return {};
  const bool is_resource = options.use_resource || scope.makes_resource_variables();
  Scope placed = scope.AtRoot().WithNoControlDependencies().ColocateWith(home);
  ModelVariable variable =
      is_resource ? add_resource(placed, name, initial_value) : add_reference(placed, name, initial_value);
  if (!scope.ok()) return {};
  scope.collections().add_variable({.variable = name,
                                    .initializer = variable.initializer.name(),
                                    .snapshot = variable.read.op().name(),
                                    .initial_value = scope.graph().wire_name(initial_value.wire()),
                                    .trainable = options.trainable,
                                    .is_resource = is_resource});
  return variable;
}

}  // namespace

// <scope>/<name>: a Const, or for large shapes Fill(shape_as_tensor, Const).
Output Initializer::fill(const Scope& scope, const Shape& shape, DType dtype) const {
  Output value;
  if (shape.elements() < kFillFromElements) {
    Result<Tensor> one = cast_literal(Tensor::scalar<double>(a_), dtype);
    if (!one.ok()) {
      scope.UpdateStatus(one.status().with_context(str_cat("initializer ", scope.prefix())));
      return {};
    }
    return ops::Const(scope.WithOpName(name_), Input::Initializer(*one), shape);
  }
  Scope inner = scope.Reopen(name_);
  Output dims = shape_const(inner.WithOpName("shape_as_tensor"), shape);
  value = const_of(inner.WithOpName("Const"), a_, dtype);
  return AddNodeNamed(scope, inner.prefix(), "Fill", {dims, value}).output(0);
}

// y = random * scale + offset, with TensorFlow's names: for a range (min, max) scale is max - min; else (mean, stddev).
Output Initializer::random(const Scope& scope, const Shape& shape, DType dtype, std::string_view op, double first,
                           double second, bool is_range) const {
  Scope inner = scope.Reopen(name_);
  Output dims = shape_const(inner.WithOpName("shape"), shape);
  Output offset = const_of(inner.WithOpName(is_range ? "min" : "mean"), first, dtype);
  Output scale = const_of(inner.WithOpName(is_range ? "max" : "stddev"), second, dtype);
  auto [seed, seed2] = scope.NextSeeds(seed_);
  Output drawn = AddNode(inner, op, {dims}, {{"dtype", dtype}, {"seed", seed}, {"seed2", seed2}}).output(0);
  if (is_range) scale = AddNode(inner.WithOpName("sub"), "Sub", {scale, offset}).output(0);
  Output scaled = AddNode(inner.WithOpName("mul"), "Mul", {drawn, scale}).output(0);
  return AddNodeNamed(scope, inner.prefix(), "Add", {scaled, offset}).output(0);
}

Output Initializer::Build(const Scope& scope, const Shape& shape, DType dtype) const {
  switch (kind_) {
    case Kind::kConstant: return fill(scope, shape, dtype);
    case Kind::kRandomUniform: return random(scope, shape, dtype, "RandomUniform", a_, b_, true);
    case Kind::kTruncatedNormal: return random(scope, shape, dtype, "TruncatedNormal", b_, a_, false);
    case Kind::kGlorotUniform: break;
  }
  auto [fan_in, fan_out] = fans(shape);
  double limit = std::sqrt(6.0 / std::max(2.0, fan_in + fan_out));
  return random(scope, shape, dtype, "RandomUniform", -limit, limit, true);
}

ModelVariable CreateVariable(const Scope& scope, const Shape& shape, const Initializer& initializer,
                             const VariableOptions& options) {
  if (!scope.ok()) return {};
  std::string name = scope.GetUniqueNameForOp("Variable");
  if (!shape.is_fully_known()) {
    scope.UpdateStatus(
        invalid_argument("variable ", quoted(name), ": the shape must be known, it is ", shape.to_string())
            .with_node(name));
    return {};
  }
  const std::string home = options.colocate_with.empty() ? name : options.colocate_with;
  Scope under = scope.AtRoot().WithNoControlDependencies().ColocateWith(home).Reopen(name).Reopen("Initializer");
  return add_variable(scope, name, initializer.Build(under, shape, options.dtype), options, home);
}

ModelVariable CreateVariable(const Scope& scope, const Input& initial_value, const VariableOptions& options) {
  if (!scope.ok()) return {};
  std::string name = scope.GetUniqueNameForOp("Variable");
  const std::string home = options.colocate_with.empty() ? name : options.colocate_with;
  Output value = initial_value.output();
  if (initial_value.is_constant()) {
    Scope under = scope.AtRoot().WithNoControlDependencies().ColocateWith(home).Reopen(name);
    value = ops::Const(under.WithOpName("initial_value"), initial_value.constant());
  }
  if (scope.ok() && !value.shape().is_fully_known()) {
    scope.UpdateStatus(invalid_argument("variable ", quoted(name), ": the initial value ", quoted(value.name()),
                                        " must have a known shape, it has ", value.shape().to_string())
                           .with_node(name));
  }
  return add_variable(scope, name, value, options, home);
}

ModelVariable GetOrCreateGlobalStep(const Scope& scope) {
  if (!scope.ok()) return {};
  const std::vector<std::string>& made = scope.collections().node_names(kGlobalStep);
  if (!made.empty()) {
    const VariableRecord* record = scope.collections().find_variable(made[0]);
    if (record == nullptr) return {.ref = output_named(scope, made[0]), .read = {}, .initializer = {}};
    return {.ref = output_named(scope, record->variable),
            .read = output_named(scope, record->snapshot),
            .initializer = output_named(scope, record->initializer).op()};
  }
  ModelVariable step = CreateVariable(scope.AtRoot().WithOpName("global_step"), Shape(), Initializer::Zeros(),
                                      {.dtype = DType::kInt64, .trainable = false});
  if (scope.ok()) scope.collections().add_node(kGlobalStep, step.ref.op().name());
  return step;
}

Operation GlobalVariablesInitializer(const Scope& scope) {
  if (!scope.ok()) return {};
  std::vector<Operation> initializers;
  for (const VariableRecord& record : scope.collections().variables()) {
    std::optional<NodeId> id = scope.graph().find(record.initializer);
    if (id) initializers.emplace_back(&scope.graph(), *id);
  }
  Scope named = scope.op_name().empty() ? scope.WithOpName("init") : scope;
  return AddNode(named.WithControlDependencies(initializers), "NoOp", {});
}

std::vector<Output> TrainableVariables(const Scope& scope) {
  std::vector<Output> variables;
  for (const VariableRecord& record : scope.collections().trainable_variables()) {
    Output variable = output_named(scope, record.variable);
    if (!variable.is_none()) variables.push_back(variable);
  }
  return variables;
}

Output read_variable(const Scope& scope, const Output& output) {
  if (output.is_none() || output.dtype() != DType::kResource) return output;
  return AddNode(scope, "ReadVariableOp", {output}, {{"dtype", variable_fact(output).dtype}}).output(0);
}

std::string op_for_variable(std::string_view op, const Output& variable) {
  if (variable.fact().dtype != DType::kResource) return std::string(op);
  return op.starts_with("Assign") ? str_cat(op, "VariableOp") : str_cat("Resource", op);
}

}  // namespace tarn
