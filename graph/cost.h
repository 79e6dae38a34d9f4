// What a graph costs to run: multiply-accumulates, operations, bytes of weights and of activations, and the arena that
// an engine needs for it.
//
//   GraphCost cost = graph_cost(graph, {.outputs = {"softmax"}});
//   cost.macs;            // 569'000'000, of one picture
//   cost.arena_bytes;     // cost.program->stats has it too; cost.no_program says why there is none
//   cost.notes;           // "the unknown batch of 'x' is taken as 1"
//
// Counted is what the outputs need, one run of it: a loop's body once, a branch whether it is taken or not. What is
// constant is computed at load and counts nothing. An estimate for comparing graphs: caches and threads are not in it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "runtime/program.h"

namespace tarn {

struct CostOptions {
  std::vector<std::string> inputs = {};   // tensor names; none: every Placeholder that the outputs need
  std::vector<std::string> outputs = {};  // none: the whole graph
  int64_t batch = 1;                      // what an unknown first size is taken as; other unknown sizes are taken as 1
  bool plan_memory = true;                // compile it, for the arena
};

struct NodeCost {
  NodeId node = -1;
  int64_t macs = 0;
  int64_t operations = 0;     // 2 per multiply-accumulate, else one per number computed, of whatever kind
  int64_t weight_bytes = 0;   // constants and variables that it reads
  int64_t read_bytes = 0;     // activations
  int64_t written_bytes = 0;  // 0 of a Reshape and other views
};

struct GraphCost {
  std::vector<NodeCost> nodes;  // of the graph, in its order
  int64_t macs = 0, operations = 0;
  int64_t weight_bytes = 0;  // each constant and variable once
  int64_t read_bytes = 0, written_bytes = 0;
  // Of the compiled program. Null if it cannot be compiled, or was not to be.
  std::shared_ptr<const Program> program;
  std::string no_program;
  size_t arena_bytes = 0, arena_lower_bound_bytes = 0;
  std::vector<std::string> notes;        // what was assumed of unknown sizes
  std::map<std::string, int> uncounted;  // op -> nodes that compute something this does not know, or of unknown size
};

GraphCost graph_cost(const Graph& graph, const CostOptions& options = {});

// The multiply-accumulates of one op with these shapes: of convolutions, matrix products and recurrent blocks; 0 of any
// other op, nullopt where sizes are unknown. Of the attrs only Einsum's equation counts; without it Einsum is unknown.
std::optional<int64_t> multiply_accumulates(std::string_view op, const AttrMap& attrs,
                                            std::span<const Shape* const> inputs,
                                            std::span<const Shape* const> outputs);

// Of one run of a program, by step and in all; steps of unknown size count nothing.
std::vector<int64_t> step_macs(const Program& program);
int64_t program_macs(const Program& program);

}  // namespace tarn
