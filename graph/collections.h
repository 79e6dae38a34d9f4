// Collections: what a graph's builder remembers beside its nodes, as TensorFlow's graph collections do: which variables
// there are and how each is initialised, which ops update state during training, which nodes have a role.
//
//   for (const VariableRecord& v : collections.trainable_variables()) …
//   collections.node_names(kUpdateOps)   // {"bn/AssignMovingAvg", "bn/AssignMovingAvg_1"}
//
// Everything is by name, so it survives passes and files: a record is TensorFlow's VariableDef, a node list its
// CollectionDef.node_list. Thread-compatible.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tarn {

inline constexpr std::string_view kGlobalVariables = "variables";
inline constexpr std::string_view kTrainableVariables = "trainable_variables";
inline constexpr std::string_view kGlobalStep = "global_step";
inline constexpr std::string_view kMovingAverageVariables = "moving_average_variables";
inline constexpr std::string_view kUpdateOps = "update_ops";
inline constexpr std::string_view kTrainOp = "train_op";
inline constexpr std::string_view kLosses = "losses";

// Node collections that name variables: files have their records there.
inline bool holds_variables(std::string_view collection) {
  return collection == kGlobalStep || collection == kMovingAverageVariables;
}

struct VariableRecord {
  std::string variable;       // "conv1/kernel": a VariableV2, or of a resource variable the VarHandleOp
  std::string initializer;    // "conv1/kernel/Assign"
  std::string snapshot;       // "conv1/kernel/read", "conv1/kernel/Read/ReadVariableOp"
  std::string initial_value;  // "conv1/kernel/Initializer/zeros", "split:1"
  bool trainable = true;
  bool is_resource = false;
};

class Collections {
 public:
  void add_variable(VariableRecord record) { variables_.push_back(std::move(record)); }
  // Does nothing if the name is there already.
  void add_node(std::string_view collection, std::string_view node_name);

  // GLOBAL_VARIABLES, in the order they were made.
  const std::vector<VariableRecord>& variables() const { return variables_; }
  std::vector<VariableRecord> trainable_variables() const;
  // Null if there is none of this name.
  const VariableRecord* find_variable(std::string_view name) const;
  const std::vector<std::string>& node_names(std::string_view collection) const;
  // Every node collection by name: update_ops, train_op, losses, global_step …
  const std::map<std::string, std::vector<std::string>, std::less<>>& node_collections() const { return nodes_; }

 private:
  std::vector<VariableRecord> variables_;
  std::map<std::string, std::vector<std::string>, std::less<>> nodes_;
};

}  // namespace tarn
