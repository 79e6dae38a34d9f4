// Freezing: the variables that the outputs need become constants, everything else goes.
//
//   TARN_ASSIGN_OR_RETURN(CheckpointReader checkpoint, CheckpointReader::open("train/model.ckpt-1000"));
//   Result<FrozenGraph> frozen = freeze(graph, {.outputs = {"output_node"}}, checkpoint_values(checkpoint));
//   write_graph(frozen->graph, "frozen.pb");
//
// Whatever holds a variable's handle becomes what holds its value: RefSwitch -> Switch, RefMerge -> Merge and their
// like, ReadVariableOp -> Identity, ResourceGather -> Gather. An update that an output reads, its result or the
// variable behind it, becomes the value it would give (Assign -> Identity of the new value, AssignAdd -> Add, AssignSub
// -> Sub; graph/freeze_updates.h); one that is only waited for becomes an Identity of the variable's value. Calls of
// functions, and If and While that are handed variables, are taken apart first (graph/functions.h). What the graph took
// from queues and iterators becomes Placeholders (graph/freeze_inputs.h). Tables stay, with the initializers that bring
// their keys and values (graph/freeze_state.h); those filled from files, and mutable ones that nothing changes, get an
// initializer with what they hold now (graph/freeze_tables.h). Ops that this binary does not have are kept as they are.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "graph/checkpoint.h"
#include "graph/freeze_tables.h"
#include "graph/graph.h"
#include "graph/session.h"
#include "graph/variable_values.h"

namespace tarn {

struct FreezeOptions {
  std::vector<std::string> outputs;  // "name" or "name:0"
  bool clear_devices = true;
  // If given, only these variables are frozen; and never those of `except`.
  std::vector<std::string> only = {}, except = {};
  // The graph takes the picture that the decoding of a file and the usual preparation gave (graph/freeze_inputs.h).
  bool cut_image_decoding = false;
  // Where what tables hold comes from, besides the graph's constants.
  TableSources tables = {};
};

struct FrozenGraph {
  Graph graph;
  int variables = 0;  // frozen
  std::vector<std::string> warnings;
  std::vector<std::string> notes;  // what was done besides, a sentence each
  // Of the warnings those of reads that give another value than in a session.
  std::vector<std::string> inexact;
};

// Gives the values of variables (nodes of the graph that is frozen), in order. Errors name every variable at once.
using VariableValues =
    std::function<Result<std::vector<Tensor>>(const Graph& graph, std::span<const NodeId> variables)>;

VariableValues checkpoint_values(CheckpointReader checkpoint, VariableReadOptions options = {});
// From a session on the same graph, which must outlive the result.
VariableValues session_values(const Session& session);
// From a session that starts with what the checkpoint has and then runs `initializer_nodes`.
VariableValues initialized_values(CheckpointReader checkpoint, std::vector<std::string> initializer_nodes,
                                  VariableReadOptions options = {});
// For graphs that should have none: an error naming those there are.
VariableValues no_values();

// Names of nodes and the order of the file are kept; `values` is asked only for variables that the outputs need.
Result<FrozenGraph> freeze(const Graph& graph, const FreezeOptions& options, const VariableValues& values);

}  // namespace tarn
