// What a reader of a variable reads where updates come before it. In a session, `read` gives 8:
//
//   v (7)    add = AssignAddVariableOp(v, 1)    read = ReadVariableOp(v, ^add)
//
// Frozen, `add` is Add(v, 1) and `read` is Identity(add). Which updates come before a reader is what the graph says by
// its wires and control inputs; what it leaves open is open in TensorFlow too. Used by graph/freeze.h.
#pragma once

#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "graph/graph.h"

namespace tarn {

// Takes a reference in order to change what is behind it, or to pass it on. By name where this binary does not have
// the op.
bool takes_reference(const Node& node);
// Of a node that is handed a variable: whether it changes it.
bool changes_variable(const Node& node);

// Updates that can be told as a value.
enum class UpdateForm { kNone, kSet, kAdd, kSubtract };
UpdateForm update_form(const Node& node);

struct UpdatedReads {
  std::vector<bool> valued;  // nodes whose values the outputs need, by id; the others are only waited for
  // By a valued node and which of its inputs brings a variable: the last update that comes before.
  std::map<std::pair<NodeId, int>, NodeId> last_update;
  std::vector<std::string> warnings;  // of reads that cannot be told, a sentence each
};

// `holds_handle`: by id, nodes whose outputs hold a frozen variable's handle in place of a value.
UpdatedReads follow_updates(const Graph& graph, const std::vector<bool>& needed, std::span<const NodeId> outputs,
                            const std::vector<bool>& holds_handle);

}  // namespace tarn
