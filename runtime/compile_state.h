// Shared by the phases of compile(): the nodes in work. Private to runtime/compile*.cc.
#pragma once

#include <map>
#include <string>
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

// "Alive only if this predicate took this branch", of as many as the Switch has. Of what runs in a loop: alive only
// while the loop goes on.
struct Condition {
  Wire predicate;
  int branch;
  int branches;
  bool operator==(const Condition&) const = default;
};
constexpr Condition loop_condition(int frame) {
  return {{-1, frame}, 1, 2};
}

// A while loop: what Enter brings into the frame `name`, up to what Exit takes out.
struct LoopFrame {
  std::string name;
  int parent = -1;  // the frame it is nested in
  int depth = 1;    // how many frames it is in, with itself
  std::vector<int> enters, merges, next_iterations,
      exits;  // work nodes; merges: those that a NextIteration comes back to
  // All of it is alive or dead together, and goes on or ends together: what tf.while_loop writes. If not, nothing is
  // assumed of what is alive.
  bool is_regular = true;
};

constexpr int kNotLookedFor = -2;

// The traits that an op of this binary may have.
constexpr uint32_t kLinkedTraits =
    kHasVariables ? ~uint32_t{0}
                  : ~uint32_t{kUninitializedOk | kWritesRef | kTakesVariable | kMakesContainer | kTakesContainer};

struct WorkNode {
  int source = -1;  // index in the NodeSource
  std::string name, op_name;
  const OpRegistry::Op* op = nullptr;  // null: unsupported, already reported
  AttrMap attrs;
  std::vector<Wire> inputs;
  std::vector<int> controls;
  std::vector<int> fed_controls;  // fed Placeholders (of the source) it names: nothing to wait for, but in no loop
  std::vector<Fact> facts;        // of the outputs
  Status problem;
  // What inference starts from, since it is repeated for loops: conditions narrow `inputs` down.
  std::vector<Wire> all_inputs;
  int frame =
      -1;  // where it runs: an index of State::frames, -1: in no loop. An Enter or Exit runs outside of its loop
  int entered_frame = -1;               // of an Enter
  bool is_constant_enter = false;       // has its value in all iterations
  int container = -1;                   // of a kTakesContainer op: the node that makes what its handle is on
  int made_by = kNotLookedFor;          // of a node that hands on a handle: see container_of()
  std::vector<Condition> conditions;    // all must hold for the node to run
  bool uncertain = false;               // dead or alive in a way we do not model: never folded or fused
  bool never_runs = false;              // on a branch that a constant predicate rules out
  int taken_branch = -1;                // of a Switch with a constant predicate
  bool forwards_input = false;          // a Merge left with one input: a view
  int merge_index = 0;                  // which one
  bool folded = false;                  // every output is constant
  bool live = false;                    // needed at run time
  bool keeps_codes = false;             // of a Dequantize: not folded (compile_dynamic8.h)
  bool is_dynamic8 = false;             // computed in 8 bits
  std::vector<int> inherited_controls;  // of a folded node: what its value waits for
  // Fusion: the head's unit runs at the tail's place.
  int fused_into = -1;                          // this node is part of that head's unit
  int tail = -1;                                // of a head: the last node fused into it
  int bias_node = -1, bias_input = -1;          // of a head: which fused node holds the bias, and its input
  int residual_node = -1, residual_input = -1;  // likewise of what is added
  FusedEpilogue epilogue;

  bool may_be_dead() const { return kHasControlFlow && (uncertain || !conditions.empty()); }
  uint32_t traits() const { return op == nullptr ? 0 : op->def->traits & kLinkedTraits; }
  bool is_merge_of_one() const { return kHasControlFlow && forwards_input; }
  bool is_view() const { return is_merge_of_one() || (traits() & kView) != 0; }
  Control control() const { return kHasControlFlow && op != nullptr ? op->def->control : Control::kNone; }
};

struct State {
  State(const NodeSource& source, const CompileRequest& request, const CompileOptions& options)
      : source(source), request(request), options(options) {}
  ~State();

  const NodeSource& source;
  const CompileRequest& request;
  const CompileOptions& options;
  std::vector<WorkNode> nodes;    // in topological order, back edges aside
  std::vector<LoopFrame> frames;  // outer before inner
  std::vector<Wire> fetches;      // in work-list terms
  std::vector<int> targets;
  Problems problems;

  bool is_stopped() const { return options.stop != nullptr && options.stop->is_stopped(); }
  Status stopped() const {
    return stopped_error(*options.stop, options.limits.timeout_ms, "it is being planned for the sizes of its inputs");
  }

