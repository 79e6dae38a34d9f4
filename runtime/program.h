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
  kBand,       // some rows of it at a time, in the scratch memory of the step that its reader is a part of
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
  kNothing,    // NoOp, or a target whose value is known: only its control edges count
  kFetch,      // input 0 goes to the caller
  kLoopBegin,  // the first iteration of Program::loops[loop]
  kLoopEnd,    // on to the next iteration, if there is one
  kPart,       // done by a later step, together with the steps between: Step::parts
};

struct Step {
  StepKind kind = StepKind::kKernel;
  bool may_be_dead = false;  // some branch leads here
  bool uninitialized_ok = false;
  int liveness = 0;         // steps of one number run, or are dead, together; 0: it always runs; -1: not known
  std::vector<int> inputs;  // value indices
  std::vector<int> outputs;
  std::vector<int> ref_inputs;     // positions among `inputs` that are handles on variables
  std::vector<int> merge_indices;  // of kMerge: which input of the node each of `inputs` is
  std::vector<int> dead_controls;  // steps whose deadness kills this one
  std::unique_ptr<Kernel> kernel;
  size_t scratch_offset = 0, scratch_bytes = 0;
  int fetch = -1;
  int loop = -1;         // of kLoopBegin and kLoopEnd
  int parts = 0;         // how many steps before this one are parts of it; then its inputs are followed by theirs
  std::string node, op;  // for messages and profiles; a fused step carries the last node's name
  std::string head;      // of a fused step: the node whose kernel it is
};

// A while loop: steps begin + 1 … end - 1 run once an iteration. A value that goes on to the next one is copied at the
// end of each into one of two buffers by turns, so that the values of one iteration stay as they are while the next
// ones are made of them.
struct Loop {
  struct Carried {
    int from;                   // what NextIteration gives
    int to;                     // what Merge takes in the next iteration; dead in the first
    int buffers[2] = {-1, -1};  // none: a handle, which has nothing to copy
  };
  std::string frame;
  int begin = -1, end = -1;  // steps
  std::vector<Carried> carried;
  std::vector<int> entering;  // values that Enter gives to the first iteration alone
  std::vector<int> leaving;   // values that Exit takes out: alive in the last iteration alone
};

struct ProgramStats {
  size_t arena_bytes = 0, arena_lower_bound_bytes = 0, constant_bytes = 0;
  int nodes = 0;  // nodes that the fetches and targets need
  int folded_nodes = 0;
  int fused_nodes = 0;             // nodes that became part of another's step
  int grouped_steps = 0;           // elementwise steps that run together with others
  int streamed_steps = 0;          // steps that run together with others, by rows
  size_t streamed_kept_bytes = 0;  // what their kernels made of constants, beside what they make without
};

struct Program {
  std::vector<Value> values;
  std::vector<Step> steps;
  std::vector<Loop> loops;    // outer before inner
  std::vector<Fact> feeds;    // what each feed must be: dtype and exact shape
  std::vector<Fact> fetches;  // shape known unless data-dependent
  bool has_branches = false;
  bool writes_variables = false, reads_variables = false;
  int most_inputs = 0;
  ProgramStats stats;
};

}  // namespace tarn
