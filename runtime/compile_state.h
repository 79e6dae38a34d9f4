// Shared by the phases of compile(): the nodes in work. Private to runtime/compile*.cc.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/compile.h"

namespace tarn::compiling {

// A wire of the work list: node >= 0 is an index into State::nodes; a fed tensor is {feed_wire(i), 0}.
constexpr int feed_wire(int feed) {
  return -2 - feed;
}
constexpr bool is_feed(Wire wire) {
  return wire.node <= -2;
}
constexpr int feed_index(Wire wire) {
  return -2 - wire.node;
}

// "Alive only if this predicate took this branch."
struct Condition {
  Wire predicate;
  bool branch;
  bool operator==(const Condition&) const = default;
};

struct WorkNode {
  int source = -1;  // index in the NodeSource
  std::string name, op_name;
  const OpRegistry::Op* op = nullptr;  // null: unsupported, already reported
  AttrMap attrs;
  std::vector<Wire> inputs;
  std::vector<int> controls;
  std::vector<Fact> facts;              // of the outputs
  std::vector<Condition> conditions;    // all must hold for the node to run
  bool uncertain = false;               // dead or alive in a way we do not model: never folded or fused
  bool never_runs = false;              // on a branch that a constant predicate rules out
  int taken_branch = -1;                // of a Switch with a constant predicate
  bool forwards_input = false;          // a Merge left with one input: a view
  int merge_index = 0;                  // which one
  bool folded = false;                  // every output is constant
  bool live = false;                    // needed at run time
  std::vector<int> inherited_controls;  // of a folded node: what its value waits for
  // Fusion: the head's unit runs at the tail's place.
  int fused_into = -1;                  // this node is part of that head's unit
  int tail = -1;                        // of a head: the last node fused into it
  int bias_node = -1, bias_input = -1;  // of a head: which fused node holds the bias, and its input
  FusedEpilogue epilogue;

  bool may_be_dead() const { return uncertain || !conditions.empty(); }
  uint32_t traits() const { return op == nullptr ? 0 : op->def->traits; }
  bool is_view() const { return forwards_input || (traits() & kView) != 0; }
};

struct State {
  const NodeSource& source;
  const CompileRequest& request;
  const CompileOptions& options;
  std::vector<WorkNode> nodes;  // in topological order
  std::vector<Wire> fetches;    // in work-list terms
  std::vector<int> targets;
  Problems problems;

  const Fact& fact(Wire wire) const;
  std::vector<Fact> feed_facts;
  // Whether the wire is on a branch that is never taken.
  bool never_alive(Wire wire) const;
};

// compile_infer.cc: fills nodes (prune, topological order), facts, conditions and folded values.
Status prune(State& state);
void infer_and_fold(State& state);
// compile_fuse.cc: marks live nodes and fuses bias and activation into their producers.
void mark_live(State& state);
void fuse_epilogues(State& state);
// compile_schedule.cc: live units in running order; each entry is a unit's head or a fetch (kFetchUnit + index).
constexpr int kFetchUnit = 1 << 30;
Result<std::vector<int>> schedule(const State& state);
// What unit `node` reads: its head's inputs, then the fused bias. Controls include those inherited from folded inputs.
std::vector<Wire> unit_inputs(const State& state, int node);
std::vector<int> unit_controls(const State& state, int node);
// The node whose unit computes this wire's node.
int unit_of(const State& state, int node);

}  // namespace tarn::compiling
