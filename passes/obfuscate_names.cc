// obfuscate_names: nodes get short names that say nothing.
//
// Before:  conv1 = Relu(x);  y = Neg(conv1)        After:  a = Relu(x);  y = Neg(a)
// When:    always; inputs (every Placeholder, if none are given) and outputs keep their names, whether given as "y" or
//          "y:1"
// Keeps:   everything else, the order too. Who stands beside a node (`_class`) stands beside it under its new name. No
//          name is one that a variable or table has as its shared_name: a node without one would share it.
//          Contract: exact.
// Ends:    names follow from the order of the nodes: a second run gives each node the name it has.
// TensorFlow's: lost inputs and outputs that were given with a port, and left `_class` as it was.
#include <map>
#include <unordered_set>

#include "passes/pass.h"
#include "passes/support/colocation.h"

namespace tarn {
namespace {

// 0: "a" … 61: "9", 62: "aa" …: every word of these letters once.
std::string word(int number) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  constexpr int kBase = static_cast<int>(kLetters.size());
  std::string text;
  for (; number >= 0; number = number / kBase - 1) text.insert(0, 1, kLetters[static_cast<size_t>(number % kBase)]);
  return text;
}

Status obfuscate_names(Graph& graph, PassContext& context) {
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> outputs, context.find(graph, context.outputs));
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> inputs, context.find(graph, context.inputs));
  std::unordered_set<NodeId> keep(outputs.begin(), outputs.end());
  keep.insert(inputs.begin(), inputs.end());
  std::unordered_set<std::string> taken;
  for (NodeId id : graph.ids()) {
    if (inputs.empty() && graph.node(id).is("Placeholder")) keep.insert(id);
    if (keep.contains(id)) taken.insert(graph.node(id).name);
    taken.insert(graph.node(id).attrs.get_or<std::string>("shared_name", ""));
  }
  std::map<std::string, std::string> new_names;
  std::vector<NodeId> renamed;
  int number = 0;
  for (NodeId id : graph.ids()) {
    if (keep.contains(id)) continue;
    std::string name = word(number++);
    while (taken.contains(name)) name = word(number++);
    if (name == graph.node(id).name) continue;
    new_names[graph.node(id).name] = std::move(name);
    renamed.push_back(id);
  }
  // A new name may be another node's old one: first all old ones go.
  std::vector<std::string> old_names;
  for (NodeId id : renamed) {
    old_names.push_back(graph.node(id).name);
    TARN_RETURN_IF_ERROR(graph.rename(id, graph.unique_name("obfuscated")));
  }
  for (size_t i = 0; i < renamed.size(); ++i) {
    const std::string& name = new_names[old_names[i]];
    TARN_RETURN_IF_ERROR(graph.rename(renamed[i], name));
    context.changed(old_names[i], str_cat("is ", quoted(name), " now"));
  }
  rename_colocation(graph, [&](const std::string& name) {
    auto found = new_names.find(name);
    return found == new_names.end() ? name : found->second;
  });
  return {};
}

constexpr std::string_view kDoc = R"(Nodes get short names that say nothing.
  Before:  conv1 = Relu(x);  y = Neg(conv1)        After:  a = Relu(x);  y = Neg(a)
  When:    always; inputs (every Placeholder, if none are given) and outputs keep their names, whether given as "y" or
           "y:1"
  Keeps:   everything else, the order too. Who stands beside a node (_class) stands beside it under its new name.
  TensorFlow's lost inputs and outputs that were given with a port, and left _class as it was.)";

constexpr std::string_view kOtherNames[] = {"obsfucate_names"};  // as TensorFlow spelled it at first

}  // namespace

extern const PassDef pass_obfuscate_names;
const PassDef pass_obfuscate_names = {
    .name = "obfuscate_names", .doc = kDoc, .contract = exact(), .run = obfuscate_names, .other_names = kOtherNames};

}  // namespace tarn
