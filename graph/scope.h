// Scope: where new nodes go and how they are called. Builder functions (graph/ops.h, generated) take one first.
//
//   Scope root = Scope::NewRootScope();
//   auto x = ops::Placeholder(root.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({-1, 784}));
//   auto y = ops::Relu(root.NewSubScope("net"), x);      // "net/Relu"
//   if (!root.ok()) … root.status()
//
// A Scope is a cheap handle: copies share the graph, the names in use, the collections and the status. The first error
// sticks; builders called afterwards do nothing and return none. Names are `<prefix>/<op name or op type>[_N]`, unique
// in the graph. Facts (dtype, shape, constant value) are inferred as each node is added.
// Not thread-safe: one thread builds a graph.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/collections.h"
#include "graph/values.h"

namespace tarn {

class Scope {
 public:
  static Scope NewRootScope(const OpRegistry& ops = all_ops());
  // Adds to a graph that somebody else owns (an imported one), which must outlive the scope.
  static Scope Over(Graph& graph);

  // Child scopes. A sub-scope's name is unique: a, a_1, a_2.
  Scope NewSubScope(std::string_view name) const;
  // The name of the next op, joined from its parts; applies to ops made directly with the returned scope.
  template <class... Parts>
  Scope WithOpName(const Parts&... parts) const {
    return with_op_name(str_cat(parts...));
  }
  // Every node made within also waits for these.
  Scope WithControlDependencies(const std::vector<Operation>& operations) const;
  Scope WithControlDependencies(const Output& output) const;
  Scope WithNoControlDependencies() const;
  Scope WithDevice(std::string_view device) const;
  // Nodes carry `_class: loc:@<name>`, as TensorFlow marks what belongs to a variable.
  Scope ColocateWith(const Operation& operation) const { return ColocateWith(operation.name()); }
  Scope ColocateWith(std::string_view node_name) const;
  Scope ClearColocation() const;
  // Variables made within (CreateVariable, layers) are resource variables; as tf.variable_scope(use_resource=True).
  Scope WithResourceVariables(bool use_resource = true) const;
  // Names without any prefix.
  Scope AtRoot() const;
  // Names below `<name of operation>/`, exactly.
  Scope Inside(const Operation& operation) const;
  // Names below `<prefix of this scope>/<name>/`, exactly: the scope may be opened again and again.
  Scope Reopen(std::string_view name) const;

  bool ok() const;
  const Status& status() const;
  // Keeps the first error.
  void UpdateStatus(const Status& status) const;

  Graph& graph() const;
  // The same, alive as long as the pointer is: Session(scope.shared_graph()).
  std::shared_ptr<const Graph> shared_graph() const;
  Collections& collections() const;
  // "" at the root, else "a/b".
  const std::string& prefix() const { return prefix_; }
  const std::string& op_name() const { return op_name_; }
  const std::string& device() const { return device_; }
  bool makes_resource_variables() const { return resource_variables_; }
  // The name a node made now would get.
  std::string GetUniqueNameForOp(std::string_view default_name) const;

  // Random ops made by layers and initializers then draw the same numbers in every session, as tf.set_random_seed does.
  void SetRandomSeed(int64_t seed) const;
  // The attrs (seed, seed2) for the next random op, by TensorFlow's rule (python/framework/random_seed.py).
  std::pair<int64_t, int64_t> NextSeeds(std::optional<int64_t> op_seed = {}) const;

 private:
  struct Shared;
  friend class NodeAdder;
  explicit Scope(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  Scope with_op_name(std::string name) const;
  std::string full_name(std::string_view name) const;

  std::shared_ptr<Shared> shared_;
  std::string prefix_, op_name_, device_;
  std::vector<NodeId> controls_;
  std::vector<std::string> colocation_;
  bool resource_variables_ = false;
};

// One input arg of an op: a tensor, or a list of them ("values: N * T").
struct NodeArg {
  template <class T>
  requires std::is_convertible_v<T, Input> NodeArg(const T& input) : inputs{input} {}  // NOLINT
  NodeArg(const Input& input) : inputs{input} {}                                       // NOLINT
  NodeArg(const InputList& list) : inputs(list.inputs()), is_list(true) {}             // NOLINT
  std::vector<Input> inputs;
  bool is_list = false;
};

// Adds a node of any op by its name; what the generated functions, the layers and the gradients are made of. dtype
// attrs and N follow from the inputs; constants become nodes `<name>/<arg>`. After an error the operation is none.
//   AddNode(scope, "Conv2D", {x, filter}, {{"strides", {1, 1, 1, 1}}, {"padding", "SAME"}}).output(0)
Operation AddNode(const Scope& scope, std::string_view op, const std::vector<NodeArg>& args, AttrMap attrs = {});
// The same under exactly this name, which must be free: for the node that gives its name to a scope.
Operation AddNodeNamed(const Scope& scope, std::string_view name, std::string_view op, const std::vector<NodeArg>& args,
                       AttrMap attrs = {});
// The same on wires at hand, in the op's order, lists flattened.
Operation AddNodeOnWires(const Scope& scope, std::string_view op, std::span<const Wire> inputs, AttrMap attrs = {});
Output AddConst(const Scope& scope, const Tensor& value);
// The outputs that belong to output arg `arg` of the op's signature: one, or a list's.
OutputList OutputsOfArg(const Operation& operation, int arg);

namespace ops {

// A constant. Numbers keep their C++ type (2.0f is a float, 2.0 a double, 2 an int32); Const<T> converts them.
Output Const(const Scope& scope, const Input::Initializer& value);
// The values in this shape; one value fills it.
Output Const(const Scope& scope, const Input::Initializer& value, const ::tarn::Shape& shape);
Output ConstOfType(const Scope& scope, const Input::Initializer& value, DType dtype);
template <class T>
Output Const(const Scope& scope, const Input::Initializer& value) {
  return ConstOfType(scope, value, dtype_of<T>());
}

}  // namespace ops
}  // namespace tarn
