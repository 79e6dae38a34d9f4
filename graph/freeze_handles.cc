#include "graph/freeze_handles.h"

#include <algorithm>

#include "graph/freeze_updates.h"
#include "graph/variable_values.h"

namespace tarn {
namespace {

struct OpPair {
  std::string_view from, to;
};
constexpr OpPair kReferenceOps[] = {{"RefIdentity", "Identity"}, {"RefSwitch", "Switch"},
                                    {"RefMerge", "Merge"},       {"RefEnter", "Enter"},
                                    {"RefExit", "Exit"},         {"RefNextIteration", "NextIteration"}};
constexpr std::string_view kResourcePassers[] = {"Identity", "Switch", "Merge", "Enter", "Exit", "NextIteration"};

// Gives its reference on after changing what is behind it.
bool changes_reference(const Node& node) {
  return node.inputs.size() > 1 && takes_reference(node) && value_op(node.op).empty();
}

}  // namespace

std::string_view value_op(std::string_view op) {
  for (const OpPair& pair : kReferenceOps) {
    if (pair.from == op) return pair.to;
  }
  return {};
}

bool passes_resources(std::string_view op) {
  return std::find(std::begin(kResourcePassers), std::end(kResourcePassers), op) != std::end(kResourcePassers);
}

Result<Handles> Handles::follow(const Graph& graph, const std::vector<bool>& needed,
                                const std::function<bool(const Node& variable)>& is_frozen) {
  Handles handles;
  handles.graph_ = &graph;
  handles.held_.assign(static_cast<size_t>(graph.id_limit()), Handle::kNone);
  handles.dtypes_.assign(handles.held_.size(), DType::kInvalid);
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> order, topological_order(graph));
  for (NodeId id : order) {
    const auto at = static_cast<size_t>(id);
    if (!needed[at]) continue;
    const Node& node = graph.node(id);
    if (is_variable(node) && is_frozen(node)) {
      handles.held_[at] = is_resource_variable(node) ? Handle::kResource : Handle::kReference;
      handles.dtypes_[at] = node.attrs.get_or<DType>("dtype", DType::kInvalid);
      continue;
    }
    int input = handles.input_of(node);
    if (input < 0) continue;
    NodeId from = node.inputs[static_cast<size_t>(input)].node;
    handles.dtypes_[at] = handles.dtype(from);
    bool passes = handles.of(from) == Handle::kReference ? !value_op(node.op).empty() || changes_reference(node)
                                                         : passes_resources(node.op);
    if (passes) handles.held_[at] = handles.of(from);
  }
  return handles;
}

int Handles::input_of(const Node& node) const {
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    Wire wire = node.inputs[i];
    if (wire.is_none() || of(wire.node) == Handle::kNone) continue;
    // The second output of a Merge is the number of the input taken.
    if (wire.slot > 0 && (graph_->node(wire.node).is("RefMerge") || graph_->node(wire.node).is("Merge"))) continue;
    return static_cast<int>(i);
  }
  return -1;
}

std::vector<bool> Handles::holders() const {
  std::vector<bool> holders;
  for (Handle handle : held_) holders.push_back(handle != Handle::kNone);
  return holders;
}

}  // namespace tarn
