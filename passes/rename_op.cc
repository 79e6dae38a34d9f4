// rename_op: nodes with one op get another.
//
// Before:  y = Softsign(x)        After:  y = Relu(x)               rename_op(old_op_name=Softsign, new_op_name=Relu)
// When:    always. Attrs stay, dtype attrs that the new op needs besides follow from its inputs, others take their
//          defaults; where the new op can do with neither, that is an error which names the node. The new op need be
//          none that this binary has
// Keeps:   names, inputs, order.   Contract: as told.
// Ends:    every change takes a node's old op away.
// TensorFlow's: asked nobody whether the new op takes these inputs and attrs.
#include "graph/records.h"
#include "passes/pass.h"

namespace tarn {
namespace {

constexpr PassArg kArgs[] = {{.name = "old_op_name", .doc = "the op to rename", .is_required = true},
                             {.name = "new_op_name", .doc = "what it becomes", .is_required = true}};

Status rename_op(Graph& graph, PassContext& context) {
  std::string from = context.args.text("old_op_name"), to = context.args.text("new_op_name");
  if (from == to) return {};
  std::vector<NodeRecord> records = node_records(graph);
  for (NodeRecord& record : records) {
    if (record.op != from || context.changes >= context.most_changes) continue;
    record.op = to;
    context.changed(record.name, str_cat(from, " is ", to, " now"));
  }
  if (context.changes == 0) return {};
  TARN_ASSIGN_OR_RETURN(graph, graph_of_records(graph, std::move(records), {.infer_attrs = true}));
  return {};
}

constexpr std::string_view kDoc = R"(Nodes with one op get another: rename_op(old_op_name=Softsign, new_op_name=Relu).
  Before:  y = Softsign(x)        After:  y = Relu(x)
  When:    always. Attrs stay, dtype attrs that the new op needs besides follow from its inputs, others take their
           defaults; where the new op can do with neither, that is an error which names the node. The new op need be
           none that this binary has
  Keeps:   names, inputs, order.)";

}  // namespace

extern const PassDef pass_rename_op;
const PassDef pass_rename_op = {
    .name = "rename_op", .doc = kDoc, .contract = as_told(), .run = rename_op, .args = kArgs};

}  // namespace tarn
