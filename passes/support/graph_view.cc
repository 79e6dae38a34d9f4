#include "passes/support/graph_view.h"

#include <algorithm>

#include "core/tensor_name.h"

namespace tarn {
namespace {

std::unordered_set<std::string> node_names(std::span<const std::string> tensors) {
  std::unordered_set<std::string> names;
  for (const std::string& tensor : tensors) {
    Result<TensorName> name = parse_tensor_name(tensor);
    names.insert(name.ok() ? std::string(name->node) : tensor);
  }
  return names;
}

}  // namespace

GraphView::GraphView(const Graph& graph, std::span<const std::string> inputs, std::span<const std::string> outputs)
    : graph_(&graph), inputs_(node_names(inputs)), outputs_(node_names(outputs)) {}

std::vector<NodeId> GraphView::ids_of(const std::unordered_set<std::string>& names) const {
  std::vector<NodeId> ids;
  for (const std::string& name : names) {
    if (std::optional<NodeId> id = graph_->find(name)) ids.push_back(*id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace tarn
