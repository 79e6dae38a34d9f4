#include "graph/scope.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace tarn {

// What all scopes of one graph have in common.
struct Scope::Shared {
  explicit Shared(const OpRegistry& ops) : owned(std::make_unique<Graph>(ops)), graph(owned.get()) {}
  explicit Shared(Graph& other) : graph(&other) {
    for (NodeId id : other.ids()) {  // every prefix of a name is a scope in use
      const std::string& name = other.node(id).name;
      for (size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1))
        scopes.insert(name.substr(0, slash));
    }
  }

  // `base`, or base_1, base_2 … : no node and no scope has it.
  std::string unique(const std::string& base) {
    if (!is_taken(base)) return base;
    int& next = next_suffix[base];
    while (true) {
      std::string name = str_cat(base, "_", ++next);
      if (!is_taken(name)) return name;
    }
  }
  bool is_taken(const std::string& name) const { return scopes.contains(name) || graph->find(name).has_value(); }

  std::unique_ptr<Graph> owned;
  Graph* graph;
  Status status;
  Collections collections;
  std::unordered_set<std::string> scopes;
  std::unordered_map<std::string, int> next_suffix;
  std::optional<int64_t> seed;
};

Scope Scope::NewRootScope(const OpRegistry& ops) {
  return Scope(std::make_shared<Shared>(ops));
}
Scope Scope::Over(Graph& graph) {
  return Scope(std::make_shared<Shared>(graph));
}

std::string Scope::full_name(std::string_view name) const {
  return prefix_.empty() ? std::string(name) : str_cat(prefix_, "/", name);
}

Scope Scope::NewSubScope(std::string_view name) const {
  Scope child = *this;
  child.prefix_ = shared_->unique(full_name(name));
  child.op_name_.clear();
  shared_->scopes.insert(child.prefix_);
  return child;
}

Scope Scope::Reopen(std::string_view name) const {
  Scope child = *this;
  child.prefix_ = full_name(name);
  child.op_name_.clear();
  shared_->scopes.insert(child.prefix_);
  return child;
}

Scope Scope::AtRoot() const {
  Scope child = *this;
  child.prefix_.clear();
  child.op_name_.clear();
  return child;
}

Scope Scope::Inside(const Operation& operation) const {
  Scope child = *this;
  child.prefix_ = operation.name();
  child.op_name_.clear();
  return child;
}

Scope Scope::with_op_name(std::string name) const {
  Scope copy = *this;
  copy.op_name_ = std::move(name);
  return copy;
}

Scope Scope::WithControlDependencies(const std::vector<Operation>& operations) const {
  Scope copy = *this;
  for (const Operation& operation : operations) {
    if (operation.is_none()) {
      UpdateStatus(invalid_argument("a control dependency in scope ", quoted(prefix_), " is not a node"));
      continue;
    }
    if (operation.graph() != shared_->graph) {
      UpdateStatus(invalid_argument("control dependency ", quoted(operation.name()), " is a node of another graph"));
      continue;
    }
    if (std::find(copy.controls_.begin(), copy.controls_.end(), operation.id()) == copy.controls_.end())
      copy.controls_.push_back(operation.id());
  }
  return copy;
}

Scope Scope::WithControlDependencies(const Output& output) const {
  return WithControlDependencies(std::vector<Operation>{output.op()});
}

Scope Scope::WithNoControlDependencies() const {
  Scope copy = *this;
  copy.controls_.clear();
  return copy;
}

Scope Scope::WithDevice(std::string_view device) const {
  Scope copy = *this;
  copy.device_ = device;
  return copy;
}

Scope Scope::ColocateWith(std::string_view node_name) const {
  Scope copy = *this;
  copy.colocation_ = {str_cat("loc:@", node_name)};
  return copy;
}

Scope Scope::ClearColocation() const {
  Scope copy = *this;
  copy.colocation_.clear();
  return copy;
}

Scope Scope::WithResourceVariables(bool use_resource) const {
  Scope copy = *this;
  copy.resource_variables_ = use_resource;
  return copy;
}

