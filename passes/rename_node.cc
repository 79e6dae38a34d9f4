// rename_node: a node gets another name.
//
// Before:  a = Relu(x);  y = Neg(a)        After:  b = Relu(x);  y = Neg(b)
//                                                  rename_node(old_node_name=a, new_node_name=b)
// When:    there is a node of the old name. If there is none, but one of the new name, it was renamed before; if there
//          is neither, or both, that is an error
// Keeps:   everything else. Who stood beside the node (`_class`) stands beside it still. An input or output of the
// graph
//          is one under its new name: the passes after this one are told.   Contract: as told.
// Ends:    there is one change.
// TensorFlow's: forgot `_class`, and renamed an output away from under the passes after it.
#include "passes/pass.h"
#include "passes/support/colocation.h"

namespace tarn {
namespace {

constexpr PassArg kArgs[] = {{.name = "old_node_name", .doc = "the node to rename", .is_required = true},
                             {.name = "new_node_name", .doc = "its new name", .is_required = true}};

Status rename_node(Graph& graph, PassContext& context) {
  std::string from = context.args.text("old_node_name"), to = context.args.text("new_node_name");
  std::optional<NodeId> id = graph.find(from);
  if (from == to || (!id && graph.find(to))) return {};
  if (!id) return graph.find_node(from).status();
  TARN_RETURN_IF_ERROR(graph.rename(*id, to));
  rename_colocation(graph, [&](const std::string& name) { return name == from ? to : name; });
  context.renamed(from, to);
  context.changed(from, str_cat("is ", quoted(to), " now"));
  return {};
}

constexpr std::string_view kDoc = R"(A node gets another name: rename_node(old_node_name=a, new_node_name=b).
  Before:  a = Relu(x);  y = Neg(a)        After:  b = Relu(x);  y = Neg(b)
  When:    there is a node of the old name. If there is none, but one of the new name, it was renamed before; if there
           is neither, or both, that is an error
  Keeps:   everything else. Who stood beside the node (_class) stands beside it still. An input or output of the graph
           is one under its new name: the passes after this one are told.)";

}  // namespace

extern const PassDef pass_rename_node;
const PassDef pass_rename_node = {
    .name = "rename_node", .doc = kDoc, .contract = as_told(), .run = rename_node, .args = kArgs};

}  // namespace tarn
