#include "graph/collections.h"

#include <algorithm>

namespace tarn {

void Collections::add_node(std::string_view collection, std::string_view node_name) {
  auto it = nodes_.find(collection);
  if (it == nodes_.end()) it = nodes_.emplace(std::string(collection), std::vector<std::string>()).first;
  if (std::find(it->second.begin(), it->second.end(), node_name) == it->second.end())
    it->second.emplace_back(node_name);
}

std::vector<VariableRecord> Collections::trainable_variables() const {
  std::vector<VariableRecord> trainable;
  std::copy_if(variables_.begin(), variables_.end(), std::back_inserter(trainable),
               [](const VariableRecord& record) { return record.trainable; });
  return trainable;
}

const VariableRecord* Collections::find_variable(std::string_view name) const {
  auto it = std::find_if(variables_.begin(), variables_.end(),
                         [&](const VariableRecord& record) { return record.variable == name; });
  return it == variables_.end() ? nullptr : &*it;
}

const std::vector<std::string>& Collections::node_names(std::string_view collection) const {
  static const std::vector<std::string> none;
  auto it = nodes_.find(collection);
  return it == nodes_.end() ? none : it->second;
}

}  // namespace tarn