bool Scope::ok() const {
  return shared_->status.ok();
}
const Status& Scope::status() const {
  return shared_->status;
}
void Scope::UpdateStatus(const Status& status) const {
  shared_->status.update(status);
}
Graph& Scope::graph() const {
  return *shared_->graph;
}
std::shared_ptr<const Graph> Scope::shared_graph() const {
  return {shared_, shared_->graph};
}
Collections& Scope::collections() const {
  return shared_->collections;
}

std::string Scope::GetUniqueNameForOp(std::string_view default_name) const {
  return shared_->unique(full_name(op_name_.empty() ? default_name : op_name_));
}

void Scope::SetRandomSeed(int64_t seed) const {
  shared_->seed = seed;
}

std::pair<int64_t, int64_t> Scope::NextSeeds(std::optional<int64_t> op_seed) const {
  constexpr int64_t kDefaultGraphSeed = 87654321;  // TensorFlow's, used when only the op has a seed
  if (!shared_->seed && !op_seed) return {0, 0};   // other numbers in every session
  std::pair<int64_t, int64_t> seeds(shared_->seed.value_or(kDefaultGraphSeed),
                                    op_seed.value_or(shared_->graph->id_limit()));
  if (seeds == std::pair<int64_t, int64_t>(0, 0)) seeds.second = (int64_t{1} << 31) - 1;  // 0, 0 would mean unseeded
  return seeds;
}

namespace {

bool allows(const AttrSpec& spec, DType dtype) {
  return spec.allowed_types.empty() ||
         std::find(spec.allowed_types.begin(), spec.allowed_types.end(), dtype) != spec.allowed_types.end();
}

// The dtype for literals that nothing else ties down: the widest that was written, if the op takes it; else the attr's
// default, else the first kind of number that the op takes (Softmax({1, 2, 3}) is float).
DType free_literal_type(const AttrSpec* spec, std::span<const Input* const> literals) {
  constexpr DType kOrder[] = {DType::kInt32, DType::kInt64, DType::kFloat, DType::kDouble};
  auto rank = [&](DType dtype) { return std::find(std::begin(kOrder), std::end(kOrder), dtype) - std::begin(kOrder); };
  DType widest = literals[0]->constant().tensor().dtype();
  for (const Input* literal : literals) {
    DType dtype = literal->constant().tensor().dtype();
    if (rank(dtype) < 4 && (rank(widest) == 4 || rank(dtype) > rank(widest))) widest = dtype;
  }
  if (spec == nullptr || allows(*spec, widest) || rank(widest) == 4) return widest;
  if (spec->has_default) return spec->default_value.as<DType>();
  for (DType dtype : {DType::kFloat, DType::kDouble, DType::kInt32, DType::kInt64}) {
    if (rank(dtype) >= rank(widest) && allows(*spec, dtype)) return dtype;
  }
  return widest;
}

}  // namespace

// Adds one node: judges the args, makes Consts of constants, asks the graph.
class NodeAdder {
 public:
  NodeAdder(const Scope& scope, std::string name, std::string_view op, const std::vector<NodeArg>& args, AttrMap& attrs)
      : scope_(scope), graph_(scope.graph()), name_(std::move(name)), op_(op), args_(args), attrs_(attrs) {}

  Result<Operation> add() {
    const OpRegistry::Op* def = graph_.ops().find(op_);
    if (def == nullptr) {
      return unimplemented("op ", quoted(op_), " of node ", quoted(name_), " is not supported",
                           did_you_mean(op_, graph_.ops().names()))
          .with_node(name_);
    }
    const std::vector<ArgSpec>& specs = def->schema.inputs();
    if (specs.size() != args_.size()) {
      std::vector<std::string> names;
      for (const ArgSpec& spec : specs) names.emplace_back(spec.name);
      return error("expects ", specs.size(), " inputs (", str_join(names), "), got ", args_.size());
    }
    std::vector<Wire> wires;
    for (size_t a = 0; a < specs.size(); ++a) {
      const bool is_list = !specs[a].number_attr.empty() || !specs[a].type_list_attr.empty();
      if (!is_list && args_[a].inputs.size() != 1)
        return error("input '", specs[a].name, "' is one tensor, got a list of ", args_[a].inputs.size());
      for (size_t i = 0; i < args_[a].inputs.size(); ++i) {
        std::string label = is_list ? str_cat(specs[a].name, "_", i) : std::string(specs[a].name);
        TARN_ASSIGN_OR_RETURN(Wire wire, wire_of(args_[a].inputs[i], label, expected_type(def->schema, specs[a])));
        wires.push_back(wire);
      }
    }
    return add_node(scope_, name_, op_, std::move(wires), std::move(attrs_));
  }

