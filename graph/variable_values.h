// The values of a graph's variables in a checkpoint: which tensor belongs to which variable, and whether it fits.
//
//   TARN_ASSIGN_OR_RETURN(std::string prefix, find_checkpoint("train"));       // a folder, a prefix, any of its files
//   TARN_ASSIGN_OR_RETURN(CheckpointReader reader, CheckpointReader::open(prefix));
//   Result<std::vector<Tensor>> values = read_variables(graph, variables, reader, {});
//
// A variable's tensor is called as its node, unless the graph's saver says otherwise: the RestoreV2 nodes that feed the
// variables' Assigns name keys, and the parts of partitioned tensors. Used by freezing and by tools that run a graph
// from a checkpoint.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "graph/checkpoint.h"
#include "graph/graph.h"
#include "graph/session.h"

namespace tarn {

// VariableV2, Variable (reference variables) and VarHandleOp (resource variables).
bool is_variable(const Node& node);
bool is_resource_variable(const Node& node);
// How sessions call its storage: shared_name or the node's name, behind the container.
std::string variable_storage_name(const Node& node);

// The prefix meant by a prefix, "<prefix>.index", "<prefix>.data-00000-of-00001", "<prefix>.meta", a V1 file or one of
// its shards, a `checkpoint` state file, or a folder: with such a file, of a SavedModel, or with a single checkpoint in
// it. NotFound, with the nearest names, if nothing is there.
Result<std::string> find_checkpoint(const std::string& path);

// Moving averages of variables (tf.train.ExponentialMovingAverage), kept in checkpoints as
// "<variable>/ExponentialMovingAverage".
enum class UseEma {
  kNever,
  kAuto,    // in place of every variable that has one
  kAlways,  // the same, and a trainable variable without one is an error
};
Result<UseEma> use_ema_from_name(std::string_view name);  // "never", "auto", "always"

struct VariableReadOptions {
  // The saver's restore op ("save/restore_all"): its Assigns alone decide which tensor a variable gets. Empty: the
  // variable's name first, then any RestoreV2 of the graph.
  std::string restore_op = {};
  UseEma use_ema = UseEma::kNever;
  std::vector<std::string> trainable = {};    // none: every floating variable counts as such
  std::vector<std::string>* notes = nullptr;  // gets what was chosen, a sentence each
};

// The value of each of `variables`. Errors name every variable that is missing or does not fit, at once.
Result<std::vector<Tensor>> read_variables(const Graph& graph, std::span<const NodeId> variables,
                                           const CheckpointReader& checkpoint, const VariableReadOptions& options = {});

// Gives the session's variables the values that the checkpoint has for them; the others stay without one. Errors, and
// then no variable changes: tensors that do not fit their variables. `wanted`, all if it is empty: the variables that
// the notes count, and that UseEma::kAlways is about.
Status restore_variables(const Graph& graph, const CheckpointReader& checkpoint, const VariableReadOptions& options,
                         Session& session, std::span<const NodeId> wanted = {});

}  // namespace tarn