  const Fact& fact(Wire wire) const;
  std::vector<Fact> feed_facts;
  // Whether the wire is on a branch that is never taken.
  bool never_alive(Wire wire) const;
  WorkNode& node(int n) { return nodes[static_cast<size_t>(n)]; }
  const WorkNode& node(int n) const { return nodes[static_cast<size_t>(n)]; }
  // Where the value of a wire that is no feed is: within the loop that an Enter brings it into.
  int frame_of(Wire wire) const { return frame_after(wire.node); }
  int frame_count() const { return kHasControlFlow ? static_cast<int>(frames.size()) : 0; }
  int frame_after(int n) const { return node(n).entered_frame >= 0 ? node(n).entered_frame : node(n).frame; }
  // "conv1" or "split:1"; of a feed, the node that is fed.
  std::string wire_name(Wire wire) const;
  // What TensorArrays and stacks hold, by the node that makes them.
  std::map<int, Contents> containers;
  bool containers_are_known = true;  // false: some handle may be on any of them
};

// compile_prune.cc: fills nodes, without facts.
Status prune(State& state);
// A wire from NextIteration into Merge comes from the iteration before: no order follows from it.
bool is_back_edge(const State& state, int consumer, Wire wire);
bool has_back_edge(const State& state, int consumer);
// compile_loops.cc: which nodes run in which loop. Errors name the nodes that no loop can be made of.
Status find_frames(State& state);
// Whether the loop is what LoopFrame::is_regular says, with what inference found by now.
bool is_regular(const State& state, int frame);
// The node that made the TensorArray or stack that `wire` is a handle on: -1 if there may be several, or none is known.
int container_of(State& state, Wire wire);
// compile_conditions.cc: under which conditions the node runs. Narrows the inputs of a Merge to those that may be
// alive.
void find_conditions(State& state, WorkNode& node);
// compile_infer.cc: facts, conditions and folded values.
void infer_and_fold(State& state);
// Makes constants of the outputs if they are, or can be computed now and are worth it.
void fold(State& state, WorkNode& node);
// compile_fuse.cc: marks live nodes and fuses bias and activation into their producers.
void mark_live(State& state);
void fuse_epilogues(State& state);
// compile_schedule.cc: live units in running order; each entry is a unit's head, a fetch (kFetchUnit + index), or where
// a loop begins or ends: what lies between is all that runs in the frame.
constexpr int kFetchUnit = 1 << 30;
constexpr int kLoopEndUnit = 1 << 29;
constexpr int kLoopBeginUnit = 1 << 28;
constexpr bool is_node_unit(int unit) {
  return unit < kLoopBeginUnit;
}
Result<std::vector<int>> schedule(const State& state);
// What unit `node` reads: its head's inputs, then the fused bias. Controls include those inherited from folded inputs.
std::vector<Wire> unit_inputs(const State& state, int node);
std::vector<int> unit_controls(const State& state, int node);
// The node whose unit computes this wire's node.
int unit_of(const State& state, int node);
// compile_memory.cc: which steps are in which loops.
class LoopNest {
 public:
  explicit LoopNest(const Program& program);
  // The last step of a run at which a value may be needed that is made at step `made` and read at step `read`: where
  // loops go round between the two, it is read again, up to the end of the outermost of them.
  int last_use(int made, int read) const;

 private:
  const Program& program_;
  std::vector<int> innermost_;  // loop, by step; -1: none
  std::vector<int> parent_;     // by loop
};
// Where every planned value and each step's scratch memory lies. By step: hands_on, whether outputs may be the inputs'
// memory; reuse, (input, output) pairs that may share memory. The values `kept` stay until the next run.
void plan_values(Program& program, const std::vector<char>& hands_on,
                 const std::vector<std::vector<std::pair<int, int>>>& reuse, const std::vector<int>& kept);
// The same before anything has a place: of each block of memory, how large it is and when it is needed.
struct PlannedLifetimes {
  std::vector<Lifetime> blocks;
  std::vector<int> block_of;  // by value; -1: not planned
};
PlannedLifetimes find_lifetimes(Program& program, const std::vector<char>& hands_on,
                                const std::vector<std::vector<std::pair<int, int>>>& reuse,
                                const std::vector<int>& kept);
// compile_order.cc: a better order of steps, where some that end the life of large values can run before those that
// need much memory; by new place, the old one. Nothing but inputs says what a step waits for.
std::vector<int> narrow_order(Program& program, const std::vector<char>& hands_on,
                              const std::vector<std::vector<std::pair<int, int>>>& reuse, const std::vector<int>& kept);
// compile_elements.cc, or left_out/streaming.cc: makes one step of elementwise steps that follow each other
// (core/element_kernel.h) and read what others of them make. After the kernels are prepared.
void group_elements(Program& program, const CompileOptions& options, const std::vector<char>& hands_on,
                    std::vector<std::vector<std::pair<int, int>>>& reuse, const std::vector<int>& kept);
// compile_stream.cc, or left_out/streaming.cc: makes one step of steps that follow each other, where all of their
// kernels can make a band of rows at a time (core/row_kernel.h) and that lowers the most memory that is needed at a
// time. After the kernels are prepared.
void stream_rows(Program& program, const CompileOptions& options, const std::vector<char>& hands_on,
                 std::vector<std::vector<std::pair<int, int>>>& reuse, const std::vector<int>& kept);

}  // namespace tarn::compiling