  static Result<Operation> add_node(const Scope& scope, const std::string& name, std::string_view op,
                                    std::vector<Wire> wires, AttrMap attrs) {
    if (!scope.colocation_.empty()) attrs.set("_class", scope.colocation_);
    Result<NodeId> id = scope.graph().add({.name = name,
                                           .op = std::string(op),
                                           .inputs = std::move(wires),
                                           .attrs = std::move(attrs),
                                           .controls = scope.controls_,
                                           .device = scope.device_});
    if (!id.ok()) return id.status();
    return Operation(&scope.graph(), *id);
  }

 private:
  template <class... Parts>
  Status error(const Parts&... parts) const {
    return invalid_argument(node_label(op_, name_), ": ", parts...).with_node(name_);
  }

  // What a literal for this arg should be; kInvalid: as it was written.
  DType expected_type(const OpSchema& schema, const ArgSpec& spec) const {
    if (spec.dtype != DType::kInvalid) return spec.dtype;
    if (spec.type_attr.empty()) return DType::kInvalid;  // a list of any types
    if (const AttrValue* given = attrs_.find(spec.type_attr)) {
      return given->is<DType>() ? given->as<DType>() : DType::kInvalid;
    }
    std::vector<const Input*> literals;
    for (size_t a = 0; a < args_.size(); ++a) {
      if (schema.inputs()[a].type_attr != spec.type_attr) continue;
      for (const Input& input : args_[a].inputs) {
        if (!input.is_constant()) {
          if (input.output().dtype() != DType::kInvalid) return input.output().dtype();
        } else if (!input.constant().is_literal()) {
          return input.constant().tensor().dtype();
        } else {
          literals.push_back(&input);
        }
      }
    }
    if (literals.empty()) return DType::kInvalid;
    return free_literal_type(schema.find_attr(spec.type_attr), literals);
  }

  Result<Wire> wire_of(const Input& input, const std::string& label, DType expected) {
    if (!input.is_constant()) {
      const Output& output = input.output();
      if (output.is_none()) {
        return error("input '", label,
                     "' is no output of any node (an error earlier, an output number out of range, or a gradient that "
                     "does not exist)");
      }
      if (output.op().graph() != &graph_)
        return error("input '", label, "' is ", quoted(output.name()), " of another graph");
      return output.wire();
    }
    const Input::Initializer& constant = input.constant();
    if (!constant.status().ok()) return error("input '", label, "': ", constant.status().message());
    Tensor value = constant.tensor();
    if (!value.is_valid()) return error("input '", label, "' is an invalid tensor");
    if (constant.is_literal() && expected != DType::kInvalid && expected != value.dtype()) {
      Result<Tensor> cast =
          value.element_count() == 0 ? Tensor::allocate(expected, value.shape()) : cast_literal(value, expected);
      if (!cast.ok()) return error("input '", label, "': ", cast.status().message());
      value = *std::move(cast);
    }
    DType dtype = value.dtype();
    TARN_ASSIGN_OR_RETURN(Operation node, add_node(scope_, scope_.shared_->unique(str_cat(name_, "/", label)), "Const",
                                                   {}, AttrMap{{"value", std::move(value)}, {"dtype", dtype}}));
    return Wire{node.id(), 0};
  }

  const Scope& scope_;
  Graph& graph_;
  std::string name_;
  std::string_view op_;
  const std::vector<NodeArg>& args_;
  AttrMap& attrs_;
};

