// Pass: one rewrite of a graph, in a file of its own, found by name in a generated table.
//
//   Status fold(Graph& graph, PassContext& c) { … c.changed("conv1", "folded into …"); return {}; }
//   const PassDef pass_fold_constants = {.name = "fold_constants", .doc = kDoc, .contract = exact(), .run = fold};
//
// A pass that finds nothing to do succeeds with no change. It changes the graph through Patch (graph/patch.h), keeps
// the names of inputs and outputs, and terminates: each change it makes lowers a measure that its header names.
#pragma once

#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/graph.h"
#include "passes/support/pass_args.h"

namespace tarn {

// What a pass promises about the outputs, given what it assumed (PassContext::assume). Floating outputs are held to it;
// under a rounding or quantizing contract others (an ArgMax) may tip where it was close.
struct PassContract {
  // kAsTold: the pass does what its arguments say (rename_op, set_device), whatever that does to the outputs; nothing
  // is promised, so nothing is compared.
  enum class Kind { kExact, kRounding, kQuantizing, kAsTold };
  Kind kind = Kind::kExact;
  // Largest difference between outputs before and after, relative to the output's largest magnitude. Of a quantizing
  // pass: between the constants that it changed. How much of that reaches the outputs is the network's doing; it is
  // reported, not judged.
  double max_relative_difference = 0;
  std::string to_string() const;
};
constexpr PassContract exact() {
  return {};
}
constexpr PassContract rounding(double epsilon) {
  return {PassContract::Kind::kRounding, epsilon};
}
constexpr PassContract quantizing(double epsilon) {
  return {PassContract::Kind::kQuantizing, epsilon};
}
constexpr PassContract as_told() {
  return {PassContract::Kind::kAsTold};
}

// What a pass is told and what it reports.
class PassContext {
 public:
  // Names of nodes ("name" or "name:0"); inputs may be empty: every Placeholder.
  std::vector<std::string> inputs, outputs;
  // Arguments of this pass in the pipeline: "quantize_weights(minimum_size=2)".
  PassArgs args;

  // The node ids of inputs and outputs in a graph. Errors name those that are missing, with the nearest names.
  Result<std::vector<NodeId>> find(const Graph& graph, const std::vector<std::string>& names) const;

  // Whether an output of this node beyond the first is asked for ("bn:1").
  bool wants_other_outputs(std::string_view node_name) const;

  // The pass takes this tensor to have this value at inference (dropout's keep probability: 1). Verification feeds it.
  void assume(std::string tensor_name, Tensor value) {
    assumptions.emplace_back(std::move(tensor_name), std::move(value));
  }
  std::vector<std::pair<std::string, Tensor>> assumptions;

  // What this run promises, where that depends on its arguments; PassDef::contract if nothing is said.
  void promise(PassContract promised) { contract = promised; }
  std::optional<PassContract> contract;

  // Bisection: passes that go through a Rewriter stop after this many changes.
  int most_changes = std::numeric_limits<int>::max();

  // Reports one change, for the printed list.
  void changed(std::string_view node, std::string_view what) {
    ++changes;
    changed_nodes.emplace_back(node);
    if (notes.size() < 1000) notes.push_back(str_cat(printable(node), ": ", what));
  }
  int changes = 0;
  std::vector<std::string> changed_nodes;
  std::vector<std::string> notes;

  // A node has another name now: an input or output of the graph is one under that, for the passes after this one too.
  void renamed(std::string_view from, std::string_view to);
  std::vector<std::pair<std::string, std::string>> renames;
};

struct PassDef {
  std::string_view name;
  std::string_view doc;  // Before / After / When / Math / Contract, as in the file's header
  PassContract contract;
  Status (*run)(Graph& graph, PassContext& context) = nullptr;
  std::span<const PassArg> args = {};
  std::span<const std::string_view> other_names = {};  // TensorFlow's, where a pass had several
};

// Every pass of this binary: generated from the files of passes/.
extern const std::span<const PassDef* const> pass_table;
// By any of its names; nullptr if there is none.
const PassDef* find_pass(std::string_view name);
std::vector<std::string> pass_names();

}  // namespace tarn
