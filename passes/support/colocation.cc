#include "passes/support/colocation.h"

namespace tarn {

void rename_colocation(Graph& graph, const std::function<std::string(const std::string& name)>& now) {
  constexpr std::string_view kBeside = "loc:@";
  for (NodeId id : graph.ids()) {
    const AttrValue* found = graph.node(id).attrs.find("_class");
    if (found == nullptr || !found->is<std::vector<std::string>>()) continue;
    const auto& before = found->as<std::vector<std::string>>();
    std::vector<std::string> after;
    for (const std::string& entry : before) {
      if (!entry.starts_with(kBeside)) {
        after.push_back(entry);
        continue;
      }
      std::string name = now(entry.substr(kBeside.size()));
      if (!name.empty()) after.push_back(str_cat(kBeside, name));
    }
    if (after == before) continue;
    if (after.empty()) {
      graph.erase_attr(id, "_class");
    } else {
      graph.set_attr(id, "_class", std::move(after));
    }
  }
}

void forget_lost_colocation(Graph& graph) {
  rename_colocation(graph, [&](const std::string& name) { return graph.find(name) ? name : std::string(); });
}

}  // namespace tarn