namespace {

Operation add_or_update_status(const Scope& scope, std::string name, std::string_view op,
                               const std::vector<NodeArg>& args, AttrMap attrs) {
  Result<Operation> added = NodeAdder(scope, std::move(name), op, args, attrs).add();
  if (added.ok()) return *added;
  scope.UpdateStatus(added.status());
  return {};
}

}  // namespace

Operation AddNode(const Scope& scope, std::string_view op, const std::vector<NodeArg>& args, AttrMap attrs) {
  if (!scope.ok()) return {};
  return add_or_update_status(scope, scope.GetUniqueNameForOp(op), op, args, std::move(attrs));
}

Operation AddNodeNamed(const Scope& scope, std::string_view name, std::string_view op, const std::vector<NodeArg>& args,
                       AttrMap attrs) {
  if (!scope.ok()) return {};
  return add_or_update_status(scope, std::string(name), op, args, std::move(attrs));
}

Operation AddNodeOnWires(const Scope& scope, std::string_view op, std::span<const Wire> inputs, AttrMap attrs) {
  if (!scope.ok()) return {};
  Result<Operation> added = NodeAdder::add_node(scope, scope.GetUniqueNameForOp(op), op,
                                                std::vector<Wire>(inputs.begin(), inputs.end()), std::move(attrs));
  if (added.ok()) return *added;
  scope.UpdateStatus(added.status());
  return {};
}

Output AddConst(const Scope& scope, const Tensor& value) {
  if (!value.is_valid()) {
    scope.UpdateStatus(invalid_argument("Const '", scope.op_name(), "': the value is an invalid tensor"));
    return {};
  }
  return AddNode(scope, "Const", {}, {{"value", value}, {"dtype", value.dtype()}}).output(0);
}

OutputList OutputsOfArg(const Operation& operation, int arg) {
  OutputList outputs;
  if (operation.is_none() || operation.node().def == nullptr) return outputs;
  auto [begin, count] = operation.node().def->schema.output_range(operation.node().attrs, arg);
  for (int i = begin; i < begin + count; ++i) outputs.push_back(operation.output(i));
  return outputs;
}

namespace ops {
namespace {

Output const_error(const Scope& scope, const Status& status) {
  scope.UpdateStatus(status.with_context(node_label("Const", scope.op_name().empty() ? "Const" : scope.op_name())));
  return {};
}

}  // namespace

Output Const(const Scope& scope, const Input::Initializer& value) {
  if (!value.status().ok()) return const_error(scope, value.status());
  return AddConst(scope, value.tensor());
}

Output Const(const Scope& scope, const Input::Initializer& value, const ::tarn::Shape& shape) {
  if (!value.status().ok()) return const_error(scope, value.status());
  const Tensor& from = value.tensor();
  Result<int64_t> wanted = shape.element_count();
  if (!wanted.ok()) return const_error(scope, wanted.status());
  if (from.element_count() != 1 || *wanted == 1) {
    Result<Tensor> reshaped = from.reshaped(shape);
    return reshaped.ok() ? AddConst(scope, *reshaped) : const_error(scope, reshaped.status());
  }
  Result<Tensor> filled = Tensor::allocate(from.dtype(), shape);
  if (!filled.ok()) return const_error(scope, filled.status());
  if (from.dtype() == DType::kString) {
    for (std::string& element : filled->mutable_flat<std::string>()) element = from.item<std::string>();
  } else {
    auto* to = static_cast<std::byte*>(filled->mutable_data());
    const auto* element = static_cast<const std::byte*>(from.data());
    for (int64_t i = 0; i < *wanted; ++i) to = std::copy(element, element + from.byte_size(), to);
  }
  return AddConst(scope, *filled);
}

Output ConstOfType(const Scope& scope, const Input::Initializer& value, DType dtype) {
  if (!value.status().ok()) return const_error(scope, value.status());
  Result<Tensor> cast = value.tensor().element_count() == 0 ? Tensor::allocate(dtype, value.tensor().shape())
                                                            : cast_literal(value.tensor(), dtype);
  return cast.ok() ? AddConst(scope, *cast) : const_error(scope, cast.status());
}

}  // namespace ops
}  // namespace tarn
