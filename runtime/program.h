// Program: a compiled graph for one set of feeds (with their shapes), fetches and targets. Steps in a fixed order over
// value slots; kernels ready to run; memory planned. Immutable after compile(), so any number of threads may run it,
// each with a Context of its own (runtime/executor.h).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/op_schema.h"
#include "runtime/memory_plan.h"

namespace tarn {

enum class ValueKind : uint8_t {
  kConstant,   // known at compile time
  kFeed,       // handed in by the caller
  kPlanned,    // at a fixed place of the arena
  kDynamic,    // shape depends on data (or strings): memory of the context's own
  kForwarded,  // some other value's memory: a view, a branch, a merge, a variable
};

struct Value {
  ValueKind kind = ValueKind::kDynamic;
  Fact fact;          // shape fully known for constants, feeds and planned values
  size_t offset = 0;  // in the arena, if planned
  int feed = -1;      // index of the feed
};

enum class StepKind : uint8_t {
  kKernel,
  kView,      // output 0 = input 0 under the shape of the output's fact
  kCopy,      // output 0 = a copy of input 0, made before a variable changes
  kConstant,  // output 0 = a constant inside a branch that may not be taken
  kSwitch,
  kMerge,
  kNothing,  // NoOp, or a target whose value is known: only its control edges count
  kFetch,    // input 0 goes to the caller
};

struct Step {
  StepKind kind = StepKind::kKernel;
  bool may_be_dead = false;  // some branch leads here
  bool uninitialized_ok = false;
  std::vector<int> inputs;  // value indices
  std::vector<int> outputs;
  std::vector<int> ref_inputs;     // positions among `inputs` that are handles on variables
  std::vector<int> dead_controls;  // steps whose deadness kills this one
  std::unique_ptr<Kernel> kernel;
  size_t scratch_offset = 0, scratch_bytes = 0;
  int fetch = -1;
  std::string node, op;  // for messages and profiles; a fused step carries the last node's name
};

struct ProgramStats {
  size_t arena_bytes = 0, arena_lower_bound_bytes = 0, constant_bytes = 0;
  int nodes = 0;  // nodes that the fetches and targets need
  int folded_nodes = 0;
  int fused_nodes = 0;  // nodes that became part of another's step
};

struct Program {
  std::vector<Value> values;
  std::vector<Step> steps;
  std::vector<Fact> feeds;    // what each feed must be: dtype and exact shape
  std::vector<Fact> fetches;  // shape known unless data-dependent
  bool has_branches = false;
  bool writes_variables = false, reads_variables = false;
  int most_inputs = 0;
  ProgramStats stats;
};

}  // namespace tarn
